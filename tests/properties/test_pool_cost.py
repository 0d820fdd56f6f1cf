"""What an event of a pool costs: the bytecodes that are run, which no other load on the machine changes."""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest

from simulator.rollout.commands import Command, CreateDeployment, EndHost, LaunchHost
from simulator.rollout.deployment import Deployment, Success, Target
from simulator.rollout.events import DeploymentCreated, Event, HostEnded, HostLaunched, HostProvisioned, PoolChanged
from simulator.rollout.machine import Rollout
from simulator.rollout.pool import HookSpec, PoolSpec
from simulator.rollout.pools import Pools
from simulator.rollout.statuses import DeploymentStatus, FileExistsBehavior
from strategies.options import BlueGreen, Options
from strategies.plan import Member
from tests.support.rollouts import deployment

MOST = 100_000
GROUP = deployment(1).group
SUCCESS = Success("d-0", "v1", FileExistsBehavior.DISALLOW)


def steps_of(work: Callable[[], object]) -> int:
    """How many bytecodes are run, those of comprehensions and generators included."""
    steps = 0

    def count(frame: FrameType, what: str, _: object) -> Any:
        nonlocal steps
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        steps += what == "opcode"
        return count

    gc.disable()  # what somebody hangs on the collector is not the core's work
    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
        gc.enable()
    return steps


class World:
    """A pool, and a fleet that does at once whatever the pool asks for. `costs`: of each event, in bytecodes."""

    def __init__(self, success: Success | None, *, termination_hook: bool) -> None:
        spec = PoolSpec("web", 0, 0, MOST, ("a", "b", "c"), (), (GROUP,), termination_hook=termination_hook)
        self.fold = Pools([spec], {GROUP: HookSpec(deployment(1), last_success=success)}, launch_ms=60_000)
        self.measures = False
        self.costs: list[int] = []

    def scale(self, desired: int) -> None:
        """The pool is to have so many hosts, and comes to have them. They come one after the other."""
        there = self.fold.pools["web"].there
        step = 1 if desired > there else -1
        for size in range(there + step, desired + step, step):
            waiting = deque(self._hand(PoolChanged(1, 0, "", "web", size, ())))
            while waiting:
                waiting.extend(self._answer(waiting.popleft()))

    def _answer(self, command: Command) -> tuple[Command, ...]:
        if isinstance(command, LaunchHost):
            return self._hand(HostLaunched(1, 0, "", "web", command.host, None))
        if isinstance(command, EndHost):
            return self._hand(HostEnded(1, 0, "", "web", command.host))
        assert isinstance(command, CreateDeployment)
        return self._deploy(command.deployment)

    def _hand(self, event: Event) -> tuple[Command, ...]:
        return self._counted(lambda: self.fold.handle(event))

    def _deploy(self, created: Deployment) -> tuple[Command, ...]:
        event, rollout = DeploymentCreated(1, 0, "", created), Rollout(created)
        rollout.handle(event)
        rollout.status = DeploymentStatus.SUCCEEDED
        return (*self._hand(event), *self._counted(lambda: self.fold.over(event, rollout)))

    def _counted(self, work: Callable[[], tuple[Command, ...]]) -> tuple[Command, ...]:
        found: list[tuple[Command, ...]] = []
        if self.measures:
            self.costs.append(steps_of(lambda: found.append(work())))
        else:
            found.append(work())
        return found[0]


def costs(hosts: int, success: Success | None, *, termination_hook: bool) -> list[int]:
    """Of a pool that has come to so many hosts, and then to thirty more, and to thirty less."""
    world = World(success, termination_hook=termination_hook)
    world.scale(hosts)
    world.measures = True
    world.scale(hosts + 30)
    world.scale(hosts)
    return world.costs


@pytest.mark.parametrize(("success", "hook"), [(None, False), (SUCCESS, False), (SUCCESS, True)])
def test_an_event_costs_the_same_however_large_the_pool(success: Success | None, hook: bool) -> None:
    """Scaled out and in, with launch and termination deployments or without, among 90 hosts and among 3,000."""
    small, large = (costs(hosts, success, termination_hook=hook) for hosts in (90, 3_000))
    assert len(small) == len(large) > 100
    assert small == large
    assert max(small) < 4_000


def provisioned(hosts: int) -> list[int]:
    """Of the first and the last thirty new hosts of a blue/green deployment, in bytecodes."""
    members = tuple(Member(f"web-{n + 1}", "abc"[n % 3]) for n in range(hosts))
    spec = PoolSpec("web", 0, hosts, MOST, ("a", "b", "c"), members, (GROUP,))
    fold = Pools([spec], {GROUP: HookSpec(deployment(1), last_success=SUCCESS)}, launch_ms=60_000)
    targets = [Target(member.name, member.zone) for member in members]
    asked = deployment(targets, strategy="blue-green", options=Options(blue_green=BlueGreen()))
    fold.handle(DeploymentCreated(1, 0, "", asked))
    events = [HostProvisioned(2, 5, "1.0", asked.deployment_id, f"{member.name}-g2") for member in members]
    spent = [steps_of(partial(fold.handle, event)) for event in events[:30]]
    for event in events[30:-30]:
        fold.handle(event)
    return spent + [steps_of(partial(fold.handle, event)) for event in events[-30:]]


def test_a_new_host_of_a_blue_green_deployment_costs_the_same_however_many_there_are() -> None:
    assert provisioned(90) == provisioned(3_000)
