"""The end of a run: wait until the disks are compared, measure the traffic, where there is any, and be done."""

from __future__ import annotations

from fleet.base import Fleet
from simulator.control.agenda import Driver
from simulator.rollout.deployment import Deployment


class Closing:
    """What a run's end waits for. It closes once; `done` says when all is over."""

    def __init__(self, fleet: Fleet, driver: Driver) -> None:
        self._fleet = fleet
        self._driver = driver
        self._comparing = 0
        self._closing = False
        self.done = False

    def compare(self, undone: Deployment) -> None:
        """Have the disks compared with what they were before a deployment that was undone."""
        self._comparing += self._fleet.compare_disks(undone)

    def compared(self) -> None:
        """They are."""
        self._comparing = max(self._comparing - 1, 0)
        if self._closing and not self._comparing:
            self.close()

    def close(self) -> None:
        """The last deployment has ended."""
        self._closing = self._comparing > 0
        if self._closing:
            return
        if (measure := self._fleet.measure()) is not None:
            self._driver.at(self._driver.now_ms(), measure)
        else:
            self.done = True
