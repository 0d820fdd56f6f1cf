"""What people say in a scenario: each action once, when its moment comes, to one deployment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fleet.base import Emit, Fleet
from scenarios.model import OperatorAction
from simulator.control.groups import Groups
from simulator.control.happened import OPERATOR
from simulator.control.promotions import AT_A_GATE, Promotions
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
        promotions: Promotions,
        emit: Emit,
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._lines = [_Line(action, Trigger(action.when)) for action in actions]
        self._groups, self._promotions, self._emit, self._later = groups, promotions, emit, later
        self.events = frozenset(line.trigger.event for line in self._lines if line.trigger.event is not None)
        """The lifecycle events of which `entering` wants to hear."""

    def begin(self, fleet: Fleet) -> None:
        """Time 0: what is due at a time gets its timer, what is due at a request is counted."""
        for line in self._lines:
            if line.trigger.at_ms is not None:
                self._later(line.trigger.at_ms, partial(self._say, line))
            elif (request := line.trigger.request) is not None:
                fleet.at_request(request, partial(self._later, 0, partial(self._say, line)))

    def hear(self, brings: Callable[[Trigger], bool], about: Rollout | None = None) -> None:
        """Something has happened, in this deployment where it is `about` one.

        Of several actions alike it is the moment of the next one, so that two can answer one wait each.
        """
        due: list[OperatorAction] = []
        for line in self._lines:
            if brings(line.trigger) and not line.said and line.action not in due:
                due.append(line.action)
                self._say(line, about)

    def asked(self, environment: str) -> None:
        """A person is asked whether a revision may enter an environment."""
        for line in self._lines:
            if line.trigger.on_gate(environment):
                self._answer(line, environment)

    def _answer(self, line: _Line, environment: str) -> None:
        """Say yes or no at a gate."""
        if not line.said and (yes := AT_A_GATE.get(line.action.do)) is not None:
            line.said = True
            self._promotions.answer(environment, OPERATOR, yes=yes)

    def launched(self, pool: str) -> None:
        """A host that this pool has launched is there."""
        for line in self._lines:
            if line.trigger.on_launch(pool):
                self._say(line)

    def _say(self, line: _Line, about: Rollout | None = None) -> None:
        """Say it to its group's deployment, to the one that brought the moment, or to the newest; or at a gate."""
        action = line.action
        if about is None and self._groups.newest(action.group) is None:
            if (environment := self._promotions.gate_of(action.group)) is not None:
                self._answer(line, environment)
            return
        about_it = about is not None and action.group is None and not (about.ended or about.deployment.creator.beside)
        rollout = about if about_it else self._groups.newest(action.group)
        if line.said or rollout is None:
            return
        line.said = True
        deployment = rollout.deployment_id
        if action.do in ("stop", "abort"):
            aborts = action.do == "abort"
            wanted = True if aborts else action.auto_rollback
            self._emit(lambda event_id, at_ms: StopRequested(event_id, at_ms, "", deployment, OPERATOR, wanted, aborts))
        else:
            verb = OperatorVerb(action.do)
            self._emit(lambda event_id, at_ms: OperatorSpoke(event_id, at_ms, "", deployment, verb, OPERATOR))
