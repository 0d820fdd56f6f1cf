"""Timeouts: one test for each row of "CodeDeploy quotas" (limits) in the AWS CodeDeploy user guide."""

from __future__ import annotations

from simulator.rollout.deployment import HOSTS_MAX, Limits
from simulator.rollout.statuses import DeploymentStatus, ErrorCode, TargetStatus
from tests.support.rollouts import STEP_MS, Hand, deployment

MINUTE_MS, HOUR_MS = 60_000, 3_600_000


def test_the_limits_are_codedeploys_unless_a_scenario_shortens_them() -> None:
    assert Limits() == Limits(start_ms=5 * MINUTE_MS, event_ms=HOUR_MS, deployment_ms=8 * HOUR_MS)


def test_the_first_lifecycle_event_must_start_within_five_minutes_of_the_deployments_start() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.fire("h1")
    assert hand.now_ms == 5 * MINUTE_MS
    assert hand.rollout.hosts["h1"].status is TargetStatus.FAILED


def test_a_lifecycle_event_must_start_within_five_minutes_of_the_end_of_the_one_before_it() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.wait(4 * MINUTE_MS)
    hand.end("h1")
    hand.fire("h1")
    assert hand.rollout.hosts["h1"].status is TargetStatus.IN_PROGRESS
    hand.fire("h1")
    assert hand.now_ms == 4 * MINUTE_MS + STEP_MS + 5 * MINUTE_MS
    assert hand.rollout.hosts["h1"].status is TargetStatus.FAILED


def test_a_lifecycle_event_may_last_an_hour() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.wait(MINUTE_MS)
    hand.begin("h1")
    hand.fire("h1")
    assert hand.rollout.hosts["h1"].status is TargetStatus.IN_PROGRESS
    hand.fire("h1")
    assert hand.now_ms == MINUTE_MS + HOUR_MS
    assert hand.rollout.hosts["h1"].status is TargetStatus.FAILED


def test_allow_traffic_that_never_gets_healthy_fails_after_an_hour_and_its_cause_is_named() -> None:
    hand = Hand(deployment(2, balancer=True))
    hand.create()
    hand.walk("h1", "AllowTraffic")
    sent_ms = hand.now_ms
    hand.health("h1", "404")
    while not hand.rollout.ended:
        hand.fire("h1")
    assert hand.now_ms == sent_ms + HOUR_MS
    record = next(r for r in hand.rollout.hosts["h1"].records if r.name == "AllowTraffic")
    assert record.diagnostics is not None
    assert record.diagnostics.log_tail == ""
    assert record.diagnostics.message == "GET / answered 404, wanted 200; not healthy within 1h"


def test_an_in_place_deployment_may_last_eight_hours() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.fire("deployment")
    assert hand.now_ms == 8 * HOUR_MS
    assert hand.finish.status is DeploymentStatus.FAILED
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.TIMEOUT


def test_a_deployment_has_many_hosts_but_not_any_number() -> None:
    assert HOSTS_MAX == 1_000_000
