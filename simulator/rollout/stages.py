"""A deployment's way through its plan: stage by stage, each begun, watched and ended.

A table says how each kind of stage begins. A stage of hosts ends when the health budget gives no other host and none
is under way; a bake ends with its time, an approval with somebody's word. An operator can hold the way between hosts
and between stages, cut a wait short, and do without an analysis.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from simulator.rollout import lifecycle, messages
from simulator.rollout.commands import Command, ProvisionHost, ShiftTraffic, StartAnalysis, TerminateHost
from simulator.rollout.events import (
    AnalysisEnded,
    Event,
    HealthCheckReported,
    HostProvisioned,
    HostTerminated,
    OperatorSpoke,
    StopRequested,
    TimerFired,
    TrafficShifted,
)
from simulator.rollout.fleet_walk import FleetWalk
from simulator.rollout.health import HealthBudget
from simulator.rollout.state import Phase
from simulator.rollout.statuses import (
    AnalysisOutcome,
    DeploymentStatus,
    ErrorCode,
    OperatorVerb,
    TargetStatus,
    Trigger,
)
from strategies.plan import WHOLE, Analyse, Approve, Bake, Deploy, Part, Provision, Shift, Stage, Terminate

STAGE_TIMER = "stage:"


class StageWalk(FleetWalk):
    """The part of the machine that walks the plan."""

    @abstractmethod
    def _finish(self, event: Event, status: DeploymentStatus, code: ErrorCode | None = None, message: str = "") -> None:
        """The deployment has ended."""

    @abstractmethod
    def _too_late(self, event: Event, message: str) -> None:
        """Something did not come to its end in time."""

    # -- stages -------------------------------------------------------------------------------------------------

    def _begin_stage(self, event: Event) -> None:
        stage = self.stages[self.stage]
        self.stage_over = False
        self.begun.append(event.at_ms)
        _BEGIN[type(stage)](self, stage, event)

    def _end_stage(self, event: Event) -> None:
        """The stage has succeeded: the next one begins, unless the operator holds the deployment."""
        if self.paused:
            self.stage_over = True
        elif self.stage + 1 < len(self.stages):
            self.stage += 1
            self._begin_stage(event)
        else:
            self._finish(event, DeploymentStatus.SUCCEEDED)

    def _begin_deploy(self, stage: Deploy, event: Event) -> None:
        self.status = DeploymentStatus.IN_PROGRESS
        self.sequence = lifecycle.sequence(with_balancer=self.deployment.with_balancer, part=stage.part)
        self.through = _THROUGH.get(stage.part, TargetStatus.SUCCEEDED)
        if stage.part is Part.BLOCK:
            self._look_at_the_new(stage)
        among = self._among(stage)
        self.failures = [failure for failure in self.failures if failure.host in among]
        hosts = [host for name in stage.hosts if (host := self.hosts[name]).status in _TO_COME]
        unhealthy = [host.name for host in hosts if not self._in_health(host)]
        healthy = sorted((host for host in hosts if self._in_health(host)), key=lambda host: self._rank(host.target))
        self.budget = HealthBudget(
            unhealthy,
            [host.name for host in healthy],
            stage.required,
            own_minimum=stage.own_required,
            must_succeed=stage.must_succeed,
            forgiven=stage.forgiven,
            others=self._standing(stage, hosts),
        )
        self._fill(event)

    def _fill(self, event: Event) -> None:
        """Take as many hosts as the budget gives; where it gives none and none is under way, the stage has ended."""
        if self.paused:
            return
        budget, stage = self.budget, self.stages[self.stage]
        part = stage.part if isinstance(stage, Deploy) else Part.WHOLE
        while taken := budget.take():
            name, why = taken
            host = self.hosts[name]
            why = str(self.stages[self.stage]) if self.course else messages.taken(part, host.label, why)
            if host.status is TargetStatus.PENDING:
                self._notify(Trigger.INSTANCE_START, why, name)
            self._move(host, TargetStatus.IN_PROGRESS)
            self._send(host, event, why)
        if not budget.ended:
            return
        if budget.success:
            self._end_stage(event)
        elif self.course:
            failure = self.failures[-1]
            message = f"{failure.host} failed at {failure.event}: {failure.message}"
            self._finish(event, DeploymentStatus.FAILED, lifecycle.fails_with(failure.event), message)
        else:
            message = messages.too_many_failed(budget, self.failures, self._sick_among_these(), part)
            self._finish(event, DeploymentStatus.FAILED, ErrorCode.HEALTH_CONSTRAINTS, message)

    def _begin_bake(self, stage: Bake, event: Event) -> None:
        self.status = DeploymentStatus.BAKING
        if self.sick:
            self._turned_sick(next(iter(self.sick.values())), now=event)
        elif self.promoted is not None:
            self._end_stage(event)
        else:
            self._start_timer(f"{STAGE_TIMER}{self.stage}", event.at_ms + stage.lasts_ms, str(stage))

    def _begin_approve(self, stage: Approve, event: Event) -> None:
        self.status = DeploymentStatus.READY
        if self.promoted is not None:
            self._end_stage(event)
            return
        self._notify(Trigger.DEPLOYMENT_READY, str(stage))
        if stage.waits_ms is not None:
            self._start_timer(f"{STAGE_TIMER}{self.stage}", event.at_ms + stage.waits_ms, str(stage))

    def _begin_provision(self, stage: Provision, event: Event) -> None:
        self.status = DeploymentStatus.IN_PROGRESS
        for member in stage.hosts:
            self._await(
                ProvisionHost(self._next_id(), self.deployment_id, str(stage), member.name, member.zone), member.name
            )
        self._await_until(event, str(stage))

    def _begin_shift(self, stage: Shift, event: Event) -> None:
        self.status = DeploymentStatus.IN_PROGRESS
        if stage.target and not self.shifting:
            self._begin_traffic(self.hosts[stage.target], event)
        self._await(ShiftTraffic(self._next_id(), self.deployment_id, str(stage), stage.hosts, stage.percent), "")
        self._await_until(event, str(stage))

    def _begin_terminate(self, stage: Terminate, event: Event) -> None:
        self.status = DeploymentStatus.IN_PROGRESS
        if stage.after_ms and self.promoted is None:
            self.waits_to_terminate = True
            self._start_timer(f"{STAGE_TIMER}{self.stage}", event.at_ms + stage.after_ms, str(stage))
        else:
            self._terminate(stage, event)

    def _stop_waiting(self, stage: Terminate, event: Event) -> None:
        """The termination's wait is over; in a pause nothing is ended before somebody says resume."""
        if self.paused:
            self.stage_over = True
        else:
            self._terminate(stage, event)

    def _terminate(self, stage: Terminate, event: Event) -> None:
        self.waits_to_terminate = self.stage_over = False
        self._look_at_the_new(stage)
        for name in stage.hosts:
            self._await(TerminateHost(self._next_id(), self.deployment_id, str(stage), name, stage.keep), name)
        self._await_until(event, str(stage))

    def _begin_analysis(self, stage: Analyse, event: Event) -> None:
        self.status = DeploymentStatus.BAKING
        if self.promoted is not None:
            self._do_without(stage, self.promoted, event)
            return
        until_ms = event.at_ms + stage.lasts_ms
        self._await(StartAnalysis(self._next_id(), self.deployment_id, str(stage), stage.analysis, until_ms), "")
        self._start_timer(f"{STAGE_TIMER}{self.stage}", until_ms + self.deployment.limits.event_ms, str(stage))

    def _analysis_ended(self, event: AnalysisEnded) -> None:
        if self.awaited.pop(event.cause, None) is None:
            self.ignored += 1
            return
        self.judged = event
        if event.outcome is AnalysisOutcome.SUCCESSFUL:
            self._end_stage(event)
        else:
            status, code = _ANALYSIS_ENDS[event.outcome]
            self._finish(event, status, code, f"{self.stages[self.stage].name}: {event.outcome}: {event.why}")

    def _do_without(self, stage: Analyse, word: OperatorSpoke, event: Event) -> None:
        """A person waives an analysis: nobody waits for its verdict, which means nothing if it comes all the same."""
        self.unjudged[stage.name] = word
        self.awaited.clear()
        self._end_stage(event)

    @property
    def _under_way(self) -> bool:
        """Whether anything is under way that a stop waits for: nobody waits for a judge."""
        if self.awaited and not isinstance(self.stages[self.stage], Analyse):
            return True
        return not self.budget.ended

    def _await(self, command: Command, host: str) -> None:
        self.awaited[command.id] = host
        self._commands.append(command)

    def _await_until(self, event: Event, why: str) -> None:
        """What was asked for comes within the limit of an event, or the stage fails; nothing to wait for ends it."""
        if self.awaited:
            self._start_timer(f"{STAGE_TIMER}{self.stage}", event.at_ms + self.deployment.limits.event_ms, why)
        else:
            self._end_stage(event)

    def _awaited_came(self, event: HostProvisioned | HostTerminated | TrafficShifted) -> None:
        host = self.awaited.pop(event.cause, None)
        if host is None:
            self.ignored += 1
            return
        if isinstance(event, HostTerminated):
            self.hosts[host].gone = True
        elif isinstance(event, HostProvisioned):
            self.hosts[host].unborn = False
        else:
            stage = self.stages[self.stage]
            assert isinstance(stage, Shift), "nothing else shifts traffic"
            self.share = stage.percent
            if self.shifting and self.share == WHOLE:
                self._end_traffic(self.hosts[self.shifting], event)
        if not self.awaited:
            if self.phase is Phase.STOPPING:
                self._host_ended(event)
            else:
                self._end_stage(event)

    def _stage_timer_fired(self, event: TimerFired) -> None:
        stage = self.stages[self.stage]
        if event.timer != f"{STAGE_TIMER}{self.stage}" or self.stage_over:
            self.ignored += 1
        elif isinstance(stage, Approve):
            message = f"nobody said continue within {messages.duration(stage.waits_ms or 0)}"
            self._finish(event, DeploymentStatus.STOPPED, ErrorCode.TIMEOUT, message)
        elif self.awaited:
            self._too_late(event, messages.never_came(stage, list(self.awaited.values()), self.deployment.limits))
        elif isinstance(stage, Terminate):
            self._stop_waiting(stage, event)
        else:
            self._end_stage(event)

    def _turned_sick(self, health: HealthCheckReported, now: Event | None = None) -> None:
        """A host that had passed everything is unhealthy: in a bake, that is what the bake is for."""
        stage = self.stages[self.stage]
        if isinstance(stage, Bake):
            message = messages.turned_sick(health, stage)
            code = ErrorCode.ECS_UPDATE_ERROR if self.course else ErrorCode.CUSTOMER_APPLICATION_UNHEALTHY
            self._finish(now or health, DeploymentStatus.FAILED, code, message)

    # -- the operator -------------------------------------------------------------------------------------------

    @property
    def deaf(self) -> str | None:
        """Why no word at all is heard any more, not even stop; None where some are."""
        if self.ended:
            return f"the deployment has ended: {self.status}"
        return "the deployment is being stopped" if self.phase is Phase.STOPPING else None

    def refusal(self, verb: OperatorVerb) -> str | None:
        """Why an operator's word is impossible now; None where it is not. Nothing is changed by asking."""
        if (deaf := self.deaf) is not None:
            return deaf
        stage = self.stages[self.stage] if self.stages else None
        match verb:
            case OperatorVerb.CONTINUE | OperatorVerb.PROMOTE | OperatorVerb.SKIP_WAIT if self.stage_over:
                return "the wait is over already, and the deployment is paused: say resume"
            case OperatorVerb.CONTINUE if self.waits_to_terminate:
                return None
            case OperatorVerb.CONTINUE if not isinstance(stage, Approve):
                return f"the deployment waits for nobody: it is {self.status}"
            case OperatorVerb.PROMOTE | OperatorVerb.SKIP_WAIT if self.waits_to_terminate:
                return None
            case OperatorVerb.SKIP_WAIT if not isinstance(stage, Bake):
                return _NO_WAIT.get(type(stage), f"there is no wait to cut short: the deployment is {self.status}")
            case OperatorVerb.PROMOTE if not isinstance(stage, Approve | Bake | Analyse):
                return f"there is no wait to cut short: the deployment is {self.status}"
            case OperatorVerb.PROMOTE_FULL if self.paused:
                return "the deployment is paused, and nothing begins until somebody says resume"
            case OperatorVerb.PAUSE if self.paused:
                return "the deployment is paused already"
            case OperatorVerb.RESUME if not self.paused:
                return "the deployment is not paused"
        return None

    def _refuse(self, event: OperatorSpoke | StopRequested) -> None:
        """A word that is impossible now: it is kept with its reason, and changes nothing."""
        why = self.deaf if isinstance(event, StopRequested) else self.refusal(event.verb)
        self.spoken.append((event, why))
        self.ignored += 1

    def _operator_spoke(self, event: OperatorSpoke) -> None:
        verb = event.verb
        if self.refusal(verb) is not None:
            self._refuse(event)
            return
        self.spoken.append((event, None))
        if verb is OperatorVerb.PAUSE:
            self.paused = True
        elif verb is OperatorVerb.RESUME:
            self._resume(event)
        else:
            if verb is OperatorVerb.PROMOTE_FULL:
                self.promoted = self.promoted or event
            stage = self.stages[self.stage]
            if isinstance(stage, Terminate) and self.waits_to_terminate:
                self._stop_waiting(stage, event)
            elif isinstance(stage, Approve | Bake):
                self._end_stage(event)
            elif isinstance(stage, Analyse):
                self._do_without(stage, event, event)

    def _resume(self, event: Event) -> None:
        self.paused = False
        stage = self.stages[self.stage]
        if self.stage_over and isinstance(stage, Terminate) and self.waits_to_terminate:
            self._terminate(stage, event)
        elif self.stage_over:
            self._end_stage(event)
        elif isinstance(stage, Deploy):
            self._fill(event)


