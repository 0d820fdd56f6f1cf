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
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    StartTimer,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment, Limits, Success, Target
from simulator.rollout.events import (
    AgentRefused,
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
    StopRequested,
    TimerFired,
    TrafficShifted,
)
from simulator.rollout.host import NEVER, Host
from simulator.rollout.machine import Rollout
from simulator.rollout.state import Phase
from simulator.rollout.statuses import (
    Creator,
    DeploymentStatus,
    EventStatus,
    FileExistsBehavior,
    LifecycleErrorCode,
    OperatorVerb,
    RollbackEvent,
    TargetStatus,
)
from strategies.configuration import DeploymentConfig, MinimumHealthyHosts, MinimumHealthyHostsType, named
from strategies.options import NONE, Options
from strategies.plan import Deploy
from tests.support.targets import validate_target

STEP_MS = 1_000
"""Unless a test says otherwise, this much time passes from one event to the next."""

FAILED = Diagnostics(LifecycleErrorCode.SCRIPT_FAILED, "run.sh ended with exit code 1", "run.sh")
LAST_SUCCESS = Success("d-BEFORE000", "v1", FileExistsBehavior.DISALLOW)
WORK = (RunLifecycleEvent, BlockTraffic, AllowTraffic)
"""The commands that give a host something to do."""
ANSWERS = {ProvisionHost: HostProvisioned, TerminateHost: HostTerminated, ShiftTraffic: TrafficShifted}
"""The commands that a fleet answers otherwise than by the end of a lifecycle event, and with what."""


def config(text: str) -> DeploymentConfig:
    """A deployment configuration: a predefined name, or `HOST_COUNT 8`, `FLEET_PERCENT 95`."""
    if (predefined := named(text)) is not None:
        return predefined
    kind, value = text.split()
    return DeploymentConfig(text, MinimumHealthyHosts(MinimumHealthyHostsType(kind), int(value)))


def targets(
    count: int,
    *,
    healthy: Callable[[int], bool] | bool = True,
    revision: str | None = "v1",
    zones: Sequence[str] = ("",),
) -> list[Target]:
    """Hosts h1, h2, …, in these zones in turn; a healthy one has the revision, one that is not has none."""
    sound = [healthy(n) if callable(healthy) else healthy for n in range(1, count + 1)]
    return [Target(f"h{n + 1}", zones[n % len(zones)], ok, revision if ok else None) for n, ok in enumerate(sound)]


