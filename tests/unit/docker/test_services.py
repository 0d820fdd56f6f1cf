"""What the fleet of a service makes of what its balancer sees. No container is needed for it."""

from __future__ import annotations

import asyncio
from collections.abc import Set
from itertools import count
from typing import Any, cast

import pytest

from fleet.base import FleetError, MakeEvent
from fleet.docker import services as module
from fleet.docker.services import DockerServices, _TaskSet
from fleet.platforms.revision import read_revisions
from fleet.platforms.sides import Sides
from fleet.platforms.steady import Steady
from simulator.api.host_commands import HostCommandEndpoint
from simulator.rollout import lifecycle
from simulator.rollout.commands import RunLifecycleEvent, ShiftTraffic
from simulator.rollout.events import Event, HealthCheckReported, LifecycleEventCompleted, LifecycleEventStarted
from tests.support.services import ecs

DEPLOYMENT = "d-TEST00001"
OLD = "task-1-1"


class Network:
    """Room for tasks."""

    hosts_max = 10

    def host(self, index: int) -> str:
        return f"172.18.0.{index + 10}"


class Balancer:
    """A balancer that takes in whoever is registered; what it sees of them is told by the test."""

    in_service: Set[str] = frozenset()

    async def add(self, *_: object) -> None:
        pass

    shift = register = add


class Containers:
    """What a container says."""

    def log(self, _name: str) -> str:
        return "no room\n"


class Services(DockerServices):
    """A service whose new containers come up as an old task turns well again."""

    async def _bring_up(self, side: _TaskSet) -> None:
        self._seen(OLD, True, "200", "")


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def services(told: list[Event]) -> Services:
    """The service runs v1, of whose two tasks one is sick, and v2 is asked for."""
    scenario = ecs()
    made = Services(HostCommandEndpoint())

    def emit(make: MakeEvent) -> None:
        if event := make(len(told) + 1, len(told)):
            told.append(event)

    made._scenario, made._emit = scenario, emit
    assert scenario.balancer is not None
    made._checked, made._size, made._spec = True, 2, scenario.balancer
    made._numbers, made._indexes, made._network = count(1), count(0), cast(Any, Network())
    made._two, made._installing = cast(Any, Balancer()), None
    made._asked = {DEPLOYMENT: read_revisions(scenario)["v2"]}
    first = made._planned("v1")
    made._sides, made._steady = Sides(first), Steady()
    made._steady.watch(first.tasks)
    for task, healthy in ((OLD, True), ("task-1-2", True), (OLD, False)):
        made._seen(task, healthy, "200" if healthy else "500", "")
    told.clear()
    return made


def test_a_task_of_the_set_before_does_not_end_the_install_of_the_next(services: Services, told: list[Event]) -> None:
    install = RunLifecycleEvent("1.0", DEPLOYMENT, "", services._scenario.service, lifecycle.INSTALL)
    asyncio.run(services._install(install))
    assert [type(event) for event in told] == [LifecycleEventStarted]
    for task in services._sides.coming(DEPLOYMENT).tasks:
        assert len(told) == 1
        services._seen(task, True, "200", install.id)
    assert [type(event) for event in told[1:]] == [HealthCheckReported, LifecycleEventCompleted]


def test_a_version_that_is_not_in_service_is_told_of_as_that(
    services: Services, told: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its container is not there: nothing of what was to run before the rehearsal."""
    monkeypatch.setattr(module, "STEADY_S", 0)
    services._checked = False
    services._containers = cast(Any, Containers())
    services._sides.bring(DEPLOYMENT, services._planned("v2"))
    shift = ShiftTraffic("1.0", DEPLOYMENT, "", (services._scenario.service,), 50)

    words = "the traffic cannot go to v2: version-2 is not in service within 0 s; it says: no room"
    with pytest.raises(FleetError, match=f"^{words}$"):
        asyncio.run(services._shift(shift))
    assert told == []
