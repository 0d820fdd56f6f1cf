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
from functools import partial

from simulator.rollout import lifecycle, messages, rollback
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    CreateDeployment,
    Error,
    Finish,
    Notify,
    RunLifecycleEvent,
    StartTimer,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    DeploymentCreated,
    Diagnostics,
    Event,
    HealthCheckReported,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    StopRequested,
    TimerFired,
)
from simulator.rollout.health import HealthBudget
from simulator.rollout.host import NEVER, Host, Record
from simulator.rollout.quick import quick
from simulator.rollout.state import Phase, RolloutState
from simulator.rollout.statuses import (
    DeploymentStatus,
    ErrorCode,
    EventStatus,
    LifecycleErrorCode,
    TargetStatus,
    Trigger,
)
from simulator.rollout.story import RolloutError
from strategies import STRATEGIES

DEPLOYMENT_TIMER = "deployment"
_HOST_TIMER = "host:"

_SUCCEEDED = EventStatus.SUCCEEDED
_SKIPPED = EventStatus.SKIPPED
_NEXT = "the event before it succeeded"
_FORGIVEN = "the event before it failed, and ignoreApplicationStopFailures forgives that"

_BALANCER_COMMANDS = {lifecycle.BLOCK_TRAFFIC: quick(BlockTraffic), lifecycle.ALLOW_TRAFFIC: quick(AllowTraffic)}
_run_lifecycle_event = quick(RunLifecycleEvent)
_notify = quick(Notify)
_timer = quick(StartTimer)
_new_record = partial(tuple.__new__, Record)  # `Record(…)` without the call in between


