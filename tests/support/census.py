"""What random rehearsals came to, counted: whatever can happen in a run must happen in many of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from scenarios.model import Fault, Scenario
from simulator.control.faults import name_of
from simulator.control.operator_words import Word
from simulator.control.result import Outcome, RunResult
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import (
    AlarmState,
    AnalysisOutcome,
    Creator,
    DeploymentStatus,
    ErrorCode,
    FileExistsBehavior,
    OperatorVerb,
    RollbackEvent,
)
from strategies import STRATEGIES
from strategies.plan import Stage

FAULTS = (
    *("health status", "health slow", "health flapping", "script exit", "script hang", "script missing"),
    *("agent stop", "agent restart", "host crash", "host pause", "bundle missing", "bundle corrupt", "file"),
    *(f"alarm {state}" for state in AlarmState),
)
"""Every kind of fault that the virtual fleet can make real."""

_STOPS = (ErrorCode.MANUAL_STOP, ErrorCode.ALARM_ACTIVE)
_LAST = (Word.END, "refused")
EXPECTED = (
    *(f"strategy: {name}" for name in STRATEGIES if name != BACK_TO_BLUE),
    *(f"blue/green: {way}" for way in ("provisioned", "discovered", "at once", "by shares", "kept", "terminated")),
    *(f"stage: {kind.__name__}" for kind in Stage.__args__),
    *(f"ended: {DeploymentStatus.FAILED} {code}" for code in ErrorCode if code not in _STOPS),
    *(f"ended: {DeploymentStatus.STOPPED} {code}" for code in (*_STOPS, ErrorCode.TIMEOUT)),
    *(f"word: {verb} {how}" for verb in OperatorVerb for how in ("heard", "refused")),
    *(f"stop: {wish}" for wish in ("as configured", "with a rollback", "without one")),
    *(f"alarm: active {when}" for when in ("before", "meanwhile")),
    *(f"analysis: {outcome}" for outcome in AnalysisOutcome),
    *(f"fault: {kind} {how}" for kind in FAULTS for how in ("struck", "healed")),
    *(f"rolled back by: {cause}" for cause in (*RollbackEvent, "a person's wish")),
    *(f"rolled back in: {way}" for way in ("in-place", "rolling", BACK_TO_BLUE, BLUE_GREEN)),
    *(f"rollback: {status}" for status in (DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED)),
    *(f"files: {behaviour}" for behaviour in FileExistsBehavior),
    *(f"asked for: {count}" for count in (1, 2, 3)),
    *(f"outcome: {outcome}" for outcome in Outcome),
    *(f"sick at the end, {status}" for status in (DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED)),
    "a host that failed in a deployment that succeeded",
)
"""What must come of random rehearsals."""
OPERATED = tuple(f"said: {word} {how}" for word in Word for how in ("done", "refused") if (word, how) != _LAST)
"""What must come of those that people operate, besides: of every word, but that nobody says `end` twice."""


class Census:
    """Counts in how many runs each thing happened."""

    def __init__(self, expected: Iterable[str]) -> None:
        self.runs = 0
        self._counts = Counter(dict.fromkeys(expected, 0))

    def count(self, asked: Scenario, result: RunResult, *more: str) -> None:
        """One run has ended."""
        self.runs += 1
        self._counts.update({*_of_run(asked, result), *more})

    def table(self) -> str:
        """A line for each thing: in how many of a thousand runs it happened."""
        rows = (f"{1000 * count / max(self.runs, 1):9.1f}  {what}" for what, count in sorted(self._counts.items()))
        return "\n".join((f"in {self.runs} runs, of 1000:", *rows))

    def missing(self, of_runs: int) -> list[str]:
        """What did not happen in one of so many runs."""
        return [what for what, count in sorted(self._counts.items()) if count * of_runs < self.runs]


def _of_run(asked: Scenario, result: RunResult) -> Iterator[str]:
    yield f"asked for: {len(asked.deploy)}"
    yield f"outcome: {result.outcome}"
    kinds = {name_of(fault): _kind(fault) for fault in asked.faults}
    for change in result.faults:
        yield f"fault: {kinds[change.fault]} {'struck' if change.active else 'healed'}"
    for rollout in result.rollouts:
        yield from _of_deployment(rollout)
        yield from _of_people(rollout)
    by_id = {rollout.deployment_id: rollout for rollout in result.rollouts}
    for rollout in result.rollouts:
        if rollout.deployment.creator is Creator.ROLLBACK:
            yield f"rolled back in: {rollout.deployment.strategy}"
            yield f"rolled back by: {_cause(by_id[rollout.deployment.rollback_of or ''])}"
            yield f"rollback: {rollout.status}"


def _kind(fault: Fault) -> str:
    kind = fault.do.kind
    value = getattr(fault.do, kind)
    if isinstance(value, str):
        return f"{kind} {value}"
    (key,) = set(value.model_fields_set) - {"name"} or {"state"}
    return {"alarm": f"alarm {getattr(value, 'state', '')}", "file": kind}.get(kind, f"{kind} {key}")


def _of_deployment(rollout: Rollout) -> Iterator[str]:
    deployment, status = rollout.deployment, rollout.status
    yield f"strategy: {deployment.strategy}"
    yield f"files: {deployment.file_exists_behavior}"
    yield f"ended: {status} {rollout.error.code if rollout.error else ''}".strip()
    for stage in rollout.stages[: len(rollout.begun)]:
        yield f"stage: {type(stage).__name__}"
    if rollout.judged:
        yield f"analysis: {rollout.judged.outcome}"
    if rollout.sick:
        yield f"sick at the end, {status}"
    if status is DeploymentStatus.SUCCEEDED and rollout.failures:
        yield "a host that failed in a deployment that succeeded"
    told = deployment.options.blue_green
    if told and deployment.strategy == BLUE_GREEN and status is DeploymentStatus.SUCCEEDED:
        yield f"blue/green: {'discovered' if told.green else 'provisioned'}"
        yield f"blue/green: {'by shares' if told.shift else 'at once'}"
        yield f"blue/green: {'kept' if told.terminate_after_ms is None else 'terminated'}"


def _of_people(rollout: Rollout) -> Iterator[str]:
    for spoke, refused in rollout.spoken:
        yield f"word: {spoke.verb} {'refused' if refused else 'heard'}"
    if rollout.stop:
        wishes = {None: "as configured", True: "with a rollback", False: "without one"}
        yield f"stop: {wishes[rollout.stop.auto_rollback]}"
    if rollout.alarm:
        yield f"alarm: active {'before' if rollout.deployment.active_alarms else 'meanwhile'}"


def _cause(undone: Rollout) -> str:
    """Why a deployment was rolled back."""
    if undone.stop and undone.stop.auto_rollback:
        return "a person's wish"
    if undone.alarm:
        return RollbackEvent.DEPLOYMENT_STOP_ON_ALARM
    failed = undone.status is DeploymentStatus.FAILED
    return RollbackEvent.DEPLOYMENT_FAILURE if failed else RollbackEvent.DEPLOYMENT_STOP_ON_REQUEST
