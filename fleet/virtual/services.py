"""ECS and Lambda on the virtual fleet: task sets and versions of functions behind the balancer, hooks as words.

A task is what a host is to the balancer: it answers, it is checked, and it has a share of the traffic. A version of a
function is one such thing that nobody checks. What the core deploys to is their service, or their function's alias;
what the balancer sees of the tasks of the side that comes is told of the service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

from typing_extensions import override

from fleet.balancer.virtual import Action, Answer, Schedule, VirtualBalancer
from fleet.base import Fleet, MakeEvent, cannot_run
from fleet.figures import Figures
from fleet.platforms.revision import PlatformRevision, no_function, read_revisions, reported_failed
from fleet.platforms.sides import Sides
from fleet.platforms.steady import Steady
from fleet.virtual import faults
from fleet.virtual.answer_times import AnswerTimes, figures_of
from fleet.virtual.answers import answer_of
from fleet.virtual.disk import Disk
from fleet.virtual.draws import stream
from fleet.virtual.host import VirtualHost
from fleet.virtual.revision import VirtualRevision, behaving
from scenarios.model import Effect, HealthFault, NamedHost, Scenario
from simulator.rollout import lifecycle
from simulator.rollout.commands import Command, RunLifecycleEvent, ShiftTraffic, TerminateHost
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    Diagnostics,
    Event,
    HealthCheckReported,
    HostTerminated,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    TrafficMeasured,
    TrafficShifted,
)
from simulator.rollout.statuses import EventStatus

_BOOT_MS = (1_000, 4_000)
"""From the request for a task until its container listens."""
_SERVICE_MS = (20, 200)
"""What the service does by itself: there is nothing to call at a hook, or the test listener is pointed elsewhere."""
_FUNCTION_MS = (200, 2_000)
_TERMINATE_MS = 1_000
_WHOLE = 100
_NOTHING = Disk(frozenset())


class ServicesGround:
    """What a run on ECS or Lambda stands on: revisions are read once. Raises FleetError where `running` is none."""

    def __init__(self, scenario: Scenario) -> None:
        self.revisions = read_revisions(scenario)
        self.behaves = {name: behaving(name, revision.behaves) for name, revision in scenario.revisions.items()}
        self.hosts: tuple[NamedHost, ...] = scenario.targets()
        """The service, or the function."""
        running = scenario.running_in(scenario.all_groups[0])
        assert running is not None, "the scenario's loader tells that beforehand"
        self.running = running
        """What has the traffic before the run."""
        if problem := self.revisions[running].problem:
            raise cannot_run(running, problem)


@dataclass(slots=True, eq=False)
class _TaskSet:
    """Tasks of one revision, or the one version of a function."""

    revision: VirtualRevision
    tasks: list[VirtualHost] = field(default_factory=list)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(task.name for task in self.tasks)


class VirtualServices(Fleet):
    """The service or the function of a scenario, on a virtual loop. `schedule(at_ms, action)` puts something on it."""

    name = "virtual"

    def __init__(self, scenario: Scenario, seed: int, schedule: Schedule, ground: ServicesGround | None = None) -> None:
        assert scenario.balancer is not None, "the scenario's loader tells that beforehand"
        self._scenario = scenario
        self._seed = seed
        self.schedule = schedule
        self._ground = ground or ServicesGround(scenario)
        self._spec = scenario.balancer
        self._checked = scenario.compute_platform == "ECS"
        self._size = len(scenario.fleet.named_hosts()) if self._checked else 1
        self.now_ms = 0
        self._numbers = count(1)
        self._times = AnswerTimes(seed)
        self._balancer = VirtualBalancer(self._spec, self._watching)
        self._steady = Steady()
        self._installing: tuple[RunLifecycleEvent, int] | None = None
        """The Install in hand, and when it began."""
        self._deployments: dict[str, PlatformRevision] = {}
        self._faults: dict[str, tuple[HealthFault, str | None]] = {}
        """Of those that strike now, what they do, and to which revision."""
        first = self._new(self._ground.running)
        self._sides = Sides(first)
        self._serve(first)

    def at(self, now_ms: int) -> None:
        """The loop's time is now this."""
        self.now_ms = now_ms

    # -- what the core asks for ---------------------------------------------------------------------------------

    @override
    def begin(self, deployment: Deployment) -> None:
        name, back = deployment.deployment_id, deployment.strategy in lifecycle.WAYS_BACK
        self._deployments[name] = self._ground.revisions[deployment.revision]
        self._end(self._sides.begin(deployment, back=back), self.now_ms)
        if not self._checked and not back:
            version = self._new(deployment.revision)  # it was published before; the alias does not point to it yet
            self._sides.bring(name, version)
            self._balancer.shift(version.names, 0, self.now_ms)
            self._serve(version, in_group=False)

    @override
    def watch_starts(self, events: frozenset[str]) -> None:
        """Nothing strikes in the midst of an event here."""

    @override
    def perform(self, command: Command) -> None:
        if isinstance(command, ShiftTraffic):
            self._shift(command)
        elif isinstance(command, TerminateHost):
            self.schedule(self.now_ms + _TERMINATE_MS, partial(self._terminated, command))
        elif isinstance(command, RunLifecycleEvent):
            if command.name == lifecycle.INSTALL:
                self._install(command)
            elif command.name == lifecycle.ALLOW_TEST_TRAFFIC:
                self._complete_in(self._draw(_SERVICE_MS, command), command)
            else:
                self._call(command)

    def _shift(self, command: ShiftTraffic) -> None:
        deployment = command.deployment_id
        self._balancer.shift(self._sides.coming(deployment).names, command.percent, self.now_ms)
        if command.percent == _WHOLE:
            self._sides.settle(deployment)
        self.schedule(self.now_ms, lambda id, at: TrafficShifted(id, at, command.id, deployment))

    def _install(self, command: RunLifecycleEvent) -> None:
        """A replacement task set: its tasks come up, and it is steady once the balancer finds all of them healthy."""
        coming = self._new(self._deployments[command.deployment_id].name)
        self._sides.bring(command.deployment_id, coming)
        self._installing = command, self.now_ms
        self._steady.watch(coming.names)
        self._balancer.shift(coming.names, 0, self.now_ms)
        self.schedule(self.now_ms, partial(_started, command))
        for task in coming.tasks:
            self._balancer.add(task.name, self._answer(task), in_service=False, in_group=False)
            up_ms = self.now_ms + self._draw(_BOOT_MS, command, task.name)
            self.schedule(up_ms, partial(self._up, coming, task, command.id))

    def _up(self, coming: _TaskSet, task: VirtualHost, cause: str, _id: int, now_ms: int) -> None:
        """A task's container runs: it is registered, and checked. One that has gone meanwhile is not."""
        if coming in self._sides.there:
            self._runs(task, coming.revision)
            self._balancer.register(task.name, now_ms, cause)

    def _runs(self, task: VirtualHost, revision: VirtualRevision) -> None:
        """A task answers, from its beginning as the faults of its revision have it."""
        task.serves = revision
        self.answers_changed(task)
        for name, (fault, struck) in self._faults.items():
            if struck in (None, revision.name):
                faults.strike_health(self, task, name, fault)

    def _call(self, command: RunLifecycleEvent) -> None:
        """A hook: the function that the AppSpec names is called, if it names one."""
        name = self._deployments[command.deployment_id].hook(command.name)
        if name is None:
            self._complete_in(self._draw(_SERVICE_MS, command), command)
            return
        self.schedule(self.now_ms, partial(_started, command))
        function = self._scenario.functions.get(name)
        if function is None:
            self._complete_in(self._draw(_SERVICE_MS, command), command, no_function(name))
        elif not function.never:
            lasts_ms = self._draw(_FUNCTION_MS, command, name) if function.lasts is None else function.lasts
            self._complete_in(lasts_ms, command, reported_failed(name) if function.reports == "Failed" else None)

    def _complete_in(self, lasts_ms: int, command: RunLifecycleEvent, why: Diagnostics | None = None) -> None:
        self.schedule(self.now_ms + lasts_ms, partial(_completed, command, self.now_ms, why))

    def _terminated(self, command: TerminateHost, event_id: int, at_ms: int) -> Event:
        self._end(self._sides.leave(command.deployment_id), at_ms)  # of what is kept, all that counts is: no traffic
        return HostTerminated(event_id, at_ms, command.id, command.deployment_id, command.host)

    def _end(self, sides: Iterable[_TaskSet], now_ms: int) -> None:
        for side in sides:
            for task in side.tasks:
                task.health_faults.clear()
                self._balancer.remove(task.name, now_ms)

    def _new(self, revision: str) -> _TaskSet:
        number = next(self._numbers)
        names = [f"task-{number}-{n + 1}" if self._checked else f"version-{number}" for n in range(self._size)]
        made = _TaskSet(self._ground.behaves[revision])
        made.tasks = [VirtualHost(name, self._seed, _NOTHING, {}, None) for name in names]
        return made

    def _serve(self, task_set: _TaskSet, *, in_group: bool = True) -> None:
        """Have it in service, without a check: that was before, or is nobody's business."""
        for task in task_set.tasks:
            task.serves = task_set.revision
            self._balancer.add(task.name, self._answer(task), in_service=True, in_group=in_group)
            self._runs(task, task_set.revision)

    def _draw(self, ends: tuple[int, int], command: RunLifecycleEvent, *more: str) -> int:
        low, high = ends
        return low + stream(self._seed, "service", command.deployment_id, command.name, *more) % (high - low + 1)

    # -- what the balancer sees ---------------------------------------------------------------------------------

    def _watching(self, at_ms: int, action: Action) -> None:
        """Put on the loop what the balancer wants there; what it sees of a task is told of the task's service."""

        def see(event_id: int, now_ms: int) -> Event | None:
            event = action(event_id, now_ms)
            return self._seen(event) if isinstance(event, HealthCheckReported) else event

        self.schedule(at_ms, see)

    def _seen(self, event: HealthCheckReported) -> HealthCheckReported | None:
        said = self._steady.hear(event.host, event.healthy, event.seen)
        if said is None:
            return None
        if said.healthy and self._installing is not None:
            (command, began_ms), self._installing = self._installing, None
            self.schedule(event.at_ms, partial(_completed, command, began_ms, None))
        return replace(event, host=self._scenario.service, healthy=said.healthy, seen=said.seen)

    def _answer(self, task: VirtualHost) -> Answer:
        answer = answer_of(task, self._spec)
        return answer if self._checked else answer._replace(passes=True)

    # -- faults -------------------------------------------------------------------------------------------------

    @override
    def at_request(self, number: int, call: Callable[[], None]) -> None:
        self.schedule(self._balancer.request_ms(number), lambda _id, _at_ms: call())

    @override
    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None:
        if effect.controller is not None:
            return  # nothing of the service's changes
        fault = effect.health
        assert fault is not None, "the scenario's loader tells of every other that it strikes hosts"
        revision = next((f.where.revision for f in self._scenario.faults if f.do is effect), None)
        self._faults[name] = fault, revision
        self._each(revision, lambda task: faults.strike_health(self, task, name, fault))

    @override
    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None:
        if effect.controller is not None:
            return
        if name not in self._faults:
            return  # another one of the same name was healed
        _, revision = self._faults.pop(name)

        def again(task: VirtualHost) -> None:
            task.health_faults.pop(name, None)
            self.answers_changed(task)

        self._each(revision, again)

    def _each(self, revision: str | None, change: Callable[[VirtualHost], object]) -> None:
        for task_set in self._sides.there:
            if revision in (None, task_set.revision.name):
                for task in task_set.tasks:
                    change(task)

    def answers_changed(self, host: VirtualHost) -> None:
        """Tell the balancer what a task answers now."""
        self._balancer.answers(host.name, self._answer(host), self.now_ms)

    # -- measuring ----------------------------------------------------------------------------------------------

    @override
    def measure(self) -> MakeEvent | None:
        total, failed, by_revision = self._balancer.measure(self.now_ms)
        least = self._balancer.in_service_min
        return lambda event_id, at_ms: TrafficMeasured(event_id, at_ms, "", total, failed, by_revision, least, 0)

    @override
    def figures(self) -> Figures | None:
        return figures_of(*self._balancer.shares(self.now_ms), self._balancer.in_service, self._times)


def _started(command: RunLifecycleEvent, event_id: int, at_ms: int) -> Event:
    return LifecycleEventStarted(event_id, at_ms, command.id, command.deployment_id, command.host, command.name)


def _completed(command: RunLifecycleEvent, began_ms: int, why: Diagnostics | None, event_id: int, at_ms: int) -> Event:
    status = EventStatus.SUCCEEDED if why is None else EventStatus.FAILED
    return LifecycleEventCompleted(
        *(event_id, at_ms, command.id, command.deployment_id, command.host, command.name, status, began_ms, why)
    )
