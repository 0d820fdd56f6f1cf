"""What people say in a scenario: each action once, when its moment comes, to one deployment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fleet.base import Emit
from scenarios.model import OperatorAction
from simulator.control.groups import Groups
from simulator.control.happened import OPERATOR
from simulator.control.triggers import Trigger
from simulator.rollout.events import OperatorSpoke, StopRequested
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import OperatorVerb


@dataclass(slots=True)
class _Line:
    """One line of somebody's part."""

    action: OperatorAction
    trigger: Trigger
    said: bool = False


class People:
    """The part of the people in a run. `emit` journals what is said; `later` sets a timer."""

    def __init__(
        self,
        actions: Sequence[OperatorAction],
        groups: Groups,
        emit: Emit,
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._lines = [_Line(action, Trigger(action.when)) for action in actions]
        self._groups, self._emit, self._later = groups, emit, later
        self.events = frozenset(line.trigger.event for line in self._lines if line.trigger.event is not None)
        """The lifecycle events of which `entering` wants to hear."""

    def begin(self) -> None:
        """Time 0: what is due at a time gets its timer."""
        for line in self._lines:
            if line.trigger.at_ms is not None:
                self._later(line.trigger.at_ms, partial(self._say, line))

    def entering(self, host: str, event: str, rollout: Rollout, deployment: int) -> None:
        """A host is about to be given this lifecycle event of a deployment, the n-th."""
        for line in self._lines:
            if line.trigger.on_event(event, host, deployment):
                self._say(line, rollout)

    def reached(self, rollout: Rollout, deployment: int) -> None:
        """A deployment, the n-th, has another status."""
        for line in self._lines:
            if line.trigger.on_status(rollout.status, deployment):
                self._say(line, rollout)

    def launched(self, pool: str) -> None:
        """A host that this pool has launched is there."""
        for line in self._lines:
            if line.trigger.on_launch(pool):
                self._say(line)

    def _say(self, line: _Line, about: Rollout | None = None) -> None:
        """Say it to its group's deployment, to the one that brought the moment, or to the newest."""
        action = line.action
        about_it = about is not None and action.group is None and not about.ended
        rollout = about if about_it else self._groups.newest(action.group)
        if line.said or rollout is None:
            return
        line.said = True
        deployment = rollout.deployment_id
        if action.do in ("stop", "abort"):
            wanted = True if action.do == "abort" else action.auto_rollback
            self._emit(lambda event_id, at_ms: StopRequested(event_id, at_ms, "", deployment, OPERATOR, wanted))
        else:
            verb = OperatorVerb(action.do)
            self._emit(lambda event_id, at_ms: OperatorSpoke(event_id, at_ms, "", deployment, verb, OPERATOR))
