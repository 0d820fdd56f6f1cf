"""The invariants of plans and of blue/green can fail: real rollouts, and then what the core would never have done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from simulator.control import invariants
from simulator.control.invariants import Invariants
from simulator.rollout.commands import (
    Finish,
)
from simulator.rollout.deployment import Target
from simulator.rollout.events import AnalysisEnded, TrafficMeasured
from simulator.rollout.statuses import AnalysisOutcome, Creator, DeploymentStatus
from strategies.options import BlueGreen, Options, Share, Step
from tests.support.rollouts import Hand, deployment, targets
from tests.support.watched import MINUTE_MS, Watched, blue_green, canary, greens, only

# -- a canary never exceeds its share ---------------------------------------------------------------------------------


def test_a_second_canary_is_one_too_many() -> None:
    hand = canary()
    why = only(hand.pretend(hand.run_on("h2")), invariants.CANARY)
    assert why.startswith("h2 was given 1.9 at 0 ms, while it was the turn of: deploy to 1 host")


@pytest.mark.parametrize(("waited_ms", "well"), [(MINUTE_MS - 1, False), (MINUTE_MS, True)])
def test_nobody_follows_before_the_bake_has_lasted(waited_ms: int, well: bool) -> None:
    hand = canary()
    hand.all()
    hand.wait(waited_ms)
    hand.health("h1", "200")
    found = hand.pretend(hand.run_on("h2"))
    if well:
        assert not found
    else:
        assert "while it was the turn of: bake for 1m" in only(found, invariants.CANARY)


def turn_came(hand: Watched, host: str) -> bool:
    """Whether nothing but a pause is in the way of a host: the pause keeps the core itself from taking it."""
    why = hand.pretend(hand.run_on(host))[invariants.CANARY]
    assert why.endswith("in a pause") != ("while it was the turn of" in why), why
    return why.endswith("in a pause")


@pytest.mark.parametrize(
    ("verb", "well"), [("promote", True), ("promote-full", False), ("continue", False), ("pause", False)]
)
def test_a_bake_is_cut_short_by_whom_it_may_be(verb: str, well: bool) -> None:
    hand = canary()
    hand.all()
    hand.say("pause") if verb != "pause" else None
    hand.say(verb)
    assert turn_came(hand, "h2") is well


def steps(*told: Step) -> Watched:
    hand = Watched(deployment(3, "AllAtOnce", strategy="steps", options=Options(steps=told)))
    hand.create()
    hand.all()
    return hand


@pytest.mark.parametrize(
    ("verb", "well"), [("continue", True), ("promote", True), ("promote-full", False), ("resume", False)]
)
def test_an_approval_waits_for_a_person(verb: str, well: bool) -> None:
    hand = steps(Step(Share(hosts=1)), Step(pause=True))
    hand.say("pause")
    hand.wait(100 * MINUTE_MS)
    hand.say(verb) if verb != "resume" else None
    assert turn_came(hand, "h3") is well


@pytest.mark.parametrize(
    ("verb", "well"), [("promote", True), ("promote-full", False), ("continue", False), ("resume", False)]
)
def test_an_analysis_waits_for_its_verdict_unless_a_person_does_without(verb: str, well: bool) -> None:
    hand = steps(Step(Share(hosts=1)), Step(analysis="errors", lasts_ms=MINUTE_MS))
    hand.say("pause")
    hand.wait(100 * MINUTE_MS)
    hand.say(verb) if verb != "resume" else None
    assert turn_came(hand, "h3") is well


@pytest.mark.parametrize("outcome", AnalysisOutcome)
def test_an_analysis_lets_pass_what_it_has_found_good(outcome: AnalysisOutcome) -> None:
    hand = steps(Step(Share(hosts=1)), Step(analysis="errors", lasts_ms=MINUTE_MS))
    hand.say("pause")
    asked = hand.commands[-3].id if not hasattr(hand.commands[-2], "analysis") else hand.commands[-2].id
    hand.wait(MINUTE_MS)
    hand.feed(AnalysisEnded(hand.id(), hand.now_ms, asked, "d-1", outcome, "why"))
    assert turn_came(hand, "h3") == (outcome is AnalysisOutcome.SUCCESSFUL)


def test_the_second_zone_waits_for_every_host_of_the_first() -> None:
    hosts = targets(4, zones=["a", "b"])
    hand = Watched(deployment(hosts, "AllAtOnce", strategy="zonal"))
    hand.create()
    hand.fail("h1")
    why = only(hand.pretend(hand.run_on("h2")), invariants.CANARY)
    assert "while it was the turn of: deploy to 2 hosts" in why


def test_a_share_before_its_turn() -> None:
    hand = blue_green(shift=(10,))
    why = only(hand.pretend(hand.shift_to(10, greens(hand))), invariants.CANARY)
    assert why.startswith("10 % of the traffic were shifted at 2000 ms, while it was the turn of: install on 2 hosts")


def test_a_larger_share_than_was_asked_for() -> None:
    hand = blue_green(shift=(10,))
    hand.all()
    why = only(hand.pretend(hand.shift_to(11, greens(hand))), invariants.CANARY)
    assert "11 % of the traffic" in why


def test_nobody_is_let_in_before_the_balancer_knows_its_share() -> None:
    hand = blue_green(shift=(10,))
    hand.all()
    green = greens(hand)[0]
    why = only(hand.pretend(hand.run_on(green, "BeforeAllowTraffic")), invariants.CANARY)
    assert "while it was the turn of: shift traffic: 0 %" in why


def test_nothing_is_left_to_do_after_the_plan() -> None:
    hand = Watched(deployment(1, "AllAtOnce"))
    hand.create()
    hand.say("pause")
    hand.all()
    why = only(hand.pretend(hand.run_on("h1")), invariants.CANARY)
    assert why.endswith("while it was the turn of: nobody")


# -- blue stands until green has the traffic --------------------------------------------------------------------------


def test_blue_is_taken_out_before_green_is_let_in() -> None:
    hand = blue_green()
    found = hand.pretend(hand.block("h1"))
    assert found[invariants.BLUE] == "h1 was taken out while 0 of the new hosts had been let in, and 1 are needed"


def test_blue_is_taken_out_before_green_has_all_of_the_traffic() -> None:
    hand = blue_green(1, shift=(10,))
    hand.all()
    hand.answer()
    hand.all()
    hand.answer()
    assert hand.rollout.status == "Baking"
    found = hand.pretend(hand.block("h1"))
    assert found[invariants.BLUE] == "h1 was taken out while the new hosts had 10 % of the traffic"


@pytest.mark.parametrize(("minimum", "needed"), [("HOST_COUNT 2", 2), ("AllAtOnce", 1)])
def test_as_many_as_the_minimum_asks_for_must_be_let_in(minimum: str, needed: int) -> None:
    hand = blue_green(3, minimum)
    for green in greens(hand):
        hand.walk(green)
    while len([h for h in hand.rollout.hosts.values() if h.label == "Green" and h.status == "Succeeded"]) < 1:
        hand.end(hand.busy[0])
    found = hand.pretend(hand.block("h1"))
    assert (invariants.BLUE in found) == (needed > 1)


def test_blue_is_ended_before_its_wait_is_over() -> None:
    hand = blue_green(1, terminate_after_ms=MINUTE_MS)
    hand.all()
    assert hand.rollout.waits_to_terminate
    assert "h1 was ended at" in only(hand.pretend(hand.end_of("h1")), invariants.CANARY)


def test_blue_is_ended_while_it_has_the_traffic() -> None:
    hand = blue_green(1, ready_wait_ms=MINUTE_MS, waits=True)
    hand.all()
    found = hand.pretend(hand.end_of("h1"))
    assert found[invariants.BLUE].startswith("h1 was ended while 0 of the new hosts")


def way_back(minimum: str = "AllAtOnce") -> Watched:
    """Blue h1 and h2 are out of traffic, green g1 is in it."""
    told = BlueGreen(held_out=("h1", "h2"), let_in=("g1",), doomed=("g1",))
    hosts = [*targets(2), Target("g1", revision="v2")]
    hand = Watched(deployment(hosts, minimum, strategy="back-to-blue", options=Options(blue_green=told), balancer=True))
    hand.create()
    return hand


@pytest.mark.parametrize(("minimum", "enough"), [("HOST_COUNT 2", False), ("HOST_COUNT 1", True), ("AllAtOnce", True)])
def test_on_the_way_back_green_stands_until_blue_is_let_in(minimum: str, enough: bool) -> None:
    assert "g1 was taken out before h1, h2 had traffic again" in str(
        (hand := way_back(minimum)).pretend(hand.block("g1"))
    )
    hand = way_back(minimum)
    hand.walk("h1")
    found = hand.pretend(hand.block("g1"))
    assert found.get(invariants.BLUE) == (None if enough else "g1 was taken out before h2 had traffic again")


@pytest.mark.parametrize(
    ("hosts", "told"),
    [
        (targets(1), BlueGreen(let_in=(), doomed=("h1",))),
        ([Target("h1", revision="v2")], BlueGreen(green=("h1",), doomed=("h1",))),
    ],
    ids=["of the group", "stood by"],
)
def test_on_the_way_back_nobody_is_ended_who_was_there_before(hosts: list[Target], told: BlueGreen) -> None:
    hand = Hand(
        deployment(hosts, "AllAtOnce", strategy="back-to-blue", options=Options(blue_green=told), balancer=True)
    )
    hand.create()
    watch = Invariants()
    watch.begin(hand.rollout.deployment)
    watch.check(hand.events[-1], hand.commands, hand.rollout)
    found = {finding.name: finding.why for finding in watch.findings() if not finding.held}
    assert only(found, invariants.BLUE) == "h1 was ended on the way back, and stood there before"


def test_on_the_way_back_nobody_is_ended_whom_no_deployment_had_brought_up() -> None:
    """An old host that was out of order before: only its name tells that it is none of the new ones."""
    old, told = [Target("h1", healthy=False, revision="v1")], BlueGreen(doomed=("h1",))
    undone = Hand(deployment(old, "AllAtOnce", strategy="blue-green", options=Options(blue_green=BlueGreen())))
    back = replace(
        deployment(old, "AllAtOnce", strategy="back-to-blue", options=Options(blue_green=told)),
        deployment_id="d-2",
        rollback_of=undone.rollout.deployment_id,
    )
    hand = Hand(back)
    hand.create()
    watch = Invariants()
    watch.begin(undone.rollout.deployment)
    watch.begin(back)
    watch.check(hand.events[-1], hand.commands, hand.rollout)
    found = {finding.name: finding.why for finding in watch.findings() if not finding.held}
    assert found[invariants.BLUE] == "h1 was ended on the way back, and no deployment had brought it up"


def test_the_way_back_itself_breaks_nothing() -> None:
    hand = way_back()
    hand.all()
    hand.answer("g1")
    assert hand.rollout.status == "Succeeded"


# -- traffic weights add up -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "hosts", "why"),
    [
        (101, ["h1-g2"], "101 % were shifted to one side, which leaves -1 % for the other"),
        (-1, ["h1-g2"], "-1 % were shifted to one side, which leaves 101 % for the other"),
        (20, ["h1"], "20 % were shifted to h1, which are none of the new hosts"),
        (9, ["h1-g2"], "9 % were shifted after 10 %: shares rise"),
    ],
)
def test_a_share_that_is_none(percent: int, hosts: Iterable[str], why: str) -> None:
    hand = blue_green(1, shift=(10,))
    hand.all()
    hand.answer()
    hand.all()
    hand.answer()
    assert hand.pretend(hand.shift_to(percent, list(hosts)))[invariants.WEIGHTS] == why


def test_on_the_way_back_the_new_hosts_have_nothing() -> None:
    hand = way_back()
    why = hand.pretend(hand.shift_to(5, ["g1"]))[invariants.WEIGHTS]
    assert why == "5 % were shifted to the new hosts on the way back"


@pytest.mark.parametrize(
    ("total", "failed", "counts", "well"),
    [
        (100, 10, (60, 40), True),
        (100, 0, (60, 41), False),
        (100, 101, (60, 40), False),
        (100, -1, (60, 40), False),
    ],
)
def test_more_answers_than_requests(total: int, failed: int, counts: tuple[int, int], well: bool) -> None:
    watch = Invariants()
    by_revision = tuple(zip(("v1", "v2"), counts, strict=True))
    watch.check(TrafficMeasured(1, 0, "", total, failed, by_revision, None, 0), [], None)
    assert [f.name for f in watch.findings() if not f.held] == ([] if well else [invariants.WEIGHTS])


# -- the minimum in blue/green ----------------------------------------------------------------------------------------


def test_in_blue_green_the_minimum_counts_who_is_let_in() -> None:
    """Two old hosts taken out while one of two new ones is in: with both needed that is one too few."""
    hand = blue_green(2, "HOST_COUNT 1")
    for green in greens(hand):
        hand.walk(green)
    found = hand.pretend(hand.block("h1"), hand.block("h2"))
    assert "h2 was taken out" in found[invariants.MINIMUM]


# -- a rollback that is a blue/green deployment -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "revision", "well"), [("Green", "v1", True), ("Green", "v2", False), ("Blue", "v2", True)]
)
def test_a_blue_green_rollback_promises_its_new_hosts(label: str, revision: str, well: bool) -> None:
    asked = deployment(1, "AllAtOnce", strategy="blue-green", creator=Creator.ROLLBACK, revision="v1", balancer=True)
    hand = Watched(asked)
    hand.create()
    hand.answer("h1-g2")
    hand.all()
    next(host for host in hand.rollout.hosts.values() if host.label == label).revision = revision
    found = hand.pretend(Finish(f"{hand.events[-1].id}.9", "d-1", "why", DeploymentStatus.SUCCEEDED, None))
    assert list(found) == ([] if well else [invariants.PROMISE])
