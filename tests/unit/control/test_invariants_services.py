"""The invariants hold for services and functions, and bite: real rollouts, and what the core would never have done."""

from __future__ import annotations

import pytest

from simulator.control import invariants
from simulator.rollout.commands import Command, RunLifecycleEvent, ShiftTraffic, TerminateHost
from simulator.rollout.deployment import Target
from strategies.options import BlueGreen, Options
from tests.support.rollouts import deployment
from tests.unit.control.test_invariants_plan import Watched


def watched(strategy: str = "ecs") -> Watched:
    options = Options(bake_ms=60_000, blue_green=BlueGreen(shift=(10, 50), terminate_after_ms=60_000))
    target = [Target("web", healthy=True, revision="v1")]
    asked = deployment(target, "AllAtOnce", strategy=strategy, options=options, balancer=True)
    hand = Watched(asked)
    hand.create()
    return hand


def command(hand: Watched, kind: type[Command], **words: object) -> Command:
    return kind(f"{hand.events[-1].id}.9", "d-1", "why", **words)  # type: ignore[arg-type]


def shift(hand: Watched, percent: int) -> Command:
    return command(hand, ShiftTraffic, hosts=("web",), percent=percent)


def end(hand: Watched) -> Command:
    return command(hand, TerminateHost, host="web", keep=False)


def at_ten_percent() -> Watched:
    hand = watched()
    hand.all()
    hand.answer()
    return hand


@pytest.mark.parametrize("strategy", ["ecs", "lambda"])
def test_they_hold_from_the_first_event_to_the_last(strategy: str) -> None:
    hand = watched(strategy)
    while not hand.rollout.ended:
        if hand.busy:
            hand.all()
        elif hand.rollout.awaited:
            hand.answer(next(iter(hand.rollout.awaited.values())))
        else:
            hand.fire("stage")
    assert hand.broken() == []
    assert hand.rollout.aftermath[0].revision == "v2"


def test_the_original_task_set_stands_until_the_replacement_has_all_of_the_traffic() -> None:
    hand = at_ten_percent()
    assert "while the other had 10 % of the traffic" in hand.pretend(end(hand))[invariants.BLUE]
    hand = watched()
    assert "had 0 % of the traffic" in hand.pretend(end(hand))[invariants.BLUE]


def test_a_share_does_not_come_before_its_turn() -> None:
    hand = at_ten_percent()
    assert "50 % of the traffic were shifted" in hand.pretend(shift(hand, 50))[invariants.CANARY]


@pytest.mark.parametrize("percent", [5, 101, -1])
def test_shares_rise_and_are_shares(percent: int) -> None:
    hand = at_ten_percent()
    assert invariants.WEIGHTS in hand.pretend(shift(hand, percent))


def test_the_function_after_the_traffic_is_not_asked_before() -> None:
    hand = at_ten_percent()
    early = command(hand, RunLifecycleEvent, host="web", name="AfterAllowTraffic")
    assert invariants.CANARY in hand.pretend(early)


def test_the_termination_wait_is_waited_for() -> None:
    hand = at_ten_percent()
    for _ in range(2):
        hand.fire("stage")
        hand.answer()
    hand.all()
    assert "was ended" in hand.pretend(end(hand))[invariants.CANARY]
