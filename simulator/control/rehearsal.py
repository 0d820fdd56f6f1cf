"""One rehearsal: the deployments of a scenario in their order, folded event by event, on any fleet.

A driver owns the clock and the loop. It hands every event to `Rehearsal.handle`, which journals it, folds it, checks
the invariants, tells the observers, and only then carries the commands out. Everything that a fleet needs not know
(faults, the operator, the next deployment, the notifications) is conducted here, so that the virtual fleet and Docker
differ in nothing but their hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from fleet.base import Fleet, MakeEvent
from scenarios.model import NamedHost, Scenario
from simulator.control.agenda import Agenda, Driver
from simulator.control.alarms import Alarms
from simulator.control.analysis import Analyses
from simulator.control.asking import Asking
from simulator.control.crash import ControllerCrash, crashes
from simulator.control.faults import Afflicted, Faults
from simulator.control.groups import NOBODY, Folded
from simulator.control.happened import Happened
from simulator.control.journal import Book
from simulator.control.memory import Memory
from simulator.control.past import Past
from simulator.control.people import People
from simulator.control.platforms import entered, faults_of
from simulator.control.result import Observer
from simulator.control.triggers import Trigger
from simulator.rollout.commands import (
    AllowTraffic,
    AskAtGate,
    BlockTraffic,
    Command,
    CreateDeployment,
    EndHost,
    EnterEnvironment,
    Finish,
    GiveUpLaunching,
    HostCommand,
    LaunchHost,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    ShutGate,
    StartAnalysis,
    StartGateTimer,
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
    GateAnswered,
    GateTimerFired,
    HealthCheckReported,
    HostEnded,
    HostLaunched,
    HostProvisioned,
    HostTerminated,
    LaunchTimedOut,
    LifecycleEventStarted,
    PoolChanged,
    PromotionRequested,
    TimerFired,
    TrafficMeasured,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator


class Rehearsal(Memory):
    """A run in progress. `done` says when its last deployment has ended and its traffic is measured.

    A run that `stays` waits after its last deployment (`staying`) for `create`, or for `end`.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        fleet: Fleet,
        driver: Driver,
        journal: Book,
        observers: Sequence[Observer] = (),
        hosts: Sequence[NamedHost] | None = None,
        *,
        stays: bool = False,
    ) -> None:
        """`hosts`: the scenario's, where they are already known by name."""
        hosts = scenario.targets() if hosts is None else hosts
        agenda = Agenda(driver)
        self._emit, self._later = agenda.emit, agenda.later
        super().__init__(scenario, seed, fleet, driver, hosts, self._emit, self._later)
        self.scenario, self._seed = scenario, seed
        self._fleet, self._driver, self._journal = fleet, driver, journal
        self.done = False
        self.stays = stays
        self.traffic: TrafficMeasured | None = None
        self.happened = Happened(scenario)
        scripted = (self.happened,) if scenario.faults or scenario.operator else ()
        self._observers = (*scripted, *observers)
        self._ended: list[Rollout] = []
        """The deployments that have ended by the event in hand."""
        self._alarms = Alarms(scenario, fleet, self._emit, self._later)
        self._analyses = Analyses(scenario, fleet, driver.at)
        self.crash = ControllerCrash(self, fleet, self._later) if crashes(scenario) else None
        controllers: dict[str, Afflicted | None]
        controllers = {"alarm": self._alarms, "controller": self.crash, "pool": self.pools}
        self._faults = Faults(
            *(faults_of(scenario), hosts, self.groups.carried(), seed, fleet, controllers, self._emit, self._later)
        )
        asks = agenda if self.crash is None else self.crash.agenda(driver)
        self._asking = Asking(
            *(scenario, seed, self.groups, self._alarms, self.promotions, self.requests, self._generations),
            *(self.rollouts, asks.emit),
        )
        self._people = People(scenario.operator, self.groups, self.promotions, asks.emit, asks.later)
        self._watched = self._faults.watched | self._people.events | self.requests.events

    # -- the fold -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin: the first deployment is created, what is due at a time gets its timer."""
        self._fleet.watch_starts(self._faults.watched_starts)
        self._faults.begin_alarms()
        self._go_on()
        self._faults.begin()
        self._alarms.begin()
        self._people.begin(self._fleet)
        for trigger, wish in self.requests.moments():
            ask = partial(self._asking.ask, wish)
            if trigger.at_ms is not None:
                self._later(trigger.at_ms, ask)
            elif trigger.request is not None:
                self._fleet.at_request(trigger.request, partial(self._later, 0, ask))

    @property
    def active(self) -> Rollout | None:
        """The deployment that is under way; of several, the one that was created last."""
        return self.groups.newest()

    def create(self, deployment: Deployment) -> Deployment:
        """One more deployment, in a run that is `staying`: as it will be created, with an id of its own."""
        assert self.staying, "one deployment at a time"
        self.staying = False
        return self._asking.again(deployment)

    def end(self) -> None:
        """Stay no longer: the run ends now, or with the deployment that is under way."""
        self.stays = False
        if self.staying:
            self.staying = False
            self.done = self._closing.begin()
            self._emit(lambda _id, _at_ms: None)  # a driver that waits for an event sees that it is done

    def handle(self, event: Event) -> None:
        """Take one event: journal, fold, check, tell, carry out."""
        self._journal.write(event)
        folded, number = self._fold(event), 0
        if self.pools is not None:
            folded = self.pools.beside(event, folded)
        for rollout, commands in folded:
            self._handled(event, commands, rollout)
            number += len(commands)
        ended, self._ended = self._ended, []
        if self.scenario.environments:
            number = number if self.pools is None else self.pools.answered
            if commands := self.promotions.handle(event, ended, number):
                self._handled(event, commands, None)
        if ended or type(event) in _MAY_BE_LAST:
            self._go_on()

    def _handled(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """What came of an event in a deployment, or in none."""
        self.invariants.check(event, commands, rollout)
        for observer in self._observers:
            observer(event, commands, rollout)
        if type(event) is HostProvisioned and rollout is not None:
            self._faults.joined(event.host, rollout, self.scenario.pool_host)
        elif isinstance(event, HostLaunched) and self.pools is not None:
            self._launched(self.pools.host(event))
        elif type(event) is HostTerminated and event.host in self.groups.gone:
            self._faults.left(event.host)
        for command in commands:
            _CARRIERS[type(command)](self, command)
        if rollout is None:
            return
        if self.pools is not None:
            self.pools.check(event, commands)
        self._delivery.handled(event, rollout)
        if type(event) is LifecycleEventStarted and event.name in self._faults.watched_starts:
            self._faults.begun(event.host, event.name, self._by_id[event.deployment_id][1])
        if rollout.status is not self._status.get(rollout.deployment_id):
            self._status_changed(event, rollout, commands)

    def _status_changed(self, event: Event, rollout: Rollout, commands: Sequence[Command]) -> None:
        name = rollout.deployment_id
        if name not in self.groups.active:
            return  # it ended before
        self._status[name] = rollout.status
        if rollout.ended:
            self._end_deployment(event, rollout, commands)
        else:
            self._reached(rollout)

    def _fold(self, event: Event) -> Folded:
        """The event in every deployment that it concerns, one after the other; or in none."""
        if isinstance(event, DeploymentEvent):
            rollout = self.groups.active.get(event.deployment_id) or self._by_id[event.deployment_id][0]
            if type(event) is HostTerminated:
                return self.groups.terminated(event, rollout)
            return ((rollout, rollout.handle(event)),)
        if isinstance(event, HealthCheckReported | AlarmChanged | HostEnded):
            if self.first_in_service_ms is None and isinstance(event, HealthCheckReported) and event.healthy:
                self.first_in_service_ms = event.at_ms
            return self.groups.fold(event)
        if isinstance(event, DeploymentCreated):
            return (self._create(event),)
        if isinstance(event, DeploymentNotCreated):
            self._asking.answered(event)
            self.not_created.append(event)
        elif isinstance(event, PromotionRequested):
            self._asking.answered(event)
        elif isinstance(event, TrafficMeasured):
            self.traffic = event
            self.done = True
        elif isinstance(event, DisksCompared):
            self.disks.append(event)
            self._closing.compared()
        return NOBODY

    def _create(self, event: DeploymentCreated) -> tuple[Rollout, tuple[Command, ...]]:
        deployment = event.deployment
        name = deployment.deployment_id
        if name in self._by_id:
            raise ValueError(f"a second deployment has the id {name}")
        self.done = self.staying = False  # a replay of a run that stayed: there is more to come after all
        rollout = Rollout(deployment)
        self.rollouts.append(rollout)
        by_user = deployment.creator is Creator.USER
        if by_user:
            self._asking.answered(event)
        self._by_id[name] = rollout, len(self.rollouts)
        if self.pools is not None:
            self.pools.begins(deployment)
        if by_user and deployment.last_success is not None:
            self._fleet.remember_disks(deployment)
        self._fleet.begin(deployment)
        self.invariants.begin(deployment)
        self._status[name] = rollout.status
        commands = rollout.handle(event)
        self.groups.begin(rollout)
        self._generations.created(rollout)
        return rollout, commands

    # -- a controller that dies and begins anew -------------------------------------------------------------------

    def die(self) -> None:
        """Every timer is forgotten."""
        self._timers.forget()

    def relive(self, waiting: Iterable[MakeEvent]) -> None:
        """Forget everything, know again what the journal tells, hear what has waited, and set the timers again."""
        past = Past(self._fleet.name, self.scenario)
        again = Rehearsal(self.scenario, self._seed, past, past, past, stays=self.stays)
        for event in self._journal.told():
            past.ms = event.at_ms
            if isinstance(event, TimerFired):
                again._timers.fired(event)
            again.handle(event)
        self.remember(again)
        for make in waiting:
            self._emit(make)
        self._timers.resume(again._timers)

    # -- commands -----------------------------------------------------------------------------------------------

    def _shift(self, command: ShiftTraffic) -> None:
        if self._watched:
            self._entering(command)
        self._fleet.perform(command)
        ordinal = self._by_id[command.deployment_id][1]
        self._faults.shifted(command.percent, ordinal)
        self._hear(lambda trigger: trigger.on_weight(command.percent, ordinal), self._by_id[command.deployment_id][0])

    def _perform(self, command: Command) -> None:
        if not self.groups.reaches(command):
            return
        if self._watched and isinstance(command, HostCommand):
            self._entering(command)
        self._delivery.give(command, self._by_id[command.deployment_id][0])

    def _carry_in_pool(self, command: LaunchHost | EndHost) -> None:
        if isinstance(command, EndHost):
            self._faults.left(command.host)
        if self.pools is not None:
            self.pools.carry(command)

    def _entering(self, command: HostCommand | ShiftTraffic) -> None:
        """Before a host is given a lifecycle event: what the scenario scripts for this moment."""
        rollout, ordinal = self._by_id[command.deployment_id]
        name, host = entered(command, rollout)
        if name not in self._watched or not host:
            return
        self._faults.entering(host, name, rollout.deployment, ordinal)
        self._hear(lambda trigger: trigger.on_event(name, host, ordinal), rollout)

    # -- deployments, one after the other or side by side -------------------------------------------------------

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
        self._ended.append(rollout)

    def _go_on(self) -> None:
        """What waits for groups that are free; where nothing is under way, the next deployment in turn, or the end."""
        self._asking.ask_queued()
        if self._asking.busy or self.groups.busy or self.promotions.busy or (self.pools and self.pools.busy):
            return
        if (wish := self.requests.next_in_turn()) is not None:
            self._asking.ask(wish)
        elif self.requests.waits or (self.pools is not None and self.pools.waits):
            return
        elif self.stays:
            self.staying = True
        else:
            self.done = self._closing.begin()

    # -- faults and people --------------------------------------------------------------------------------------

    def _reached(self, rollout: Rollout) -> None:
        status, ordinal = rollout.status, self._by_id[rollout.deployment_id][1]
        self._faults.reached(status, ordinal)
        self._hear(lambda trigger: trigger.on_status(status, ordinal), rollout)

    def _hear(self, brings: Callable[[Trigger], bool], about: Rollout) -> None:
        """What people say, and what is asked for, now that this has happened in a deployment."""
        self._people.hear(brings, about)
        for wish in self.requests.hear(brings):
            self._asking.ask(wish)

    def _ask_at_gate(self, command: AskAtGate) -> None:
        self._faults.asked(command.environment)
        self._people.asked(command.environment)
        for wish in self.requests.hear(lambda trigger: trigger.on_gate(command.environment)):
            self._asking.ask(wish)

    def _launched(self, host: NamedHost) -> None:
        self._faults.launched(host)
        self._people.launched(host.pool)
        for wish in self.requests.hear(lambda trigger: trigger.on_launch(host.pool)):
            self._asking.ask(wish)


_MAY_BE_LAST = frozenset(
    {PromotionRequested, GateTimerFired, GateAnswered, DeploymentNotCreated, DisksCompared}
    | {PoolChanged, HostLaunched, HostEnded, LaunchTimedOut}
)
"""What may leave nothing under way, though no deployment ends by it."""
_CARRIERS: dict[type[Command], Callable[[Rehearsal, Any], None]] = {
    **dict.fromkeys((RunLifecycleEvent, BlockTraffic, AllowTraffic), Rehearsal._perform),
    **dict.fromkeys((ProvisionHost, TerminateHost), Rehearsal._perform),
    ShiftTraffic: Rehearsal._shift,
    StartAnalysis: lambda run, command: run._analyses.start(command, run._by_id[command.deployment_id][0]),
    StartTimer: lambda run, command: run._timers.start(command),
    Notify: lambda run, command: run.notifications.append(command),
    CreateDeployment: lambda run, command: run._asking.follow(command),
    **dict.fromkeys((LaunchHost, EndHost), Rehearsal._carry_in_pool),
    **dict.fromkeys((GiveUpLaunching, Finish, ShutGate), lambda _run, _command: None),
    EnterEnvironment: lambda run, command: run._asking.ask(run.promotions.enter(command)),
    AskAtGate: Rehearsal._ask_at_gate,
    StartGateTimer: lambda run, command: run.promotions.start_timer(command),
}
"""Who carries out a command, by its kind."""
