"""One rehearsal: the deployments of a scenario in their order, folded event by event, on any fleet.

A driver owns the clock and the loop. It hands every event to `Rehearsal.handle`, which journals it, folds it, checks
the invariants, tells the observers, and only then carries the commands out. Everything that a fleet needs not know
(faults, the operator, the next deployment, the notifications) is conducted here, so that the virtual fleet and Docker
differ in nothing but their hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fleet.base import Fleet, MakeEvent
from fleet.virtual.draws import stream
from scenarios.model import NamedHost, OperatorAction, Scenario
from simulator.control.agenda import Agenda, Driver
from simulator.control.alarms import Alarms
from simulator.control.analysis import Analyses
from simulator.control.crash import ControllerCrash, crashes
from simulator.control.faults import Afflicted, Faults
from simulator.control.happened import OPERATOR, Happened
from simulator.control.invariants import Invariants
from simulator.control.journal import Book
from simulator.control.past import Past
from simulator.control.request import Standing, requested
from simulator.control.result import Observer
from simulator.control.triggers import Trigger
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    CreateDeployment,
    Finish,
    HostCommand,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    StartAnalysis,
    StartTimer,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment, Success, Target
from simulator.rollout.events import (
    AlarmChanged,
    DeploymentCreated,
    DeploymentEvent,
    DisksCompared,
    Event,
    HealthCheckReported,
    HostProvisioned,
    LifecycleEventStarted,
    OperatorSpoke,
    StopRequested,
    TimerFired,
    TrafficMeasured,
)
from simulator.rollout.lifecycle import ALLOW_TRAFFIC, BLOCK_TRAFFIC
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import deployment_id
from simulator.rollout.statuses import Creator, DeploymentStatus, FileExistsBehavior, OperatorVerb

BEFORE_THE_RUN = "before-the-run"
"""The deployment that is said to have put `fleet.running` there."""

_TRAFFIC: dict[type[HostCommand], str] = {BlockTraffic: BLOCK_TRAFFIC, AllowTraffic: ALLOW_TRAFFIC}
"""The lifecycle events that the balancer carries out, by the command."""


@dataclass(slots=True)
class _Operator:
    """A scripted action of a person."""

    action: OperatorAction
    trigger: Trigger
    done: bool = False


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
        journal: Book,
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
        self._seed = seed
        self._fleet = fleet
        self._driver = driver
        self._journal = journal
        self.happened = Happened(scenario)
        scripted = (self.happened,) if scenario.faults or scenario.operator else ()
        self._observers = (*scripted, *observers)
        self._active: Rollout | None = None
        self._active_id = ""
        self._status = DeploymentStatus.CREATED
        self._by_id: dict[str, tuple[Rollout, int]] = {}
        self._comparing = 0
        self._closing = False
        self._to_come = list(reversed(scenario.deploy))
        self._timers: dict[tuple[str, str], StartTimer] = {}
        hosts = hosts or scenario.fleet.named_hosts()
        running = scenario.fleet.running
        standing_by = scenario.standing_by()
        targets = [
            Target(host.name, host.zone)
            if host.name in standing_by
            else Target(host.name, host.zone, running is not None, running)
            for host in sorted(hosts, key=lambda host: stream(seed, "order", host.name))
        ]
        self._targets = tuple(target for target in targets if target.name not in standing_by)
        self._standing_by = {target.name: target for target in targets if target.name in standing_by}
        self._last_success = None if running is None else Success(BEFORE_THE_RUN, running, FileExistsBehavior.DISALLOW)
        agenda = Agenda(driver)
        self._emit, self._later = agenda.emit, agenda.later
        self._alarms = Alarms(scenario, fleet, self._emit, self._later)
        self._analyses = Analyses(scenario, fleet, driver.at)
        self.crash = ControllerCrash(self, fleet, self._later) if crashes(scenario) else None
        controllers: dict[str, Afflicted | None] = {"alarm": self._alarms, "controller": self.crash}
        self._faults = Faults(scenario.faults, hosts, running, seed, fleet, controllers, self._emit, self._later)
        self._operators = [_Operator(action, Trigger(action.when)) for action in scenario.operator]
        self._watched = self._faults.watched | {o.trigger.event for o in self._operators if o.trigger.event}

    # -- the fold -----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin: the first deployment is created, what is due at a time gets its timer."""
        self._fleet.watch_starts(self._faults.watched_starts)
        self._faults.begin_alarms()
        self._next_deployment()
        self._faults.begin()
        self._alarms.begin()
        for operator in self._operators:
            if operator.trigger.at_ms is not None:
                self._later(operator.trigger.at_ms, partial(self._act, operator))
            elif (request := operator.trigger.request) is not None:
                self._fleet.at_request(request, partial(self._later, 0, partial(self._act, operator)))

    @property
    def active(self) -> Rollout | None:
        """The deployment that is under way."""
        return self._active

    def create(self, deployment: Deployment) -> Deployment:
        """One more deployment, in a run that is `staying`: as it will be created, with an id of its own."""
        assert self.staying, "one deployment at a time"
        self.staying = False
        name = deployment_id(self.scenario.name, self._seed, len(self.rollouts) + 1)
        active = self._alarms.active()
        created = replace(deployment, deployment_id=name, last_success=self._last_success, active_alarms=active)
        self._emit(lambda event_id, at_ms: DeploymentCreated(event_id, at_ms, "", created))
        return created

    def end(self) -> None:
        """Stay no longer: the run ends now, or with the deployment that is under way."""
        self.stays = False
        if self.staying:
            self.staying = False
            self._close()
            self._emit(lambda _id, _at_ms: None)  # a driver that waits for an event sees that it is done

    def handle(self, event: Event) -> None:
        """Take one event: journal, fold, check, tell, carry out."""
        self._journal.write(event)
        rollout, commands = self._fold(event)
        self.invariants.check(event, commands, rollout)
        for observer in self._observers:
            observer(event, commands, rollout)
        if type(event) is HostProvisioned and rollout is not None:
            self._faults.joined(event.host, rollout.hosts[event.host].target.zone, self.scenario.fleet.tags)
        for command in commands:
            _CARRIERS[type(command)](self, command)
        if type(event) is LifecycleEventStarted and event.name in self._faults.watched_starts:
            self._faults.begun(event.host, event.name, self._by_id[event.deployment_id][1])
        if rollout is not None and rollout is self._active and rollout.status is not self._status:
            self._status_changed(rollout, commands)

    def _status_changed(self, rollout: Rollout, commands: Sequence[Command]) -> None:
        self._status = rollout.status
        ordinal = self._by_id[rollout.deployment_id][1]
        if rollout.ended:
            self._end_deployment(rollout, commands)
        else:
            self._reached(rollout.status, ordinal)

    def _fold(self, event: Event) -> tuple[Rollout | None, tuple[Command, ...]]:
        if isinstance(event, DeploymentEvent):
            if event.deployment_id == self._active_id and self._active is not None:
                rollout = self._active
            else:
                rollout = self._by_id[event.deployment_id][0]
            return rollout, rollout.handle(event)
        if isinstance(event, HealthCheckReported | AlarmChanged):
            if self.first_in_service_ms is None and isinstance(event, HealthCheckReported) and event.healthy:
                self.first_in_service_ms = event.at_ms
            return self._active, self._active.handle(event) if self._active else ()
        if isinstance(event, DeploymentCreated):
            return self._create(event)
        if isinstance(event, TrafficMeasured):
            self.traffic = event
            self.done = True
        if isinstance(event, DisksCompared):
            self.disks.append(event)
            self._compared()
        return None, ()

    def _create(self, event: DeploymentCreated) -> tuple[Rollout, tuple[Command, ...]]:
        deployment = event.deployment
        self.done = False  # a replay of a run that stayed: there is more to come after all
        rollout = Rollout(deployment)
        self.rollouts.append(rollout)
        if deployment.creator is Creator.USER and self._to_come:
            self._to_come.pop()
        self._by_id[deployment.deployment_id] = rollout, len(self.rollouts)
        self._active, self._active_id = rollout, deployment.deployment_id
        if deployment.creator is Creator.USER and deployment.last_success is not None:
            self._fleet.remember_disks(deployment)
        self._fleet.begin(deployment)
        self.invariants.begin(deployment)
        self._status = rollout.status
        return rollout, rollout.handle(event)

    # -- a controller that dies and begins anew -------------------------------------------------------------------

    def die(self) -> None:
        """Every timer is forgotten."""
        self._timers.clear()

    def relive(self, waiting: Iterable[MakeEvent]) -> None:
        """Forget everything, know again what the journal tells, hear what has waited, and set the timers again."""
        past = Past(self._fleet.name, measures=self.scenario.balancer is not None)
        again = Rehearsal(self.scenario, self._seed, past, past, past, stays=self.stays)
        for event in self._journal.told():
            past.ms = event.at_ms
            if type(event) is TimerFired:
                again._timers.pop((event.deployment_id, event.timer), None)
            again.handle(event)
        for name in _MEMORY:
            setattr(self, name, getattr(again, name))
        for make in waiting:
            self._emit(make)
        for command in self._timers.values():
            self._driver.at(command.at_ms, partial(self._fire, command))

    # -- commands -----------------------------------------------------------------------------------------------

    def _shift(self, command: ShiftTraffic) -> None:
        self._fleet.perform(command)
        ordinal = self._by_id[command.deployment_id][1]
        self._faults.shifted(command.percent, ordinal)
        self._hear(lambda trigger: trigger.on_weight(command.percent, ordinal))

    def _perform(self, command: Command) -> None:
        if self._watched and isinstance(command, HostCommand):
            self._entering(command)
        self._fleet.perform(command)

    def _start_analysis(self, command: StartAnalysis) -> None:
        self._analyses.start(command, self._by_id[command.deployment_id][0])

    def _notify(self, command: Notify) -> None:
        self.notifications.append(command)

    def _create_later(self, command: CreateDeployment) -> None:
        deployment = command.deployment
        self._emit(lambda event_id, at_ms: DeploymentCreated(event_id, at_ms, command.id, deployment))

    def _start_timer(self, command: StartTimer) -> None:
        self._timers[command.deployment_id, command.timer] = command
        self._driver.at(command.at_ms, partial(self._fire, command))

    def _fire(self, command: StartTimer, event_id: int, at_ms: int) -> Event | None:
        running = self._timers.get((command.deployment_id, command.timer))
        if running is not command or self._by_id[command.deployment_id][0].ended:
            return None
        return TimerFired(event_id, at_ms, command.id, command.deployment_id, command.timer)

    def _entering(self, command: HostCommand) -> None:
        """Before a host is given a lifecycle event: what the scenario scripts for this moment."""
        name = command.name if isinstance(command, RunLifecycleEvent) else _TRAFFIC[type(command)]
        host = command.host
        if name not in self._watched:
            return
        rollout, ordinal = self._by_id[command.deployment_id]
        self._faults.entering(host, name, rollout.deployment.revision, ordinal)
        self._hear(lambda trigger: trigger.on_event(name, host, ordinal))

    # -- deployments one after the other ------------------------------------------------------------------------

    def _next_deployment(self) -> None:
        identity = deployment_id(self.scenario.name, self._seed, len(self.rollouts) + 1)
        targets = Standing(self._targets, self._standing_by, self._last_success)
        deployment = requested(self.scenario, self._to_come[-1], identity, targets)

        def create(event_id: int, at_ms: int) -> Event:
            return DeploymentCreated(event_id, at_ms, "", replace(deployment, active_alarms=self._alarms.active()))

        self._emit(create)

    def _end_deployment(self, rollout: Rollout, commands: Sequence[Command]) -> None:
        self._active, self._active_id = None, ""
        self._targets = rollout.aftermath
        deployment = rollout.deployment
        if rollout.status is DeploymentStatus.SUCCEEDED:
            self._last_success = Success(deployment.deployment_id, deployment.revision, deployment.file_exists_behavior)
        self._reached(rollout.status, self._by_id[deployment.deployment_id][1])
        if deployment.rollback_of is not None:
            self._comparing += self._fleet.compare_disks(self._by_id[deployment.rollback_of][0].deployment)
        if any(isinstance(command, CreateDeployment) for command in commands):
            return
        if self._to_come:
            self._next_deployment()
        elif self.stays:
            self.staying = True
        else:
            self._close()

    def _close(self) -> None:
        """The last deployment has ended: wait for the disks, measure the traffic, where there is any, and be done."""
        self._closing = self._comparing > 0
        if self._closing:
            return
        if (measure := self._fleet.measure()) is not None:
            self._driver.at(self._driver.now_ms(), measure)
        else:
            self.done = True

    def _compared(self) -> None:
        self._comparing = max(self._comparing - 1, 0)
        if self._closing and not self._comparing:
            self._close()

    # -- faults and people --------------------------------------------------------------------------------------

    def _reached(self, status: DeploymentStatus, ordinal: int) -> None:
        self._faults.reached(status, ordinal)
        self._hear(lambda trigger: trigger.on_status(status, ordinal))

    def _hear(self, brings: Callable[[Trigger], bool]) -> None:
        for operator in self._operators:
            if brings(operator.trigger):
                self._act(operator)

    def _act(self, operator: _Operator) -> None:
        if operator.done or self._active is None:
            return
        operator.done = True
        verb, deployment, by = operator.action.do, self._active_id, OPERATOR
        if verb in ("stop", "abort"):
            wanted = True if verb == "abort" else operator.action.auto_rollback
            self._emit(lambda event_id, at_ms: StopRequested(event_id, at_ms, "", deployment, by, wanted))
        else:
            spoken = OperatorVerb(verb)
            self._emit(lambda event_id, at_ms: OperatorSpoke(event_id, at_ms, "", deployment, spoken, by))


_CARRIERS: dict[type[Command], Callable[[Rehearsal, Any], None]] = {
    **dict.fromkeys((RunLifecycleEvent, BlockTraffic, AllowTraffic), Rehearsal._perform),
    **dict.fromkeys((ProvisionHost, TerminateHost), Rehearsal._perform),
    ShiftTraffic: Rehearsal._shift,
    StartAnalysis: Rehearsal._start_analysis,
    StartTimer: Rehearsal._start_timer,
    Notify: Rehearsal._notify,
    CreateDeployment: Rehearsal._create_later,
    Finish: lambda _run, _command: None,
}
"""Who carries out a command, by its kind."""

_MEMORY = (
    *("rollouts", "notifications", "disks", "invariants", "staying", "first_in_service_ms", "_comparing", "_closing"),
    *("_active", "_active_id", "_status", "_by_id", "_targets", "_last_success", "_to_come", "_timers"),
)
"""What the controller knows, and only the journal remembers when it dies."""
