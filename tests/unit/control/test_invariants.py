"""The invariants can fail: each rule is broken once, by hand, and is the only one that says so."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from simulator.control import invariants
from simulator.control.invariants import Invariants
from simulator.rollout.commands import AllowTraffic, BlockTraffic, Command, Finish, RunLifecycleEvent
from simulator.rollout.events import (
    Event,
    HealthCheckReported,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    StopRequested,
    TimerFired,
    TrafficMeasured,
)
from simulator.rollout.statuses import Creator, DeploymentStatus, EventStatus, TargetStatus
from tests.support.rollouts import Hand, deployment

NOW = StopRequested(9, 1_000, "", "d-1", "somebody")
PLAN = Hand(deployment(4)).rollout
"""A deployment of which nothing has happened yet."""


def order(host: str, number: int = 0, kind: type[Command] = RunLifecycleEvent) -> Command:
    if kind is RunLifecycleEvent:
        return RunLifecycleEvent(f"9.{number}", "d-1", "why", host, "Install")
    return kind(f"9.{number}", "d-1", "why", host)  # type: ignore[call-arg]


def ended(host: str, cause: str) -> Event:
    return LifecycleEventCompleted(10, 2_000, cause, "d-1", host, "Install", EventStatus.SUCCEEDED, 1_000)


@pytest.fixture
def watch() -> Invariants:
    """Watches four healthy hosts, one at a time."""
    watch = Invariants()
    watch.begin(deployment(4))
    return watch


def violations(watch: Invariants) -> list[str]:
    assert watch.violated == any(not finding.held for finding in watch.findings())
    return [finding.name for finding in watch.findings() if not finding.held]


def test_all_is_well_where_nothing_happened(watch: Invariants) -> None:
    assert violations(watch) == []
    assert len(watch.findings()) == 14


def test_two_healthy_hosts_at_once_are_below_the_minimum(watch: Invariants) -> None:
    watch.check(NOW, [order("h1")], PLAN)
    assert violations(watch) == []
    watch.check(NOW, [order("h2", 1)], PLAN)
    assert violations(watch) == [invariants.MINIMUM]
    finding = next(f for f in watch.findings() if f.name == invariants.MINIMUM)
    assert finding.why == "h2 was taken out at 1000 ms: 2 healthy left, 3 wanted"


def test_the_first_violation_is_kept(watch: Invariants) -> None:
    watch.check(NOW, [order("h1"), order("h2", 1), order("h3", 2)], PLAN)
    assert next(f.why for f in watch.findings() if not f.held).startswith("h2")


def test_an_unhealthy_host_costs_nothing() -> None:
    watch = Invariants()
    asked = deployment(4)
    watch.begin(replace(asked, targets=(replace(asked.targets[0], healthy=False), *asked.targets[1:])))
    watch.check(NOW, [order("h1"), order("h1", 1)], PLAN)
    assert violations(watch) == [invariants.ONE_COMMAND]


def test_a_host_that_succeeded_is_healthy_again(watch: Invariants) -> None:
    hand = Hand(deployment(4))
    for command in hand.create():
        watch.check(hand.events[-1], [command], hand.rollout)
    while hand.busy:
        commands = hand.end(hand.busy[0])
        watch.check(hand.events[-1], commands, hand.rollout)
    assert hand.rollout.status is DeploymentStatus.SUCCEEDED
    assert violations(watch) == []


@pytest.mark.parametrize("kind", [RunLifecycleEvent, BlockTraffic, AllowTraffic])
def test_a_second_command_before_the_first_has_ended(watch: Invariants, kind: type[Command]) -> None:
    watch.check(NOW, [order("h1")], PLAN)
    watch.check(NOW, [order("h1", 1, kind)], PLAN)
    assert violations(watch) == [invariants.ONE_COMMAND]


@pytest.mark.parametrize(
    ("event", "frees"),
    [
        (ended("h1", "9.0"), True),
        (ended("h2", "9.0"), False),
        (TimerFired(10, 2_000, "9.1", "d-1", "host:h1"), True),
        (TimerFired(10, 2_000, "9.1", "d-1", "host:h2"), False),
        (HealthCheckReported(10, 2_000, "", "h1", True, "/", "200", "200"), True),
        (LifecycleEventStarted(10, 2_000, "9.0", "d-1", "h1", "Install"), False),
        (NOW, False),
    ],
)
def test_what_frees_a_host_for_its_next_command(watch: Invariants, event: Event, frees: bool) -> None:
    watch.check(NOW, [order("h1")], PLAN)
    watch.check(event, [order("h1", 1)], PLAN)
    assert violations(watch) == ([] if frees else [invariants.ONE_COMMAND])


def test_a_command_after_the_end(watch: Invariants) -> None:
    hand = Hand(deployment(4))
    finish = Finish("9.0", "d-1", "why", DeploymentStatus.SUCCEEDED, None)
    watch.check(NOW, [finish], hand.rollout)
    assert violations(watch) == []
    watch.check(NOW, [order("h1")], hand.rollout)
    assert violations(watch) == [invariants.TERMINAL]


def test_a_second_end(watch: Invariants) -> None:
    hand = Hand(deployment(4))
    finish = Finish("9.0", "d-1", "why", DeploymentStatus.SUCCEEDED, None)
    watch.check(NOW, [finish, finish], hand.rollout)
    assert violations(watch) == [invariants.TERMINAL]


@pytest.mark.parametrize(("revision", "kept"), [("v1", True), ("v2", False), (None, False)])
def test_a_rollback_that_ends_elsewhere(watch: Invariants, revision: str | None, kept: bool) -> None:
    hand = Hand(deployment(1, "AllAtOnce", creator=Creator.ROLLBACK, revision="v1"))
    host = hand.rollout.hosts["h1"]
    host.status, host.revision = TargetStatus.SUCCEEDED, revision
    watch.check(NOW, [Finish("9.0", "d-1", "why", DeploymentStatus.SUCCEEDED, PLAN)], hand.rollout)
    assert violations(watch) == ([] if kept else [invariants.PROMISE])


def test_a_rollback_of_a_rollback(watch: Invariants) -> None:
    end = partial(Finish, why="why", status=DeploymentStatus.FAILED, error=None)
    watch.check(NOW, [end("9.0", "d-1")], PLAN)
    back = replace(deployment(2, creator=Creator.ROLLBACK), deployment_id="d-2", rollback_of="d-1")
    watch.begin(back)
    watch.check(NOW, [end("9.1", "d-2")], Hand(back).rollout)
    assert violations(watch) == []
    watch.begin(replace(back, deployment_id="d-3", rollback_of="d-2"))
    assert violations(watch) == [invariants.NO_CHAIN]


@pytest.mark.parametrize(("strays", "kept"), [(0, True), (3, False)])
def test_requests_where_none_should_go(watch: Invariants, strays: int, kept: bool) -> None:
    watch.check(TrafficMeasured(10, 2_000, "", 10, 0, (), None, strays), [], None)
    assert violations(watch) == ([] if kept else [invariants.HELD_OUT])
