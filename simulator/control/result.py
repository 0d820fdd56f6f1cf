"""What a rehearsal came to: the value that every report is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, repeat
from typing import Protocol

from scenarios.model import Expect, Scenario
from simulator.control.happened import OPERATOR
from simulator.rollout.commands import Command, Notify
from simulator.rollout.events import DeploymentNotCreated, Event, FaultChanged
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Promotion
from simulator.rollout.statuses import Creator, DeploymentStatus


class RunStatus(StrEnum):
    """Whether the rehearsal itself came to its end."""

    COMPLETED = "completed"
    ABORTED = "aborted"
    STALLED = "stalled"
    """Nothing more was to come, and it had not ended."""
    INTERRUPTED = "interrupted"


class Outcome(StrEnum):
    """What became of the last deployment that was asked for."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Finding:
    """An expectation (`name` is its text) or an invariant, whether it held, and why one may say so."""

    name: str
    held: bool
    why: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests through the balancer during the run. `failed`: no answer, or a status of 400 and above."""

    total: int
    failed: int
    by_revision: tuple[tuple[str, int], ...]

    @property
    def availability(self) -> float | None:
        """The share of requests that were answered well, to six places; None where there was no request."""
        return round(1 - self.failed / self.total, 6) if self.total else None


@dataclass(frozen=True, slots=True)
class RunResult:
    """A rehearsal that has ended. `rollouts` are its deployments in order, rollbacks included."""

    scenario: Scenario
    scenario_sha256: str
    fleet: str
    seed: int
    version: str
    status: RunStatus
    outcome: Outcome
    rollouts: tuple[Rollout, ...]
    notifications: tuple[Notify, ...]
    traffic: Traffic | None
    in_service_min: int | None
    in_service_required: int | None
    duration_ms: int
    expectations: tuple[Finding, ...]
    invariants: tuple[Finding, ...]
    flags: tuple[str, ...]
    """What went as CodeDeploy has it and still deserves a word: a host that failed in a deployment that succeeded, …"""
    events: int
    journal_sha256: str
    replay: str
    """The line that plays this run again."""
    loops: Mapping[str, str] = field(default_factory=dict)
    """The loops in which pools have launched, in words, by the id of the last launch deployment of each."""
    not_created: tuple[DeploymentNotCreated, ...] = ()
    """What was asked for while the group had a deployment under way: refused, or queued."""
    promotions: tuple[Promotion, ...] = ()
    """The revisions that went their way through the environments, in order."""
    faults: tuple[FaultChanged, ...] = ()
    """The faults that began and were healed, in their order."""
    first_in_service_ms: int | None = None
    """When the balancer first found a host healthy, where none was in service at the beginning; None: it never did."""

    @property
    def begins_empty(self) -> bool:
        """Whether no host was in service at the beginning: all were new."""
        balanced = [group for group in self.scenario.all_groups if self.scenario.balanced(group)]
        return bool(balanced) and all(self.scenario.running_in(group) is None for group in balanced)

    @property
    def as_expected(self) -> bool:
        """Whether every expectation held."""
        return all(finding.held for finding in self.expectations)

    @property
    def unexpectedly_inconclusive(self) -> bool:
        """Whether nobody can tell what became of it, and the scenario does not expect that: never a success."""
        expected = self.scenario.expect is not None and self.scenario.expect.outcome == Outcome.INCONCLUSIVE.value
        return self.outcome is Outcome.INCONCLUSIVE and not expected

    @property
    def by_hand(self) -> bool:
        """Whether anybody but the scenario's own operator has said anything, or had something deployed."""
        asked = sum(rollout.deployment.creator is Creator.USER for rollout in self.rollouts)
        said = {event.by for rollout in self.rollouts for event, _ in rollout.spoken}
        said |= {rollout.stop.by for rollout in self.rollouts if rollout.stop is not None}
        said |= {by for promotion in self.promotions for by in promotion.answered}
        return bool(said - {OPERATOR}) or (asked > len(self.scenario.deploy) and not self.promotions)

    @property
    def rolled_back(self) -> bool:
        """Whether there was a rollback."""
        return any(rollout.deployment.creator is Creator.ROLLBACK for rollout in self.rollouts)

    @property
    def rolled_back_unexpectedly(self) -> bool:
        """Whether there was a rollback of which the scenario does not speak anywhere: that is never a success."""
        expect = self.scenario.expect or Expect()
        spoken_of = (
            expect.outcome in ("rolled_back", "rollback_failed")
            or any(deployment.creator == Creator.ROLLBACK.value for deployment in expect.deployments or ())
            or "DeploymentRollback" in expect.notifications
            or any(event.deployment is not None and event.deployment > 1 for event in expect.events)
        )
        return self.rolled_back and not spoken_of

    @property
    def rollback_failed_unexpectedly(self) -> bool:
        """Whether any rollback ended otherwise than well, whatever came after it, and the scenario does not say so: by
        its outcome, or by that status at the rollback's place among the deployments.
        """
        expect = self.scenario.expect or Expect()
        if expect.outcome == Outcome.ROLLBACK_FAILED.value:
            return False
        told = chain((deployment.status for deployment in expect.deployments or ()), repeat(None))
        return any(
            rollout.deployment.creator is Creator.ROLLBACK
            and rollout.ended
            and rollout.status not in (DeploymentStatus.SUCCEEDED, expected)
            for rollout, expected in zip(self.rollouts, told, strict=False)
        )


class Observer(Protocol):
    """Somebody who watches a run: the live tree, the plain lines, a test."""

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """One event has been handled. `rollout` is the deployment that it concerned, None where it concerned none."""
        ...
