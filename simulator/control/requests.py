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
from simulator.rollout.events import DeploymentNotCreated

Make = Callable[[str, Standing], Deployment]
"""A deployment, but for its id and for how its group stands when it is created."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A deployment that somebody asks for. `queues`: whether it waits for its group, where it would be refused."""

    group: str
    revision: str
    make: Make
    queues: bool = False


@dataclass(slots=True)
class _Moment:
    """A wish whose moment is to come."""

    wish: Wish
    trigger: Trigger
    when: When


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

    def at_times(self) -> Iterator[tuple[int, Wish]]:
        """What is asked for at a time, in milliseconds."""
        return ((m.trigger.at_ms, m.wish) for m in tuple(self._moments) if m.trigger.at_ms is not None)

    def on_event(self, event: str, host: str, deployment: int) -> list[Wish]:
        """What is asked for as a host enters this lifecycle event in the n-th deployment."""
        return [each.wish for each in self._moments if each.trigger.on_event(event, host, deployment)]

    def on_status(self, status: str, deployment: int) -> list[Wish]:
        """What is asked for as the n-th deployment reaches this status."""
        return [each.wish for each in self._moments if each.trigger.on_status(status, deployment)]

    def on_launch(self, pool: str) -> list[Wish]:
        """What is asked for as a host that this pool has launched is there."""
        return [each.wish for each in self._moments if each.trigger.on_launch(pool)]

    def next_in_turn(self) -> Wish | None:
        """What is asked for when everything that was begun has ended; it stays next until it is `created`."""
        return self._in_turn[0] if self._in_turn else None

    def next_queued(self, group: str) -> Wish | None:
        """What a group that has become free is asked for; it stays next until it is `created`."""
        queue = self._queued.get(group)
        return queue[0] if queue else None

    def created(self, deployment: Deployment) -> None:
        """A user's deployment was created: it is to come no more."""
        self._take(deployment.group, deployment.revision)

    def not_created(self, event: DeploymentNotCreated) -> None:
        """It was not: it waits in the queue, or is over."""
        wish = self._take(event.group, event.revision)
        if event.queued and wish is not None:
            self._queued.setdefault(event.group, deque()).append(wish)

    def never(self) -> Iterator[str]:
        """What was never asked for, in words."""
        for each in self._moments:
            yield f"{each.wish.revision} was never to be deployed: its moment ({moment(each.when)}) never came"

    def _take(self, group: str, revision: str) -> Wish | None:
        """Take what was asked for off the list where it stands; None where nobody wrote it down."""
        for place in (self._queued.get(group, deque()), self._in_turn):
            if place and (place[0].group, place[0].revision) == (group, revision):
                return place.popleft()
        for each in self._moments:
            if (each.wish.group, each.wish.revision) == (group, revision):
                self._moments.remove(each)
                return each.wish
        return None


def _wish(scenario: Scenario, deploy: Deploy) -> Wish:
    group = scenario.group_of(deploy)
    return Wish(group.name, deploy.revision, partial(requested, scenario, deploy), deploy.if_active == "queue")
