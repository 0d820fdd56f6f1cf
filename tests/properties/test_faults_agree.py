"""Whatever strikes a host and is healed, in whatever order: the Docker fleet's faults leave it as the virtual one's do.

The containers are a model of what the engine and the programs in `hostside` do; tests/docker strikes real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from fleet.docker.faults import DockerFaults
from fleet.docker.outages import STOPPED
from fleet.virtual.fleet import VirtualFleet
from scenarios.fault_names import names_of
from scenarios.model import Effect
from tests.support.rehearsals import scenario

IN_THE_WAY = "/srv/app/notes.txt"
EFFECTS: list[dict[str, Any]] = [
    *[{"agent": "stop"}, {"host": "crash"}, {"host": "pause"}, {"disk": "full"}] * 2,
    *[{"bundle": "missing"}, {"bundle": "corrupt"}] * 2,
    *[{"network": {"cut": "balancer"}}, {"clock": {"offset": "10m"}}, {"health": {"status": 404}}] * 2,
    {"file": {"path": IN_THE_WAY}},
]
CRASH, PAUSE, FILE = (EFFECTS.index(effect) for effect in ({"host": "crash"}, {"host": "pause"}, EFFECTS[-1]))
STEPS = st.lists(st.tuples(st.booleans(), st.integers(0, len(EFFECTS) - 1)), max_size=12)


class Container:
    """What is left of a host's container: nothing can be run in one that does not run."""

    def __init__(self) -> None:
        self.state = "running"
        self.agent_stopped = self.full = self.cut = self.sick = self.in_the_way = False
        self.clock_s = 0.0

    def run(self, _host: str, command: list[str]) -> str:
        assert self.state == "running", f"{command} can be run by nobody"
        match command:
            case ["sh", "-c", script] if STOPPED in script:
                self.agent_stopped = script.startswith("touch")
            case ["sh", "-c", script, path, _] if path == IN_THE_WAY:
                self.in_the_way = script.startswith("mkdir")
            case ["sh", "-c", _, offset]:
                self.clock_s = float(offset)
            case [_, "-m", "hostside.disk_fault", word, _]:
                self.full = word == "fill"
            case [_, "-m", "hostside.network_fault", state, *_]:
                self.cut = '"cut": []' not in state
            case [_, "-m", "hostside.health_fault", _, state]:
                self.sick = '"faults": {}' not in state
            case _:
                raise AssertionError(command)
        return ""

    def crash(self, _host: str) -> None:
        self.state = "exited"
        self.cut = False  # netfilter forgets

    def restart(self, _host: str) -> None:
        assert self.state == "exited"
        self.state = "running"

    def pause(self, _host: str) -> None:
        self.state = "paused" if self.state == "running" else self.state

    def unpause(self, _host: str) -> None:
        self.state = "running" if self.state == "paused" else self.state

    def remove(self, _host: str) -> None:
        raise AssertionError("nothing here ends a host")


class Bucket:
    """Nobody is denied anything here."""

    put: Callable[..., None]
    deny: Callable[..., None]
    allow: Callable[..., None]


def on_docker(container: Container, faults: DockerFaults) -> tuple[Any, ...]:
    ills = faults._ills["h1"]
    there = (container.agent_stopped, container.full, container.cut, container.sick, container.in_the_way)
    found = (*there, container.clock_s)
    return (container.state, ills.bundle, *(found if container.state == "running" else ()))


def on_virtual(fleet: VirtualFleet) -> tuple[Any, ...]:
    host = fleet.hosts["h1"]
    state = "paused" if host.paused else "running" if host.alive else "exited"
    found = (
        not host.agent_runs,
        host.suffers("disk"),
        host.cut_off("balancer"),
        bool(host.health_faults),
        host.disk.has(IN_THE_WAY),
        sum(host.clock.values()) / 1000,
    )
    return (state, host.bundle_fault, *(found if state == "running" else ()))


@given(STEPS)
@example([(True, PAUSE), (True, FILE), (False, PAUSE), (False, FILE)])
@example([(True, FILE), (True, CRASH), (False, FILE), (False, CRASH)])
def test_both_fleets_are_left_alike(steps: list[tuple[bool, int]]) -> None:
    asked = scenario(fleet={"hosts": 1, "running": "v1"}, faults=[{"do": effect} for effect in EFFECTS])
    effects: list[tuple[str, Effect]] = list(
        zip(names_of(asked.faults), (fault.do for fault in asked.faults), strict=True)
    )
    container = Container()
    docker = DockerFaults(["h1"], container, Bucket(), asked.balancer, "172.18.0.2")
    virtual = VirtualFleet(asked, 7, lambda _at_ms, _action: None)
    lasting = set[int]()
    for strikes, number in steps:
        name, effect = effects[number]
        if strikes:
            docker.inject("h1", name, effect, None)
            virtual.inject(name, effect, ["h1"], event=None)
            lasting.add(number)
        else:
            docker.heal("h1", name, effect)
            virtual.heal(name, effect, ["h1"])
            lasting.discard(number)
        assert on_docker(container, docker) == on_virtual(virtual)
    for number in sorted(lasting):
        docker.heal("h1", *effects[number])
        virtual.heal(*effects[number], ["h1"])
    well = ("running", None, *[False] * 5, 0)
    assert on_docker(container, docker) == on_virtual(virtual) == well
