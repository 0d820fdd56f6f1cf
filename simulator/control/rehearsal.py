"""One rehearsal: the deployments of a scenario in their order, folded event by event, on any fleet.

A driver owns the clock and the loop. It hands every event to `Rehearsal.handle`, which journals it, folds it, checks
the invariants, tells the observers, and only then carries the commands out. Everything that a fleet needs not know
(faults, the operator, the next deployment, the notifications) is conducted here, so that the virtual fleet and Docker
differ in nothing but their hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from fleet.base import Fleet
from scenarios.model import NamedHost, Scenario
from simulator.control.agenda import Agenda, Driver
from simulator.control.alarms import Alarms
from simulator.control.analysis import Analyses
from simulator.control.closing import Closing
from simulator.control.faults import Faults
from simulator.control.groups import NOBODY, Folded, Groups
from simulator.control.happened import Happened
from simulator.control.invariants import Invariants
from simulator.control.journal import Journal
from simulator.control.people import People
from simulator.control.pools import PoolsInHand
from simulator.control.requests import Requests, Wish
from simulator.control.result import Observer
from simulator.control.timers import Timers
from simulator.control.turnstile import Turnstile, concerned
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    CreateDeployment,
    EndHost,
    Finish,
    GiveUpLaunching,
    HostCommand,
    LaunchHost,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    StartAnalysis,
    StartTimer,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    AlarmChanged,
    DeploymentCreated,
    DeploymentEvent,
    DeploymentNotCreated,
    DisksCompared,
    Event,
    HealthCheckReported,
    HostEnded,
    HostLaunched,
    HostProvisioned,
    LifecycleEventStarted,
    PoolEvent,
    TrafficMeasured,
)
from simulator.rollout.lifecycle import ALLOW_TRAFFIC, BLOCK_TRAFFIC
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import deployment_id
from simulator.rollout.statuses import Creator, DeploymentStatus

_TRAFFIC: dict[type[HostCommand], str] = {BlockTraffic: BLOCK_TRAFFIC, AllowTraffic: ALLOW_TRAFFIC}
"""The lifecycle events that the balancer carries out, by the command."""


class Rehearsal:
    """A run in progress. `done` says when its last deployment has ended and its traffic is measured.

    A run that `stays` waits after its last deployment (`staying`) for `create`, or for `end`.
    """

    first_in_service_ms: int | None = None
    """When the balancer first found a host healthy."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        fleet: Fleet,
        driver: Driver,
        journal: Journal,
        observers: Sequence[Observer] = (),
        hosts: Sequence[NamedHost] | None = None,
        *,
        stays: bool = False,
    ) -> None:
        """`hosts`: the scenario's, where they are already known by name."""
        self.scenario = scenario
        self.rollouts: list[Rollout] = []
        self.notifications: list[Notify] = []
        self.traffic: TrafficMeasured | None = None
        self.disks: list[DisksCompared] = []
        """What each rollback left otherwise than it was."""
        self.invariants = Invariants()
        self.stays = stays
        self.staying = False
        self._seed = seed
        self._fleet = fleet
        self._driver = driver
        self._journal = journal
        self.happened = Happened(scenario)
        scripted = (self.happened,) if scenario.faults or scenario.operator else ()
        self._observers = (*scripted, *observers)
        self.not_created: list[DeploymentNotCreated] = []
        """What was asked for while the group had a deployment under way: refused, or queued."""
        self._status: dict[str, DeploymentStatus] = {}
        self._by_id: dict[str, tuple[Rollout, int]] = {}
        self._closing = Closing(fleet, driver)
        self._asking = 0
        """What was asked for in this moment, and is not created yet."""
        self._requests = Requests(scenario)
        self._timers = Timers(driver)
        hosts = scenario.named_hosts() if hosts is None else hosts
        self.groups = Groups(scenario, hosts, seed)
        self._actives = self.groups.active
        self._turnstile = Turnstile() if len(scenario.all_groups) > 1 or scenario.pools else None
        agenda = Agenda(driver)
        self._emit, self._later = agenda.emit, agenda.later
        self._alarms = Alarms(scenario, fleet, self._emit, self._later)
        self._analyses = Analyses(scenario, fleet, driver.at)
        world = scenario, self.groups, hosts, seed, fleet, self._emit, self._later
        self.pools = PoolsInHand(*world) if scenario.pools else None
        change_pool = self.pools.change if self.pools else None
        running = scenario.fleet.running
        self._faults = Faults(
            *(scenario.faults, hosts, running, seed, fleet, self._alarms, self._emit, self._later, change_pool)
        )
        self._people = People(scenario.operator, self.groups, self._emit, self._later)
        self._watched = self._faults.watched | self._people.events | self._requests.events

    # -- the fold -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin: the first deployment is created, what is due at a time gets its timer."""
        self._fleet.watch_starts(self._faults.watched_starts)
        self._faults.begin_alarms()
        self._go_on()
        self._faults.begin()
        self._alarms.begin()
        self._people.begin()
        for at_ms, wish in self._requests.at_times():
            self._later(at_ms, partial(self._ask, wish))

    @property
    def done(self) -> bool:
        """Whether the last deployment has ended, and its traffic is measured."""
        return self._closing.done

    @property
    def active(self) -> Rollout | None:
        """The deployment that is under way; of several, the one that was created last."""
        return self.groups.newest()

    def never_asked(self) -> Iterator[str]:
        """The deployments whose moment never came, in words."""
        return self._requests.never()

    def create(self, deployment: Deployment) -> Deployment:
        """One more deployment, in a run that is `staying`: as it will be created, with an id of its own."""
        assert self.staying, "one deployment at a time"
        self.staying = False
        name = deployment_id(self.scenario.name, self._seed, len(self.rollouts) + 1)
        active = self._alarms.active(deployment)
        last_success = self.groups[deployment.group].last_success
        created = replace(deployment, deployment_id=name, last_success=last_success, active_alarms=active)
        self._emit(lambda event_id, at_ms: DeploymentCreated(event_id, at_ms, "", created))
        return created

    def end(self) -> None:
        """Stay no longer: the run ends now, or with the deployment that is under way."""
        self.stays = False
        if self.staying:
            self.staying = False
            self._closing.close()
            self._emit(lambda _id, _at_ms: None)  # a driver that waits for an event sees that it is done

    def handle(self, event: Event) -> None:
        """Take one event: journal, fold, check, tell, carry out."""
        self._journal.write(event)
        folded = self._fold(event)
        if self.pools is not None:
            folded = self.pools.beside(event, folded)
        for rollout, commands in folded:
            self._handled(event, commands, rollout)

    def _handled(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """What came of an event in a deployment, or in none."""
        self.invariants.check(event, commands, rollout)
        for observer in self._observers:
            observer(event, commands, rollout)
        if type(event) is HostProvisioned and rollout is not None:
            self._faults.joined(self.scenario.pool_host(event.host, rollout.hosts[event.host].target.zone))
        elif isinstance(event, HostLaunched) and self.pools is not None:
            self._launched(self.pools.host(event))
        for command in commands:
            _CARRIERS[type(command)](self, command)
        if rollout is None:
            if isinstance(event, DeploymentNotCreated | PoolEvent):
                self._go_on()
            return
        if self.pools is not None:
            self.pools.check(event, commands)
        if self._turnstile is not None:
            for waiting in self._turnstile.leave(concerned(event, rollout)):
                if self.pools is None or self.pools.reaches(waiting):
                    self._fleet.perform(waiting)
        if type(event) is LifecycleEventStarted and event.name in self._faults.watched_starts:
            self._faults.begun(event.host, event.name, self._by_id[event.deployment_id][1])
        if rollout.status is not self._status.get(rollout.deployment_id):
            self._status_changed(event, rollout, commands)

    def _status_changed(self, event: Event, rollout: Rollout, commands: Sequence[Command]) -> None:
        name = rollout.deployment_id
        if name not in self._actives:
            return  # it ended before
        self._status[name] = rollout.status
        if rollout.ended:
            self._end_deployment(event, rollout, commands)
        else:
            self._reached(rollout)

    def _fold(self, event: Event) -> Folded:
        """The event in every deployment that it concerns, one after the other; or in none."""
        if isinstance(event, DeploymentEvent):
            rollout = self._actives.get(event.deployment_id) or self._by_id[event.deployment_id][0]
            return ((rollout, rollout.handle(event)),)
        if isinstance(event, HealthCheckReported | AlarmChanged | HostEnded):
            if self.first_in_service_ms is None and isinstance(event, HealthCheckReported) and event.healthy:
                self.first_in_service_ms = event.at_ms
            return self.groups.fold(event)
        if isinstance(event, DeploymentCreated):
            return (self._create(event),)
        if isinstance(event, DeploymentNotCreated):
            self._asked()
            self._requests.not_created(event)
            self.not_created.append(event)
        elif isinstance(event, TrafficMeasured):
            self.traffic = event
            self._closing.done = True
        elif isinstance(event, DisksCompared):
            self.disks.append(event)
            self._closing.compared()
        return NOBODY

    def _create(self, event: DeploymentCreated) -> tuple[Rollout, tuple[Command, ...]]:
        deployment = event.deployment
        self._closing.done = False  # a replay of a run that stayed: there is more to come after all
        rollout = Rollout(deployment)
        self.rollouts.append(rollout)
        by_user = deployment.creator is Creator.USER
        if by_user:
            self._asked()
            self._requests.created(deployment)
        name = deployment.deployment_id
        self._by_id[name] = rollout, len(self.rollouts)
        self.groups.begin(rollout)
        if self.pools is not None:
            self.pools.begins(deployment)
        if by_user and deployment.last_success is not None:
            self._fleet.remember_disks(deployment)
        self._fleet.begin(deployment)
        self.invariants.begin(deployment)
        self._status[name] = rollout.status
        return rollout, rollout.handle(event)

    # -- commands -----------------------------------------------------------------------------------------------

    def _perform(self, command: Command) -> None:
        if self.pools is not None and not self.pools.reaches(command):
            return
        if self._watched and isinstance(command, HostCommand):
            self._entering(command)
        if self._turnstile is None or self._turnstile.enter(command, self._by_id[command.deployment_id][0]):
            self._fleet.perform(command)

    def _start_analysis(self, command: StartAnalysis) -> None:
        self._analyses.start(command, self._by_id[command.deployment_id][0])

    def _carry_in_pool(self, command: LaunchHost | EndHost) -> None:
        if isinstance(command, EndHost):
            self._faults.left(command.host)
        if self.pools is not None:
            self.pools.carry(command)

    def _create_later(self, command: CreateDeployment) -> None:
        deployment = command.deployment
        self._emit(lambda event_id, at_ms: DeploymentCreated(event_id, at_ms, command.id, deployment))

    def _start_timer(self, command: StartTimer) -> None:
        self._timers.start(command, self._by_id[command.deployment_id][0])

    def _entering(self, command: HostCommand) -> None:
        """Before a host is given a lifecycle event: what the scenario scripts for this moment."""
        name = command.name if isinstance(command, RunLifecycleEvent) else _TRAFFIC[type(command)]
        host = command.host
        if name not in self._watched:
            return
        rollout, ordinal = self._by_id[command.deployment_id]
        self._faults.entering(host, name, rollout.deployment.revision, ordinal)
        self._people.entering(host, name, rollout, ordinal)
        for wish in self._requests.on_event(name, host, ordinal):
            self._ask(wish)

    # -- deployments, one after the other or side by side -------------------------------------------------------

    def _ask(self, wish: Wish) -> None:
        """Ask for a deployment: it is created, unless its group has one under way."""
        self._asking += 1

        def ask(event_id: int, at_ms: int) -> Event:
            group = self.groups[wish.group]
            if group.busy and group.last is not None:
                busy = group.last.deployment
                names = busy.application, busy.group, wish.revision, busy.deployment_id
                return DeploymentNotCreated(event_id, at_ms, "", *names, wish.queues)
            identity = deployment_id(self.scenario.name, self._seed, len(self.rollouts) + 1)
            deployment = wish.make(identity, group.standing)
            return DeploymentCreated(
                event_id, at_ms, "", replace(deployment, active_alarms=self._alarms.active(deployment))
            )

        self._emit(ask)

    def _asked(self) -> None:
        """What was asked for has its answer."""
        self._asking = max(self._asking - 1, 0)

    def _end_deployment(self, event: Event, rollout: Rollout, commands: Sequence[Command]) -> None:
        deployment = rollout.deployment
        group = self.groups.end(rollout)
        undone = any(isinstance(command, CreateDeployment) for command in commands)
        group.reserved = group.reserved or undone
        if self.pools is not None:
            self._handled(event, self.pools.over(event, rollout, undone=undone), None)
        self._reached(rollout)
        if deployment.rollback_of is not None:
            self._closing.compare(self._by_id[deployment.rollback_of][0].deployment)
        if not group.busy and (wish := self._requests.next_queued(group.name)) is not None:
            self._ask(wish)
        self._go_on()

    def _go_on(self) -> None:
        """Where nothing is under way any more: the next deployment in turn, or the end."""
        if self._asking or self.groups.busy or (self.pools is not None and self.pools.busy):
            return
        if (wish := self._requests.next_in_turn()) is not None:
            self._ask(wish)
        elif self._requests.waits or (self.pools is not None and self.pools.waits):
            return
        elif self.stays:
            self.staying = True
        else:
            self._closing.close()

    # -- faults and people --------------------------------------------------------------------------------------

    def _reached(self, rollout: Rollout) -> None:
        status, ordinal = rollout.status, self._by_id[rollout.deployment_id][1]
        self._faults.reached(status, ordinal)
        self._people.reached(rollout, ordinal)
        for wish in self._requests.on_status(status, ordinal):
            self._ask(wish)

    def _launched(self, host: NamedHost) -> None:
        self._faults.joined(host)
        self._faults.launched(host.pool)
        self._people.launched(host.pool)
        for wish in self._requests.on_launch(host.pool):
            self._ask(wish)


_CARRIERS: dict[type[Command], Callable[[Rehearsal, Any], None]] = {
    **dict.fromkeys((RunLifecycleEvent, BlockTraffic, AllowTraffic), Rehearsal._perform),
    **dict.fromkeys((ProvisionHost, TerminateHost, ShiftTraffic), Rehearsal._perform),
    StartAnalysis: Rehearsal._start_analysis,
    StartTimer: Rehearsal._start_timer,
    Notify: lambda run, command: run.notifications.append(command),
    CreateDeployment: Rehearsal._create_later,
    **dict.fromkeys((LaunchHost, EndHost), Rehearsal._carry_in_pool),
    **dict.fromkeys((GiveUpLaunching, Finish), lambda _run, _command: None),
}
"""Who carries out a command, by its kind."""
