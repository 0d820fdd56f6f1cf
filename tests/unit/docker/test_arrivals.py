"""Hosts that come and go: what is told of one that is let go as it comes. No container is needed for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import pytest

from fleet.base import MakeEvent
from fleet.docker.arrivals import Arrivals
from fleet.docker.lanes import Lanes
from fleet.docker.roster import Roster
from scenarios.model import Scenario
from simulator.rollout.commands import EndHost, LaunchHost
from simulator.rollout.events import Event, HostEnded, HostLaunched

HOST = "web-1"


class Containers:
    """Containers without an engine: a program runs only where there is one. `as_it_goes` is called at a removal."""

    def __init__(self, as_it_goes: Callable[[], None]) -> None:
        self._there: dict[str, str] = {}
        self._as_it_goes = as_it_goes

    def boot(self, plan: Any) -> None:
        self._there[plan.name] = "0"

    def run(self, host: str, _command: list[str]) -> str:
        return self._there[host]

    def remove(self, host: str) -> None:
        self._as_it_goes()
        del self._there[host]


class Anything:
    """Somebody who is told of a host, and does nothing."""

    hosts_max = 10

    def __getattr__(self, _name: str) -> Callable[..., None]:
        return lambda *_: None


async def at_once(work: Callable[[], Any]) -> Any:
    return work()


@pytest.mark.parametrize("agent_asks_as_the_host_goes", [True, False])
def test_a_host_that_goes_as_it_comes_has_never_been_there(agent_asks_as_the_host_goes: bool) -> None:
    """Its agent asks for work, and by the time at which the host is looked at its container is gone."""
    image = {"user_data": {"script": "a.sh"}}
    scenario = Scenario.model_validate(
        {
            "name": "x",
            "revisions": {"v1": "b"},
            "pools": {"web": {"desired": 0, "max": 1, "image": image}},
            "group": {"pools": ["web"]},
        }
    )

    async def play() -> list[type[Event]]:
        broken: list[BaseException] = []
        told: list[MakeEvent] = []
        roster, lanes = Roster(scenario), Lanes(broken.append)
        asks = partial(roster.polled, HOST)
        containers = Containers(asks if agent_asks_as_the_host_goes else lambda: None)
        nobody = cast(Any, Anything())
        arrivals = Arrivals(
            scenario=scenario,
            network=nobody,
            hosts=cast(Any, containers),
            boot=containers.boot,
            roster=roster,
            reports=nobody,
            faults=nobody,
            commands=nobody,
            balancer=None,
            lanes=lanes,
            emit=told.append,
            in_thread=at_once,
            changed=lambda: None,
        )
        done = asyncio.Event()

        async def at_last() -> None:
            done.set()

        async def then(job: Callable[[], Any]) -> None:
            lanes.put(HOST, job)
            done.clear()
            lanes.put(HOST, at_last)
            await asyncio.wait_for(done.wait(), 10)

        await then(partial(arrivals.perform, LaunchHost("1.0", "", "", "web", "web", HOST, "", 60_000)))
        if not agent_asks_as_the_host_goes:
            asks()
            for _ in range(3):
                await then(at_last)
        await then(partial(arrivals.perform, EndHost("2.0", "", "", "web", HOST)))
        for _ in range(3):
            await then(at_last)
        await lanes.close()
        assert broken == []
        return [type(event) for number, make in enumerate(told) if (event := make(number, 0))]

    launched = [] if agent_asks_as_the_host_goes else [HostLaunched]
    assert asyncio.run(play()) == [*launched, HostEnded]
