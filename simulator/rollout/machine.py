"""The machine: one deployment, as a fold over its events.

    events ──▶ Rollout.handle(event) ──▶ commands

Two rules. First, everything that decides is here, and everything here decides: there is no clock, no randomness,
no thread and no I/O; the time is the event's. Second, an event costs O(1), amortised over the deployment: counters
are kept, never recounted, and no handler walks the fleet but those that begin and end it.

The ordering contract between this machine and whatever drives it:

1. An event is journalled before any of its commands is carried out.
2. A command's id derives from its event's, and a fleet carries out one id once.
3. A host is given one command at a time.
4. The first completion of a command counts; later ones are recorded and ignored.
5. A terminal status is final.

How it works: a deployment is in one of four phases, and `_TABLE` has, for each, the events that mean something
then and the function that handles each. A host walks the lifecycle table event by event; when it ends, the health
budget says which host is next, or that no other may be taken; when the stage ends, the plan says which is next.
Time limits need no timer of their own for every lifecycle event: a host has one timer that never fires too late,
and is set again when it fires too soon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from simulator.rollout import lifecycle, messages, rollback
from simulator.rollout.commands import (
    Command,
    CreateDeployment,
    Error,
    Finish,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    AgentBusy,
    AgentRefused,
    AlarmChanged,
    AnalysisEnded,
    DeploymentCreated,
    Diagnostics,
    Event,
    HealthCheckReported,
    HostEnded,
    HostProvisioned,
    HostTerminated,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    OperatorSpoke,
    RevisionRefused,
    StopRequested,
    TimerFired,
    TrafficShifted,
)
from simulator.rollout.host import NEVER, Record
from simulator.rollout.stages import STAGE_TIMER, StageWalk
from simulator.rollout.state import Phase
from simulator.rollout.statuses import (
    AlarmState,
    DeploymentStatus,
    ErrorCode,
    EventStatus,
    LifecycleErrorCode,
    RollbackEvent,
    TargetStatus,
    Trigger,
)
from simulator.rollout.story import RolloutError
from simulator.rollout.walk import HOST_TIMER
from strategies import STRATEGIES, Member
from strategies.plan import Deploy

DEPLOYMENT_TIMER = "deployment"


class Rollout(StageWalk):
    """The state of one deployment. `handle` is the only thing that changes it."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._handlers = _TABLE[Phase.CREATED]

    # -- the fold -----------------------------------------------------------------------------------------------

    def handle(self, event: Event, first: int = 0) -> tuple[Command, ...]:
        """Take an event in, and say what is to be done. Raises RolloutError for an event that cannot have happened.

        `first`: the number of the first command, where other deployments have answered the same event already.
        """
        self._recent.append(event)
        handler = self._handlers.get(type(event))
        if handler is None:
            if type(event) not in _KNOWN:
                raise RolloutError(f"a rollout has no use for {type(event).__name__}", self._recent)
            if self.phase is Phase.CREATED:
                raise RolloutError(f"{type(event).__name__} came before DeploymentCreated", self._recent)
            self.ignored += 1
            return ()
        self._event_id, self._first = event.id, first
        self._commands = []
        handler(self, event)
        return tuple(self._commands)

    # -- handlers, one for each edge ----------------------------------------------------------------------------

    def _created(self, event: DeploymentCreated) -> None:
        deployment = self.deployment
        if event.deployment != deployment:
            raise RolloutError(f"this is {self.deployment_id}, not {event.deployment.deployment_id}", self._recent)
        self.started_ms = event.at_ms
        if not self.hosts:
            self._finish(
                event,
                DeploymentStatus.FAILED,
                ErrorCode.NO_INSTANCES,
                messages.no_instances(deployment),
            )
            return
        if deployment.active_alarms:
            self.alarm = ", ".join(deployment.active_alarms)
            self._label_hosts()
            self._finish(
                event,
                DeploymentStatus.STOPPED,
                ErrorCode.ALARM_ACTIVE,
                messages.alarms_before(deployment),
            )
            return
        self._begin(event)

    def _refused(self, event: RevisionRefused) -> None:
        self.started_ms = event.at_ms
        self._finish(event, DeploymentStatus.FAILED, event.code, event.message)

    def _begin(self, event: DeploymentCreated) -> None:
        deployment = self.deployment
        self.status = DeploymentStatus.IN_PROGRESS
        self._enter(Phase.ROLLING)
        members = [Member(target.name, target.zone) for target in sorted(deployment.targets, key=self._rank)]
        impossible: str | None = None
        try:
            self.stages = tuple(STRATEGIES[deployment.strategy](members, deployment.config, deployment.options))
        except ValueError as error:  # the group is not the one any more for which the scenario was checked
            impossible = f"{deployment.strategy} cannot be carried out on these hosts: {error}"
        self._label_hosts()
        self._notify(Trigger.DEPLOYMENT_START, messages.begins(deployment, self.hosts.values()))
        self._start_timer(
            DEPLOYMENT_TIMER,
            event.at_ms + deployment.limits.deployment_ms,
            "a deployment may not last longer",
        )
        unfit = (stage.unfit(deployment.config.name) for stage in self.stages if isinstance(stage, Deploy))
        if impossible is None and (no_room := next(filter(None, unfit), None)) is not None:
            impossible = f"{no_room}. Lower the minimum, or add hosts"
        if impossible is None:
            self._begin_stage(event)
        else:
            message = f"{impossible}. No host was touched"
            self._finish(event, DeploymentStatus.FAILED, ErrorCode.HEALTH_CONSTRAINTS_INVALID, message)

    def _event_started(self, event: LifecycleEventStarted) -> None:
        host = self._host(event.host)
        if host.command != event.cause or host.started_ms != NEVER:
            self.ignored += 1
            return
        if host.event != event.name:
            raise self._astray(host, event.name)
        host.started_ms = event.at_ms
        host.deadline_ms = event.at_ms + self.deployment.limits.event_ms
        if host.armed_ms > host.deadline_ms:
            self._arm(host)

    def _event_completed(self, event: LifecycleEventCompleted) -> None:
        host = self.hosts.get(event.host) or self._host(event.host)
        if host.command != event.cause:
            self.ignored += 1
            return
        if host.event != event.name:
            raise self._astray(host, event.name)
        self._end_event(host, event, event.status, event.started_ms, event.diagnostics)

    def _agent_refused(self, event: AgentRefused) -> None:
        host = self._host(event.host)
        if host.command == event.cause:
            host.refused = event
        else:
            self.ignored += 1

    def _agent_busy(self, event: AgentBusy) -> None:
        """The wait for another deployment's command is none for the agent to begin: that time runs from its end."""
        host = self._host(event.host)
        if host.command != event.cause or host.started_ms != NEVER:
            self.ignored += 1
            return
        limits = self.deployment.limits
        waits = event.waited_ms is None
        host.behind, host.sent_ms = event.behind if waits else "", event.at_ms
        host.deadline_ms = self.started_ms + limits.deployment_ms if waits else event.at_ms + limits.start_ms
        if host.armed_ms > host.deadline_ms:
            self._arm(host)

    def _health_reported(self, event: HealthCheckReported) -> None:
        host = self.hosts.get(event.host)
        if host is None:
            self.ignored += 1
            return
        host.health = event
        if event.healthy:
            self.sick.pop(event.host, None)
            if host.command and host.event == lifecycle.ALLOW_TRAFFIC and event.cause == host.command:
                self._end_event(host, event, EventStatus.SUCCEEDED, host.started_ms, None)
        elif host.status is TargetStatus.SUCCEEDED or host.name == self.shifting:
            self.sick[event.host] = event
            self._turned_sick(event)

    def _host_terminated(self, event: HostTerminated) -> None:
        """The host is gone that this deployment was to end; or another deployment has ended it behind its back."""
        if event.deployment_id == self.deployment_id:
            self._awaited_came(event)
        else:
            self._host_gone(event)

    def _host_gone(self, event: HostEnded | HostTerminated) -> None:
        """Somebody else has terminated the host. Nobody is told: the deployment goes on, and waits in vain."""
        if (host := self.hosts.get(event.host)) is not None:
            host.ended_ms = event.at_ms
            host.ended_by = "its pool" if isinstance(event, HostEnded) else event.deployment_id

    def _timer_fired(self, event: TimerFired) -> None:
        if event.timer == DEPLOYMENT_TIMER:
            self._out_of_time(event)
            return
        if event.timer.startswith(STAGE_TIMER):
            self._stage_timer_fired(event)
            return
        host = self._host(event.timer.removeprefix(HOST_TIMER))
        host.armed_ms = NEVER
        if not host.command:
            return
        if event.at_ms < host.deadline_ms:
            self._arm(host)
            return
        explain = messages.target_timed_out if self.course else messages.timed_out
        message = explain(host, self.deployment, event.at_ms)
        started = event.at_ms if host.started_ms == NEVER else host.started_ms
        diagnostics = Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, message)
        self._end_event(host, event, EventStatus.FAILED, started, diagnostics)

    def _stop_requested(self, event: StopRequested) -> None:
        self.stop = event
        self._enter(Phase.STOPPING)
        self._host_ended(event)

    def _alarm_changed(self, event: AlarmChanged) -> None:
        deployment = self.deployment
        stops = event.state is AlarmState.ALARM or (
            event.state is AlarmState.UNKNOWN and not deployment.ignore_poll_alarm_failure
        )
        if not stops or event.alarm not in deployment.alarms:
            return
        self.alarm = f"{event.alarm} is {event.state}: {event.why}"
        self._enter(Phase.STOPPING)
        self._host_ended(event)

    def _host_ended(self, event: Event) -> None:
        if self.phase is not Phase.STOPPING:
            self._fill(event)
        elif not self._under_way:
            self._stopped(event)

    # -- the deployment's end -----------------------------------------------------------------------------------

    def _out_of_time(self, event: TimerFired) -> None:
        paused = self.paused and self.phase is not Phase.STOPPING
        message = messages.out_of_time(self.stages[self.stage], self.deployment.limits, paused=paused)
        self._break_off(event, message)
        self._too_late(event, message)

    def _too_late(self, event: Event, message: str) -> None:
        """Without an end in time the deployment fails; one that is being stopped is stopped, for the same reason."""
        if self.phase is Phase.STOPPING:
            self._stopped(event, f"; {message}")
        else:
            self._finish(event, DeploymentStatus.FAILED, ErrorCode.TIMEOUT, message)

    def _break_off(self, event: Event, message: str) -> None:
        """Whoever is in the midst of it as the deployment ends has failed at what is in hand."""
        for host in self.hosts.values():
            if host.status is not TargetStatus.IN_PROGRESS:
                continue
            if host.event:
                began_ms = event.at_ms if host.started_ms == NEVER else host.started_ms
                busy = f": {host.event} waited for the agent, which was at a command of {host.behind}"
                why = f"{message}{busy * bool(host.behind)}"
                diagnostics = Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, why)
                host.records.append(Record(host.event, EventStatus.FAILED, began_ms, event.at_ms, diagnostics))
            self._skip_rest(host, event)
            if host.event == lifecycle.INSTALL and host.started_ms != NEVER and not self.course:
                host.revision = None
            host.command = host.event = self.shifting = ""
            self._move(host, TargetStatus.FAILED)

    def _stopped(self, event: Event, more: str = "") -> None:
        if self.alarm:
            why = f"stopped by an alarm: {self.alarm}{more}"
            self._finish(event, DeploymentStatus.STOPPED, ErrorCode.ALARM_ACTIVE, why)
            return
        assert self.stop is not None, "STOPPING is entered by a StopRequested or by an alarm"
        self._finish(event, DeploymentStatus.STOPPED, ErrorCode.MANUAL_STOP, f"stopped by {self.stop.by}{more}")

    def _finish(self, event: Event, status: DeploymentStatus, code: ErrorCode | None = None, message: str = "") -> None:
        self._enter(Phase.ENDED)
        if self.course:
            self._break_off(event, message)
        self.status = status
        self.ended_ms = event.at_ms
        self.error = Error(code, message) if code else None
        if self.counts[TargetStatus.PENDING]:
            for host in self.hosts.values():
                if host.status is TargetStatus.PENDING:
                    self._move(host, TargetStatus.SKIPPED)
        why = message or messages.succeeded(self.deployment, self.hosts.values())
        self._notify(_END_TRIGGER[status], why)
        self._commands.append(Finish(self._next_id(), self.deployment_id, why, status, self.error))
        if self.not_undone is None:
            undo = rollback.rollback(self.deployment, self.hosts, self.sick)
            self._notify(Trigger.DEPLOYMENT_ROLLBACK, undo.description)
            self._commands.append(CreateDeployment(self._next_id(), self.deployment_id, undo.description, undo))

    @property
    def not_undone(self) -> str | None:
        """Why a deployment that has ended was not rolled back; None where it was."""
        wanted = self.stop.auto_rollback if self.stop else None
        return rollback.refusal(self.deployment, self.status, wanted, touched=self.touched, cause=self._cause())

    def _cause(self) -> RollbackEvent | None:
        """What a group may roll back on. A stop is on request only if somebody asked (docs/decisions/0026)."""
        if self.status is DeploymentStatus.FAILED:
            return RollbackEvent.DEPLOYMENT_FAILURE
        if self.alarm:
            return RollbackEvent.DEPLOYMENT_STOP_ON_ALARM
        return RollbackEvent.DEPLOYMENT_STOP_ON_REQUEST if self.stop else None

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._handlers = _TABLE[phase]


