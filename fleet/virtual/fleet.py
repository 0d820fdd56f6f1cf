"""The virtual fleet: hosts as events on a heap.

It runs the agent's semantics without a process, a disk or a second of waiting. Whatever it has to choose (how long
an event takes, say) is drawn for (seed, host, deployment, event), so that a run can be played again to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import cast

from typing_extensions import override

from fleet.balancer.virtual import Answer, Schedule, VirtualBalancer
from fleet.base import Fleet, MakeEvent, stands_already
from fleet.figures import Figures
from fleet.virtual.answer_times import AnswerTimes, figures_of
from fleet.virtual.answers import answer_of
from fleet.virtual.draws import mix, stream
from fleet.virtual.ground import Ground
from fleet.virtual.host import Outcome, VirtualHost
from fleet.virtual.residue import VirtualDiskBook
from fleet.virtual.revision import VirtualRevision
from fleet.virtual.work import Workshop, restarted
from scenarios.model import Effect, HealthFault, Scenario
from simulator.rollout import lifecycle
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    Diagnostics,
    Event,
    HostProvisioned,
    HostTerminated,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    TrafficMeasured,
    TrafficShifted,
)
from simulator.rollout.quick import quick
from simulator.rollout.statuses import EventStatus

_DRAINING_MS = (20, 400)
"""How long the requests that are under way when a host is taken out go on, at most."""
_RESTART_MS = 1_000
_BOOT_MS = (5_000, 20_000)
"""From the request for a new host until its agent runs."""
_TERMINATE_MS = 1_000
_CHANGES_A_HOST = frozenset({lifecycle.APPLICATION_STOP, lifecycle.INSTALL, lifecycle.APPLICATION_START})
_SUCCEEDED = EventStatus.SUCCEEDED
_lifecycle_event_completed = quick(LifecycleEventCompleted)


class VirtualFleet(Fleet):
    """Hosts of a scenario, on a virtual loop. `schedule(at_ms, action)` puts something on it."""

    name = "virtual"

    def __init__(self, scenario: Scenario, seed: int, schedule: Schedule, ground: Ground | None = None) -> None:
        ground = ground or Ground(scenario)
        self._scenario = scenario
        self._seed = seed
        self._schedule = schedule
        self._now_ms = 0
        self._disks = ground.disks
        self._revisions = ground.revisions
        self._book = VirtualDiskBook(ground)
        self._times = AnswerTimes(seed)
        self._workshops: dict[str, Workshop] = {}
        self._start_limit_ms = min(scenario.limits.start, scenario.limits.event)
        self._watched_starts: frozenset[str] = frozenset()
        self.hosts: dict[str, VirtualHost] = {}
        self._called_off: set[str] = set()
        """Hosts that were asked for, and then were not wanted any more before they came."""
        self._balancer = VirtualBalancer(scenario.balancer, schedule) if scenario.balancer else None
        for host, disk, installed, serves, in_group in ground.hosts:
            self.hosts[host.name] = virtual = VirtualHost(host.name, seed, disk, installed, serves)
            if self._balancer:
                in_service = serves is not None
                self._balancer.add(host.name, self._answer(virtual), in_service=in_service, in_group=in_group)

    # -- commands -----------------------------------------------------------------------------------------------

    def at(self, now_ms: int) -> None:
        """The loop's time is now this."""
        self._now_ms = now_ms

    @override
    def begin(self, deployment: Deployment) -> None:
        revision = self._revisions[deployment.revision]
        ordinal = len(self._workshops)
        self._workshops[deployment.deployment_id] = Workshop(deployment, revision, self._disks, self._seed, ordinal)

    @override
    def watch_starts(self, events: frozenset[str]) -> None:
        self._watched_starts = events

    @override
    def perform(self, command: Command) -> None:
        if type(command) is RunLifecycleEvent:
            host = self.hosts[command.host]
            host.command, host.taken_up = command, False
            if host.alive and host.agent_runs and not host.paused:
                self._take_up(host, command)
        elif type(command) is BlockTraffic:
            self._block(command)
        elif type(command) is AllowTraffic:
            self._the_balancer().register(command.host, self._now_ms, command.id)
        elif isinstance(command, ProvisionHost):
            self._provision(command)
        elif isinstance(command, TerminateHost):
            self._terminate(command)
        elif isinstance(command, ShiftTraffic):
            self._the_balancer().shift(command.hosts, command.percent, self._now_ms)
            self._schedule(self._now_ms, lambda id, at: TrafficShifted(id, at, command.id, command.deployment_id))

    def _provision(self, command: ProvisionHost) -> None:
        draws = stream(self._seed, command.host)
        low, high = _BOOT_MS
        self._called_off.discard(command.host)

        def up(event_id: int, at_ms: int) -> Event | None:
            if command.host in self._called_off:
                return None
            if command.host in self.hosts:
                raise stands_already(command.host)
            host = VirtualHost(command.host, self._seed, self._disks.disk(self._scenario.fleet.files), {}, None)
            self.hosts[command.host] = host
            if self._balancer:
                self._balancer.add(host.name, self._answer(host), in_service=False, in_group=False)
            return HostProvisioned(event_id, at_ms, command.id, command.deployment_id, command.host)

        self._schedule(self._now_ms + low + draws % (high - low), up)

    def _terminate(self, command: TerminateHost) -> None:
        if command.host not in self.hosts:
            self._called_off.add(command.host)

        def gone(event_id: int, at_ms: int) -> Event:
            if not command.keep:
                self._end(command.host, at_ms)
            return HostTerminated(event_id, at_ms, command.id, command.deployment_id, command.host)

        self._schedule(self._now_ms + _TERMINATE_MS, gone)

    def _end(self, name: str, now_ms: int) -> None:
        """A host is gone for good, if it was there."""
        if name in self.hosts:
            host = self.hosts.pop(name)
            host.health_faults.clear()
            self._strike_host(host, crash=True)
            if self._balancer:
                self._balancer.remove(name, now_ms)

    def _the_balancer(self) -> VirtualBalancer:
        assert self._balancer is not None, "traffic is blocked and allowed only where the scenario has a balancer"
        return self._balancer

    def _block(self, command: BlockTraffic) -> None:
        began_ms = self._now_ms
        self._the_balancer().hold(command.host, began_ms)
        self._the_balancer().deregister(command.host, began_ms)
        low, high = _DRAINING_MS
        draw = mix(self.hosts[command.host].draws, stream(self._seed, command.id))
        draining = self._scenario.balancer.draining if self._scenario.balancer else 0
        lasts_ms = min(low + draw % (high - low), draining)

        def drained(event_id: int, at_ms: int) -> Event:
            return LifecycleEventCompleted(
                *(event_id, at_ms, command.id, command.deployment_id, command.host),
                *(lifecycle.BLOCK_TRAFFIC, EventStatus.SUCCEEDED, began_ms),
            )

        self._schedule(began_ms + lasts_ms, drained)

    def _take_up(self, host: VirtualHost, command: RunLifecycleEvent) -> None:
        """The agent begins the command in hand."""
        host.taken_up = True
        lasts_ms, outcome = self._workshops[command.deployment_id].work(host, command.name)
        began_ms = self._now_ms
        if lasts_ms >= self._start_limit_ms or command.name in self._watched_starts:
            self._schedule(began_ms, partial(_started, command))
        self._complete_at(began_ms + lasts_ms, host, command, outcome, began_ms)

    def _complete_at(
        self, at_ms: int, host: VirtualHost, command: RunLifecycleEvent, outcome: Outcome, began_ms: int
    ) -> None:
        self._schedule(at_ms, partial(self._complete, host, host.generation, command, outcome, began_ms))

    def _complete(
        self,
        host: VirtualHost,
        generation: int,
        command: RunLifecycleEvent,
        outcome: Outcome,
        began_ms: int,
        event_id: int,
        now_ms: int,
    ) -> Event | None:
        if host.generation != generation:
            return None
        if host.paused:
            host.frozen.append((command, began_ms, now_ms - host.paused_ms, outcome))
            return None
        if host.command is command:
            host.command = None
        name, (diagnostics, disk, leaves) = command.name, outcome
        status = _SUCCEEDED if diagnostics is None else EventStatus.FAILED
        if diagnostics is None and name in _CHANGES_A_HOST:
            self._succeeded(host, command)
        if disk is not None:
            host.disk = disk
        if leaves:
            host.disk = self._disks.leave(host.disk, leaves)
        return _lifecycle_event_completed(
            event_id, now_ms, command.id, command.deployment_id, host.name, name, status, began_ms, diagnostics
        )

    def _succeeded(self, host: VirtualHost, command: RunLifecycleEvent) -> None:
        """What a lifecycle event changes on a host."""
        name, workshop = command.name, self._workshops[command.deployment_id]
        revision = workshop.revision
        if name == lifecycle.APPLICATION_STOP:
            previous = host.installed.get(workshop.group)
            if previous is not None and previous.has_scripts(name):
                self._serve(host, None, workshop)
        elif name == lifecycle.INSTALL:
            host.installed[workshop.group] = revision
            if not revision.has_scripts(lifecycle.APPLICATION_START):
                self._serve(host, revision, workshop)
        elif name == lifecycle.APPLICATION_START and revision.has_scripts(name):
            self._serve(host, revision, workshop)

    # -- the application ----------------------------------------------------------------------------------------

    def _serve(self, host: VirtualHost, revision: VirtualRevision | None, workshop: Workshop) -> None:
        if workshop.serves:
            host.serves = revision
            self._answers_changed(host)

    def _answers_changed(self, host: VirtualHost) -> None:
        if self._balancer:
            self._balancer.answers(host.name, self._answer(host), self._now_ms)

    def _answer(self, host: VirtualHost) -> Answer:
        assert self._scenario.balancer is not None, "answers matter to a balancer only"
        return answer_of(host, self._scenario.balancer)

    # -- faults -------------------------------------------------------------------------------------------------

    @override
    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None:
        for host in self._present(hosts):
            if effect.health is not None:
                self._strike_health(host, name, effect.health)
            elif effect.script is not None:
                host.script_faults[cast(str, event)] = effect.script
            elif effect.agent is not None:
                self._strike_agent(host, restart=effect.agent == "restart")
            elif effect.host is not None:
                self._strike_host(host, crash=effect.host == "crash")
            elif effect.bundle is not None:
                host.bundle_fault = effect.bundle
            elif effect.file is not None:
                self._book.ignored.add(effect.file.path)
                host.disk = self._disks.disk((*host.disk.strangers, effect.file.path), host.disk.owned)

    @override
    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None:
        for host in self._present(hosts):
            if effect.health is not None:
                host.health_faults.pop(name, None)
                self._answers_changed(host)
            elif effect.agent is not None:
                host.agent_runs = True
                self._wake(host)
            elif effect.host == "crash":
                host.alive = True
                self._wake(host)
            elif effect.host == "pause":
                self._resume(host)
            elif effect.bundle is not None:
                host.bundle_fault = None
            elif effect.file is not None:
                host.disk = self._disks.disk(host.disk.strangers - {effect.file.path}, host.disk.owned)

    def _strike_health(self, host: VirtualHost, name: str, fault: HealthFault) -> None:
        host.health_faults[name] = (fault, True)
        self._answers_changed(host)
        if fault.flapping is not None:
            self._flap(host, name, fault, strikes=True)

    def _flap(self, host: VirtualHost, name: str, fault: HealthFault, *, strikes: bool) -> None:
        flapping = fault.flapping
        assert flapping is not None, "only a flapping fault flaps"

        def turn(_: int, now_ms: int) -> None:
            if host.health_faults.get(name) == (fault, strikes):
                self._now_ms = now_ms
                host.health_faults[name] = (fault, not strikes)
                self._answers_changed(host)
                self._flap(host, name, fault, strikes=not strikes)

        self._schedule(self._now_ms + (flapping.down if strikes else flapping.up), turn)

    def _strike_agent(self, host: VirtualHost, *, restart: bool) -> None:
        """A stopped agent ends what it has in hand and takes up no more; a restarted one gives it up."""
        host.agent_runs = False
        if not restart:
            return
        host.generation += 1

        def back(_: int, now_ms: int) -> None:
            self._now_ms = now_ms
            host.agent_runs = True
            self._wake(host)

        self._schedule(self._now_ms + _RESTART_MS, back)

    def _strike_host(self, host: VirtualHost, *, crash: bool) -> None:
        if crash:
            host.alive = False
            host.serves = None
            host.generation += 1
        else:
            host.paused = True
            host.paused_ms = self._now_ms
        self._answers_changed(host)

    def _wake(self, host: VirtualHost) -> None:
        """The agent is there again: it reports what it was at as lost (code 7), and takes up what it was not at yet."""
        if host.command is None or not host.works:
            return
        if host.taken_up:
            self._report(host, restarted())
        else:
            self._take_up(host, host.command)

    def _resume(self, host: VirtualHost) -> None:
        host.paused = False
        self._answers_changed(host)
        frozen, host.frozen = host.frozen, []
        for command, began_ms, left_ms, outcome in frozen:
            self._complete_at(self._now_ms + left_ms, host, command, outcome, began_ms)
        if host.command is not None and not host.taken_up and host.works:
            self._take_up(host, host.command)

    def _report(self, host: VirtualHost, diagnostics: Diagnostics) -> None:
        command = cast(RunLifecycleEvent, host.command)
        host.generation += 1
        self._complete_at(self._now_ms, host, command, Outcome(diagnostics), self._now_ms)

    def _present(self, hosts: Sequence[str]) -> list[VirtualHost]:
        """Those of the hosts that are there: a fault may outlive its host."""
        return [self.hosts[name] for name in hosts if name in self.hosts]

    # -- measuring ----------------------------------------------------------------------------------------------

    @override
    def measure(self) -> MakeEvent | None:
        if self._balancer is None:
            return None
        total, failed, by_revision = self._balancer.measure(self._now_ms)
        seen = (total, failed, by_revision, self._balancer.in_service_min, self._balancer.strays)
        return lambda event_id, at_ms: TrafficMeasured(event_id, at_ms, "", *seen)

    @override
    def figures(self) -> Figures | None:
        if self._balancer is None:
            return None
        return figures_of(*self._balancer.shares(self._now_ms), self._balancer.in_service, self._times)

    @override
    def remember_disks(self, deployment: Deployment) -> None:
        self._book.remember(deployment.deployment_id, self.hosts.values())

    @override
    def compare_disks(self, undone: Deployment) -> bool:
        if known := undone.deployment_id in self._book:
            self._schedule(self._now_ms, partial(self._book.compare, undone.deployment_id, self.hosts))
        return known


def _started(command: RunLifecycleEvent, event_id: int, at_ms: int) -> Event:
    return LifecycleEventStarted(event_id, at_ms, command.id, command.deployment_id, command.host, command.name)
