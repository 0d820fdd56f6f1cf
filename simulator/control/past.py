"""The past, as a fleet and a driver: what was commanded has been done, and how it went stands in the journal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from typing_extensions import override

from fleet.base import Fleet, MakeEvent
from scenarios.model import Effect, Scenario
from scenarios.platforms import SERVER
from simulator.rollout.commands import Command
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import Event


class Past(Fleet):
    """A fleet that does nothing, a clock that is set, and a journal in which nothing is written a second time."""

    def __init__(self, name: str, scenario: Scenario) -> None:
        self.name = name
        self.ms = 0
        self._measures = scenario.balancer is not None
        self._has_disks = scenario.compute_platform == SERVER
        self._remembered: set[str] = set()

    @override
    def begin(self, deployment: Deployment) -> None: ...

    @override
    def watch_starts(self, events: frozenset[str]) -> None: ...

    @override
    def perform(self, command: Command) -> None: ...

    @override
    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None: ...

    @override
    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None: ...

    @override
    def measure(self) -> MakeEvent | None:
        return (lambda _id, _at_ms: None) if self._measures else None

    @override
    def remember_disks(self, deployment: Deployment) -> None:
        self._remembered.add(deployment.deployment_id)

    @override
    def compare_disks(self, undone: Deployment) -> bool:
        return self._has_disks and undone.deployment_id in self._remembered

    def now_ms(self) -> int:
        """The time of the event that is folded."""
        return self.ms

    def at(self, at_ms: int, make: MakeEvent) -> None:
        """What was to come has come, and stands in the journal."""

    def write(self, event: Event) -> None:
        """It is written already."""

    def told(self) -> Iterator[Event]:
        """Nobody asks the past of a past."""
        return iter(())
