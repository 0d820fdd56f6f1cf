"""A core to play with: deployments from a few words, and a hand that feeds events into a real `Rollout`.

There is no fleet here. Whoever holds the `Hand` decides what happens and when, so a test reads as what happened and
what was commanded. After every event the whole state is counted again and compared with the counters that are kept.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from simulator.rollout import lifecycle
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    CreateDeployment,
    Finish,
    Notify,
    RunLifecycleEvent,
    StartTimer,
)
from simulator.rollout.deployment import Deployment, Limits, Success, Target
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
from simulator.rollout.host import NEVER
from simulator.rollout.machine import Rollout
from simulator.rollout.state import Phase
from simulator.rollout.statuses import (
    Creator,
    DeploymentStatus,
    EventStatus,
    FileExistsBehavior,
    LifecycleErrorCode,
    RollbackEvent,
    TargetStatus,
)
from strategies.configuration import DeploymentConfig, MinimumHealthyHosts, MinimumHealthyHostsType, named

STEP_MS = 1_000
"""Unless a test says otherwise, this much time passes from one event to the next."""

FAILED = Diagnostics(LifecycleErrorCode.SCRIPT_FAILED, "run.sh ended with exit code 1", "run.sh")
LAST_SUCCESS = Success("d-BEFORE000", "v1", FileExistsBehavior.DISALLOW)
WORK = (RunLifecycleEvent, BlockTraffic, AllowTraffic)
"""The commands that give a host something to do."""


def config(text: str) -> DeploymentConfig:
    """A deployment configuration: a predefined name, or `HOST_COUNT 8`, `FLEET_PERCENT 95`."""
    if (predefined := named(text)) is not None:
        return predefined
    kind, value = text.split()
    return DeploymentConfig(text, MinimumHealthyHosts(MinimumHealthyHostsType(kind), int(value)))


def targets(count: int, *, healthy: Callable[[int], bool] | bool = True, revision: str | None = "v1") -> list[Target]:
    """Hosts h1, h2, …; a healthy one has the revision, one that is not has none."""
    sound = [healthy(n) if callable(healthy) else healthy for n in range(1, count + 1)]
    return [Target(f"h{n}", "", ok, revision if ok else None) for n, ok in enumerate(sound, start=1)]


def deployment(
    hosts: int | Sequence[Target] = 4,
    minimum: str = "OneAtATime",
    *,
    strategy: str = "rolling",
    balancer: bool = False,
    rolls_back: Iterable[RollbackEvent] = (),
    ignore_stop_failures: bool = False,
    limits: Limits | None = None,
    last_success: Success | None = LAST_SUCCESS,
    creator: Creator = Creator.USER,
    revision: str = "v2",
) -> Deployment:
    """v2 onto hosts that run v1, unless told otherwise."""
    return Deployment(
        deployment_id="d-1",
        application="web",
        group="production",
        revision=revision,
        strategy=strategy,
        config=config(minimum),
        targets=tuple(targets(hosts) if isinstance(hosts, int) else hosts),
        with_balancer=balancer,
        creator=creator,
        ignore_application_stop_failures=ignore_stop_failures,
        auto_rollback=tuple(rolls_back),
        limits=limits or Limits(),
        last_success=last_success,
    )


class Hand:
    """Feeds events into a rollout, and keeps what came of it."""

    def __init__(self, deployment: Deployment, *, at_ms: int = 0, ids: Iterable[int] | None = None) -> None:
        self.rollout = Rollout(deployment)
        self.now_ms = at_ms
        self.events: list[Event] = []
        self.commands: list[Command] = []
        self.timers: dict[str, StartTimer] = {}
        self._spent: set[str] = set()
        self._ids = iter(ids) if ids is not None else itertools.count(1)

    # -- what happens -------------------------------------------------------------------------------------------

    def create(self) -> tuple[Command, ...]:
        """The deployment is created, now."""
        return self.feed(DeploymentCreated(self.id(), self.now_ms, "", self.rollout.deployment))

    def end(
        self,
        host: str,
        *,
        well: bool = True,
        diagnostics: Diagnostics | None = FAILED,
        cause: str | None = None,
        name: str | None = None,
    ) -> tuple[Command, ...]:
        """The host reports the end of what it has in hand; the balancer, that it finds the host healthy."""
        state = self.rollout.hosts[host]
        self.wait(STEP_MS)
        if well and cause is None and state.event == lifecycle.ALLOW_TRAFFIC:
            return self.health(host, "200")
        return self.feed(
            LifecycleEventCompleted(
                self.id(),
                self.now_ms,
                state.command if cause is None else cause,
                self.rollout.deployment_id,
                host,
                state.event if name is None else name,
                EventStatus.SUCCEEDED if well else EventStatus.FAILED,
                self.now_ms - STEP_MS,
                None if well else diagnostics,
            )
        )

    def begin(self, host: str, *, cause: str | None = None) -> tuple[Command, ...]:
        """The host acknowledges what it was given."""
        state = self.rollout.hosts[host]
        wanted, name = (state.command, state.event) if cause is None else (cause, "ApplicationStop")
        return self.feed(LifecycleEventStarted(self.id(), self.now_ms, wanted, self.rollout.deployment_id, host, name))

    def health(self, host: str, seen: str) -> tuple[Command, ...]:
        """The balancer reports what its health check sees at the host; 200 is healthy."""
        state = self.rollout.hosts.get(host)
        cause = state.command if state else ""
        return self.feed(HealthCheckReported(self.id(), self.now_ms, cause, host, seen == "200", "/", "200", seen))

    def fire(self, timer: str) -> tuple[Command, ...]:
        """The time of a timer comes: a host's by the host's name, or `deployment`."""
        name = timer if timer == "deployment" else f"host:{timer}"
        command = self.timers[name]
        self.now_ms = max(self.now_ms, command.at_ms)
        return self.feed(TimerFired(self.id(), self.now_ms, command.id, self.rollout.deployment_id, name))

    def stop(self, auto_rollback: bool | None = None) -> tuple[Command, ...]:
        """Somebody stops the deployment."""
        return self.feed(
            StopRequested(self.id(), self.now_ms, "", self.rollout.deployment_id, "the operator", auto_rollback)
        )

    def wait(self, ms: int) -> None:
        """Time passes."""
        self.now_ms += ms

    # -- the same, in longer strides ----------------------------------------------------------------------------

    def walk(self, host: str, to: str = "") -> tuple[Command, ...]:
        """All goes well on a host until it is at the event `to`, or through. What the last event brought about."""
        commands: tuple[Command, ...] = ()
        while self.rollout.hosts[host].command and self.rollout.hosts[host].event != to:
            commands = self.end(host)
        return commands

    def fail(self, host: str, at: str = lifecycle.APPLICATION_START) -> tuple[Command, ...]:
        """All goes well on a host until the event `at`, which fails."""
        self.walk(host, at)
        return self.end(host, well=False)

    # -- what came of it ----------------------------------------------------------------------------------------

    def feed(self, event: Event) -> tuple[Command, ...]:
        """Hand any event in, check the whole state, keep the commands."""
        commands = self.rollout.handle(event)
        self.events.append(event)
        self.commands.extend(commands)
        if isinstance(event, TimerFired):
            self._spent.add(event.cause)
        for command in commands:
            if isinstance(command, StartTimer):
                self.timers[command.timer] = command
        validate(self.rollout)
        for host in self.busy:
            timer = self.timers[f"host:{host}"]
            assert timer.id not in self._spent, f"no timer runs for {host}, which may wait for ever"
            assert timer.at_ms == self.rollout.hosts[host].armed_ms
        return commands

    def id(self) -> int:
        """The next event's id."""
        return next(self._ids)

    @property
    def busy(self) -> list[str]:
        """The hosts that have something in hand."""
        return [host.name for host in self.rollout.hosts.values() if host.command]

    @property
    def taken(self) -> list[str]:
        """The hosts in the order in which they were taken."""
        return list(dict.fromkeys(command.host for command in self.commands if isinstance(command, WORK)))

    @property
    def finish(self) -> Finish:
        """The command that ended the deployment."""
        (command,) = (command for command in self.commands if isinstance(command, Finish))
        return command

    @property
    def undo(self) -> Deployment | None:
        """The rollback that was asked for, if any."""
        return next((c.deployment for c in self.commands if isinstance(c, CreateDeployment)), None)

    @property
    def notified(self) -> list[str]:
        """The triggers in their order, with the host where there is one."""
        return [f"{c.trigger} {c.host or ''}".strip() for c in self.commands if isinstance(c, Notify)]

    def statuses(self) -> dict[str, int]:
        """How many hosts have each status."""
        return dict(Counter(str(host.status) for host in self.rollout.hosts.values()))


