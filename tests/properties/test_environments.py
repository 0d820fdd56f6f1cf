"""Random environments: a revision never enters where it does not stand before, and everything ends somehow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from simulator.rollout.commands import Command, EnterEnvironment, StartGateTimer
from simulator.rollout.events import (
    DeploymentCreated,
    Event,
    GateAnswered,
    GateTimerFired,
    PromotionRequested,
    TimerFired,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Passage, Place, Promotion
from simulator.rollout.statuses import DeploymentStatus
from tests.support.rollouts import deployment


@st.composite
def ways(draw: st.DrawFn) -> tuple[Place, ...]:
    """Up to six environments, each after some of those before it."""
    names = [f"e{number}" for number in range(draw(st.integers(1, 6)))]
    return tuple(
        Place(
            name,
            name,
            tuple(draw(st.lists(st.sampled_from(names[:number]), min_size=1, unique=True))) if number else (),
            draw(st.sampled_from([0, 0, 0, 1_000])),
            draw(st.sampled_from([None, None, None, 60_000])),
        )
        for number, name in enumerate(names)
    )


class World:
    """Groups that have one deployment at a time, and a book of what stands in each; it asks the promotion nothing."""

    def __init__(self, places: tuple[Place, ...]) -> None:
        self.promotion = Promotion("v2", places)
        self.places = {place.name: place for place in places}
        self.number = 0
        self.stands = dict.fromkeys(self.places, "v1")
        self.under_way: dict[str, Rollout] = {}
        self.queue: list[EnterEnvironment] = []
        self.timers: list[StartGateTimer] = []

    def id(self) -> int:
        self.number += 1
        return self.number

    def feed(self, event: Event, *ended: Rollout) -> None:
        commands: tuple[Command, ...] = self.promotion.handle(event, ended)
        self.queue += [command for command in commands if isinstance(command, EnterEnvironment)]
        self.timers += [command for command in commands if isinstance(command, StartGateTimer)]

    def create(self, name: str, revision: str, cause: str = "") -> None:
        number = self.id()
        asked = replace(deployment(1, group=name, revision=revision), deployment_id=f"d-{number}")
        self.under_way[name] = Rollout(asked)
        self.feed(DeploymentCreated(number, 0, cause, asked))

    def end(self, name: str, status: DeploymentStatus) -> None:
        rollout = self.under_way.pop(name)
        rollout.status = status
        if status is DeploymentStatus.SUCCEEDED:
            self.stands[name] = rollout.deployment.revision
        self.feed(TimerFired(self.id(), 0, "", rollout.deployment_id, "deployment"), rollout)

    def answer_queue(self) -> None:
        """What enters where the group is free; what is withdrawn is refused then."""
        for command in [each for each in self.queue if each.environment not in self.under_way]:
            if command.environment in self.under_way:
                continue
            self.queue.remove(command)
            if self.promotion.withdrawn(command.id) is not None:
                continue
            for before in self.places[command.environment].after:
                assert before not in self.under_way
                assert self.stands[before] == "v2"
            self.create(command.environment, "v2", command.id)

    def choices(self, by_hand: int) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = [("end", name) for name in self.under_way]
        found += [("timer", timer) for timer in self.timers]
        found += [("answer", name) for name in self.promotion.open_gates()]
        free = [name for name in self.places if name not in self.under_way]
        return found + [("deploy", name) for name in free if by_hand and self.promotion.busy]


ENDS = [*[DeploymentStatus.SUCCEEDED] * 4, DeploymentStatus.FAILED, DeploymentStatus.STOPPED]


@given(ways(), st.integers(0, 4), st.data())
@settings(max_examples=max(settings().max_examples, 500))
def test_a_revision_enters_only_where_it_stands_before(
    places: tuple[Place, ...], by_hand: int, data: st.DataObject
) -> None:
    world = World(places)
    world.feed(PromotionRequested(world.id(), 0, "", "v2"))
    while True:
        if data.draw(st.booleans()) or not world.choices(by_hand):
            world.answer_queue()
        choices = world.choices(by_hand)
        if not choices:
            break
        what, who = data.draw(st.sampled_from(choices))
        if what == "end":
            world.end(who, data.draw(st.sampled_from(ENDS)))
        elif what == "timer":
            world.timers.remove(who)
            world.feed(GateTimerFired(world.id(), who.at_ms, who.id, who.environment))
        elif what == "answer":
            world.feed(GateAnswered(world.id(), 0, "", who, "eva", data.draw(st.booleans())))
        else:
            by_hand -= 1
            world.create(who, data.draw(st.sampled_from(["v1", "v2"])))
    promotion = world.promotion
    assert not promotion.busy
    assert not world.queue
    for place in places:
        passage = promotion.passage[place.name]
        event(f"{passage}")
        assert passage in (Passage.SUCCEEDED, Passage.FAILED, Passage.STOPPED, Passage.SKIPPED)
        assert (passage is Passage.SUCCEEDED) == (place.name not in promotion.why)
        assert passage is not Passage.SKIPPED or any(
            promotion.passage[name] is not Passage.SUCCEEDED for name in place.after
        )
