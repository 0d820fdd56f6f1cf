"""A deployment's way through its plan, and what people said to it meanwhile, as every report tells it."""

from __future__ import annotations

from typing import Final, NamedTuple

from simulator.report import words
from simulator.rollout.events import OperatorSpoke, StopRequested
from simulator.rollout.host import NEVER
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import DeploymentStatus, OperatorVerb
from strategies.plan import Analyse, Approve, Bake, Stage

_STATUS: Final[dict[type[Stage], DeploymentStatus]] = {
    Analyse: DeploymentStatus.BAKING,
    Bake: DeploymentStatus.BAKING,
    Approve: DeploymentStatus.READY,
}
"""The status in which a deployment waits, by the kind of stage."""


class Passed(NamedTuple):
    """A stage that has begun: the `number`-th of `of`. `ended_ms` None: it has not ended."""

    number: int
    of: int
    stage: Stage
    began_ms: int
    ended_ms: int | None

    @property
    def heading(self) -> str:
        """`wave 01, stage 1 of 3`; `Baking, stage 2 of 3`; `Ready, stage 2 of 3`."""
        return f"{_STATUS.get(type(self.stage), self.stage.name)}, stage {self.number} of {self.of}"

    @property
    def sign(self) -> str:
        """The sign of the status that the deployment has meanwhile."""
        return words.SIGNS[_STATUS.get(type(self.stage), DeploymentStatus.IN_PROGRESS)]

    @property
    def waits(self) -> bool:
        """Whether nothing is deployed in this stage."""
        return type(self.stage) in _STATUS

    def lasted(self, now_ms: int) -> str:
        """How long it took, or has taken until now."""
        return words.took((now_ms if self.ended_ms is None else self.ended_ms) - self.began_ms)


class Said(NamedTuple):
    """What a person said to a deployment. `refused` is the reason why that was impossible; None where it was not.

    `skipped`: the analyses that nobody waited for because of it, by their stages.
    """

    at_ms: int
    by: str
    word: str
    refused: str | None
    skipped: tuple[str, ...] = ()

    @property
    def sign(self) -> str:
        """A refused word is a warning; pause and stop hold, the others let go on."""
        if self.refused is not None:
            return words.WARNING
        return words.STOPPED if self.word.startswith(("stop", "abort", "pause")) else words.RUNNING

    def __str__(self) -> str:
        if self.refused is not None:
            return f"{self.by} said {self.word}, refused: {self.refused}"
        return f"{self.by} said {self.word}" + (f"; skipped: {words.named([*self.skipped])}" if self.skipped else "")


def passed(rollout: Rollout) -> tuple[Passed, ...]:
    """The stages that have begun, in their order."""
    ends = [*rollout.begun[1:], None if rollout.ended_ms == NEVER else rollout.ended_ms]
    of = len(rollout.stages)
    return tuple(
        Passed(number, of, stage, began_ms, ended_ms)
        for number, (stage, began_ms, ended_ms) in enumerate(
            zip(rollout.stages, rollout.begun, ends, strict=False), start=1
        )
    )


def at_hand(rollout: Rollout) -> Passed | None:
    """The stage that a deployment of several is in; None where it has ended, or has only one."""
    if rollout.ended or len(rollout.stages) < 2 or not rollout.begun:
        return None
    number = len(rollout.begun)
    return Passed(number, len(rollout.stages), rollout.stages[number - 1], rollout.begun[-1], None)


def stop_word(event: StopRequested) -> str:
    """A stop, with what was asked for beside it; or abort."""
    if event.aborts:
        return "abort"
    return {None: "stop", True: "stop, with a rollback", False: "stop, without a rollback"}[event.auto_rollback]


def refusal(event: OperatorSpoke | StopRequested, rollout: Rollout) -> str | None:
    """Why a word was impossible when it was said; None where it was not."""
    if rollout.stop is not None and rollout.stop.id == event.id:
        return None
    for spoken, reason in reversed(rollout.spoken):
        if spoken.id == event.id:
            return reason
    return rollout.deaf if isinstance(event, StopRequested) else rollout.refusal(event.verb)


def heard(event: OperatorSpoke | StopRequested, rollout: Rollout, refused: str | None) -> Said:
    """A word to a deployment, with what came of it so far."""
    if isinstance(event, StopRequested):
        return Said(event.at_ms, event.by, stop_word(event), refused)
    skipped = tuple(stage for stage, waived_by in rollout.unjudged.items() if waived_by.id == event.id)
    return Said(event.at_ms, event.by, event.verb.value, refused, skipped)


def said(rollout: Rollout) -> tuple[Said, ...]:
    """Everything that people have said to a deployment, in its order."""
    spoken = [(event.id, heard(event, rollout, reason)) for event, reason in rollout.spoken]
    if (stop := rollout.stop) is not None:
        spoken.append((stop.id, Said(stop.at_ms, stop.by, stop_word(stop), None)))
    return tuple(word for _, word in sorted(spoken))


PAUSED: Final = f"paused: no host is taken and no stage begins until somebody says {OperatorVerb.RESUME}"