def deployment(
    hosts: int | Sequence[Target] = 4,
    minimum: str = "OneAtATime",
    *,
    strategy: str = "rolling",
    options: Options = NONE,
    balancer: bool = False,
    rolls_back: Iterable[RollbackEvent] = (),
    alarms: Iterable[str] = (),
    ignore_stop_failures: bool = False,
    limits: Limits | None = None,
    last_success: Success | None = LAST_SUCCESS,
    creator: Creator = Creator.USER,
    revision: str = "v2",
    group: str = "production",
) -> Deployment:
    """v2 onto hosts that run v1, unless told otherwise."""
    return Deployment(
        deployment_id="d-1",
        application="web",
        group=group,
        revision=revision,
        strategy=strategy,
        config=config(minimum),
        targets=tuple(targets(hosts) if isinstance(hosts, int) else hosts),
        with_balancer=balancer,
        options=options,
        creator=creator,
        ignore_application_stop_failures=ignore_stop_failures,
        auto_rollback=tuple(rolls_back),
        alarms=tuple(alarms),
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

    def ended(self, host: str) -> tuple[Command, ...]:
        """A pool has terminated the host."""
        return self.feed(HostEnded(self.id(), self.now_ms, "", "web", host))

    def refuse(self, host: str, ahead_ms: int, *, cause: str | None = None) -> tuple[Command, ...]:
        """The service does not believe the host's agent, whose clock is so far ahead."""
        wanted, deployment = cause or self.rollout.hosts[host].command, self.rollout.deployment_id
        event = AgentRefused(self.id(), self.now_ms, wanted, deployment, host, "InvalidSignatureException", ahead_ms)
        return self.feed(event)

    def fire(self, timer: str) -> tuple[Command, ...]:
        """The time of a timer comes: a host's by its name, `deployment`, `stage` for the stage's own, or in full."""
        short = {"deployment": timer, "stage": f"stage:{self.rollout.stage}"}
        name = timer if ":" in timer else short.get(timer, f"host:{timer}")
        command = self.timers[name]
        self.now_ms = max(self.now_ms, command.at_ms)
        return self.feed(TimerFired(self.id(), self.now_ms, command.id, self.rollout.deployment_id, name))

    def stop(self, auto_rollback: bool | None = None) -> tuple[Command, ...]:
        """Somebody stops the deployment."""
        return self.feed(
            StopRequested(self.id(), self.now_ms, "", self.rollout.deployment_id, "the operator", auto_rollback)
        )

    def say(self, verb: str, by: str = "the operator") -> tuple[Command, ...]:
        """Somebody says something to the deployment."""
        return self.feed(OperatorSpoke(self.id(), self.now_ms, "", self.rollout.deployment_id, OperatorVerb(verb), by))

    def answer(self, host: str = "", *, cause: str | None = None) -> tuple[Command, ...]:
        """The fleet has done what it was asked beside lifecycle events: for this host, or (`""`) with the traffic."""
        asked = next(
            command
            for command in reversed(self.commands)
            if isinstance(command, tuple(ANSWERS)) and getattr(command, "host", "") == host
        )
        self.wait(STEP_MS)
        happened = ANSWERS[type(asked)]
        about = (self.id(), self.now_ms, asked.id if cause is None else cause, self.rollout.deployment_id)
        return self.feed(happened(*about, host) if host else happened(*about))

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
    pending = [host for host in hosts if host.status is TargetStatus.PENDING]
    assert rollout.healthy_to_come == sum(host.target.healthy for host in pending)
    assert rollout.ended == rollout.status.terminal == (rollout.ended_ms != NEVER)
    if rollout.course:
        validate_target(rollout)
        return
    ways = _ways(rollout)
    for host in hosts:
        _validate_host(rollout, host, ways[host.name])
    assert set(rollout.sick) <= {host.name for host in hosts if host.status is TargetStatus.SUCCEEDED}
    if rollout.ended:
        assert not counted[TargetStatus.PENDING]
        assert not counted[TargetStatus.IN_PROGRESS]
        assert (rollout.error is None) == (rollout.status is DeploymentStatus.SUCCEEDED)
    elif rollout.phase is not Phase.CREATED:
        stage = rollout.stages[rollout.stage]
        if isinstance(stage, Deploy) and not rollout.stage_over:
            _validate_budget(rollout, stage, ways)
        else:
            assert not counted[TargetStatus.IN_PROGRESS], "a host is under way, and its stage is over"


def _ways(rollout: Rollout) -> dict[str, dict[int, int]]:
    """For every host: after how many records it is through each stage (by the stage's number) that it is part of."""
    balancer = rollout.deployment.with_balancer
    ways: dict[str, dict[int, int]] = {name: {} for name in rollout.hosts}
    for number, stage in enumerate(rollout.stages):
        if isinstance(stage, Deploy):
            steps = len(lifecycle.sequence(with_balancer=balancer, part=stage.part))
            for name in stage.hosts:
                ways[name][number] = max(ways[name].values(), default=0) + steps
    return ways


def _validate_host(rollout: Rollout, host: Host, way: dict[int, int]) -> None:
    working = host.status is TargetStatus.IN_PROGRESS
    assert bool(host.command) == bool(host.event) == working, f"{host.name}: {host.status}, {host.command}"
    sequence: tuple[str, ...] = ()
    for number in way:
        stage = rollout.stages[number]
        assert isinstance(stage, Deploy)
        sequence += lifecycle.sequence(with_balancer=rollout.deployment.with_balancer, part=stage.part)
    passed = tuple(record.name for record in host.records)
    assert passed == sequence[: len(passed)], f"{host.name} went through {passed}"
    if working:
        assert host.event == sequence[len(passed)]
        assert host.armed_ms != NEVER, f"{host.name} would wait for ever"
        assert host.armed_ms <= host.deadline_ms, f"{host.name}'s timer fires too late"
    through = [number for number, records in way.items() if records <= len(passed)]
    if host.status is TargetStatus.SUCCEEDED:
        assert len(passed) in way.values(), f"{host.name} ended without a word on some events"
        assert through[-1] <= rollout.stage
    elif host.status is TargetStatus.FAILED:
        assert len(passed) in way.values(), f"{host.name} ended without a word on some events"
        assert host.records[-1].status is not EventStatus.SUCCEEDED
    elif host.status is TargetStatus.READY:
        assert len(passed) in way.values()
        assert len(passed) < len(sequence), f"{host.name} is ready for what?"
    elif host.status in (TargetStatus.PENDING, TargetStatus.SKIPPED):
        assert not passed, f"{host.name} was touched"


def _validate_budget(rollout: Rollout, stage: Deploy, ways: dict[str, dict[int, int]]) -> None:
    budget, number = rollout.budget, rollout.stage
    succeeded = failed = waiting = healthy = in_flight = 0
    for name in stage.hosts:
        host, end = rollout.hosts[name], ways[name][number]
        records = len(host.records)
        if host.status is TargetStatus.IN_PROGRESS:
            in_flight += 1
        elif host.status is TargetStatus.FAILED:
            failed += records == end
        elif records >= end:
            succeeded += 1
        else:
            waiting += 1
            healthy += host.status is TargetStatus.PENDING and host.target.healthy
    assert in_flight == rollout.counts[TargetStatus.IN_PROGRESS], "a host that is not of the stage is under way"
    assert (budget.in_flight, budget.succeeded, budget.failed) == (in_flight, succeeded, failed)
    assert (budget.waiting, budget.healthy) == (waiting, succeeded + healthy)
    others = [rollout.hosts[name] for name in stage.among if name not in set(stage.hosts)]
    early = [
        host
        for name in stage.hosts
        if (host := rollout.hosts[name]).status is TargetStatus.FAILED and len(host.records) < ways[name][number]
    ]
    others += early
    assert budget.others.hosts == len(others)
    assert budget.others.succeeded == sum(host.status is TargetStatus.SUCCEEDED for host in others)
    assert budget.others.failed == sum(host.status is TargetStatus.FAILED for host in others)
    sound = sum(
        host.status is TargetStatus.SUCCEEDED or (host.status is TargetStatus.PENDING and host.target.healthy)
        for host in others
    )
    assert budget.others.healthy <= sound
    if rollout.phase is not Phase.STOPPING:
        assert budget.in_flight > 0 or rollout.paused, "nothing is under way, and nothing will ever happen"
