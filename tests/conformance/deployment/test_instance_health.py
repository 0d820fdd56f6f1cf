"""Instance health and the minimum of healthy hosts: one test for each sentence of the documentation.

Sources: AWS CodeDeploy user guide, "Instance health" (instances-health) and "Working with deployment configurations"
(deployment-configurations); the service model's `MinimumHealthyHosts` for "up to three instances at a time".
"""

from __future__ import annotations

import pytest

from simulator.rollout.deployment import Target
from simulator.rollout.statuses import DeploymentStatus, ErrorCode
from strategies.configuration import named
from tests.support.rollouts import Hand, deployment, targets

SUCCEEDED, FAILED = DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED


def play(hosts: int, minimum: str, *, failing: set[int] = frozenset()) -> Hand:  # type: ignore[assignment]
    """Deploy to hosts one by one as they come; the n-th host to be taken fails if its number is named."""
    hand = Hand(deployment(hosts, minimum))
    hand.create()
    while not hand.rollout.ended:
        host = hand.busy[0]
        if hand.taken.index(host) + 1 in failing:
            hand.fail(host)
        else:
            hand.walk(host)
    return hand


# -- instance health --------------------------------------------------------------------------------------------------


def test_an_instance_is_healthy_after_a_deployment_to_it_succeeded_and_unhealthy_after_one_that_failed() -> None:
    hand = Hand(deployment(targets(3, healthy=False), "AllAtOnce"))
    hand.create()
    hand.walk("h1")
    hand.fail("h2")
    hand.walk("h3")
    assert {t.name: t.healthy for t in hand.rollout.aftermath} == {"h1": True, "h2": False, "h3": True}


def test_after_a_successful_deployment_an_instance_that_failed_is_unhealthy_though_it_was_healthy() -> None:
    hand = play(2, "OneAtATime", failing={2})
    assert hand.finish.status is SUCCEEDED
    assert {t.name: (t.healthy, t.revision) for t in hand.rollout.aftermath} == {
        "h1": (True, "v2"),
        "h2": (False, "v2"),
    }


def test_after_a_failed_or_stopped_deployment_only_the_attempted_instances_change() -> None:
    hand = play(4, "OneAtATime", failing={1})
    assert {t.name: t.healthy for t in hand.rollout.aftermath} == {"h1": False, "h2": True, "h3": True, "h4": True}
    assert hand.rollout.aftermath[1:] == hand.rollout.deployment.targets[1:]


def test_deployments_go_to_unhealthy_instances_first_then_unknown_then_old_then_current_ones() -> None:
    hosts = [
        Target("current", healthy=True, revision="v2"),
        Target("old", healthy=True, revision="v1"),
        Target("unknown", healthy=True, revision=None),
        Target("unhealthy", healthy=False, revision="v1"),
    ]
    hand = Hand(deployment(hosts))
    hand.create()
    while hand.busy:
        hand.walk(hand.busy[0])
    assert hand.taken == ["unhealthy", "unknown", "old", "current"]


# -- the minimum ------------------------------------------------------------------------------------------------------


def test_a_fleet_percent_is_converted_to_hosts_at_the_start_and_fractions_are_rounded_up() -> None:
    hand = Hand(deployment(9, "FLEET_PERCENT 70"))
    hand.create()
    assert hand.rollout.budget.minimum == 7


def test_the_minimum_is_fixed_at_the_start_and_failures_do_not_change_it() -> None:
    hand = Hand(deployment(10, "FLEET_PERCENT 50"))
    hand.create()
    hand.fail("h1")
    hand.fail("h2")
    assert hand.rollout.budget.minimum == 5


def test_ninety_five_percent_of_ten_instances_fails_at_once_and_nothing_is_deployed() -> None:
    hand = Hand(deployment(10, "FLEET_PERCENT 95"))
    hand.create()
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.HEALTH_CONSTRAINTS_INVALID
    assert hand.taken == []
    assert hand.statuses() == {"Skipped": 10}


@pytest.mark.parametrize("minimum", ["HOST_COUNT 10", "HOST_COUNT 11"])
def test_a_host_count_of_the_whole_fleet_or_more_fails_at_once(minimum: str) -> None:
    hand = Hand(deployment(10, minimum))
    hand.create()
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.HEALTH_CONSTRAINTS_INVALID


def test_deploying_to_unhealthy_instances_does_not_affect_the_minimum() -> None:
    hand = Hand(deployment(targets(5, healthy=lambda n: n > 2), "HOST_COUNT 3"))
    hand.create()
    assert hand.busy == ["h1", "h2"]
    assert hand.rollout.budget.healthy == 3


def test_after_the_unhealthy_ones_if_healthy_instances_are_at_or_below_the_minimum_the_deployment_is_cancelled() -> (
    None
):
    hand = Hand(deployment(targets(5, healthy=lambda n: n > 2), "HOST_COUNT 3"))
    hand.create()
    hand.fail("h1")
    hand.fail("h2")
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.HEALTH_CONSTRAINTS
    assert hand.statuses() == {"Failed": 2, "Skipped": 3}


