"""The end of a run: the disks that are still being compared, then the traffic, where there is any."""

from __future__ import annotations

from fleet.base import Fleet
from simulator.control.agenda import Driver
from simulator.rollout.deployment import Deployment


class Closing:
    """How far the end has come."""

    def __init__(self, fleet: Fleet, driver: Driver) -> None:
        self._fleet, self._driver = fleet, driver
        self._comparing = 0
        self._measuring = False

    def remember(self, other: Closing) -> None:
        """Know what that one knows. A measurement that was asked for comes, whoever remembers that he asked."""
        self._comparing = other._comparing

    def compare(self, undone: Deployment) -> None:
        """A rollback has ended: have the disks compared with what they were before what it undid."""
        self._comparing += self._fleet.compare_disks(undone)

    def compared(self) -> None:
        """One of them is. (A replay knows of none that was under way.)"""
        self._comparing = max(self._comparing - 1, 0)

    def begin(self) -> bool:
        """Nothing is under way or to come but this. Whether the run is done already; else what ends it is to come."""
        if self._comparing or self._measuring:
            return False
        if (measure := self._fleet.measure()) is None:
            return True
        self._measuring = True
        self._driver.at(self._driver.now_ms(), measure)
        return False
