"""Blue/green deployments: one test for each sentence of the documentation.

Sources: AWS CodeDeploy user guide, "AppSpec 'hooks' section" (the order of events), "Create a deployment group for an
EC2/On-Premises blue/green deployment", "CodeDeploy quotas"; API reference, `DeploymentReadyOption`,
`BlueInstanceTerminationOption`, `ContinueDeployment`.
"""

from __future__ import annotations

import pytest

from simulator.rollout.commands import ProvisionHost, TerminateHost
from simulator.rollout.deployment import BLUE_GREEN_MS
from simulator.rollout.statuses import DeploymentStatus, ErrorCode, OperatorVerb, RollbackEvent
from strategies.options import BlueGreen, Options
from tests.support.rollouts import WORK, Hand, deployment

INSTALLATION = [
    *("ApplicationStop", "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart"),
    "ValidateService",
]
ALLOWING = ["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]
BLOCKING = ["BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic"]


def blue_green(hosts: int = 2, **told: object) -> Hand:
    """A blue/green deployment whose new hosts have come."""
    options = Options(blue_green=BlueGreen(**told))  # type: ignore[arg-type]
    hand = Hand(
        deployment(
            hosts,
            "AllAtOnce",
            strategy="blue-green",
            options=options,
            balancer=True,
            rolls_back=[RollbackEvent.DEPLOYMENT_FAILURE],
        )
    )
    hand.create()
    for command in list(hand.commands):
        if isinstance(command, ProvisionHost):
            hand.answer(command.host)
    return hand


def all_well(hand: Hand) -> Hand:
    while hand.busy:
        hand.walk(hand.busy[0])
    return hand


def events_of(hand: Hand, host: str) -> list[str]:
    return [getattr(c, "name", type(c).__name__) for c in hand.commands if isinstance(c, WORK) and c.host == host]


def ended(hand: Hand) -> dict[str, bool]:
    """The hosts that were to end, and whether they are to be kept."""
    return {command.host: command.keep for command in hand.commands if isinstance(command, TerminateHost)}


def test_replacement_instances_are_installed_and_validated_before_traffic_is_allowed() -> None:
    assert events_of(all_well(blue_green()), "h1-g2") == INSTALLATION + ALLOWING


def test_original_instances_only_have_their_traffic_blocked() -> None:
    assert events_of(all_well(blue_green()), "h1") == BLOCKING


def test_traffic_is_blocked_on_original_instances_after_it_is_allowed_on_replacement_ones() -> None:
    hand = all_well(blue_green())
    order = [command.host for command in hand.commands if isinstance(command, WORK)]
    assert max(order.index(h) for h in ("h1-g2", "h2-g2")) < min(order.index(h) for h in ("h1", "h2"))
    last_allowed = len(order) - 1 - order[::-1].index("h2-g2")
    assert last_allowed < order.index("h1")


def test_continue_deployment_reroutes_traffic_at_once() -> None:
    hand = blue_green()
    all_well(hand)
    assert DeploymentStatus.READY not in {hand.rollout.status}
    assert all(host.status == "Succeeded" for host in hand.rollout.hosts.values())


def test_stop_deployment_waits_ready_for_somebody_to_continue() -> None:
    hand = all_well(blue_green(waits=True, ready_wait_ms=3_600_000))
    assert hand.rollout.status is DeploymentStatus.READY
    assert {h.status for h in hand.rollout.hosts.values() if h.label == "Green"} == {"Ready"}
    hand.say("continue")
    assert hand.busy == ["h1-g2", "h2-g2"]


def test_if_nobody_continues_before_the_wait_is_over_the_deployment_is_stopped() -> None:
    hand = all_well(blue_green(waits=True, ready_wait_ms=3_600_000))
    hand.fire("stage")
    assert hand.finish.status is DeploymentStatus.STOPPED
    assert events_of(hand, "h1") == []


def test_original_instances_are_terminated_after_a_wait() -> None:
    hand = all_well(blue_green(terminate_after_ms=60_000))
    assert ended(hand) == {}
    begun_ms = hand.now_ms
    hand.fire("stage")
    assert hand.now_ms == begun_ms + 60_000
    assert ended(hand) == {"h1": False, "h2": False}


def test_keep_alive_leaves_original_instances_running_outside_the_group() -> None:
    hand = all_well(blue_green(terminate_after_ms=None))
    assert ended(hand) == {"h1": True, "h2": True}
    hand.answer("h1")
    hand.answer("h2")
    assert {target.name for target in hand.rollout.aftermath} == {"h1-g2", "h2-g2"}
    assert events_of(hand, "h1") == BLOCKING


def test_the_termination_wait_can_be_cut_short() -> None:
    hand = all_well(blue_green(terminate_after_ms=172_800_000))
    assert hand.rollout.waits_to_terminate
    hand.say("continue")
    assert ended(hand) == {"h1": False, "h2": False}
    assert not hand.rollout.waits_to_terminate


def test_a_deployment_that_is_not_ready_cannot_be_continued() -> None:
    hand = blue_green()
    refusal = hand.rollout.refusal(OperatorVerb.CONTINUE)
    assert refusal == "the deployment waits for nobody: it is InProgress"


def test_a_deployment_that_has_ended_cannot_be_continued() -> None:
    hand = all_well(blue_green(hosts=1))
    hand.answer("h1")
    assert hand.rollout.refusal(OperatorVerb.CONTINUE) == "the deployment has ended: Succeeded"


@pytest.mark.parametrize("at", BLOCKING[:2])
def test_an_original_instance_that_cannot_be_deregistered_fails_the_deployment(at: str) -> None:
    hand = blue_green()
    while hand.busy and "h1" not in hand.busy:
        hand.walk(hand.busy[0])
    hand.fail("h1", at)
    hand.walk("h2")
    assert hand.finish.status is DeploymentStatus.FAILED
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.HEALTH_CONSTRAINTS
    assert "h1 at" in hand.finish.error.message


def test_in_a_rollback_traffic_is_allowed_on_original_instances_and_then_blocked_on_replacement_ones() -> None:
    hand = blue_green(1)
    while hand.busy and "h1" not in hand.busy:
        hand.walk(hand.busy[0])
    hand.fail("h1", "AfterBlockTraffic")
    assert hand.undo is not None
    back = Hand(hand.undo, at_ms=hand.now_ms)
    back.create()
    all_well(back)
    order = [(c.host, getattr(c, "name", type(c).__name__)) for c in back.commands if isinstance(c, WORK)]
    assert order == [("h1", name) for name in ALLOWING] + [("h1-g2", name) for name in BLOCKING]


def test_minimum_healthy_hosts_is_counted_over_the_replacement_instances_only() -> None:
    options = Options(blue_green=BlueGreen())
    hand = Hand(deployment(4, "HOST_COUNT 3", strategy="blue-green", options=options, balancer=True))
    hand.create()
    for name in [c.host for c in hand.commands if isinstance(c, ProvisionHost)]:
        hand.answer(name)
    assert hand.busy == ["h1-g2"]
    hand.fail("h1-g2")
    assert hand.busy == ["h2-g2"]
    hand.fail("h2-g2")
    assert hand.finish.error is not None
    assert "2 of 4 hosts failed" in hand.finish.error.message


def test_a_blue_green_deployment_may_take_109_hours_in_all() -> None:
    assert BLUE_GREEN_MS == 109 * 3_600_000
