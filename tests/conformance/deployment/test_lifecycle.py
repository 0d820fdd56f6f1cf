"""CodeDeploy's lifecycle events: one test for each sentence of the documentation.

Sources: AWS CodeDeploy user guide, "AppSpec 'hooks' section" (reference-appspec-file-structure-hooks) and
`get-deployment-instance` of the AWS CLI reference.
"""

from __future__ import annotations

import pytest

from simulator.rollout import lifecycle
from simulator.rollout.commands import AllowTraffic, BlockTraffic, RunLifecycleEvent
from simulator.rollout.lifecycle import CARRIED_OUT_BY, SCRIPT_EVENTS, CarriedOutBy, sequence
from simulator.rollout.statuses import DeploymentStatus, TargetStatus
from tests.support.rollouts import WORK, Hand, deployment


def test_in_place_with_a_load_balancer_the_events_run_in_this_order() -> None:
    assert sequence(with_balancer=True) == (
        "BeforeBlockTraffic",
        "BlockTraffic",
        "AfterBlockTraffic",
        "ApplicationStop",
        "DownloadBundle",
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "ApplicationStart",
        "ValidateService",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
    )


def test_in_place_without_a_load_balancer_the_six_traffic_events_are_left_out() -> None:
    without = sequence(with_balancer=False)
    assert without == tuple(event for event in sequence(with_balancer=True) if "Traffic" not in event)
    assert len(sequence(with_balancer=True)) - len(without) == 6


def test_a_deployment_instance_without_a_load_balancer_lists_exactly_seven_events() -> None:
    hand = Hand(deployment(1, "AllAtOnce"))
    hand.create()
    hand.walk("h1")
    assert [record.name for record in hand.rollout.hosts["h1"].records] == [
        "ApplicationStop",
        "DownloadBundle",
        "BeforeInstall",
        "Install",
        "AfterInstall",
        "ApplicationStart",
        "ValidateService",
    ]


def test_start_and_end_are_never_listed_nor_sent() -> None:
    hand = Hand(deployment(1, "AllAtOnce", balancer=True))
    hand.create()
    hand.walk("h1")
    listed = {record.name for record in hand.rollout.hosts["h1"].records}
    assert not listed & {"Start", "End"}


@pytest.mark.parametrize("event", ["BlockTraffic", "DownloadBundle", "Install", "AllowTraffic"])
def test_no_script_can_run_in_the_reserved_events(event: str) -> None:
    assert CARRIED_OUT_BY[event] is not CarriedOutBy.SCRIPTS
    assert event not in SCRIPT_EVENTS


def test_scripts_run_in_nine_events() -> None:
    assert len(SCRIPT_EVENTS) == 9
    assert set(SCRIPT_EVENTS) == set(sequence(with_balancer=True)) - {
        "BlockTraffic",
        "DownloadBundle",
        "Install",
        "AllowTraffic",
    }


def test_traffic_is_blocked_and_allowed_by_the_service_and_not_by_the_agent() -> None:
    hand = Hand(deployment(1, "AllAtOnce", balancer=True))
    hand.create()
    hand.walk("h1")
    work = [command for command in hand.commands if isinstance(command, WORK)]
    assert isinstance(work[1], BlockTraffic)
    assert isinstance(work[11], AllowTraffic)
    to_the_agent = [command.name for command in work if isinstance(command, RunLifecycleEvent)]
    assert len(to_the_agent) == 11
    assert not {"BlockTraffic", "AllowTraffic", "Start", "End"} & set(to_the_agent)


@pytest.mark.parametrize("event", sequence(with_balancer=False))
def test_if_a_script_fails_the_instance_fails_and_its_later_events_are_skipped(event: str) -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.fail("h1", event)
    host = hand.rollout.hosts["h1"]
    assert host.status is TargetStatus.FAILED
    place = hand.rollout.sequence.index(event)
    assert [str(r.status) for r in host.records] == [
        *["Succeeded"] * place,
        "Failed",
        *["Skipped"] * (len(hand.rollout.sequence) - place - 1),
    ]


def test_a_skipped_event_has_an_end_and_no_start() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.fail("h1", lifecycle.INSTALL)
    skipped = [r for r in hand.rollout.hosts["h1"].records if r.status == "Skipped"]
    assert skipped
    assert all(r.started_ms is None and r.ended_ms == hand.now_ms for r in skipped)


@pytest.mark.parametrize("event", ["ApplicationStop", "BeforeBlockTraffic", "AfterBlockTraffic"])
def test_ignore_application_stop_failures_lets_the_deployment_go_on_to_the_next_event(event: str) -> None:
    hand = Hand(deployment(2, balancer=True, ignore_stop_failures=True))
    hand.create()
    hand.fail("h1", event)
    host, order = hand.rollout.hosts["h1"], hand.rollout.sequence
    assert host.status is TargetStatus.IN_PROGRESS
    assert host.event == order[order.index(event) + 1]


@pytest.mark.parametrize("event", ["DownloadBundle", "Install", "ApplicationStart", "ValidateService", "BlockTraffic"])
def test_ignore_application_stop_failures_forgives_no_other_event(event: str) -> None:
    hand = Hand(deployment(2, balancer=True, ignore_stop_failures=True))
    hand.create()
    hand.fail("h1", event)
    assert hand.rollout.hosts["h1"].status is TargetStatus.FAILED


def test_without_the_flag_a_failing_application_stop_of_the_old_revision_fails_the_new_one() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.fail("h1", "ApplicationStop")
    assert hand.finish.status is DeploymentStatus.FAILED


def test_an_event_without_trouble_needs_no_diagnostics() -> None:
    hand = Hand(deployment(1, "AllAtOnce"))
    hand.create()
    hand.walk("h1")
    assert all(record.diagnostics is None for record in hand.rollout.hosts["h1"].records)


def test_allow_traffic_ends_when_the_load_balancer_finds_the_instance_healthy() -> None:
    hand = Hand(deployment(1, "AllAtOnce", balancer=True))
    hand.create()
    hand.walk("h1", "AllowTraffic")
    hand.health("h1", "connection refused")
    assert hand.rollout.hosts["h1"].event == "AllowTraffic"
    hand.health("h1", "200")
    assert hand.rollout.hosts["h1"].event == "AfterAllowTraffic"
