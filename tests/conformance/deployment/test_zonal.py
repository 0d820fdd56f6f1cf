"""Zonal configurations: one test for each sentence of botocore's service model (`ZonalConfig`) and the user guide."""

from __future__ import annotations

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
