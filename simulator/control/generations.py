"""Names for new hosts that no host of the run has had: such a host may still stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from simulator.rollout.deployment import Deployment
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import BLUE_GREEN
from strategies.blue_green import latest
from strategies.options import BlueGreen


class Generations:
    """How far the generations of hosts have come. `names`: of the hosts before the run."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names: Iterable[str] | None = names
        self._latest = 0

    def fresh(self, deployment: Deployment) -> Deployment:
        """The same, but that its new hosts are of a generation of their own."""
        if deployment.strategy != BLUE_GREEN:
            return deployment
        if self._names is not None:  # looked at only where somebody wants to know: they may be many
            self._latest, self._names = max(self._latest, latest(self._names)), None
        told = deployment.options.blue_green or BlueGreen()
        if told.generation > self._latest:
            return deployment
        told = replace(told, generation=self._latest + 1)
        return replace(deployment, options=replace(deployment.options, blue_green=told))

    def remember(self, others: Generations) -> None:
        """Know what those know."""
        self._names, self._latest = others._names, others._latest

    def created(self, rollout: Rollout) -> None:
        """A deployment was created, with whatever hosts it asks for."""
        if rollout.deployment.strategy == BLUE_GREEN:
            self._latest = max(self._latest, latest(rollout.hosts))
