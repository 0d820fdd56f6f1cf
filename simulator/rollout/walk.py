"""A host's way through its lifecycle: event by event, each within its time, until it is through or fails."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial

from simulator.rollout import lifecycle, messages
from simulator.rollout.commands import AllowTraffic, BlockTraffic, Notify, RunLifecycleEvent, StartTimer
from simulator.rollout.events import Diagnostics, Event, LifecycleEventCompleted
from simulator.rollout.host import NEVER, Host, Record
from simulator.rollout.quick import quick
from simulator.rollout.state import Phase, RolloutState
from simulator.rollout.statuses import EventStatus, TargetStatus, Trigger
from simulator.rollout.story import RolloutError
from strategies.configuration import ComputePlatform

HOST_TIMER = "host:"

_SUCCEEDED = EventStatus.SUCCEEDED
_SKIPPED = EventStatus.SKIPPED
_NEXT = "the event before it succeeded"
_FORGIVEN = "the event before it failed, and ignoreApplicationStopFailures forgives that"

_BALANCER_COMMANDS = {lifecycle.BLOCK_TRAFFIC: quick(BlockTraffic), lifecycle.ALLOW_TRAFFIC: quick(AllowTraffic)}
_run_lifecycle_event = quick(RunLifecycleEvent)
_notify = quick(Notify)
_timer = quick(StartTimer)
_new_record = partial(tuple.__new__, Record)  # `Record(…)` without the call in between


class HostWalk(RolloutState):
    """The part of the machine that gives a host one command after the other."""

    def _send(self, host: Host, event: Event, why: str) -> None:
        """Give a host its next lifecycle event."""
        deployment, commands = self.deployment, self._commands
        host.event = name = self.sequence[host.step]
        host.sent_ms = now = event.at_ms
        host.behind = ""
        host.command = command_id = f"{self._event_id}.{self._first + len(commands)}"
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
        if (
            name == lifecycle.INSTALL
            and not self.course
            and (host.started_ms != NEVER or type(event) is LifecycleEventCompleted)
        ):
            # An Install that fails has already removed what the revision before it had put there.
            host.revision = self.deployment.revision if status is _SUCCEEDED else None
        why = _NEXT
        if status is not _SUCCEEDED:
            if not (
                self.deployment.ignore_application_stop_failures and name in lifecycle.FORGIVEN_WITH_APPLICATION_STOP
            ):
                message = diagnostics.message if diagnostics else "no reason was given"
                self._end_host(host, event, messages.Failure(host.name, name, message), f"{name}: {message}")
                return
            why = _FORGIVEN
        host.step += 1
        if host.step == len(self.sequence):
            self._end_host(host, event)
        elif self.phase is Phase.STOPPING:
            waiting = self.sequence[host.step]
            message = f"the deployment was stopped before {waiting}"
            self._end_host(host, event, messages.Failure(host.name, waiting, message), message)
        else:
            self._send(host, event, why)

    def _end_host(self, host: Host, event: Event, failure: messages.Failure | None = None, why: str = "") -> None:
        """A host is through with this deployment: all went well, or it failed (`why`) and skips the rest."""
        if failure is None:
            host.step = 0
            if self.through is TargetStatus.READY:
                self._move(host, TargetStatus.READY)
                self._notify(Trigger.INSTANCE_READY, "installed and validated, out of traffic", host.name)
            elif self.through is TargetStatus.SUCCEEDED:
                self._move(host, TargetStatus.SUCCEEDED)
                self._notify(Trigger.INSTANCE_SUCCESS, "every lifecycle event succeeded", host.name)
                if host.health is not None and not host.health.healthy and lifecycle.ALLOW_TRAFFIC in self.sequence:
                    self.sick[host.name] = host.health  # let in, and unhealthy before its last event had ended
        else:
            self._skip_rest(host, event)
            if len(self.failures) < messages.FAILURES_NAMED_MAX:
                self.failures.append(failure)
            self._move(host, TargetStatus.FAILED)
            self._notify(Trigger.INSTANCE_FAILURE, why, host.name)
        self.budget.give_back(succeeded=failure is None)
        self._host_ended(event)

    def _begin_traffic(self, host: Host, event: Event) -> None:
        """A target's AllowTraffic begins with the first of the stages that carry it out."""
        if host.status is TargetStatus.PENDING:
            self._notify(Trigger.INSTANCE_START, "all of the traffic goes back", host.name)
        self._move(host, TargetStatus.IN_PROGRESS)
        self.shifting = host.name
        host.event = lifecycle.ALLOW_TRAFFIC
        host.sent_ms = host.started_ms = event.at_ms
        if host.health is not None and not host.health.healthy:
            self.sick[host.name] = host.health  # since its task set was steady

    def _end_traffic(self, host: Host, event: Event) -> None:
        """All of the traffic has been shifted; the target has succeeded where no other event of its is to come."""
        host.records.append(Record(host.event, _SUCCEEDED, host.started_ms, event.at_ms, None))
        self.shifting = host.event = ""
        host.revision = self.deployment.revision
        if len(host.records) == len(self.course):
            self._move(host, TargetStatus.SUCCEEDED)
            self._notify(Trigger.INSTANCE_SUCCESS, "every lifecycle event succeeded", host.name)

    def _skip_rest(self, host: Host, event: Event) -> None:
        """What the host will not come to any more."""
        if self.course:
            there = {record.name for record in host.records}
            host.records.extend(
                Record(name, _SKIPPED, None, event.at_ms, None) for name in self.course if name not in there
            )
            return
        done = bool(host.records) and host.records[-1].name == self.sequence[host.step]
        host.records.extend(
            Record(name, _SKIPPED, None, event.at_ms, None) for name in self.sequence[host.step + done :]
        )

    @abstractmethod
    def _host_ended(self, event: Event) -> None:
        """A host has ended: what follows for its stage."""

    def _host(self, name: str) -> Host:
        host = self.hosts.get(name)
        if host is None:
            raise RolloutError(f"{self.deployment_id} has no host {name}", self._recent)
        return host

    def _astray(self, host: Host, name: str) -> RolloutError:
        return RolloutError(f"{host.name} reports {name} and is at {host.event or 'nothing'}", self._recent, host)

    def _move(self, host: Host, status: TargetStatus) -> None:
        if host.status is TargetStatus.PENDING and host.target.healthy:
            self.healthy_to_come -= 1
        self.counts[host.status] -= 1
        self.counts[status] += 1
        host.status = status

    def _next_id(self) -> str:
        return f"{self._event_id}.{self._first + len(self._commands)}"

    def _notify(self, trigger: Trigger, why: str, host: str | None = None) -> None:
        """Tell the subscribers; of a target only where it is an instance, which a service and a function are not."""
        if host is not None and self.deployment.compute_platform is not ComputePlatform.SERVER:
            return
        self._commands.append(_notify(self._next_id(), self.deployment_id, why, trigger, host))

    def _start_timer(self, timer: str, at_ms: int, why: str) -> None:
        self._commands.append(_timer(self._next_id(), self.deployment_id, why, timer, at_ms))

    def _arm(self, host: Host) -> None:
        host.armed_ms = host.deadline_ms
        self._start_timer(HOST_TIMER + host.name, host.deadline_ms, "a lifecycle event may not take longer")
