"""The sentences in which the core explains itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.rollout import lifecycle
from simulator.rollout.deployment import Checks, Limits
from simulator.rollout.events import HealthCheckReported
from simulator.rollout.health import HealthBudget
from simulator.rollout.messages import Failure, duration, succeeded, too_many_failed
from simulator.rollout.statuses import TargetStatus
from strategies.plan import Part
from tests.support.rollouts import Hand, deployment


@pytest.mark.parametrize(
    ("ms", "words"),
    [
        (0, "0ms"),
        (999, "999ms"),
        (1_000, "1s"),
        (1_500, "1.5s"),
        (12_000, "12s"),
        (59_949, "59.9s"),
        (60_000, "1m"),
        (61_000, "1m 1s"),
        (3_600_000, "1h"),
        (4_200_000, "1h 10m"),
        (28_800_000, "8h"),
        (3_661_000, "1h 1m 1s"),
    ],
)
def test_duration(ms: int, words: str) -> None:
    assert duration(ms) == words


def test_failures_that_are_not_named_are_counted() -> None:
    budget = HealthBudget(["h1", "h2", "h3"], [], 0)
    for _ in range(3):
        budget.take()
        budget.give_back(succeeded=False)
    failures = [Failure("h1", "Install", "no disk")]
    assert too_many_failed(budget, failures, []) == (
        "3 of 3 hosts failed (h1 at Install: no disk; and 2 more). 1 had to succeed and 0 did"
    )
    assert too_many_failed(budget, [], []) == "3 of 3 hosts failed. 1 had to succeed and 0 did"
    sick = [HealthCheckReported(1, 0, "", f"h{n}", False, "/", "200", "500") for n in range(1, 5)]
    assert too_many_failed(budget, failures, sick) == (
        "3 of 3 hosts failed (h1 at Install: no disk; and 2 more) and 4 of 3 hosts turned unhealthy after succeeding "
        "(h1: GET / answered 500, wanted 200; h2: GET / answered 500, wanted 200; h3: GET / answered 500, wanted 200; "
        "and 1 more). 1 had to succeed and 0 did"
    )


@pytest.mark.parametrize(
    ("checks", "seen", "message"),
    [
        (
            Checks("/", 5, 30_000),
            None,
            "GET / failed no check, but 5 checks in a row, 30s apart, are wanted, and limits.event is 20s",
        ),
        (
            Checks("/", 5, 5_000),
            "200",
            "GET / answers 200, but 5 checks in a row, 5s apart, are wanted, and limits.event is 20s",
        ),
        (
            Checks("/", 1, 30_000),
            None,
            "GET / failed no check, but 1 check, every 30s, is wanted, and limits.event is 20s",
        ),
        (Checks("/", 5, 5_000), "404", "GET / answered 404, wanted 200; not healthy within 20s"),
        (Checks("/", 2, 1_000), None, "the balancer's health check reported nothing for 20s"),
    ],
)
def test_a_limit_too_short_for_the_checks_is_named(checks: Checks, seen: str | None, message: str) -> None:
    hand = Hand(replace(deployment(1, balancer=True, limits=Limits(event_ms=20_000)), checks=checks))
    hand.create()
    hand.walk("h1", lifecycle.ALLOW_TRAFFIC)
    if seen:
        health = HealthCheckReported(hand.id(), hand.now_ms, "", "h1", False, "/", "200", seen)
        hand.feed(health)
    while not hand.rollout.ended:
        hand.fire("h1")
    record = next(r for r in hand.rollout.hosts["h1"].records if r.name == lifecycle.ALLOW_TRAFFIC)
    assert record.diagnostics is not None
    assert record.diagnostics.message == message


def test_it_is_named_on_ecs_as_well() -> None:
    asked = deployment(1, strategy="ecs", balancer=True, limits=Limits(event_ms=20_000))
    hand = Hand(replace(asked, checks=Checks("/", 5, 30_000)))
    hand.create()
    hand.walk("h1", lifecycle.INSTALL)
    while not hand.rollout.ended:
        hand.fire("h1")
    record = next(r for r in hand.rollout.hosts["h1"].records if r.name == lifecycle.INSTALL)
    assert record.diagnostics is not None
    assert record.diagnostics.message == (
        "the replacement task set did not become steady: GET / failed no check, but 5 checks in a row, 30s apart, are "
        "wanted, and limits.event is 20s"
    )


def test_one_old_host_that_stays_in_traffic_is_enough_and_the_message_says_so() -> None:
    budget = HealthBudget(["h1", "h2"], [], 0, must_succeed=2)
    for well in (True, False):
        budget.take()
        budget.give_back(succeeded=well)
    rule = ": one host that cannot be taken out of traffic fails a blue/green deployment, whatever its minimum"
    assert too_many_failed(budget, [], [], Part.BLOCK).endswith(f"2 had to succeed and 1 did{rule}")
    assert too_many_failed(budget, [], []).endswith("2 had to succeed and 1 did")


def test_a_way_back_that_finds_no_new_host_any_more_tells_of_the_old_ones() -> None:
    rollout = Hand(deployment(2, strategy="back-to-blue")).rollout
    hosts = [*rollout.hosts.values()]
    hosts[0].status, hosts[1].status = TargetStatus.SKIPPED, TargetStatus.SUCCEEDED
    assert succeeded(rollout.deployment, hosts) == "1 blue host kept the traffic, 1 blue host let in again"
    hosts[1].ended_ms = 7
    assert succeeded(rollout.deployment, hosts) == "1 blue host kept the traffic, 1 blue host terminated"
