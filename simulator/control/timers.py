"""The timers of a run's deployments: one of each name, the last that was started."""

from __future__ import annotations

from functools import partial

from simulator.control.agenda import Driver
from simulator.rollout.commands import StartTimer
from simulator.rollout.events import Event, TimerFired
from simulator.rollout.machine import Rollout


class Timers:
    """Timers on a driver's clock."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._running: dict[tuple[str, str], str] = {}

    def start(self, command: StartTimer, rollout: Rollout) -> None:
        """Have TimerFired come at its time, unless the timer is replaced, or the deployment ends before."""
        self._running[command.deployment_id, command.timer] = command.id
        self._driver.at(command.at_ms, partial(self._fire, command, rollout))

    def _fire(self, command: StartTimer, rollout: Rollout, event_id: int, at_ms: int) -> Event | None:
        if self._running.get((command.deployment_id, command.timer)) != command.id or rollout.ended:
            return None
        return TimerFired(event_id, at_ms, command.id, command.deployment_id, command.timer)
