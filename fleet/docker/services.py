"""ECS and Lambda on Docker: task sets as containers, versions of a function as handlers, hooks that are really called.

It shares with the fleet of hosts the engine, the network, HAProxy and the users' requests; there are no agents. A
service's tasks are checked and weighed by HAProxy; a function's alias is nothing but the weights of its versions, whose
runtimes are only asked whether they are there. A hook's function is called over HTTP and reports to the endpoint.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from fleet.balancer.haproxy_config import USERS_PORT
from fleet.balancer.haproxy_listeners import TEST_PORT, TwoListeners
from fleet.base import FleetError, cannot_run
from fleet.docker.cleanup import remove_dead
from fleet.docker.engine import at_once, connect
from fleet.docker.faults import health_state
from fleet.docker.fleet import DockerFleet
from fleet.docker.functions import Execution, Functions
from fleet.docker.hostside.function_runner import CODEDEPLOY, PING
from fleet.docker.images import current_image
from fleet.docker.lanes import Lanes
from fleet.docker.mailbox import REGION
from fleet.docker.needs import Needs
from fleet.docker.network import CONTROLLER, Network, balancer_container, create_network, listening_address
from fleet.docker.service_faults import ServiceFaults
from fleet.docker.tasks import (
    TaskPlan,
    Tasks,
    bundle_files,
    function_command,
    task_command,
)
from fleet.platforms.revision import PlatformRevision, no_function, read_revisions, reported_failed
from fleet.platforms.sides import Sides
from fleet.platforms.steady import Steady
from scenarios.model import Balancer, Effect, HealthCheck, HealthFault, Scenario
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
    TrafficShifted,
)
from simulator.rollout.statuses import EventStatus

if TYPE_CHECKING:
    from docker import DockerClient

STEADY_S: Final = 60
"""What has the traffic before the run, and a version that is to have it, is in service within this time, or the run
ends."""
LOOK_S: Final = 0.05
_WHOLE: Final = 100
_ALIVE: Final = HealthCheck.model_validate(
    {"path": PING, "interval": "200ms", "timeout": "2s", "rise": 1, "fall": 10},
)
"""How HAProxy sees that the runtime of a version is there. Of its answers to users it learns nothing."""


@dataclass(slots=True, eq=False)
class _TaskSet:
    """Tasks of one revision, or the one version of a function: by name, their places in the network, and addresses."""

    revision: str
    indexes: dict[str, int]
    tasks: dict[str, str]


class DockerServices(DockerFleet):
    """The service or the function of a scenario, as containers."""

    # -- beginning ------------------------------------------------------------------------------------------------

    @override
    async def _start(self, scenario: Scenario) -> None:
        assert scenario.balancer is not None, "the scenario's loader tells that beforehand"
        running = scenario.running_in(scenario.all_groups[0])
        assert running is not None, "and that"
        self._checked = scenario.compute_platform == "ECS"
        self._size = len(scenario.fleet.named_hosts()) if self._checked else 1
        self._spec = scenario.balancer
        self._numbers, self._indexes = count(1), count(0)
        self._steady = Steady()
        self._installing: tuple[RunLifecycleEvent, int] | None = None
        self._asked: dict[str, PlatformRevision] = {}
        self._struck: dict[str, tuple[HealthFault, str | None]] = {}
        client, image, network = await self._in_thread(self._lay_services_ground)
        self._network = network
        self._revisions = await self._in_thread(partial(read_revisions, scenario))
        if problem := self._revisions[running].problem:
            raise cannot_run(running, problem)
        self._listening = listening_address(network)
        self._hosts = self._containers = Tasks(client, self.run, image, network, Needs())
        self._functions = Functions(scenario, self._containers, self._reported)
        self._commands.hear_hooks(self._functions.reported)
        self._port = await self._commands.listen(self._listening, self)
        self._lanes = Lanes(self._break)
        first = self._planned(running)
        self._balancer = self._two = self._two_listeners(first)
        self._service_faults = ServiceFaults(self._balancer, self._commands, self._lanes.beside)
        boot = partial(self._balancer.boot, client, balancer_container(client, self.run, image, network))
        functions = self._functions.boots(lambda: next(self._indexes), self._environment(), self._listening)
        await self._in_thread(partial(at_once, [boot, *functions]))
        await self._balancer.connect()
        self._tasks.append(self._background(self._balancer.watch()))
        self._sides = Sides(first)
        await self._bring_up(first)
        for task in first.tasks:
            await self._balancer.register(task)
        if late := await self._late(first):
            raise cannot_run(running, late)

    def _lay_services_ground(self) -> tuple[DockerClient, str, Network]:
        self._client = client = connect()
        image = current_image(client)
        remove_dead(client)
        return client, image, create_network(client, self.run)

    def _two_listeners(self, first: _TaskSet) -> TwoListeners:
        spec: Balancer = self._spec if self._checked else self._spec.model_copy(update={"health_check": _ALIVE})
        return TwoListeners(spec, first.tasks, self._seen, self._in_service_changed)

    def _environment(self) -> dict[str, str]:
        """What a function that is a hook finds: the service to report to, and where users and testers knock."""
        path, balancer = self._spec.traffic.path, f"http://{self._network.balancer}"
        return {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": self._commands.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._commands.secret_access_key,
            CODEDEPLOY: f"http://{CONTROLLER}:{self._port}",
            "TRAFFIC_URL": f"{balancer}:{USERS_PORT}{path}",
            "TEST_TRAFFIC_URL": f"{balancer}:{TEST_PORT}{path}",
        }

    # -- task sets and versions -----------------------------------------------------------------------------------

    def _planned(self, revision: str) -> _TaskSet:
        """New tasks of a revision, or a version, with names and addresses. Raises FleetError where there is no room."""
        number = next(self._numbers)
        names = [f"task-{number}-{n + 1}" if self._checked else f"version-{number}" for n in range(self._size)]
        made = _TaskSet(revision, {name: next(self._indexes) for name in names}, {})
        if max(made.indexes.values()) >= self._network.hosts_max:
            raise FleetError(f"the run's network {self._network.subnet} has no room for another task set")
        made.tasks = {name: self._network.host(index) for name, index in made.indexes.items()}
        return made

    async def _bring_up(self, side: _TaskSet) -> None:
        """Have its containers run."""
        written = self._scenario.revisions[side.revision]
        files = await self._in_thread(partial(bundle_files, written.bundle))
        command = (
            task_command(written.task.command)
            if self._checked and written.task is not None
            else function_command(written.handler, self._spec.port)
        )
        faults = any(fault.do.health is not None for fault in self._scenario.faults)
        plans = [TaskPlan(name, index, command, files, faults=faults) for name, index in side.indexes.items()]
        boots: list[Callable[[], object]] = [
            partial(self._containers.boot_task, plan, self._listening) for plan in plans
        ]
        await self._in_thread(partial(at_once, boots))
        for task in side.tasks:
            self._reports.now_serves(task, side.revision)
            await self._apply(side, task)

    async def _register(self, side: _TaskSet, cause: str) -> None:
        for name, address in side.tasks.items():
            await self._two.add(name, address)
            await self._two.register(name, cause)

    async def _late(self, side: _TaskSet) -> str:
        """Wait until the balancer sends requests there. Why it does not, where that takes too long; else nothing."""
        end_s = asyncio.get_running_loop().time() + STEADY_S
        while late := sorted(side.tasks.keys() - self._two.in_service):
            if asyncio.get_running_loop().time() > end_s:
                said = await self._in_thread(partial(self._containers.log, late[0]))
                return f"{late[0]} is not in service within {STEADY_S} s; it says: {said.strip() or 'nothing'}"
            await asyncio.sleep(LOOK_S)
        return ""

    # -- what the core asks for -----------------------------------------------------------------------------------

    @override
    def begin(self, deployment: Deployment) -> None:
        back = deployment.strategy in lifecycle.WAYS_BACK
        self._asked[deployment.deployment_id] = self._revisions[deployment.revision]
        if left := self._sides.begin(deployment, back=back):
            self._lane(self._scenario.service, partial(self._end_sides, left, keep=False))
        if not self._checked and not back:
            self._lane(self._scenario.service, partial(self._publish, deployment))

    async def _publish(self, deployment: Deployment) -> None:
        """The version that the alias is to point to exists before, and has nothing yet."""
        version = self._planned(deployment.revision)
        self._sides.bring(deployment.deployment_id, version)
        await self._bring_up(version)
        await self._two.shift(version.tasks, 0)
        await self._register(version, "")

    @override
    def watch_starts(self, events: frozenset[str]) -> None:
        """Nothing strikes in the midst of an event here."""

    @override
    def perform(self, command: Command) -> None:
        key = (command.deployment_id, command.id)
        if key in self._done:
            return
        self._done.add(key)
        job: Callable[[], Any]
        if isinstance(command, ShiftTraffic):
            job = partial(self._shift, command)
        elif isinstance(command, TerminateHost):
            job = partial(self._terminate, command)
        elif isinstance(command, RunLifecycleEvent):
            job = partial(_WORK.get(command.name, DockerServices._call), self, command)
        else:
            raise TypeError(f"there is no {type(command).__name__} of a service or a function")
        self._lane(self._scenario.service, job)

    @override
    async def _shift(self, command: ShiftTraffic) -> None:
        coming = self._sides.coming(command.deployment_id)
        if not self._checked and (late := await self._late(coming)):
            raise FleetError(f"the traffic cannot go to {coming.revision}: {late}")
        await self._two.shift(coming.tasks, command.percent)
        if command.percent == _WHOLE:
            self._sides.settle(command.deployment_id)
        self._emit(lambda id, at_ms: TrafficShifted(id, at_ms, command.id, command.deployment_id))

    async def _terminate(self, command: TerminateHost) -> None:
        await self._end_sides(self._sides.leave(command.deployment_id), keep=command.keep)
        self._emit(lambda id, at_ms: HostTerminated(id, at_ms, command.id, command.deployment_id, command.host))

    async def _end_sides(self, sides: Sequence[_TaskSet], *, keep: bool) -> None:
        """Task sets, or versions, lose their traffic, and their containers unless they are kept."""
        for side in sides:
            for task in side.tasks:
                await self._two.remove(task)
            if not keep:
                await self._in_thread(partial(at_once, [partial(self._containers.remove, task) for task in side.tasks]))

    async def _install(self, command: RunLifecycleEvent) -> None:
        """A replacement task set comes up, and is steady once the balancer finds all of its tasks healthy."""

        def began(id: int, at_ms: int) -> Event:
            self._installing = command, at_ms
            return _started(command, id, at_ms)

        coming = self._planned(self._asked[command.deployment_id].name)
        self._steady.watch(coming.tasks)  # first, or a task of the set before could end this Install
        self._emit(began)
        self._sides.bring(command.deployment_id, coming)
        await self._bring_up(coming)
        await self._two.shift(coming.tasks, 0)
        await self._register(coming, command.id)

    async def _allow_test_traffic(self, command: RunLifecycleEvent) -> None:
        await self._two.test(self._sides.coming(command.deployment_id).tasks)
        self._complete(command, None)

    async def _call(self, command: RunLifecycleEvent) -> None:
        """A hook: the function that the AppSpec names is called, if it names one. Its report is awaited elsewhere."""
        name = self._asked[command.deployment_id].hook(command.name)
        if name is None:
            self._complete(command, None)
            return
        execution, event = self._functions.asked(command, name)

        def began(id: int, at_ms: int) -> Event:
            execution.began_ms = at_ms
            return _started(command, id, at_ms)

        self._emit(began)
        if name in self._functions:
            self._all_lanes().beside(partial(self._functions.call, name, event))
        else:
            self._complete(command, no_function(name))

    def _reported(self, execution: Execution, succeeded: bool) -> None:
        why = None if succeeded else reported_failed(execution.function)
        self._complete(execution.command, why, execution.began_ms)

    def _complete(self, command: RunLifecycleEvent, why: Diagnostics | None, began_ms: int | None = None) -> None:
        status = EventStatus.SUCCEEDED if why is None else EventStatus.FAILED
        self._emit(
            lambda id, at_ms: LifecycleEventCompleted(
                *(id, at_ms, command.id, command.deployment_id, command.host, command.name, status),
                *(at_ms if began_ms is None else began_ms, why),
            )
        )

    # -- what the balancer sees -----------------------------------------------------------------------------------

    def _seen(self, task: str, healthy: bool, seen: str, cause: str) -> None:
        said = self._steady.hear(task, healthy, seen) if self._checked else None
        if said is None:
            return
        check, service = self._spec.health_check, self._scenario.service
        self._emit(
            lambda id, at_ms: HealthCheckReported(
                *(id, at_ms, cause, service, said.healthy, check.path, str(check.status), said.seen)
            )
        )
        if said.healthy and self._installing is not None:
            (command, began_ms), self._installing = self._installing, None
            self._complete(command, None, began_ms)

    # -- disks: nothing is installed anywhere ---------------------------------------------------------------------

    @override
    def remember_disks(self, deployment: Deployment) -> None:
        """A task begins with its revision, and ends with it."""

    @override
    def compare_disks(self, undone: Deployment) -> bool:
        return False

    # -- faults ---------------------------------------------------------------------------------------------------

    @override
    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None:
        if effect.at_no_host:
            self._service_faults.inject(name, effect)
            return
        assert effect.health is not None, "the scenario's loader tells of every other that it strikes hosts"
        revision = next((f.where.revision for f in self._scenario.faults if f.do is effect), None)
        self._struck[name] = effect.health, revision
        self._lane(self._scenario.service, self._apply_everywhere)

    @override
    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None:
        if effect.at_no_host:
            self._service_faults.heal(name, effect)
            return
        self._struck.pop(name, None)
        self._lane(self._scenario.service, self._apply_everywhere)

    async def _apply_everywhere(self) -> None:
        for side in self._sides.there:
            for task in side.tasks:
                await self._apply(side, task)

    async def _apply(self, side: _TaskSet, task: str) -> None:
        """Have a task answer as the faults of its revision have it; nothing to do where no fault is scripted.

        A task whose program has ended answers nobody, with or without them.
        """
        if not any(fault.do.health is not None for fault in self._scenario.faults):
            return
        struck = {name: fault for name, (fault, of) in self._struck.items() if of in (None, side.revision)}
        state = health_state(self._spec.health_check.path, struck)
        command = ["python3", "-m", "hostside.health_fault", str(self._spec.port), state]
        await self._in_thread(lambda: self._containers.run_if_there(task, command))


def _started(command: RunLifecycleEvent, id: int, at_ms: int) -> Event:
    return LifecycleEventStarted(id, at_ms, command.id, command.deployment_id, command.host, command.name)


_WORK: Mapping[str, Callable[[DockerServices, RunLifecycleEvent], Any]] = {
    lifecycle.INSTALL: DockerServices._install,
    lifecycle.ALLOW_TEST_TRAFFIC: DockerServices._allow_test_traffic,
}
"""What is no hook."""
