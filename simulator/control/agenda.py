"""What is to happen, now or later: the driver's clock, as those see it who only ever put things there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from fleet.base import MakeEvent


class Driver(Protocol):
    """The clock and the loop."""

    def now_ms(self) -> int:
        """Milliseconds since the run began."""
        ...

    def at(self, at_ms: int, make: MakeEvent) -> None:
        """Make this event at that time (now, if it is past) and hand it to `Rehearsal.handle`."""
        ...


class Agenda:
    """A driver's. It knows nothing of the run, so that what holds it does not hold the run."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def emit(self, make: MakeEvent) -> None:
        """Make this event now."""
        self._driver.at(self._driver.now_ms(), make)

    def later(self, delay_ms: int, call: Callable[[], None]) -> None:
        """Call this so many milliseconds from now."""

        def due(_event_id: int, _at_ms: int) -> None:
            call()

        self._driver.at(self._driver.now_ms() + delay_ms, due)
