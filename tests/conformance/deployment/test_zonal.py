"""Zonal configurations: one test for each sentence of botocore's service model (`ZonalConfig`) and the user guide."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from simulator.rollout.statuses import DeploymentStatus
from strategies.configuration import MinimumHealthyHosts, MinimumHealthyHostsType
from strategies.options import Options
from tests.support.rollouts import Hand, deployment, targets

MINUTE_MS = 60_000


def zonal(count: int = 6, minimum: str = "AllAtOnce", **told: object) -> Hand:
    hosts = targets(count, zones=["a", "b", "c"])
    hand = Hand(
        deployment(hosts, minimum, strategy="zonal", options=Options(**told), balancer=True)  # type: ignore[arg-type]
    )
    hand.create()
    return hand


def all_well(hand: Hand) -> Hand:
    while hand.busy:
        hand.walk(hand.busy[0])
    return hand


def play(hand: Hand, failing: Collection[str]) -> Hand:
    """To the end, one host after the other, of which these fail."""
    while hand.busy:
        host = hand.busy[0]
        hand.fail(host) if host in failing else hand.walk(host)
    return hand


def test_code_deploy_deploys_to_one_availability_zone_at_a_time() -> None:
    hand = zonal()
    assert hand.busy == ["h1", "h4"]
    hand.walk("h1")
    assert hand.busy == ["h4"]
    hand.walk("h4")
    assert hand.busy == ["h2", "h5"]


def test_code_deploy_waits_after_completing_a_deployment_to_an_availability_zone() -> None:
    hand = all_well(zonal(bake_ms=MINUTE_MS))
    assert hand.rollout.status is DeploymentStatus.BAKING
    assert hand.taken == ["h1", "h4"]
    before_ms = hand.now_ms
    hand.fire("stage")
    assert hand.now_ms == before_ms + MINUTE_MS
    assert hand.busy == ["h2", "h5"]


def test_the_first_zone_can_be_waited_for_longer() -> None:
    hand = all_well(zonal(bake_ms=MINUTE_MS, first_bake_ms=10 * MINUTE_MS))
    waited = []
    while hand.rollout.status is DeploymentStatus.BAKING:
        before_ms = hand.now_ms
        hand.fire("stage")
        waited.append((hand.now_ms - before_ms) // MINUTE_MS)
        all_well(hand)
    assert waited == [10, 1]
    assert hand.finish.status is DeploymentStatus.SUCCEEDED


def test_without_a_monitor_duration_the_next_zone_begins_immediately() -> None:
    hand = all_well(zonal())
    assert hand.finish.status is DeploymentStatus.SUCCEEDED
    assert not [name for name in hand.timers if name.startswith("stage:")]


def test_the_number_of_healthy_instances_must_hold_in_each_zone_and_over_all() -> None:
    own = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 1)
    assert zonal(9, minimum_per_zone=own).busy == ["h1", "h4"]
    assert zonal(9, "HOST_COUNT 8", minimum_per_zone=own).busy == ["h1"]


def test_without_a_minimum_per_zone_it_is_zero_percent() -> None:
    assert zonal(9).busy == ["h1", "h4", "h7"]


def test_a_failure_in_the_wait_stops_the_deployment() -> None:
    hand = all_well(zonal(bake_ms=MINUTE_MS))
    hand.health("h4", "503")
    assert hand.finish.status is DeploymentStatus.FAILED
    assert hand.taken == ["h1", "h4"]


def test_a_zone_that_falls_below_its_minimum_fails_the_deployment() -> None:
    own = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 2)
    hand = zonal(9, minimum_per_zone=own)
    hand.fail("h1")
    assert hand.finish.status is DeploymentStatus.FAILED
    assert hand.statuses() == {"Failed": 1, "Skipped": 8}


@pytest.mark.parametrize(
    ("count", "minimum", "failing", "ends"),
    [
        (3, "OneAtATime", {"h3"}, {"Succeeded": 2, "Failed": 1}),  # "except possibly the last"
        (3, "OneAtATime", {"h2"}, {"Succeeded": 1, "Failed": 1, "Skipped": 1}),
        (6, "AllAtOnce", {"h1", "h4"}, {"Succeeded": 4, "Failed": 2}),
        (6, "AllAtOnce", {"h1", "h2", "h3", "h4", "h5"}, {"Succeeded": 1, "Failed": 5}),
        (6, "AllAtOnce", {"h1", "h2", "h3", "h4", "h5", "h6"}, {"Failed": 6}),
        (6, "HOST_COUNT 3", {"h2", "h5"}, {"Succeeded": 4, "Failed": 2}),
        (6, "HOST_COUNT 3", {"h2", "h5", "h3", "h6"}, {"Succeeded": 2, "Failed": 3, "Skipped": 1}),
    ],
)
def test_one_success_is_asked_of_the_deployment_and_not_of_each_zone(
    count: int, minimum: str, failing: set[str], ends: dict[str, int]
) -> None:
    """The minimum per zone is 0 % unless it is given, and the overall minimum says what a success is."""
    hand = play(zonal(count, minimum), failing)
    assert hand.statuses() == ends
    succeeds = "Skipped" not in ends and "Succeeded" in ends
    assert hand.finish.status is (DeploymentStatus.SUCCEEDED if succeeds else DeploymentStatus.FAILED)


def test_all_hosts_in_one_zone_are_the_fleet_and_one_must_succeed() -> None:
    hand = Hand(deployment(targets(2, zones=["a"]), "AllAtOnce", strategy="zonal"))
    hand.create()
    assert play(hand, {"h1", "h2"}).finish.status is DeploymentStatus.FAILED
    assert "1 had to succeed and 0 did" in hand.finish.error.message


@pytest.mark.parametrize(("percent", "status"), [(0, DeploymentStatus.SUCCEEDED), (50, DeploymentStatus.FAILED)])
def test_a_share_of_a_zone_of_one_host_is_that_host(percent: int, status: DeploymentStatus) -> None:
    own = MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, percent)
    assert play(zonal(3, minimum_per_zone=own), {"h2"}).finish.status is status


def test_a_zone_after_which_nobody_may_be_taken_out_is_not_waited_for() -> None:
    """Healthy ones wait, none is under way and none may be taken: the deployment stops there, and not after a bake."""
    hand = play(zonal(3, "OneAtATime", bake_ms=MINUTE_MS), {"h1"})
    assert hand.finish.status is DeploymentStatus.FAILED
    assert not [name for name in hand.timers if name.startswith("stage:")]
    assert "2 healthy are left and 2 must stay so" in hand.finish.error.message


def test_unhealthy_hosts_of_a_later_zone_cost_nothing_and_are_waited_for() -> None:
    hosts = targets(3, healthy=lambda n: n != 3, zones=["a", "b", "c"])
    hand = Hand(deployment(hosts, "HOST_COUNT 1", strategy="zonal", options=Options(bake_ms=MINUTE_MS)))
    hand.create()
    hand.fail("h1")
    assert hand.rollout.status is DeploymentStatus.BAKING
