"""The rules of what reaches a host can be broken, and whole runs are watched where commands reach the fleet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fleet.virtual.fleet import VirtualFleet
from simulator.control.at_hosts import ENDED, ONE_COMMAND
from simulator.control.groups import Groups
from simulator.control.invariants import Invariants
from simulator.control.turnstile import Turnstile
from simulator.rollout.commands import (
    BlockTraffic,
    Command,
    EndHost,
    Finish,
    HostCommand,
    RunLifecycleEvent,
    StartTimer,
)
from simulator.rollout.events import HostTerminated, LifecycleEventCompleted, TimerFired
from simulator.rollout.statuses import DeploymentStatus, EventStatus
from strategies.options import BlueGreen, Options
from tests.support.rehearsals import broken, run
from tests.support.rollouts import Hand, deployment
from tests.unit.control.test_groups import shared
from tests.unit.control.test_hosts_gone import two_groups

PLAN = Hand(deployment(4)).rollout
FIRST = RunLifecycleEvent("1.0", "d-1", "why", "h1", "Install")
OTHER = RunLifecycleEvent("2.0", "d-2", "why", "h1", "Install")
TIMER = TimerFired(5, 9_000, "", PLAN.deployment_id, "host:h1")


def violations(watch: Invariants) -> dict[str, str]:
    return {finding.name: finding.why for finding in watch.findings() if not finding.held}


def test_two_deployments_commands_to_one_agent_at_once_are_told() -> None:
    watch = Invariants()
    watch.reached(FIRST)
    watch.reached(replace(OTHER, host="h2"))
    watch.reached(BlockTraffic("2.1", "d-2", "why", "h1"))
    assert violations(watch) == {}
    watch.reached(OTHER)
    assert violations(watch) == {ONE_COMMAND: "h1 was given 2.0 of d-2 while it was at 1.0 of d-1"}


def test_the_end_of_a_command_frees_the_agent_and_no_other_end_does() -> None:
    done = LifecycleEventCompleted(3, 2_000, "1.0", "d-1", "h1", "Install", EventStatus.SUCCEEDED, 1_000)
    for end, free in ((done, True), (replace(done, cause="0.9"), False), (replace(done, host="h2"), False)):
        watch = Invariants()
        watch.reached(FIRST)
        watch.check(end, (), PLAN)
        watch.reached(OTHER)
        assert (violations(watch) == {}) == free


@pytest.mark.parametrize(
    ("answer", "free"),
    [
        ((), True),
        ((StartTimer("5.0", PLAN.deployment_id, "why", "host:h1", 10_000),), False),
        ((StartTimer("5.0", PLAN.deployment_id, "why", "host:h2", 10_000),), True),
        ((Finish("5.0", PLAN.deployment_id, "why", DeploymentStatus.FAILED, None),), True),
    ],
)
def test_a_deployment_that_gives_its_command_up_frees_the_agent(answer: tuple[Command, ...], free: bool) -> None:
    watch = Invariants()
    watch.reached(replace(FIRST, deployment_id=PLAN.deployment_id))
    watch.check(TIMER, answer, PLAN)
    watch.reached(replace(OTHER, deployment_id="d-another"))
    assert (violations(watch) == {}) == free


def test_a_command_to_a_host_that_its_pool_has_ended_is_told() -> None:
    watch = Invariants()
    watch.check(TIMER, (EndHost("5.0", "", "why", "web", "h1"),), None)
    watch.reached(replace(FIRST, host="h2"))
    assert violations(watch) == {}
    watch.reached(BlockTraffic("6.0", "d-1", "why", "h1"))
    assert violations(watch) == {ENDED: "h1 was given 6.0 after web had terminated it"}


@pytest.mark.parametrize(("keeps", "broke"), [(False, True), (True, False)])
def test_a_command_to_a_host_that_a_deployment_has_terminated_is_told(keeps: bool, broke: bool) -> None:
    told = Options(blue_green=BlueGreen(terminate_after_ms=None if keeps else 0))
    hand = Hand(replace(deployment(2), strategy="blue-green", options=told))
    hand.create()
    watch = Invariants()
    watch.check(HostTerminated(5, 1_000, "4.0", hand.rollout.deployment_id, "h1"), (), hand.rollout)
    watch.reached(FIRST)
    assert (ENDED in violations(watch)) == broke


def test_a_run_whose_turnstile_lets_everybody_in_breaks_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    assert broken(run(shared())) == []
    monkeypatch.setattr(Turnstile, "enter", lambda *_: True)
    (why,) = broken(run(shared()))
    assert why.startswith(f"{ONE_COMMAND}: h")


def test_a_run_whose_groups_keep_hosts_that_are_gone_breaks_the_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    real = VirtualFleet.perform

    def perform(fleet: VirtualFleet, command: Command) -> None:
        if not isinstance(command, HostCommand) or command.host in fleet.hosts:
            real(fleet, command)

    monkeypatch.setattr(VirtualFleet, "perform", perform)
    assert broken(run(two_groups())) == []
    monkeypatch.setattr(Groups, "end_host", lambda *_: None)
    assert any(why.startswith(ENDED) for why in broken(run(two_groups())))
