"""The virtual fleet: hosts as events on a heap.

It runs the agent's semantics without a process, a disk or a second of waiting. Whatever it has to choose (how long
an event takes, say) is drawn for (seed, host, deployment, event), so that a run can be played again to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from typing_extensions import override

from fleet.balancer.virtual import Answer, Schedule, VirtualBalancer
from fleet.base import INVALID_SIGNATURE, Fleet, MakeEvent, stands_already
from fleet.figures import Figures
from fleet.virtual import faults, host_events, service_faults
from fleet.virtual.answer_times import AnswerTimes, figures_of
from fleet.virtual.answers import answer_of
from fleet.virtual.draws import stream
from fleet.virtual.ground import Ground
from fleet.virtual.host import Outcome, Unreported, VirtualHost
from fleet.virtual.residue import VirtualDiskBook
from fleet.virtual.revision import VirtualRevision
from fleet.virtual.service_faults import ServiceIlls
from fleet.virtual.work import Workshop, restarted
from scenarios.model import Effect, Scenario
from scenarios.pools import BOOTS_MS
from simulator.rollout import lifecycle
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    EndHost,
    HostCommand,
    LaunchHost,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    AgentRefused,
    Diagnostics,
    Event,
    LifecycleEventCompleted,
    TrafficMeasured,
    TrafficShifted,
)
from simulator.rollout.quick import quick
from simulator.rollout.statuses import EventStatus

_DRAINING_MS = (20, 400)
"""How long the requests that are under way when a host is taken out go on, at most."""
_TERMINATE_MS = 1_000
_HOLDS_UP = frozenset({"host", "agent", "network", "clock"})
"""Faults by which work lasts longer, or is heard of later, than it was to last when it began."""
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
        self.schedule = schedule
        self.now_ms = 0
        self.disks = ground.disks
        self._revisions = ground.revisions
        self.book = VirtualDiskBook(ground)
        self._times = AnswerTimes(seed)
        self._workshops: dict[str, Workshop] = {}
        held_up = any(fault.do.kind in _HOLDS_UP for fault in scenario.faults)
        self._told_from_ms = 0 if held_up else min(scenario.limits.start, scenario.limits.event)
        """Of work that takes so long it is told that it has begun: of all work where a fault may hold it up."""
        self._watched_starts: frozenset[str] = frozenset()
        self.hosts: dict[str, VirtualHost] = {}
        self._called_off: set[str] = set()
        """Hosts that were asked for, and then were not wanted any more before they came."""
        self.service = ServiceIlls()
        self.balancer = VirtualBalancer(scenario.balancer, schedule, seed) if scenario.balancer else None
        for host, disk, installed, serves, in_group in ground.hosts:
            self.hosts[host.name] = virtual = VirtualHost(host.name, seed, disk, installed, serves)
            if self.balancer:
                in_service = serves is not None
                self.balancer.add(host.name, self._answer(virtual), in_service=in_service, in_group=in_group)

    # -- commands -----------------------------------------------------------------------------------------------

    def at(self, now_ms: int) -> None:
        """The loop's time is now this."""
        self.now_ms = now_ms

    @override
    def begin(self, deployment: Deployment) -> None:
        revision = self._revisions[deployment.revision]
        ordinal = len(self._workshops)
        self._workshops[deployment.deployment_id] = Workshop(deployment, revision, self.disks, self._seed, ordinal)

    @override
    def watch_starts(self, events: frozenset[str]) -> None:
        self._watched_starts = events

    @override
    def perform(self, command: Command) -> None:
        if isinstance(command, HostCommand) and command.host not in self.hosts:
            return  # another group's deployment has ended it meanwhile: nobody is there to hear of it
        if type(command) is RunLifecycleEvent:
            host = self.hosts[command.host]
            host.command, host.taken_up, host.lost = command, False, False
            if host.works:
                self._take_up(host, command)
            elif not host.reaches:
                self._refuse(host, command)
        elif type(command) is BlockTraffic:
            self._block(command)
        elif type(command) is AllowTraffic:
            self._allow(command)
        elif isinstance(command, ProvisionHost):
            self._bring_up(command.host, partial(host_events.provisioned, command))
        elif isinstance(command, TerminateHost):
            self._take_down(command.host, partial(host_events.terminated, command), keep=command.keep)
        elif isinstance(command, LaunchHost):
            self._bring_up(command.host, partial(host_events.launched, command, self._scenario.image_of(command.host)))
        elif isinstance(command, EndHost):
            self._take_down(command.host, partial(host_events.ended, command), silent=True)
        elif isinstance(command, ShiftTraffic):
            self._the_balancer().shift(command.hosts, command.percent, self.now_ms)
            self.schedule(self.now_ms, lambda id, at: TrafficShifted(id, at, command.id, command.deployment_id))

    def _bring_up(self, name: str, tell: host_events.Happens) -> None:
        """A new host boots, from its pool's image where it has a pool, and runs the image's user data."""
        self._called_off.discard(name)
        new, image = self._scenario.pool_host(name, ""), self._scenario.image_of(name)
        behaves = image.user_data.behaves if image.user_data else None

        def up(event_id: int, at_ms: int) -> Event | None:
            if name in self._called_off or (behaves and behaves.hangs):
                return None
            if name in self.hosts:
                raise stands_already(name)
            disk = self.disks.disk((*new.files, *(behaves.leaves if behaves else ())))
            host = self.hosts[name] = VirtualHost(name, self._seed, disk, {}, None)
            if self.balancer:
                self.balancer.add(name, self._answer(host), in_service=False, in_group=False)
            return tell(event_id, at_ms)

        low, high = BOOTS_MS
        boots_ms = image.boots or low + stream(self._seed, name) % (high - low)
        self.schedule(self.now_ms + boots_ms + (behaves.lasts if behaves else 0), up)

    def _take_down(self, name: str, tell: host_events.Happens, *, keep: bool = False, silent: bool = False) -> None:
        """`silent`: out of the balancer first, and from then on its agent says nothing, as where a pool does it."""
        if name not in self.hosts:
            self._called_off.add(name)
        elif silent:
            if self.balancer:
                self.balancer.deregister(name, self.now_ms)
            self.crash(self.hosts[name])

        def gone(event_id: int, at_ms: int) -> Event:
            if not keep:
                self._end(name, at_ms)
            return tell(event_id, at_ms)

        self.schedule(self.now_ms + _TERMINATE_MS, gone)

    def _end(self, name: str, now_ms: int) -> None:
        """A host is gone for good, if it was there."""
        if name in self.hosts:
            host = self.hosts.pop(name)
            host.health_faults.clear()
            self.crash(host)
            if self.balancer:
                self.balancer.remove(name, now_ms)

    def _the_balancer(self) -> VirtualBalancer:
        assert self.balancer is not None, "traffic is blocked and allowed only where the scenario has a balancer"
        return self.balancer

    def _allow(self, command: AllowTraffic) -> None:
        if not self.service.refuses:
            group = self._workshops[command.deployment_id].group
            self._the_balancer().register(command.host, self.now_ms, command.id, group)
            return
        self.schedule(self.now_ms, partial(host_events.not_registered, command))

    def _block(self, command: BlockTraffic) -> None:
        began_ms = self.now_ms
        self._the_balancer().hold(command.host, began_ms)
        self._the_balancer().deregister(command.host, began_ms)
        low, high = _DRAINING_MS
        draw = self._workshops[command.deployment_id].draw(self.hosts[command.host], lifecycle.BLOCK_TRAFFIC)
        draining = self._scenario.balancer.draining if self._scenario.balancer else 0
        lasts_ms = self.service.draining_ms() or min(low + draw % (high - low), draining)
        self.schedule(began_ms + lasts_ms, partial(host_events.drained, command, began_ms))

    def _take_up(self, host: VirtualHost, command: RunLifecycleEvent) -> None:
        """The agent begins the command in hand."""
        host.taken_up = True
        lasts_ms, outcome = self._workshops[command.deployment_id].work(host, command.name)
        began_ms = self.now_ms
        if lasts_ms >= self._told_from_ms or command.name in self._watched_starts:
            self.schedule(began_ms, partial(host_events.started, command))
        self._complete_at(began_ms + lasts_ms, host, command, outcome, began_ms)

    def _complete_at(
        self, at_ms: int, host: VirtualHost, command: RunLifecycleEvent, outcome: Outcome, began_ms: int
    ) -> None:
        self.schedule(at_ms, partial(self._complete, host, host.generation, command, outcome, began_ms))

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
        name, (diagnostics, disk, leaves) = command.name, outcome
        if diagnostics is None and name in _CHANGES_A_HOST:
            self._succeeded(host, command)
        if disk is not None:
            host.disk = disk
        if leaves:
            host.disk = self.disks.leave(host.disk, leaves)
        if not host.reaches:
            host.unreported.append(Unreported(command, outcome, began_ms))
            self._refuse(host, command)
            return None
        return self._report(host, command, diagnostics, began_ms, event_id, now_ms)

    def _report(
        self,
        host: VirtualHost,
        command: RunLifecycleEvent,
        diagnostics: Diagnostics | None,
        began_ms: int,
        event_id: int,
        now_ms: int,
    ) -> Event:
        """The service hears how a command ended."""
        if host.command is command:
            host.command = None
        name, status = command.name, _SUCCEEDED if diagnostics is None else EventStatus.FAILED
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
        if not workshop.serves:
            return
        host.serves = revision
        if revision is not None and host.ills is not None:
            service_faults.started(self, host)
        self.answers_changed(host)

    def answers_changed(self, host: VirtualHost) -> None:
        """Tell the balancer what the host answers now."""
        if self.balancer:
            self.balancer.answers(host.name, self._answer(host), self.now_ms)

    def _answer(self, host: VirtualHost) -> Answer:
        assert self._scenario.balancer is not None, "answers matter to a balancer only"
        return answer_of(host, self._scenario.balancer)

    # -- faults -------------------------------------------------------------------------------------------------

    @override
    def at_request(self, number: int, call: Callable[[], None]) -> None:
        if self.balancer is None:
            return

        def made(_: int, now_ms: int) -> None:
            self.at(now_ms)
            call()

        self.schedule(self.balancer.request_ms(number), made)

    @override
    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None:
        faults.inject(self, name, effect, hosts, event)

    @override
    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None:
        faults.heal(self, name, effect, hosts)

    def wake(self, host: VirtualHost) -> None:
        """The agent is there again, or is heard again.

        It reports what it has done, and as lost what it was at when it died (code 7); it takes up what is still to do.
        """
        if not (host.alive and host.reaches) or host.paused:
            return
        unreported, host.unreported = host.unreported, []
        for late in unreported:
            self.schedule(self.now_ms, partial(self._report_late, host, host.generation, late))
        command = host.command
        if command is None or not host.agent_runs:
            return
        if host.lost:
            host.lost = False
            host.generation += 1
            self._complete_at(self.now_ms, host, command, Outcome(restarted()), self.now_ms)
        elif not host.taken_up:
            self._take_up(host, command)

    def _report_late(
        self, host: VirtualHost, generation: int, late: Unreported, event_id: int, now_ms: int
    ) -> Event | None:
        if host.generation != generation:
            return None
        if not host.reaches or host.paused:
            host.unreported.append(late)
            return None
        return self._report(host, late.command, late.outcome.diagnostics, late.began_ms, event_id, now_ms)

    def _refuse(self, host: VirtualHost, command: RunLifecycleEvent) -> None:
        """The service hears the agent ask for a command, or tell of one, and does not believe it."""
        if host.alive and host.agent_runs and not host.paused and host.not_believed:
            ahead_ms = sum(host.clock.values())
            self.schedule(
                self.now_ms,
                lambda id, at: AgentRefused(
                    id, at, command.id, command.deployment_id, host.name, INVALID_SIGNATURE, ahead_ms
                ),
            )

    def crash(self, host: VirtualHost) -> None:
        """Every process of the host dies."""
        host.alive = host.paused = False
        host.serves, host.frozen = None, []
        host.drop()
        self.answers_changed(host)

    def resume(self, host: VirtualHost) -> None:
        """The host goes on after a pause, where it stood."""
        frozen, host.frozen = host.frozen, []
        for command, began_ms, left_ms, outcome in frozen:
            self._complete_at(self.now_ms + left_ms, host, command, outcome, began_ms)
        self.wake(host)

    # -- measuring ----------------------------------------------------------------------------------------------

    @override
    def measure(self) -> MakeEvent | None:
        if self.balancer is None:
            return None
        total, failed, by_revision = self.balancer.measure(self.now_ms)
        seen = (total, failed, by_revision, self.balancer.in_service_min, self.balancer.strays)
        return lambda event_id, at_ms: TrafficMeasured(event_id, at_ms, "", *seen)

    @override
    def figures(self) -> Figures | None:
        if self.balancer is None:
            return None
        return figures_of(*self.balancer.shares(self.now_ms), self.balancer.in_service, self._times)

    @override
    def remember_disks(self, deployment: Deployment) -> None:
        self.book.remember(deployment.deployment_id, self.hosts.values())

    @override
    def compare_disks(self, undone: Deployment) -> bool:
        if known := undone.deployment_id in self.book:
            self.schedule(self.now_ms, partial(self.book.compare, undone.deployment_id, self.hosts))
        return known
