"""A deployment's way through its plan: stage by stage, each begun, watched and ended.

A table says how each kind of stage begins. A stage of hosts ends when the health budget gives no other host and none
is under way; a bake ends with its time, an approval with somebody's word. An operator can hold the way between hosts
and between stages, and cut a wait short.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from simulator.rollout import messages
from simulator.rollout.events import Event, HealthCheckReported, OperatorSpoke, TimerFired
from simulator.rollout.health import HealthBudget, Standing
from simulator.rollout.statuses import DeploymentStatus, ErrorCode, OperatorVerb, TargetStatus, Trigger
from simulator.rollout.walk import HostWalk
from strategies.plan import Approve, Bake, Deploy, Stage

STAGE_TIMER = "stage:"


class StageWalk(HostWalk):
    """The part of the machine that walks the plan."""

    @abstractmethod
    def _finish(self, event: Event, status: DeploymentStatus, code: ErrorCode | None = None, message: str = "") -> None:
        """The deployment has ended."""

    # -- stages -------------------------------------------------------------------------------------------------

    def _begin_stage(self, event: Event) -> None:
        stage = self.stages[self.stage]
        self.stage_over = False
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
        hosts = [self.hosts[name] for name in stage.hosts]
        unhealthy = [host.name for host in hosts if not host.target.healthy]
        # Unknown before old before current: None sorts first, then what is not the revision to come.
        wanted = self.deployment.revision
        healthy = sorted(
            (h for h in hosts if h.target.healthy), key=lambda h: _revision_rank(h.target.revision, wanted)
        )
        self.budget = HealthBudget(
            unhealthy,
            [host.name for host in healthy],
            stage.required,
            own_minimum=stage.own_required,
            others=self._standing(len(hosts), len(healthy)),
        )
        if self.budget.impossible:
            message = messages.minimum_impossible(self.budget, self.deployment.config.name)
            self._finish(event, DeploymentStatus.FAILED, ErrorCode.HEALTH_CONSTRAINTS_INVALID, message)
        else:
            self._fill(event)

    def _standing(self, own: int, own_healthy: int) -> Standing:
        """How the hosts beside the stage's own stand, from the counters of the stages before."""
        succeeded, failed = self.counts[TargetStatus.SUCCEEDED], self.counts[TargetStatus.FAILED]
        healthy = self.untouched_healthy - own_healthy + succeeded - len(self.sick)
        self.untouched_healthy -= own_healthy
        return Standing(len(self.hosts) - own, healthy, succeeded, failed)

    def _fill(self, event: Event) -> None:
        """Take as many hosts as the budget gives; where it gives none and none is under way, the stage has ended."""
        if self.paused:
            return
        budget = self.budget
        while taken := budget.take():
            name, why = taken
            host = self.hosts[name]
            self._move(host, TargetStatus.IN_PROGRESS)
            self._notify(Trigger.INSTANCE_START, why, name)
            self._send(host, event, why)
        if not budget.ended:
            return
        if budget.success:
            self._end_stage(event)
        else:
            message = messages.too_many_failed(budget, self.failures)
            self._finish(event, DeploymentStatus.FAILED, ErrorCode.HEALTH_CONSTRAINTS, message)

    def _begin_bake(self, stage: Bake, event: Event) -> None:
        self.status = DeploymentStatus.BAKING
        if self.sick:
            self._turned_sick(next(iter(self.sick.values())), now=event)
        elif self.promoted:
            self._end_stage(event)
        else:
            self._start_timer(f"{STAGE_TIMER}{self.stage}", event.at_ms + stage.lasts_ms, str(stage))

    def _begin_approve(self, stage: Approve, event: Event) -> None:
        self.status = DeploymentStatus.READY
        if self.promoted:
            self._end_stage(event)
            return
        self._notify(Trigger.DEPLOYMENT_READY, str(stage))
        if stage.waits_ms is not None:
            self._start_timer(f"{STAGE_TIMER}{self.stage}", event.at_ms + stage.waits_ms, str(stage))

    def _stage_timer_fired(self, event: TimerFired) -> None:
        stage = self.stages[self.stage]
        if event.timer != f"{STAGE_TIMER}{self.stage}" or self.stage_over:
            self.ignored += 1
        elif isinstance(stage, Approve) and not stage.then_continue:
            message = f"nobody said continue: {stage}"
            self._finish(event, DeploymentStatus.STOPPED, ErrorCode.TIMEOUT, message)
        else:
            self._end_stage(event)

    def _turned_sick(self, health: HealthCheckReported, now: Event | None = None) -> None:
        """A host that had passed everything is unhealthy: in a bake, that is what the bake is for."""
        stage = self.stages[self.stage]
        if isinstance(stage, Bake):
            message = messages.turned_sick(health, stage)
            self._finish(now or health, DeploymentStatus.FAILED, ErrorCode.CUSTOMER_APPLICATION_UNHEALTHY, message)

    # -- the operator -------------------------------------------------------------------------------------------

    def refusal(self, verb: OperatorVerb) -> str | None:
        """Why an operator's word is impossible now; None where it is not. Nothing is changed by asking."""
        if self.ended:
            return f"the deployment has ended: {self.status}"
        stage = self.stages[self.stage] if self.stages else None
        match verb:
            case OperatorVerb.CONTINUE if not isinstance(stage, Approve) or self.stage_over:
                return f"the deployment waits for nobody: it is {self.status}"
            case OperatorVerb.PROMOTE if not isinstance(stage, Approve | Bake) or self.stage_over:
                return f"there is no wait to cut short: the deployment is {self.status}"
            case OperatorVerb.PAUSE if self.paused:
                return "the deployment is paused already"
            case OperatorVerb.RESUME if not self.paused:
                return "the deployment is not paused"
        return None

    def _operator_spoke(self, event: OperatorSpoke) -> None:
        verb = event.verb
        if self.refusal(verb) is not None:
            self.ignored += 1
        elif verb is OperatorVerb.PAUSE:
            self.paused = True
        elif verb is OperatorVerb.RESUME:
            self._resume(event)
        else:
            self.promoted = self.promoted or verb is OperatorVerb.PROMOTE_FULL
            if not isinstance(self.stages[self.stage], Deploy):
                self._end_stage(event)

    def _resume(self, event: Event) -> None:
        self.paused = False
        if self.stage_over:
            self._end_stage(event)
        elif isinstance(self.stages[self.stage], Deploy):
            self._fill(event)


def _revision_rank(revision: str | None, wanted: str) -> int:
    """CodeDeploy's order among healthy hosts: unknown, old, current."""
    return 0 if revision is None else 2 if revision == wanted else 1


_BEGIN: Mapping[type[Stage], Callable[..., None]] = {
    Deploy: StageWalk._begin_deploy,
    Bake: StageWalk._begin_bake,
    Approve: StageWalk._begin_approve,
}
