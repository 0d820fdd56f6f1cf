"""One rehearsal: the deployments of a scenario in their order, folded event by event, on any fleet.

A driver owns the clock and the loop. It hands every event to `Rehearsal.handle`, which journals it, folds it, checks
the invariants, tells the observers, and only then carries the commands out. Everything that a fleet needs not know
(faults, the operator, the next deployment, the notifications) is conducted here, so that the virtual fleet and Docker
differ in nothing but their hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from fleet.base import Fleet
from scenarios.model import NamedHost, Scenario
from simulator.control.agenda import Agenda, Driver
from simulator.control.alarms import Alarms
from simulator.control.analysis import Analyses
from simulator.control.asking import Asking
from simulator.control.closing import Closing
from simulator.control.faults import Faults
from simulator.control.generations import Generations
from simulator.control.groups import Groups
from simulator.control.happened import Happened
from simulator.control.invariants import Invariants
from simulator.control.journal import Journal
from simulator.control.people import People
from simulator.control.promotions import Promotions
from simulator.control.requests import THROUGH_ENVIRONMENTS, Requests
from simulator.control.result import Observer
from simulator.control.timers import Timers
from simulator.control.turnstile import Turnstile
from simulator.rollout.commands import (
    AllowTraffic,
    AskAtGate,
    BlockTraffic,
    Command,
    CreateDeployment,
    EnterEnvironment,
    Finish,
    HostCommand,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
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
    HostProvisioned,
    LifecycleEventStarted,
    PromotionRequested,
    TrafficMeasured,
)
from simulator.rollout.lifecycle import ALLOW_TRAFFIC, BLOCK_TRAFFIC
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus
from simulator.rollout.walk import HOST_TIMER

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
        self.done = False
        self.stays = stays
        self.staying = False
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
        self._ended: list[Rollout] = []
        """The deployments that have ended by the event in hand."""
        self._requests = Requests(scenario)
        self._timers = Timers(driver)
        hosts = hosts or scenario.fleet.named_hosts()
        self.groups = Groups(scenario, hosts, seed)
        self._generations = Generations(host.name for host in hosts)
        self._actives = self.groups.active
        self._turnstile = Turnstile() if len(scenario.all_groups) > 1 else None
        agenda = Agenda(driver)
        self._emit, self._later = agenda.emit, agenda.later
        self._alarms = Alarms(scenario, fleet, self._emit, self._later)
        self._analyses = Analyses(scenario, fleet, driver.at)
        running = scenario.fleet.running
        self._faults = Faults(scenario.faults, hosts, running, seed, fleet, self._alarms, self._emit, self._later)
        self.promotions = Promotions(scenario, self.groups, driver, self._emit)
        self._asking = Asking(
            *(scenario, seed, self.groups, self._alarms, self.promotions, self._requests, self._generations),
            *(self.rollouts, self._emit),
        )
        self._people = People(scenario.operator, self.groups, self.promotions, self._emit, self._later)
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
            self._later(at_ms, partial(self._asking.ask, wish))

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
        created = self._asking.again(deployment)
        self._emit(lambda event_id, at_ms: DeploymentCreated(event_id, at_ms, "", created))
        return created

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
        number = 0
        for rollout, commands in self._fold(event):
            self._handled(event, commands, rollout)
            number += len(commands)
        if self.scenario.environments:
            self._promote(event, number)

    def _promote(self, event: Event, number: int) -> None:
        """What came of an event for a revision on its way; `number` commands have been given already."""
        ended, self._ended = self._ended, []
        if commands := self.promotions.handle(event, ended, number):
            self._handled(event, commands, None)
        if ended or isinstance(event, PromotionRequested | GateTimerFired | GateAnswered):
            self._go_on()

    def _handled(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """What came of an event in a deployment, or in none."""
        self.invariants.check(event, commands, rollout)
        for observer in self._observers:
            observer(event, commands, rollout)
        if type(event) is HostProvisioned and rollout is not None:
            self._faults.joined(event.host, rollout.hosts[event.host].target.zone, self.scenario.fleet.tags)
        for command in commands:
            _CARRIERS[type(command)](self, command)
        if rollout is None:
            if type(event) is DeploymentNotCreated:
                self._go_on()
            return
        if self._turnstile is not None:
            for waiting in self._turnstile.leave(_concerned(event, rollout)):
                self._fleet.perform(waiting)
        if type(event) is LifecycleEventStarted and event.name in self._faults.watched_starts:
            self._faults.begun(event.host, event.name, self._by_id[event.deployment_id][1])
        if rollout.status is not self._status.get(rollout.deployment_id):
            self._status_changed(rollout, commands)

    def _status_changed(self, rollout: Rollout, commands: Sequence[Command]) -> None:
        name = rollout.deployment_id
        if name not in self._actives:
            return  # it ended before
        self._status[name] = rollout.status
        if rollout.ended:
            self._end_deployment(rollout, commands)
        else:
            self._reached(rollout)

    def _fold(self, event: Event) -> Sequence[tuple[Rollout | None, tuple[Command, ...]]]:
        """The event in every deployment that it concerns, one after the other; or in none."""
        if isinstance(event, DeploymentEvent):
            rollout = self._actives.get(event.deployment_id) or self._by_id[event.deployment_id][0]
            return ((rollout, rollout.handle(event)),)
        if isinstance(event, HealthCheckReported | AlarmChanged):
            if self.first_in_service_ms is None and isinstance(event, HealthCheckReported) and event.healthy:
                self.first_in_service_ms = event.at_ms
            return self._fold_everywhere(event)
        if isinstance(event, DeploymentCreated):
            return (self._create(event),)
        if isinstance(event, DeploymentNotCreated):
            self._asking.answered()
            self._requests.not_created(event)
            self.not_created.append(event)
        elif isinstance(event, PromotionRequested):
            self._asking.answered()
            self._requests.promoted(event.revision)
        elif isinstance(event, TrafficMeasured):
            self.traffic = event
            self.done = True
        elif isinstance(event, DisksCompared):
            self.disks.append(event)
            self.done = self._closing.compared() or self.done  # a replay knows of no comparison that is under way
        return _NOBODY

    def _fold_everywhere(
        self, event: HealthCheckReported | AlarmChanged
    ) -> Sequence[tuple[Rollout | None, tuple[Command, ...]]]:
        """What concerns no deployment by name. Of several the balancer's word is for those that have the host."""
        actives = tuple(self._actives.values())
        if len(actives) > 1 and isinstance(event, HealthCheckReported):
            actives = tuple(each for each in actives if event.host in each.hosts and each.deployment.with_balancer)
        if len(actives) < 2:
            return tuple((rollout, rollout.handle(event)) for rollout in actives) or _NOBODY
        folded, number = [], 0
        for rollout in actives:
            commands = rollout.handle(event, first=number)
            number += len(commands)
            folded.append((rollout, commands))
        return folded

    def _create(self, event: DeploymentCreated) -> tuple[Rollout, tuple[Command, ...]]:
        deployment = event.deployment
        self.done = False  # a replay of a run that stayed: there is more to come after all
        rollout = Rollout(deployment)
        self.rollouts.append(rollout)
        by_user = deployment.creator is Creator.USER
        if by_user:
            self._asking.answered()
            self._requests.created(deployment)
        name = deployment.deployment_id
        self._by_id[name] = rollout, len(self.rollouts)
        self.groups.begin(rollout)
        if by_user and deployment.last_success is not None:
            self._fleet.remember_disks(deployment)
        self._fleet.begin(deployment)
        self.invariants.begin(deployment)
        self._status[name] = rollout.status
        commands = rollout.handle(event)
        self._generations.created(rollout)
        return rollout, commands

    # -- commands -----------------------------------------------------------------------------------------------

    def _perform(self, command: Command) -> None:
        if self._watched and isinstance(command, HostCommand):
            self._entering(command)
        if self._turnstile is None or self._turnstile.enter(command, self._by_id[command.deployment_id][0]):
            self._fleet.perform(command)

    def _start_analysis(self, command: StartAnalysis) -> None:
        self._analyses.start(command, self._by_id[command.deployment_id][0])

    def _notify(self, command: Notify) -> None:
        self.notifications.append(command)

    def _create_later(self, command: CreateDeployment) -> None:
        deployment = command.deployment
        self._emit(
            lambda event_id, at_ms: DeploymentCreated(event_id, at_ms, command.id, self._generations.fresh(deployment))
        )

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
            self._asking.ask(wish)

    # -- deployments, one after the other or side by side -------------------------------------------------------

    def _end_deployment(self, rollout: Rollout, commands: Sequence[Command]) -> None:
        deployment = rollout.deployment
        group = self.groups.end(rollout)
        group.reserved = any(isinstance(command, CreateDeployment) for command in commands)
        self._reached(rollout)
        if deployment.rollback_of is not None:
            self._closing.compare(self._by_id[deployment.rollback_of][0].deployment)
        if not group.busy and (wish := self._requests.next_queued(group.name)) is not None:
            self._asking.ask(wish)
        if self.scenario.environments:
            self._ended.append(rollout)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Where nothing is under way any more: the next deployment in turn, or the end."""
        if self._asking.busy or self.groups.busy or self.promotions.busy:
            return
        if (wish := self._requests.next_queued(THROUGH_ENVIRONMENTS) or self._requests.next_in_turn()) is not None:
            self._asking.ask(wish)
        elif self._requests.waits:
            return
        elif self.stays:
            self.staying = True
        else:
            self.done = self._closing.begin()

    # -- faults and people --------------------------------------------------------------------------------------

    def _reached(self, rollout: Rollout) -> None:
        status, ordinal = rollout.status, self._by_id[rollout.deployment_id][1]
        self._faults.reached(status, ordinal)
        self._people.reached(rollout, ordinal)
        for wish in self._requests.on_status(status, ordinal):
            self._asking.ask(wish)

    def _enter(self, command: EnterEnvironment) -> None:
        self._asking.ask(self.promotions.enter(command), command.id)

    def _ask_at_gate(self, command: AskAtGate) -> None:
        self._faults.asked(command.environment)
        self._people.asked(command.environment)
        for wish in self._requests.on_gate(command.environment):
            self._asking.ask(wish)


_NOBODY: tuple[tuple[None, tuple[Command, ...]], ...] = ((None, ()),)
"""No deployment, and nothing to do."""


def _concerned(event: Event, rollout: Rollout) -> Iterator[str]:
    """The hosts whose agent may be free now that this was handled."""
    if rollout.ended:
        return iter(rollout.hosts)
    host = getattr(event, "host", None) or getattr(event, "timer", "").removeprefix(HOST_TIMER)
    return iter((host,))


_CARRIERS: dict[type[Command], Callable[[Rehearsal, Any], None]] = {
    **dict.fromkeys((RunLifecycleEvent, BlockTraffic, AllowTraffic), Rehearsal._perform),
    **dict.fromkeys((ProvisionHost, TerminateHost, ShiftTraffic), Rehearsal._perform),
    StartAnalysis: Rehearsal._start_analysis,
    StartTimer: Rehearsal._start_timer,
    Notify: Rehearsal._notify,
    CreateDeployment: Rehearsal._create_later,
    Finish: lambda _run, _command: None,
    EnterEnvironment: Rehearsal._enter,
    AskAtGate: Rehearsal._ask_at_gate,
    StartGateTimer: lambda run, command: run.promotions.start_timer(command),
}
"""Who carries out a command, by its kind."""
