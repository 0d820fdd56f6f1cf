"""The deployments that a scenario asks for: in turn, or when their moment comes; and those that wait for their group.

A group has one deployment at a time. What is asked for while one is under way is refused, or waits in a queue.
"""

from __future__ import annotations

from collections import deque
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


@dataclass(frozen=True, slots=True)
class Wish:
    """A deployment that somebody asks for. `queues`: whether it waits for its group, where it would be refused."""

    group: str
    revision: str
    make: Make
    queues: bool = False

    def is_of(self, asked: tuple[str, str]) -> bool:
        """Whether it is for this group, and of this revision."""
        return (self.group, self.revision) == asked


@dataclass(slots=True)
class _Moment:
    """A wish whose moment is to come."""

    wish: Wish
    trigger: Trigger
    when: When
    came: bool = False

    def due(self, at_ms: int) -> bool:
        """Whether it has come by then."""
        return self.came or (self.trigger.at_ms is not None and self.trigger.at_ms <= at_ms)


class Requests:
    """What is still to be asked for in a run."""

    def __init__(self, scenario: Scenario) -> None:
        wishes = [(deploy, _wish(scenario, deploy)) for deploy in scenario.deploy]
        self._in_turn = deque(wish for deploy, wish in wishes if deploy.when is None)
        self._moments = [
            _Moment(wish, Trigger(deploy.when), deploy.when) for deploy, wish in wishes if deploy.when is not None
        ]
        self._queued: dict[str, deque[Wish]] = {}
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
        heard = [each for each in self._moments if brings(each.trigger)]
        for each in heard:
            each.came = True
        return [each.wish for each in heard]

    def next_in_turn(self) -> Wish | None:
        """What is asked for when everything that was begun has ended; it stays next until it is `created`."""
        return self._in_turn[0] if self._in_turn else None

    def next_queued(self, group: str) -> Wish | None:
        """What a group that has become free is asked for; it stays next until it is `created`."""
        queue = self._queued.get(group)
        return queue[0] if queue else None

    def created(self, event: DeploymentCreated) -> None:
        """A user's deployment was created: it is to come no more. What enters an environment was on nobody's list."""
        if not event.cause:
            self._begun(event.deployment.group, event.deployment.revision, event.at_ms)

    def promoted(self, event: PromotionRequested) -> None:
        """A revision has set out on its way through the environments."""
        self._begun(THROUGH_ENVIRONMENTS, event.revision, event.at_ms)

    def queue(self, wish: Wish) -> None:
        """It waits for its group."""
        self._queued.setdefault(wish.group, deque()).append(wish)

    def not_created(self, event: DeploymentNotCreated) -> None:
        """It was not: it waits in the queue, or is over."""
        if event.cause:
            return
        asked = event.group, event.revision
        wish = self._take(*asked, event.at_ms) or self._from_queue(*asked)
        if event.queued and wish is not None:
            self.queue(wish)

    def remember(self, others: Requests) -> None:
        """Know what those know: what is still to come, and what waits."""
        self._in_turn, self._moments, self._queued = others._in_turn, others._moments, others._queued

    def never(self) -> Iterator[str]:
        """What was never asked for, in words."""
        for each in self._moments:
            yield f"{each.wish.revision} was never to be deployed: its moment ({moment(each.when)}) never came"

    def _begun(self, group: str, revision: str, at_ms: int) -> None:
        """It is to come no more; of several that are alike it is the one that has waited."""
        if self._from_queue(group, revision) is None:
            self._take(group, revision, at_ms)

    def _from_queue(self, group: str, revision: str) -> Wish | None:
        """Take what waits longest for its group, if it is this."""
        queue = self._queued.get(group)
        return queue.popleft() if queue and queue[0].is_of((group, revision)) else None

    def _take(self, group: str, revision: str, at_ms: int) -> Wish | None:
        """Take what was asked for off the list where it stands; None where nobody wrote it down.

        Several may be alike: what has come by now is first. (A replay makes no requests, so what a request brings may
        have come at any time.)
        """
        alike = [each for each in self._moments if each.wish.is_of((group, revision))]
        if (came := next((each for each in alike if each.due(at_ms)), None)) is None:
            if self._in_turn and self._in_turn[0].is_of((group, revision)):
                return self._in_turn.popleft()
            came = next((each for each in alike if each.trigger.request is not None), None)
        if came is None:
            return None
        self._moments.remove(came)
        return came.wish


def _wish(scenario: Scenario, deploy: Deploy) -> Wish:
    if scenario.environments and deploy.group is None:
        return Wish(THROUGH_ENVIRONMENTS, deploy.revision, _none, deploy.if_active == "queue")
    group = scenario.group_of(deploy)
    return Wish(group.name, deploy.revision, partial(requested, scenario, deploy), deploy.if_active == "queue")


def _none(_identity: str, _standing: Standing) -> Deployment:
    raise AssertionError("what goes through the environments is no deployment itself")