_NO_WAIT: Mapping[type, str] = {
    Approve: "the deployment waits for a person's yes, and not for a time to pass: say continue",
    Analyse: "the new version is being judged, and not only a time to pass: promote does without the verdict",
}
"""Why a stage is no wait that could be skipped."""

_ANALYSIS_ENDS = {
    AnalysisOutcome.FAILED: (DeploymentStatus.FAILED, ErrorCode.CUSTOMER_APPLICATION_UNHEALTHY),
    AnalysisOutcome.ERROR: (DeploymentStatus.FAILED, ErrorCode.INTERNAL_ERROR),
    AnalysisOutcome.INCONCLUSIVE: (DeploymentStatus.STOPPED, ErrorCode.TIMEOUT),
}
"""How a deployment ends that its analysis does not let pass. Nothing found within the time is no success."""

_TO_COME = (TargetStatus.PENDING, TargetStatus.READY, TargetStatus.IN_PROGRESS)
"""Of the hosts of a stage that begins: those that it takes. One that is in progress then has a part behind it."""

_THROUGH = {
    Part.INSTALL: TargetStatus.READY,
    Part.REPLACE: TargetStatus.READY,
    Part.BEFORE: TargetStatus.IN_PROGRESS,
}
"""Where a host stands after a part of its lifecycle; after the others it has succeeded."""

_BEGIN: Mapping[type[Stage], Callable[..., None]] = {
    Deploy: StageWalk._begin_deploy,
    Bake: StageWalk._begin_bake,
    Approve: StageWalk._begin_approve,
    Provision: StageWalk._begin_provision,
    Shift: StageWalk._begin_shift,
    Terminate: StageWalk._begin_terminate,
    Analyse: StageWalk._begin_analysis,
}