_END_TRIGGER = {
    DeploymentStatus.SUCCEEDED: Trigger.DEPLOYMENT_SUCCESS,
    DeploymentStatus.FAILED: Trigger.DEPLOYMENT_FAILURE,
    DeploymentStatus.STOPPED: Trigger.DEPLOYMENT_STOP,
}


_WORKING: dict[type[Event], Callable[..., None]] = {
    LifecycleEventStarted: Rollout._event_started,
    LifecycleEventCompleted: Rollout._event_completed,
    AgentRefused: Rollout._agent_refused,
    AgentBusy: Rollout._agent_busy,
    HealthCheckReported: Rollout._health_reported,
    TimerFired: Rollout._timer_fired,
    HostProvisioned: Rollout._awaited_came,
    HostTerminated: Rollout._host_terminated,
    HostEnded: Rollout._host_gone,
    TrafficShifted: Rollout._awaited_came,
    AnalysisEnded: Rollout._analysis_ended,
}

_TABLE: Mapping[Phase, Mapping[type[Event], Callable[..., None]]] = {
    Phase.CREATED: {DeploymentCreated: Rollout._created, RevisionRefused: Rollout._refused},
    Phase.ROLLING: {
        **_WORKING,
        AlarmChanged: Rollout._alarm_changed,
        OperatorSpoke: Rollout._operator_spoke,
        StopRequested: Rollout._stop_requested,
    },
    Phase.STOPPING: {**_WORKING, OperatorSpoke: Rollout._refuse, StopRequested: Rollout._refuse},
    Phase.ENDED: {},
}

_KNOWN = frozenset(kind for row in _TABLE.values() for kind in row)
