"""The controller dies between two steps, and begins anew from its journal.

While it is gone nothing is decided: what happens meanwhile waits until somebody hears it, as agents try again, and the
timers that it had set are gone with it. When it is there again it knows what the journal tells and nothing else: every
deployment is folded anew, event by event. Then it hears what has waited, in the order in which it happened, and the
timers that have run out meanwhile fire.

Source of the demand that the end be the same: Sun et al., "Automatic Reliability Testing for Cluster Management
Controllers" (Sieve), OSDI 2022.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from typing import Protocol

from fleet.base import Fleet, MakeEvent
from scenarios.model import Effect, Scenario
from simulator.control.agenda import Agenda, Driver
from simulator.rollout.events import Event, FaultChanged


def crashes(scenario: Scenario) -> bool:
    """Whether the controller dies in the course of a scenario, so that its journal must give its events back."""
    return any(fault.do.controller is not None for fault in scenario.faults)


class Mortal(Protocol):
    """What dies and lives again; see `simulator.control.rehearsal.Rehearsal`."""

    def die(self) -> None:
        """No timer fires any more."""

    def relive(self, waiting: Iterable[MakeEvent]) -> None:
        """Forget everything but the journal, hear what has waited, and set the timers that were running."""


class ControllerCrash:
    """The controller's deaths in a run. `holds` is asked about each event while the driver makes them."""

    def __init__(
        self,
        controller: Mortal,
        fleet: Fleet,
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._controller = controller
        self._fleet = fleet
        self._later = later
        self._down: set[str] = set()
        """The faults that keep it down."""
        self._waiting: list[MakeEvent] = []

    @property
    def is_down(self) -> bool:
        """Whether nobody hears anything."""
        return bool(self._down)

    def agenda(self, driver: Driver) -> Agenda:
        """For what the controller itself is asked for: while it is down it waits, and nobody has decided anything."""
        return Agenda(_Patient(driver, self))

    def strike(self, fault: str, effect: Effect) -> None:
        """It dies once the step that it is at has ended."""
        self._later(0, partial(self._die, fault, effect))

    def heal(self, fault: str, effect: Effect) -> None:
        """It begins anew, unless another fault keeps it down."""
        self._later(0, partial(self._rise, fault, effect))

    def holds(self, event: Event) -> bool:
        """Whether an event waits, because there is nobody to hear it. The script of the run is not the controller's."""
        if not self._down or isinstance(event, FaultChanged):
            return False
        self._waiting.append(partial(_heard, event))
        return True

    def puts_off(self, make: MakeEvent) -> bool:
        """Whether something waits to be made, because there is nobody to make it."""
        if self._down:
            self._waiting.append(make)
        return bool(self._down)

    def _die(self, fault: str, effect: Effect) -> None:
        if not self._down:
            self._controller.die()
            self._fleet.inject(fault, effect, (), event=None)
        self._down.add(fault)

    def _rise(self, fault: str, effect: Effect) -> None:
        self._down.discard(fault)
        if self._down:
            return
        waiting, self._waiting = self._waiting, []
        self._controller.relive(waiting)
        self._fleet.heal(fault, effect, ())


class _Patient:
    """A driver on whose clock things are made only while the controller is there."""

    def __init__(self, driver: Driver, crash: ControllerCrash) -> None:
        self._driver, self._crash = driver, crash

    def now_ms(self) -> int:
        return self._driver.now_ms()

    def at(self, at_ms: int, make: MakeEvent) -> None:
        self._driver.at(at_ms, partial(self._make, make))

    def _make(self, make: MakeEvent, event_id: int, at_ms: int) -> Event | None:
        return None if self._crash.puts_off(partial(self._make, make)) else make(event_id, at_ms)


def _heard(event: Event, event_id: int, at_ms: int) -> Event:
    """An event that has waited: it is heard now."""
    return replace(event, id=event_id, at_ms=at_ms)