def test_a_fleet_that_begins_below_its_minimum_is_never_reduced_further() -> None:
    hand = Hand(deployment(targets(5, healthy=lambda n: n > 3), "HOST_COUNT 4"))
    hand.create()
    hand.walk("h1")
    hand.fail("h2")
    assert hand.busy == ["h3"]
    hand.walk("h3")
    assert hand.busy == []
    assert hand.finish.status is FAILED
    assert hand.taken == ["h1", "h2", "h3"]


def test_six_of_nine_hosts_lets_up_to_three_instances_be_deployed_to_at_a_time() -> None:
    hand = Hand(deployment(9, "HOST_COUNT 6"))
    hand.create()
    assert len(hand.busy) == 3


def test_one_at_a_time_is_one_at_a_time_on_instances_that_were_never_deployed_to() -> None:
    hand = Hand(deployment(targets(3, healthy=False)))
    hand.create()
    assert hand.busy == ["h1"]


# -- the examples of the user guide -----------------------------------------------------------------------------------


def test_all_at_once_succeeds_if_one_of_nine_instances_succeeds() -> None:
    assert play(9, "AllAtOnce", failing=set(range(1, 9))).finish.status is SUCCEEDED


def test_all_at_once_fails_if_every_instance_fails() -> None:
    assert play(9, "AllAtOnce", failing=set(range(1, 10))).finish.status is FAILED


@pytest.mark.parametrize(("failing", "status"), [(4, SUCCEEDED), (5, FAILED)])
def test_half_at_a_time_on_nine_instances_must_succeed_on_five(failing: int, status: DeploymentStatus) -> None:
    assert play(9, "HalfAtATime", failing=set(range(10 - failing, 10))).finish.status is status


def test_half_at_a_time_deploys_to_half_of_the_instances_rounded_down() -> None:
    hand = Hand(deployment(9, "HalfAtATime"))
    hand.create()
    assert len(hand.busy) == 4


def test_half_at_a_time_on_one_instance_succeeds_only_if_it_does() -> None:
    assert play(1, "HalfAtATime").finish.status is SUCCEEDED
    assert play(1, "HalfAtATime", failing={1}).finish.status is FAILED


def test_one_at_a_time_succeeds_if_the_last_instance_fails() -> None:
    hand = play(10, "OneAtATime", failing={10})
    assert hand.finish.status is SUCCEEDED
    assert hand.statuses() == {"Succeeded": 9, "Failed": 1}


@pytest.mark.parametrize("number", range(1, 10))
def test_one_at_a_time_fails_if_any_but_the_last_instance_fails(number: int) -> None:
    hand = play(10, "OneAtATime", failing={number})
    assert hand.finish.status is FAILED
    assert hand.statuses().get("Skipped", 0) == 10 - number


def test_one_at_a_time_on_one_instance_succeeds_only_if_it_does() -> None:
    assert play(1, "OneAtATime").finish.status is SUCCEEDED
    assert play(1, "OneAtATime", failing={1}).finish.status is FAILED


def test_nine_of_ten_succeeds_if_the_last_instance_fails() -> None:
    assert play(10, "HOST_COUNT 9", failing={10}).finish.status is SUCCEEDED


def test_eight_of_ten_goes_two_at_a_time_and_the_second_failure_fails_it() -> None:
    hand = play(10, "HOST_COUNT 8", failing={3, 5})
    assert hand.finish.status is FAILED
    assert hand.statuses()["Skipped"] >= 1


def test_eight_of_ten_succeeds_if_the_second_failure_is_the_last_instance() -> None:
    assert play(10, "HOST_COUNT 8", failing={3, 10}).finish.status is SUCCEEDED


def test_instances_that_are_left_are_skipped() -> None:
    hand = play(4, "OneAtATime", failing={2})
    assert hand.statuses() == {"Succeeded": 1, "Failed": 1, "Skipped": 2}


def test_a_minimum_of_zero_still_asks_for_one_success() -> None:
    assert play(3, "HOST_COUNT 0", failing={1, 2, 3}).finish.status is FAILED
    assert play(3, "HOST_COUNT 0", failing={1, 2}).finish.status is SUCCEEDED


def test_an_instance_that_cannot_be_reached_counts_as_failed() -> None:
    hand = Hand(deployment(3))
    hand.create()
    hand.fire("h1")
    assert hand.finish.status is FAILED
    assert hand.statuses() == {"Failed": 1, "Skipped": 2}


def test_a_group_without_instances_fails() -> None:
    hand = Hand(deployment(0))
    hand.create()
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.NO_INSTANCES


def test_the_predefined_configurations_are_these() -> None:
    assert str(named("CodeDeployDefault.OneAtATime").minimum_healthy_hosts) == "1 at a time"  # type: ignore[union-attr]
    assert str(named("CodeDeployDefault.HalfAtATime").minimum_healthy_hosts) == "at least 50 % healthy"  # type: ignore[union-attr]
    assert str(named("CodeDeployDefault.AllAtOnce").minimum_healthy_hosts) == "at least 0 healthy"  # type: ignore[union-attr]
