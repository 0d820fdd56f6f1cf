"""Whether a task set is steady: all of its tasks are healthy. What is seen of tasks is told of their service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Said(NamedTuple):
    """What is to be told of a service: whether its newest task set is healthy, and what was seen there."""

    healthy: bool
    seen: str


class Steady:
    """Follows the newest task set: what becomes of the others no deployment asks."""

    def __init__(self) -> None:
        self._healthy: dict[str, bool] = {}
        self._told: Said | None = None

    def watch(self, tasks: Iterable[str]) -> None:
        """A new task set is on its way; the one before is of no interest any more."""
        self._healthy = dict.fromkeys(tasks, False)
        self._told = None

    def hear(self, task: str, healthy: bool, seen: str) -> Said | None:
        """What the balancer sees of a task; what is new to tell of its service, None where that is nothing."""
        if task not in self._healthy:
            return None
        self._healthy[task] = healthy
        if healthy and not all(self._healthy.values()):
            return None
        said = Said(healthy, seen)
        if said == self._told:
            return None
        self._told = said
        return said
