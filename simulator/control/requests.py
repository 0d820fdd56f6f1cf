"""The deployments that a scenario asks for: in turn, or when their moment comes; and those that wait for their group.

A group has one deployment at a time. What is asked for while one is under way is refused, or waits in a queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from scenarios.model import Deploy, Scenario, When
from simulator.control.happened import moment
from simulator.control.request import Standing, requested
from simulator.control.triggers import Trigger
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import DeploymentCreated, DeploymentNotCreated, PromotionRequested

THROUGH_ENVIRONMENTS = ""
"""The group of what goes its way through all the environments."""
Make = Callable[[str, Standing], Deployment]
"""A deployment, but for its id and for how its group stands when it is created."""
Key = int | str
"""What tells one wish from all others: its number in the scenario's `deploy`, or the command that it comes of."""
Answer = DeploymentCreated | DeploymentNotCreated | PromotionRequested
"""What comes of a wish."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A deployment that somebody asks for. `queues`: whether it waits for its group, where it would be refused.

    `entry`: which of the scenario's `deploy` it is, from 1. `cause`: of what enters an environment, the command.
    """

    group: str
    revision: str
    make: Make
    queues: bool = False
    entry: int = 0
    cause: str = ""

    @property
    def key(self) -> Key:
        """What tells it from all others."""
        return self.cause or self.entry


@dataclass(slots=True)
class _Moment:
    """A wish whose moment is to come."""

    wish: Wish
    trigger: Trigger
    when: When


class Requests:
    """What is still to be asked for in a run."""

    def __init__(self, scenario: Scenario) -> None:
        wishes = [(deploy, _wish(scenario, deploy, entry)) for entry, deploy in enumerate(scenario.deploy, 1)]
        self._in_turn = [wish for deploy, wish in wishes if deploy.when is None]
        self._moments = [
            _Moment(wish, Trigger(deploy.when), deploy.when) for deploy, wish in wishes if deploy.when is not None
        ]
        self._queued: dict[str, list[Wish]] = {}
        """What waits for its group, by the group."""
        self.events = frozenset(m.trigger.event for m in self._moments if m.trigger.event is not None)
        """The lifecycle events that bring a moment."""

    @property
    def waits(self) -> bool:
        """Whether something is asked for in any case: it waits for its time, or for its group."""
        timed = any(each.trigger.at_ms is not None for each in self._moments)
        return timed or any(self._queued.values())

    def moments(self) -> Iterator[tuple[Trigger, Wish]]:
        """What is asked for when its moment comes."""
        return ((each.trigger, each.wish) for each in tuple(self._moments))

    def hear(self, brings: Callable[[Trigger], bool]) -> list[Wish]:
        """What is asked for now that this has happened."""
        return [each.wish for each in self._moments if brings(each.trigger)]

    def next_in_turn(self) -> Wish | None:
        """What is asked for when everything that was begun has ended; it stays next until it is `answered`."""
        return next(iter((*self._queued.get(THROUGH_ENVIRONMENTS, ()), *self._in_turn)), None)

    def next_queued(self) -> list[Wish]:
        """What each group's queue has first; it stays there until it is `answered`."""
        return [queue[0] for group, queue in self._queued.items() if queue and group != THROUGH_ENVIRONMENTS]

    def answered(self, event: Answer, entrance: Wish | None) -> Wish | None:
        """What was asked for has its answer: it is to come no more, or waits in the queue.

        `entrance`: what enters an environment by the event's cause. The wish; None for what is nobody's.
        """
        queued = isinstance(event, DeploymentNotCreated) and event.queued
        for place in (*self._queued.values(), self._in_turn):
            for wish in place:
                if _is_answer(event, wish):
                    if not queued or place is self._in_turn:
                        place.remove(wish)
                        self._queue(wish, queued)
                    return wish
        for each in self._moments:
            if _is_answer(event, each.wish):
                self._moments.remove(each)
                self._queue(each.wish, queued)
                return each.wish
        if entrance is not None:
            self._queue(entrance, queued)
        return entrance

    def _queue(self, wish: Wish, queued: bool) -> None:
        if queued:
            self._queued.setdefault(wish.group, []).append(wish)

    def waiting(self) -> Iterator[str]:
        """What waits in a queue, in words."""
        for group, queue in self._queued.items():
            yield from (f"{wish.revision} waits in the queue of {group or 'the environments'}" for wish in queue)

    def remember(self, others: Requests) -> None:
        """Know what those know: what is still to come, and what waits."""
        self._in_turn, self._moments, self._queued = others._in_turn, others._moments, others._queued

    def never(self) -> Iterator[str]:
        """What was never asked for, in words."""
        for each in self._moments:
            yield f"{each.wish.revision} was never to be deployed: its moment ({moment(each.when)}) never came"


def _is_answer(event: Answer, wish: Wish) -> bool:
    if event.cause or event.entry is not None:
        return wish.key == (event.cause or event.entry)
    asked = event.deployment if isinstance(event, DeploymentCreated) else event  # a journal from before the numbers
    return (wish.group, wish.revision) == (getattr(asked, "group", THROUGH_ENVIRONMENTS), asked.revision)


def _wish(scenario: Scenario, deploy: Deploy, entry: int) -> Wish:
    queues = deploy.if_active == "queue"
    if scenario.environments and deploy.group is None:
        return Wish(THROUGH_ENVIRONMENTS, deploy.revision, _none, queues, entry)
    group = scenario.group_of(deploy)
    return Wish(group.name, deploy.revision, partial(requested, scenario, deploy), queues, entry)


def _none(_identity: str, _standing: Standing) -> Deployment:
    raise AssertionError("what goes through the environments is no deployment itself")
