"""What must hold in every run, whatever was asked for: checked after every event, from a book of its own.

Nothing here asks the core's health budget: the checks watch the events that go in and the commands that come out.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.control.result import Finding
from simulator.rollout.commands import Command, Finish, HostCommand
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    Event,
    HealthCheckReported,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    TimerFired,
    TrafficMeasured,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus, Label, TargetStatus

MINIMUM = "the core never takes the fleet below its minimum"
ONE_COMMAND = "a host is given one command at a time"
TERMINAL = "a terminal status is final"
PROMISE = "a rollback ends on the revision that it promised"
NO_CHAIN = "a rollback is never rolled back"
HELD_OUT = "no request is sent to a host that the plan holds out"

_HELD = {
    MINIMUM: "no healthy host was taken out while only the minimum was left",
    ONE_COMMAND: "every command waited for the end of the one before it",
    TERMINAL: "nothing was commanded after a deployment's end",
    PROMISE: "every host of every rollback that succeeded has the last successful revision",
    NO_CHAIN: "no rollback brought about another",
    HELD_OUT: "no stray request was seen",
}


class Invariants:
    """Watches a run, and keeps the first violation of each rule."""

    def __init__(self) -> None:
        self._violations: dict[str, str] = {}
        self._healthy: set[str] = set()
        self._taken: set[str] = set()
        self._minimum = 0
        self._busy: dict[str, str] = {}
        self._over: set[str] = set()
        self._rollbacks: set[str] = set()

    @property
    def violated(self) -> bool:
        """Whether any rule was broken so far."""
        return bool(self._violations)

    def begin(self, deployment: Deployment) -> None:
        """A deployment begins."""
        self._healthy = {target.name for target in deployment.targets if target.healthy}
        self._taken = set()
        self._busy = {}
        self._minimum = deployment.config.minimum_healthy_hosts.required(len(deployment.targets))
        if deployment.creator is Creator.ROLLBACK:
            if deployment.rollback_of in self._rollbacks:
                self._violate(
                    NO_CHAIN,
                    f"{deployment.deployment_id} undoes {deployment.rollback_of}, which is a rollback",
                )
            self._rollbacks.add(deployment.deployment_id)

    def check(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """One event was handled, and answered with these commands. O(commands)."""
        if type(event) is LifecycleEventCompleted:
            if self._busy.get(event.host) == event.cause:
                del self._busy[event.host]
            self._heard_of(event.host, rollout)
        elif type(event) is HealthCheckReported:
            self._heard_of(event.host, rollout)
        elif type(event) is TrafficMeasured and event.strays:
            self._violate(HELD_OUT, f"{event.strays} requests reached hosts that were held out")
        for command in commands:
            if isinstance(command, HostCommand):
                self._commanded(command, event)
            elif isinstance(command, Finish) and rollout is not None:
                self._finished(command, rollout)

    def _heard_of(self, host: str, rollout: Rollout | None) -> None:
        if rollout is not None and (state := rollout.hosts.get(host)) and state.status is TargetStatus.SUCCEEDED:
            self._healthy.add(host)

    def _commanded(self, command: HostCommand, event: Event) -> None:
        host = command.host
        if command.deployment_id in self._over:
            self._violate(TERMINAL, f"command {command.id} for {host} came after the end of {command.deployment_id}")
        before = self._busy.get(host)
        if before is not None and not _frees(event, host):
            self._violate(ONE_COMMAND, f"{host} was given {command.id} while it was at {before}")
        self._busy[host] = command.id
        if host not in self._taken:
            self._taken.add(host)
            if host in self._healthy:
                self._healthy.discard(host)
                if len(self._healthy) < self._minimum:
                    left = len(self._healthy)
                    self._violate(
                        MINIMUM,
                        f"{host} was taken out at {event.at_ms} ms: {left} healthy left, {self._minimum} wanted",
                    )

    def _finished(self, command: Finish, rollout: Rollout) -> None:
        if command.deployment_id in self._over:
            self._violate(TERMINAL, f"{command.deployment_id} ended twice")
        self._over.add(command.deployment_id)
        deployment = rollout.deployment
        if deployment.creator is Creator.ROLLBACK and command.status is DeploymentStatus.SUCCEEDED:
            promised = deployment.last_success.revision if deployment.last_success else None
            for host in rollout.hosts.values():
                if (
                    host.label is not Label.GREEN
                    and host.status is TargetStatus.SUCCEEDED
                    and host.revision != promised
                ):
                    self._violate(PROMISE, f"{host.name} ended on {host.revision}, and {promised} was promised")

    def _violate(self, name: str, why: str) -> None:
        self._violations.setdefault(name, why)

    def findings(self) -> tuple[Finding, ...]:
        """Every rule, whether it held, and why."""
        return tuple(
            Finding(name, name not in self._violations, self._violations.get(name, held))
            for name, held in _HELD.items()
        )


def _frees(event: Event, host: str) -> bool:
    """Whether this event ended what the host was at."""
    if isinstance(event, LifecycleEventStarted):
        return False
    if isinstance(event, TimerFired):
        return event.timer == f"host:{host}"
    return isinstance(event, LifecycleEventCompleted | HealthCheckReported) and event.host == host
