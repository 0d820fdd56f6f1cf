"""The timers of a run's deployments: one of each name, the last that was started."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from simulator.control.agenda import Driver
from simulator.rollout.commands import StartTimer
from simulator.rollout.events import Event, TimerFired
from simulator.rollout.machine import Rollout


class Timers:
    """Timers on a driver's clock. `deployments` are the run's, by their ids."""

    def __init__(self, driver: Driver, deployments: Mapping[str, tuple[Rollout, int]]) -> None:
        self._driver = driver
        self._deployments = deployments
        self._running: dict[tuple[str, str], StartTimer] = {}

    def start(self, command: StartTimer) -> None:
        """Have TimerFired come at its time, unless the timer is replaced, or the deployment ends before."""
        self._running[command.deployment_id, command.timer] = command
        self._driver.at(command.at_ms, partial(self._fire, command))

    def fired(self, event: TimerFired) -> None:
        """The timer runs no more."""
        self._running.pop((event.deployment_id, event.timer), None)

    def forget(self) -> None:
        """None of them fires any more."""
        self._running.clear()

    def resume(self, others: Timers) -> None:
        """Have those that run there run here, and those that have run out fire now."""
        for command in others._running.values():
            self.start(command)

    def _fire(self, command: StartTimer, event_id: int, at_ms: int) -> Event | None:
        running = self._running.get((command.deployment_id, command.timer))
        if running is not command or self._deployments[command.deployment_id][0].ended:
            return None
        return TimerFired(event_id, at_ms, command.id, command.deployment_id, command.timer)