class Rollout(RolloutState):
    """The state of one deployment. `handle` is the only thing that changes it."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(deployment)
        self._handlers = _TABLE[Phase.CREATED]

    # -- the fold -----------------------------------------------------------------------------------------------

    def handle(self, event: Event) -> tuple[Command, ...]:
        """Take an event in, and say what is to be done. Raises RolloutError for an event that cannot have happened."""
        self._recent.append(event)
        handler = self._handlers.get(type(event))
        if handler is None:
            if type(event) not in _KNOWN:
                raise RolloutError(f"a rollout has no use for {type(event).__name__}", self._recent)
            if self.phase is Phase.CREATED:
                raise RolloutError(f"{type(event).__name__} came before DeploymentCreated", self._recent)
            self.ignored += 1
            return ()
        self._event_id = event.id
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
                "the group has no hosts: nothing to deploy to",
            )
            return
        self.status = DeploymentStatus.IN_PROGRESS
        self._enter(Phase.ROLLING)
        self.stages = tuple(STRATEGIES[deployment.strategy](tuple(self.hosts), deployment.config))
        hosts = f"{len(self.hosts)} host{'s' * (len(self.hosts) != 1)}"
        why = f"deploy {deployment.revision} to {hosts}, {deployment.strategy}, {deployment.config.name}"
        self._notify(Trigger.DEPLOYMENT_START, why)
        self._start_timer(
            DEPLOYMENT_TIMER,
            event.at_ms + deployment.limits.deployment_ms,
            "a deployment may not last longer",
        )
        self._begin_stage(event)

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

    def _health_reported(self, event: HealthCheckReported) -> None:
        host = self.hosts.get(event.host)
        if host is None:
            self.ignored += 1
            return
        host.health = event
        if event.healthy and host.event == lifecycle.ALLOW_TRAFFIC and event.cause == host.command:
            self._end_event(host, event, _SUCCEEDED, host.started_ms, None)

    def _timer_fired(self, event: TimerFired) -> None:
        if event.timer == DEPLOYMENT_TIMER:
            self._out_of_time(event)
            return
        host = self._host(event.timer.removeprefix(_HOST_TIMER))
        host.armed_ms = NEVER
        if not host.command:
            return
        if event.at_ms < host.deadline_ms:
            self._arm(host)
            return
        message = messages.timed_out(host, self.deployment.limits, event.at_ms)
        started = event.at_ms if host.started_ms == NEVER else host.started_ms
        diagnostics = Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, message)
        self._end_event(host, event, EventStatus.FAILED, started, diagnostics)

    def _stop_requested(self, event: StopRequested) -> None:
        self.stop = event
        self._enter(Phase.STOPPING)  # something is under way, and the end of the last of it ends the deployment

    # -- a host's way through its lifecycle ---------------------------------------------------------------------

    def _send(self, host: Host, event: Event, why: str) -> None:
        """Give a host its next lifecycle event."""
        deployment, commands = self.deployment, self._commands
        host.event = name = self.sequence[host.step]
        host.sent_ms = now = event.at_ms
        host.command = command_id = f"{self._event_id}.{len(commands)}"
        kind = _BALANCER_COMMANDS.get(name)
        if kind is None:
            commands.append(_run_lifecycle_event(command_id, deployment.deployment_id, why, host.name, name))
            host.started_ms = NEVER
            host.deadline_ms = deadline_ms = now + deployment.limits.start_ms
        else:
            commands.append(kind(command_id, deployment.deployment_id, why, host.name))
            host.started_ms = now
            host.deadline_ms = deadline_ms = now + deployment.limits.event_ms
        if host.armed_ms == NEVER or host.armed_ms > deadline_ms:
            self._arm(host)

    def _end_event(
        self, host: Host, event: Event, status: EventStatus, started_ms: int, diagnostics: Diagnostics | None
    ) -> None:
        """A lifecycle event has ended on a host, one way or another."""
        name = host.event
        host.records.append(_new_record((name, status, started_ms, event.at_ms, diagnostics)))
        host.command = host.event = ""
        if name == lifecycle.INSTALL and (host.started_ms != NEVER or type(event) is LifecycleEventCompleted):
            # An Install that fails has already removed what the revision before it had put there.
            host.revision = self.deployment.revision if status is _SUCCEEDED else None
        why = _NEXT
        if status is not _SUCCEEDED:
            if not (
                self.deployment.ignore_application_stop_failures and name in lifecycle.FORGIVEN_WITH_APPLICATION_STOP
            ):
                self._end_host(host, event, name, diagnostics)
                return
            why = _FORGIVEN
        host.step += 1
        if host.step == len(self.sequence):
            self._end_host(host, event, None, None)
        elif self.phase is Phase.STOPPING:
            waiting = self.sequence[host.step]
            stopped = Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, f"the deployment was stopped before {waiting}")
            self._end_host(host, event, waiting, stopped)
        else:
            self._send(host, event, why)

    def _end_host(self, host: Host, event: Event, failed_at: str | None, diagnostics: Diagnostics | None) -> None:
        """A host is through with this deployment: all went well, or it failed at an event and skips the rest."""
        if failed_at is None:
            self._move(host, TargetStatus.SUCCEEDED)
            self._notify(Trigger.INSTANCE_SUCCESS, "every lifecycle event succeeded", host.name)
        else:
            message = diagnostics.message if diagnostics else "no reason was given"
            for name in self.sequence[len(host.records) :]:
                host.records.append(Record(name, _SKIPPED, None, event.at_ms, None))
            if len(self.failures) < messages.FAILURES_NAMED_MAX:
                self.failures.append(messages.Failure(host.name, failed_at, message))
            self._move(host, TargetStatus.FAILED)
            self._notify(Trigger.INSTANCE_FAILURE, f"{failed_at}: {message}", host.name)
        self.budget.give_back(succeeded=failed_at is None)
        if self.phase is Phase.STOPPING:
            if self.budget.ended:
                self._stopped(event)
        else:
            self._fill(event)

    # -- a stage's way through its hosts ------------------------------------------------------------------------

    def _begin_stage(self, event: Event) -> None:
        stage = self.stages[self.stage]
        hosts = [self.hosts[name] for name in stage.hosts]
        unhealthy = [host.name for host in hosts if not host.target.healthy]
        # Unknown before old before current: None sorts first, then what is not the revision to come.
        wanted = self.deployment.revision
        healthy = sorted(
            (h for h in hosts if h.target.healthy), key=lambda h: _revision_rank(h.target.revision, wanted)
        )
        self.budget = HealthBudget(unhealthy, [host.name for host in healthy], stage.required)
        self.failures = []
        if self.budget.impossible:
            message = messages.minimum_impossible(self.budget, self.deployment.config.name)
            self._finish(event, DeploymentStatus.FAILED, ErrorCode.HEALTH_CONSTRAINTS_INVALID, message)
        else:
            self._fill(event)

    def _fill(self, event: Event) -> None:
        """Take as many hosts as the budget gives; where it gives none and none is under way, the stage has ended."""
        budget = self.budget
        while taken := budget.take():
            name, why = taken
            host = self.hosts[name]
            self._move(host, TargetStatus.IN_PROGRESS)
            self._notify(Trigger.INSTANCE_START, why, name)
            self._send(host, event, why)
        if not budget.ended:
            return
        if not budget.success:
            message = messages.too_many_failed(budget, self.failures)
            self._finish(event, DeploymentStatus.FAILED, ErrorCode.HEALTH_CONSTRAINTS, message)
        elif self.stage + 1 < len(self.stages):
            self.stage += 1
            self._begin_stage(event)
        else:
            self._finish(event, DeploymentStatus.SUCCEEDED)

    # -- the deployment's end -----------------------------------------------------------------------------------

    def _out_of_time(self, event: TimerFired) -> None:
        limit = messages.duration(self.deployment.limits.deployment_ms)
        message = f"the deployment did not end within {limit}"
        for host in self.hosts.values():
            if host.status is TargetStatus.IN_PROGRESS:
                host.records.append(
                    Record(
                        host.event,
                        EventStatus.FAILED,
                        event.at_ms if host.started_ms == NEVER else host.started_ms,
                        event.at_ms,
                        Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, message),
                    )
                )
                host.records.extend(
                    Record(name, _SKIPPED, None, event.at_ms, None) for name in self.sequence[len(host.records) :]
                )
                if host.event == lifecycle.INSTALL and host.started_ms != NEVER:
                    host.revision = None
                host.command = host.event = ""
                self._move(host, TargetStatus.FAILED)
        self._finish(event, DeploymentStatus.FAILED, ErrorCode.TIMEOUT, message)

    def _stopped(self, event: Event) -> None:
        assert self.stop is not None, "STOPPING is entered by a StopRequested"
        self._finish(event, DeploymentStatus.STOPPED, ErrorCode.MANUAL_STOP, f"stopped by {self.stop.by}")

    def _finish(self, event: Event, status: DeploymentStatus, code: ErrorCode | None = None, message: str = "") -> None:
        self._enter(Phase.ENDED)
        self.status = status
        self.ended_ms = event.at_ms
        self.error = Error(code, message) if code else None
        if self.counts[TargetStatus.PENDING]:
            for host in self.hosts.values():
                if host.status is TargetStatus.PENDING:
                    self._move(host, TargetStatus.SKIPPED)
        why = message or f"{self.counts[TargetStatus.SUCCEEDED]} of {len(self.hosts)} hosts succeeded"
        self._notify(_END_TRIGGER[status], why)
        self._commands.append(Finish(self._next_id(), self.deployment_id, why, status, self.error))
        wanted = self.stop.auto_rollback if self.stop else None
        touched = self.counts[TargetStatus.SUCCEEDED] + self.counts[TargetStatus.FAILED] > 0
        if rollback.refusal(self.deployment, status, wanted, touched=touched) is None:
            undo = rollback.rollback(self.deployment, self.hosts.values())
            self._notify(Trigger.DEPLOYMENT_ROLLBACK, undo.description)
            self._commands.append(CreateDeployment(self._next_id(), self.deployment_id, undo.description, undo))

    # -- small change -------------------------------------------------------------------------------------------

    def _host(self, name: str) -> Host:
        host = self.hosts.get(name)
        if host is None:
            raise RolloutError(f"{self.deployment_id} has no host {name}", self._recent)
        return host

    def _astray(self, host: Host, name: str) -> RolloutError:
        return RolloutError(f"{host.name} reports {name} and is at {host.event or 'nothing'}", self._recent, host)

    def _enter(self, phase: Phase) -> None:
        self.phase = phase
        self._handlers = _TABLE[phase]

    def _move(self, host: Host, status: TargetStatus) -> None:
        self.counts[host.status] -= 1
        self.counts[status] += 1
        host.status = status

    def _next_id(self) -> str:
        return f"{self._event_id}.{len(self._commands)}"

    def _notify(self, trigger: Trigger, why: str, host: str | None = None) -> None:
        self._commands.append(_notify(self._next_id(), self.deployment_id, why, trigger, host))

    def _start_timer(self, timer: str, at_ms: int, why: str) -> None:
        self._commands.append(_timer(self._next_id(), self.deployment_id, why, timer, at_ms))

    def _arm(self, host: Host) -> None:
        host.armed_ms = host.deadline_ms
        self._start_timer(_HOST_TIMER + host.name, host.deadline_ms, "a lifecycle event may not take longer")


def _revision_rank(revision: str | None, wanted: str) -> int:
    """CodeDeploy's order among healthy hosts: unknown, old, current."""
    return 0 if revision is None else 2 if revision == wanted else 1


_END_TRIGGER = {
    DeploymentStatus.SUCCEEDED: Trigger.DEPLOYMENT_SUCCESS,
    DeploymentStatus.FAILED: Trigger.DEPLOYMENT_FAILURE,
    DeploymentStatus.STOPPED: Trigger.DEPLOYMENT_STOP,
}


_WORKING: dict[type[Event], Callable[..., None]] = {
    LifecycleEventStarted: Rollout._event_started,
    LifecycleEventCompleted: Rollout._event_completed,
    HealthCheckReported: Rollout._health_reported,
    TimerFired: Rollout._timer_fired,
}

_TABLE: Mapping[Phase, Mapping[type[Event], Callable[..., None]]] = {
    Phase.CREATED: {DeploymentCreated: Rollout._created},
    Phase.ROLLING: {**_WORKING, StopRequested: Rollout._stop_requested},
    Phase.STOPPING: _WORKING,
    Phase.ENDED: {},
}

_KNOWN = frozenset(kind for row in _TABLE.values() for kind in row)
