"""How commands come to their hosts: none to a host that is gone, and one at a time to each agent."""

from __future__ import annotations

from fleet.base import Fleet
from simulator.control.groups import Groups
from simulator.control.invariants import Invariants
from simulator.control.pools import PoolsInHand
from simulator.control.turnstile import Turnstile, concerned
from simulator.rollout.commands import Command
from simulator.rollout.events import Event
from simulator.rollout.machine import Rollout


class Delivery:
    """The last step before the fleet. `shared`: whether deployments may be under way side by side on one host."""

    def __init__(
        self, groups: Groups, invariants: Invariants, pools: PoolsInHand | None, fleet: Fleet, *, shared: bool
    ) -> None:
        self._groups, self._invariants, self._pools, self._fleet = groups, invariants, pools, fleet
        self._turnstile = Turnstile() if shared else None

    def remember(self, other: Delivery) -> None:
        """Know what that one knows."""
        self._turnstile, self._invariants = other._turnstile, other._invariants

    def give(self, command: Command, rollout: Rollout) -> None:
        """Give a command of a deployment to its host, or have it wait for the host's agent."""
        if self._turnstile is None or self._turnstile.enter(command, rollout):
            self._perform(command)

    def handled(self, event: Event, rollout: Rollout) -> None:
        """An event was handled in a deployment: whoever has waited for an agent that is free now has its turn."""
        if self._turnstile is not None:
            for waiting in self._turnstile.leave(concerned(event, rollout)):
                if self._groups.reaches(waiting):
                    self._perform(waiting)

    def _perform(self, command: Command) -> None:
        self._invariants.reached(command)
        if self._pools is not None:
            self._pools.reached(command)
        self._fleet.perform(command)
