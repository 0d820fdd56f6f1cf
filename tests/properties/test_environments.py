"""Random environments: a revision never enters where it does not stand before, and everything ends somehow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.rollout.commands import EnterEnvironment, StartGateTimer
from simulator.rollout.events import GateAnswered, GateTimerFired, PromotionRequested, TimerFired
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Passage, Place, Promotion
from simulator.rollout.statuses import DeploymentStatus
from tests.support.rollouts import deployment


@st.composite
def ways(draw: st.DrawFn) -> tuple[Place, ...]:
    """Up to eight environments, each after some of those before it."""
    names = [f"e{number}" for number in range(draw(st.integers(1, 8)))]
    return tuple(
        Place(
            name,
            name,
            tuple(draw(st.lists(st.sampled_from(names[:number]), unique=True))) if number else (),
            draw(st.sampled_from([0, 1_000])),
            draw(st.sampled_from([None, 60_000])),
        )
        for number, name in enumerate(names)
    )


@given(ways(), st.data())
def test_a_revision_enters_only_where_it_stands_before(places: tuple[Place, ...], data: st.DataObject) -> None:
    promotion = Promotion("v2", places)
    by_name = {place.name: place for place in places}
    number, timers, entered = 1, [], []  # type: ignore[var-annotated]
    todo = list(promotion.handle(PromotionRequested(number, 0, "", "v2")))
    while True:
        for command in todo:
            if isinstance(command, EnterEnvironment):
                place = by_name[command.environment]
                assert all(promotion.passage[before] is Passage.SUCCEEDED for before in place.after)
                entered.append(command.environment)
            elif isinstance(command, StartGateTimer):
                timers.append(command)
        choices = [("end", name) for name in entered if promotion.passage[name] is Passage.IN_PROGRESS]
        choices += [("timer", timer) for timer in timers]
        choices += [("answer", name) for name in promotion.open_gates()]
        if not choices:
            break
        what, who = data.draw(st.sampled_from(choices))
        number += 1
        if what == "end":
            rollout = Rollout(deployment(1, group=who, revision="v2"))
            rollout.status = data.draw(st.sampled_from([DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED]))
            todo = list(promotion.handle(TimerFired(number, 0, "", "d-1", "deployment"), [rollout]))
        elif what == "timer":
            timers.remove(who)
            todo = list(promotion.handle(GateTimerFired(number, who.at_ms, who.id, who.environment)))
        else:
            todo = list(promotion.handle(GateAnswered(number, 0, "", who, "eva", data.draw(st.booleans()))))
    assert not promotion.busy
    assert len(entered) == len(set(entered))
    for place in places:
        passage = promotion.passage[place.name]
        before = [promotion.passage[name] for name in place.after]
        assert passage in (Passage.SUCCEEDED, Passage.FAILED, Passage.STOPPED, Passage.SKIPPED)
        assert (passage is Passage.SKIPPED) == any(each is not Passage.SUCCEEDED for each in before)
