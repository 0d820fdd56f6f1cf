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
        self._begun = False

    def remember(self, other: Closing) -> None:
        """Know what that one knows."""
        self._comparing, self._begun = other._comparing, other._begun

    def compare(self, undone: Deployment) -> None:
        """A rollback has ended: have the disks compared with what they were before what it undid."""
        self._comparing += self._fleet.compare_disks(undone)

    def begin(self) -> bool:
        """The last deployment has ended. Whether the run is done already; otherwise TrafficMeasured ends it."""
        self._begun = self._comparing > 0
        if self._begun:
            return False
        if (measure := self._fleet.measure()) is None:
            return True
        self._driver.at(self._driver.now_ms(), measure)
        return False

    def compared(self) -> bool:
        """The disks were compared. Whether the run is done now."""
        self._comparing = max(self._comparing - 1, 0)
        return self._begun and not self._comparing and self.begin()
