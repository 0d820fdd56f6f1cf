"""How commands come to their hosts: none to a host that is gone, and one at a time to each agent."""

from __future__ import annotations

from fleet.base import Emit, Fleet
from simulator.control.groups import Groups
from simulator.control.invariants import Invariants
from simulator.control.pools import PoolsInHand
from simulator.control.turnstile import Turnstile, concerned
from simulator.rollout.commands import Command, RunLifecycleEvent
from simulator.rollout.events import AgentBusy, Event
from simulator.rollout.machine import Rollout


class Delivery:
    """The last step before the fleet. `shared`: whether deployments may be under way side by side on one host."""

    def __init__(
        self,
        groups: Groups,
        invariants: Invariants,
        pools: PoolsInHand | None,
        fleet: Fleet,
        emit: Emit,
        *,
        shared: bool,
    ) -> None:
        self._groups, self._invariants, self._pools = groups, invariants, pools
        self._fleet, self._emit = fleet, emit
        self._turnstile = Turnstile() if shared else None
        self._held: dict[str, RunLifecycleEvent] = {}
        """By its id, what was held back by the event in hand, and may yet be given by it."""
        self._told: dict[str, tuple[str, int]] = {}
        """By the id of a command that waits: for which deployment's, and since when."""

    def remember(self, other: Delivery) -> None:
        """Know what that one knows."""
        self._turnstile, self._invariants, self._told = other._turnstile, other._invariants, other._told

    def give(self, command: Command, rollout: Rollout) -> None:
        """Give a command of a deployment to its host, or have it wait for the host's agent."""
        if self._turnstile is None or self._turnstile.enter(command, rollout):
            self._perform(command)
        elif isinstance(command, RunLifecycleEvent):
            self._held[command.id] = command

    def handled(self, event: Event, rollout: Rollout) -> None:
        """An event was handled in a deployment: whoever has waited for an agent that is free now has its turn."""
        if self._turnstile is None:
            return
        for waiting in self._turnstile.leave(concerned(event, rollout)):
            self._held.pop(waiting.id, None)
            if (told := self._told.pop(waiting.id, None)) is not None:
                behind, since_ms = told
                self._tell(waiting, behind, event.at_ms - since_ms)
            if self._groups.reaches(waiting):
                self._perform(waiting)
        held, self._held = self._held, {}
        for command in held.values():
            behind = self._turnstile.at(command.host)
            self._told[command.id] = behind, event.at_ms
            self._tell(command, behind, None)

    def _tell(self, command: RunLifecycleEvent, behind: str, waited_ms: int | None) -> None:
        about = command.id, command.deployment_id, command.host, behind, waited_ms
        self._emit(lambda event_id, at_ms: AgentBusy(event_id, at_ms, *about))

    def _perform(self, command: Command) -> None:
        self._invariants.reached(command)
        if self._pools is not None:
            self._pools.reached(command)
        self._fleet.perform(command)
