"""Whose turn it is: a plan followed by a book of its own, from the events alone.

The core walks a plan with a health budget, timers and an operator. Here the same plan is followed in the most obvious
way, so that a host, or a share of the traffic, that comes before its turn is noticed: a canary that never exceeds its
share is a plan of which nothing comes early.
"""

from __future__ import annotations

from simulator.rollout import lifecycle
from simulator.rollout.commands import Command, HostCommand, ProvisionHost, ShiftTraffic, TerminateHost
from simulator.rollout.events import (
    AnalysisEnded,
    Event,
    HostProvisioned,
    HostTerminated,
    OperatorSpoke,
    TrafficShifted,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import AnalysisOutcome, OperatorVerb, TargetStatus
from strategies.plan import Analyse, Approve, Bake, Deploy, Provision, Shift, Stage, Terminate

_WORDS: dict[OperatorVerb, tuple[type[Stage], ...]] = {
    OperatorVerb.CONTINUE: (Approve, Terminate),
    OperatorVerb.SKIP_WAIT: (Bake, Terminate),
    OperatorVerb.PROMOTE: (Approve, Bake, Analyse, Terminate),
}
"""Which stages a word cuts short. `promote-full` cuts all of them, from then on."""
_HOLDS = {OperatorVerb.PAUSE: True, OperatorVerb.RESUME: False}
_TRAFFIC = ""
"""Stands for the traffic among the hosts that a stage waits for."""


class Turns:
    """Follows one deployment. Every event costs O(1), amortised over the hosts of the plan."""

    def __init__(self, rollout: Rollout, now_ms: int) -> None:
        self._rollout = rollout
        self._stages = rollout.stages
        self._index = 0
        self._full = False
        self._said = False
        self.paused = False
        """Whether somebody holds the deployment: no host is taken, no stage begins."""
        self._steps = 0
        """How many lifecycle events a host goes through in the stage."""
        self._since_ms = 0
        self._left: dict[str, int] = {}
        """Hosts that the stage is not through with: after how many records of theirs it is."""
        self._owed: set[str] = set()
        self.hosts: frozenset[str] = frozenset()
        """Whose turn it is."""
        self._ends: frozenset[str] = frozenset()
        """Whose end it is the turn of."""
        if self._stages:
            self._open(now_ms)
            self._advance(now_ms)

    def hear(self, event: Event) -> None:
        """Something happened that may bring the next stage."""
        now_ms = event.at_ms
        self._advance(now_ms)
        if isinstance(event, OperatorSpoke):
            self.paused = _HOLDS.get(event.verb, self.paused)
            self._full = self._full or (event.verb is OperatorVerb.PROMOTE_FULL and not self.paused)
            self._said = self._said or isinstance(self._stage, _WORDS.get(event.verb, ()))
        elif isinstance(event, AnalysisEnded):
            self._said = self._said or event.outcome is AnalysisOutcome.SUCCESSFUL
        elif isinstance(event, HostProvisioned | HostTerminated):
            self._owed.discard(event.host)
        elif isinstance(event, TrafficShifted):
            self._owed.discard(_TRAFFIC)
        self._advance(now_ms)

    def heard_of(self, host: str, now_ms: int) -> None:
        """Something happened to a host that may have been its last in this stage."""
        end = self._left.get(host)
        if end is not None and len(self._rollout.hosts[host].records) >= end:
            del self._left[host]
            if not self._left:
                self._advance(now_ms)

    def early(self, command: Command, now_ms: int) -> str | None:
        """Why a command came before its turn; None where it did not."""
        if self.paused and (what := self._begins(command)) is not None:
            return f"{what} at {now_ms} ms in a pause"
        if isinstance(command, HostCommand) and command.host in self.hosts:
            return None
        self._advance(now_ms)
        stage = self._stage
        if isinstance(command, HostCommand):
            if command.host in self.hosts:
                return None
            what = f"{command.host} was given {command.id}"
        elif isinstance(command, ShiftTraffic):
            if isinstance(stage, Shift) and (stage.percent, stage.hosts) == (command.percent, command.hosts):
                return None
            what = f"{command.percent} % of the traffic were shifted"
        elif isinstance(command, TerminateHost):
            waited = self._full or self._said or now_ms - self._since_ms >= getattr(stage, "after_ms", 0)
            if command.host in self._ends and waited:
                return None
            what = f"{command.host} was ended"
        else:
            return None
        return f"{what} at {now_ms} ms, while it was the turn of: {stage or 'nobody'}"

    def _begins(self, command: Command) -> str | None:
        """What a command begins, a host's way through the stage or something for all of it; None for what goes on."""
        if isinstance(command, TerminateHost):
            return f"{command.host} was ended"
        if isinstance(command, ShiftTraffic | ProvisionHost):
            return f"command {command.id} was given"
        if not isinstance(command, HostCommand) or (end := self._left.get(command.host)) is None:
            return None
        begun = len(self._rollout.hosts[command.host].records) > end - self._steps
        return None if begun else f"{command.host} was taken"

    @property
    def _stage(self) -> Stage | None:
        return self._stages[self._index] if self._index < len(self._stages) else None

    def _advance(self, now_ms: int) -> None:
        while (stage := self._stage) is not None and self._over(stage, now_ms):
            self._index += 1
            self._open(now_ms)

    def _over(self, stage: Stage, now_ms: int) -> bool:
        if isinstance(stage, Deploy):
            return not self._left
        if isinstance(stage, Provision | Shift | Terminate):
            return not self._owed
        if self._full or self._said or isinstance(stage, Analyse):
            return self._full or self._said
        if isinstance(stage, Bake):
            return now_ms - self._since_ms >= stage.lasts_ms
        return False

    def _open(self, now_ms: int) -> None:
        stage, hosts = self._stage, self._rollout.hosts
        self._since_ms, self._said = now_ms, False
        self._left, self._owed = {}, set()
        self.hosts = self._ends = frozenset()
        if isinstance(stage, Deploy):
            with_balancer = self._rollout.deployment.with_balancer
            self._steps = len(lifecycle.sequence(with_balancer=with_balancer, part=stage.part))
            self._left = {
                name: len(host.records) + self._steps
                for name in stage.hosts
                if (host := hosts[name]).status is not TargetStatus.FAILED
            }
            self.hosts = frozenset(self._left)
        elif isinstance(stage, Provision):
            self._owed = {member.name for member in stage.hosts}
        elif isinstance(stage, Shift):
            self._owed = {_TRAFFIC}
        elif isinstance(stage, Terminate):
            self._owed = set(stage.hosts)
            self._ends = frozenset(stage.hosts)