def validate(rollout: Rollout) -> None:
    """Count everything again, in the most obvious way, and compare with what the core keeps."""
    hosts = list(rollout.hosts.values())
    counted = Counter(host.status for host in hosts)
    assert {status: count for status, count in rollout.counts.items() if count} == dict(counted)
    assert rollout.ended == rollout.status.terminal == (rollout.ended_ms != NEVER)
    for host in hosts:
        working = host.status is TargetStatus.IN_PROGRESS
        assert bool(host.command) == bool(host.event) == working, f"{host.name}: {host.status}, {host.command}"
        passed = tuple(record.name for record in host.records)
        assert passed == rollout.sequence[: len(passed)], f"{host.name} went through {passed}"
        if working:
            assert host.event == rollout.sequence[len(passed)]
            assert host.armed_ms != NEVER, f"{host.name} would wait for ever"
            assert host.armed_ms <= host.deadline_ms, f"{host.name}'s timer fires too late"
        if host.status in (TargetStatus.SUCCEEDED, TargetStatus.FAILED):
            assert passed == rollout.sequence, f"{host.name} ended without a word on some events"
        if host.status in (TargetStatus.PENDING, TargetStatus.SKIPPED):
            assert not passed, f"{host.name} was touched"
    if rollout.ended:
        assert not counted[TargetStatus.PENDING]
        assert not counted[TargetStatus.IN_PROGRESS]
        assert (rollout.error is None) == (rollout.status is DeploymentStatus.SUCCEEDED)
    elif rollout.phase is not Phase.CREATED and len(rollout.stages) == 1:
        budget = rollout.budget
        assert budget.in_flight == counted[TargetStatus.IN_PROGRESS]
        assert budget.succeeded == counted[TargetStatus.SUCCEEDED]
        assert budget.failed == counted[TargetStatus.FAILED]
        assert budget.waiting == counted[TargetStatus.PENDING]
        waiting = sum(host.target.healthy for host in hosts if host.status is TargetStatus.PENDING)
        assert budget.healthy == counted[TargetStatus.SUCCEEDED] + waiting
        assert budget.in_flight > 0, "nothing is under way, and nothing will ever happen"
