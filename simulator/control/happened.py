"""Which faults and which of the operator's steps came about in a run, told by its events; and words for the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from scenarios.fault_names import names_of
from scenarios.model import Fault, OperatorAction, Scenario, When
from scenarios.words import duration_text
from simulator.rollout.commands import Command
from simulator.rollout.events import (
    Event,
    FaultChanged,
    GateAnswered,
    LifecycleEventCompleted,
    OperatorSpoke,
    StopRequested,
)
from simulator.rollout.machine import Rollout

OPERATOR = "the operator"
"""Who says what a scenario scripts."""

_Step = tuple[str, bool | None]
"""What is said, and, where it is a stop, whether it is to be rolled back."""


class Happened:
    """An observer of a run that remembers what its scenario had scripted, and came about."""

    def __init__(self, scenario: Scenario) -> None:
        self.faults: list[FaultChanged] = []
        """The faults that began and were healed, in their order."""
        self._scripted = list(zip(names_of(scenario.faults), scenario.faults, strict=True))
        self._steps = scenario.operator
        self._struck: set[str] = set()
        self._said: Counter[_Step] = Counter()
        self._said_at_gates: Counter[bool] = Counter()
        self._script_events = {
            name: fault.when.event for name, fault in self._scripted if fault.do.script and fault.when
        }
        self._at: dict[str, set[str]] = {name: set() for name in self._script_events}
        """Of each fault of scripts, the hosts that it struck and whose event has not completed since."""
        self._unharmed: Counter[str] = Counter()
        self._harmed: set[str] = set()

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:  # noqa: ARG002
        """An event was handled."""
        if isinstance(event, FaultChanged):
            self.faults.append(event)
        match event:
            case FaultChanged(fault=fault, active=True):
                self._struck.add(fault)
                if fault in self._at:
                    self._at[fault].update(event.hosts)
            case LifecycleEventCompleted() if self._at:
                self._completed(event)
            case GateAnswered(by=by, yes=yes) if by == OPERATOR:
                self._said_at_gates[yes] += 1
            case StopRequested(by=by) if by == OPERATOR:
                self._said["stop", event.auto_rollback] += 1
            case OperatorSpoke(by=by) if by == OPERATOR:
                self._said[event.verb.value, None] += 1

    def _completed(self, event: LifecycleEventCompleted) -> None:
        for fault, hosts in self._at.items():
            if event.host in hosts and event.name == self._script_events[fault]:
                hosts.discard(event.host)
                if event.diagnostics is None:
                    self._unharmed[fault] += 1
                else:
                    self._harmed.add(fault)

    def missed(self) -> Iterator[str]:
        """What did not come about, in words, in the order of the scenario."""
        for name, fault in self._scripted:
            if name not in self._struck:
                yield f"fault {name} never struck: {_why(fault)}"
            elif self._unharmed[name] and name not in self._harmed and not self._at[name]:
                event = self._script_events[name]
                yield (
                    f"fault {name} struck nothing: {event} succeeded all the same wherever it came; a fault of scripts "
                    "needs scripts, and the AppSpec has none for this event"
                )
        said, at_gates = self._said.copy(), self._said_at_gates.copy()
        for action in self._steps:
            step, yes = _step(action), action.do not in ("stop", "abort")
            if said[step]:
                said[step] -= 1
            elif at_gates[yes]:
                at_gates[yes] -= 1
            else:
                yield f"the operator's step never came: {action.do}, {moment(action.when)}"


def _step(action: OperatorAction) -> _Step:
    if action.do in ("stop", "abort"):
        return "stop", True if action.do == "abort" else action.auto_rollback
    return action.do, None


def _why(fault: Fault) -> str:
    spared = f", or the draws (probability {fault.probability:g}) spared everybody" if fault.probability < 1 else ""
    if fault.when is None:
        return f"no host was ever what `where` asks for{spared}"
    found_nobody = "" if fault.do.at_no_host else ", or found no host that it is for"
    return f"its moment ({moment(fault.when)}) never came{found_nobody}{spared}"


def moment(when: When) -> str:
    """When something was to happen, in words."""
    if when.gate is not None:
        return f"when somebody is asked before {when.gate}"
    if when.at is not None:
        return f"at {duration_text(when.at)}"
    if when.launched is not None:
        return f"when {when.launched} has launched a host"
    if when.request is not None:
        return f"at request {when.request} of the users"
    if when.weight is not None:
        parts = [f"when it has {when.weight} % of the traffic"]
    else:
        parts = [f"when {when.host or 'a host'} enters {when.event}" if when.event else f"when it is {when.status}"]
    if when.nth is not None:
        parts.append(f"the host that does so as number {when.nth}")
    if when.deployment is not None:
        parts.append(f"in deployment {when.deployment}")
    return ", ".join(parts)
