"""What random rehearsals came to, counted: whatever can happen in a run must happen in many of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from scenarios.fault_names import names_of
from scenarios.model import Scenario
from simulator.control.operator_words import Word
from simulator.control.result import Outcome, RunResult
from simulator.rollout.commands import COMMANDS, Command
from simulator.rollout.events import EVENTS, Event, OperatorSpoke
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Passage
from simulator.rollout.rollback import BLUE_GREEN
from simulator.rollout.statuses import (
    AnalysisOutcome,
    Creator,
    DeploymentStatus,
    ErrorCode,
    FileExistsBehavior,
    LifecycleErrorCode,
    OperatorVerb,
    RollbackEvent,
    TargetStatus,
    Trigger,
)
from strategies import STRATEGIES
from strategies.plan import Stage
from tests.support.census_words import DRAWN, faults, kinds_of, of_scenario

_STOPS = (ErrorCode.MANUAL_STOP, ErrorCode.ALARM_ACTIVE)
_NEVER_HEALED = frozenset({"host terminate", "balancer restart"})
_OTHERWISE_REFUSED = (ErrorCode.INVALID_REVISION, ErrorCode.INVALID_ECS_SERVICE, ErrorCode.INVALID_LAMBDA_FUNCTION)
"""Codes of AppSpecs that no bundle of the library has: `tests/unit/scenarios` and `tests/unit/control` have them."""
_FAILS = tuple(code for code in ErrorCode if code not in (*_STOPS, *_OTHERWISE_REFUSED))
_AT_THE_END = tuple(s for s in TargetStatus if s in ("Succeeded", "Failed", "Skipped", "Ready"))
"""What a host is when its deployment has ended."""
_WRITTEN = tuple(verb for verb in OperatorVerb if verb is not OperatorVerb.SKIP_WAIT)
"""The words that a scenario can write; `skip-wait` is only said to a run that goes on."""
_NOT_OF_THE_VIRTUAL_FLEET = (LifecycleErrorCode.SUCCESS, LifecycleErrorCode.SCRIPT_NOT_EXECUTABLE)
EXPECTED = (
    *DRAWN,
    *(f"event: {name}" for name in EVENTS),
    *(f"command: {name}" for name in COMMANDS),
    *(f"notified: {trigger}" for trigger in Trigger),
    *(f"created by: {creator}" for creator in Creator),
    *(f"went by: {name}" for name in STRATEGIES),
    *(f"blue/green: {way}" for way in ("provisioned", "discovered", "at once", "by shares", "kept", "terminated")),
    *(f"stage: {kind.__name__}" for kind in Stage.__args__),
    *(f"ended: {DeploymentStatus.FAILED} {code}" for code in _FAILS),
    *(f"ended: {DeploymentStatus.STOPPED} {code}" for code in (*_STOPS, ErrorCode.TIMEOUT)),
    *(f"host: {status}" for status in _AT_THE_END),
    *(f"lifecycle event: {code}" for code in LifecycleErrorCode if code not in _NOT_OF_THE_VIRTUAL_FLEET),
    *(f"word: {verb} {how}" for verb in (*_WRITTEN, "stop") for how in ("heard", "refused")),
    *(f"stop: {wish}" for wish in ("as configured", "with a rollback", "without one")),
    *(f"alarm: active {when}" for when in ("before", "meanwhile")),
    *(f"analysis: {outcome}" for outcome in AnalysisOutcome),
    *(f"{kind} struck" for kind in faults()),
    *(f"{kind} healed" for kind in faults() if kind not in _NEVER_HEALED and not kind.startswith("pool")),
    *(f"rolled back by: {cause}" for cause in (*RollbackEvent, "a person's wish")),
    *(f"rollback: {status}" for status in (DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED)),
    *(f"files: {behaviour}" for behaviour in FileExistsBehavior),
    *(f"outcome: {outcome}" for outcome in Outcome),
    *(f"passage: {passage}" for passage in (Passage.SUCCEEDED, Passage.FAILED, Passage.STOPPED, Passage.SKIPPED)),
    *("not created: refused", "not created: queued"),
    *(f"sick at the end, {status}" for status in (DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED)),
    "a host that failed in a deployment that succeeded",
)
"""What must come of random rehearsals."""
_LAST = (Word.END, "refused")
_ASKED_FOR = ("in-place", "rolling", "canary", "linear", "zonal", "steps", BLUE_GREEN, "ecs", "lambda")
"""The strategies of deployments that a scenario asks for."""
OPERATED = (
    *(f"said: {word} {how}" for word in Word for how in ("done", "refused") if (word, how) != _LAST),
    *(f"{word} of: {strategy}" for word in (Word.RETRY, Word.UNDO) for strategy in _ASKED_FOR),
)
"""What must come of those that people operate, besides: of every word, but that nobody says `end` twice."""


class Census:
    """Counts in how many runs each thing happened."""

    def __init__(self, expected: Iterable[str]) -> None:
        self.runs = 0
        self._expected = frozenset(expected)
        self._counts = Counter(dict.fromkeys(self._expected, 0))

    def count(
        self, asked: Scenario, result: RunResult, seen: Iterable[tuple[Event, Sequence[Command]]], *more: str
    ) -> None:
        """One run has ended, in which these events were `seen`, and what was commanded for them."""
        self.runs += 1
        self._counts.update({*of_scenario(asked), *_of_run(asked, result), *_of_events(seen), *more})

    def table(self) -> str:
        """A line for each thing: in how many of a thousand runs it happened."""
        rows = (f"{1000 * count / max(self.runs, 1):9.1f}  {what}" for what, count in sorted(self._counts.items()))
        return "\n".join((f"in {self.runs} runs, of 1000:", *rows))

    def missing(self, of_runs: int) -> list[str]:
        """What is expected and did not happen in one of so many runs. (What else there was may be rarer.)"""
        return [what for what in sorted(self._expected) if self._counts[what] * of_runs < self.runs]


def _of_events(seen: Iterable[tuple[Event, Sequence[Command]]]) -> Iterator[str]:
    for event, commands in seen:
        yield f"event: {type(event).__name__}"
        yield from (f"command: {type(command).__name__}" for command in commands)


def _of_run(asked: Scenario, result: RunResult) -> Iterator[str]:
    yield f"outcome: {result.outcome}"
    kinds = {name: kinds_of(fault) for name, fault in zip(names_of(asked.faults), asked.faults, strict=True)}
    for change in result.faults:
        yield from (f"{kind} {'struck' if change.active else 'healed'}" for kind in kinds[change.fault])
    yield from (f"notified: {note.trigger}" for note in result.notifications)
    yield from (f"not created: {'queued' if event.queued else 'refused'}" for event in result.not_created)
    for promotion in result.promotions:
        yield from (f"passage: {passage}" for passage in promotion.passage.values())
    yield from _again(result.rollouts)
    by_id = {rollout.deployment_id: rollout for rollout in result.rollouts}
    for rollout in result.rollouts:
        yield from _of_deployment(rollout)
        yield from _of_people(rollout)
        if rollout.deployment.creator is Creator.ROLLBACK:
            yield f"rolled back by: {_cause(by_id[rollout.deployment.rollback_of or ''])}"
            yield f"rollback: {rollout.status}"


def _again(rollouts: Sequence[Rollout]) -> Iterator[str]:
    """What a person has had once more, or undone."""
    last: dict[str, str] = {}
    for rollout in rollouts:
        group, described = rollout.deployment.group, rollout.deployment.description
        for word in (Word.RETRY, Word.UNDO):
            if described.startswith(f"ann said {word}") and group in last:
                yield f"{word} of: {last[group]}"
        if rollout.deployment.creator is Creator.USER:
            last[group] = rollout.deployment.strategy


def _of_deployment(rollout: Rollout) -> Iterator[str]:
    deployment, status = rollout.deployment, rollout.status
    yield f"went by: {deployment.strategy}"
    yield f"created by: {deployment.creator}"
    yield f"files: {deployment.file_exists_behavior}"
    yield f"ended: {status} {rollout.error.code if rollout.error else ''}".strip()
    for stage in rollout.stages[: len(rollout.begun)]:
        yield f"stage: {type(stage).__name__}"
    for host in rollout.hosts.values():
        yield f"host: {host.status}"
        yield from (f"lifecycle event: {each.diagnostics.error_code}" for each in host.records if each.diagnostics)
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
        verb = spoke.verb if isinstance(spoke, OperatorSpoke) else "stop"
        yield f"word: {verb} {'refused' if refused else 'heard'}"
    if rollout.stop:
        wishes = {None: "as configured", True: "with a rollback", False: "without one"}
        yield f"stop: {wishes[rollout.stop.auto_rollback]}"
        yield "word: stop heard"
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
