"""The Docker fleet: hosts as containers, agents that are real processes, HTTP that is really spoken.

    fleet = DockerFleet(endpoint)
    try:
        await fleet.start(scenario, emit, seed)   # network, balancer, hosts; every agent polls
        fleet.begin(deployment); fleet.perform(command); …
        fleet.open()                              # time 0: the service's users begin
    finally:
        await fleet.close()                       # whatever happened: nothing of the run is left

Like every fleet it decides nothing. Commands for a host are carried out in the order in which they came,
faults included; `watch` raises what went wrong in the background.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from fleet.balancer.haproxy import HaproxyBalancer
from fleet.base import Emit, Fleet, FleetError, MakeEvent
from fleet.docker.arrivals import Arrivals
from fleet.docker.bundles import Bundle, from_bucket, pack_all
from fleet.docker.cleanup import remove_dead, remove_run
from fleet.docker.disks import DiskBook
from fleet.docker.engine import at_once, connect
from fleet.docker.faults import DockerFaults
from fleet.docker.hosts import Hosts, Service, bundles_tar
from fleet.docker.images import current_image
from fleet.docker.labels import Run
from fleet.docker.lanes import Lanes
from fleet.docker.mailbox import Completion, HostCommand, HostCommands
from fleet.docker.needs import Needs
from fleet.docker.network import Network, balancer_container, create_network, listening_address
from fleet.docker.refusals import refuse
from fleet.docker.reports import Reports
from fleet.docker.roster import UP_S, Roster, nobody_asked
from fleet.docker.service_faults import ServiceFaults
from fleet.docker.specification import specification as specification_of
from fleet.docker.traffic import Traffic
from fleet.figures import Figures
from fleet.threads import in_thread
from scenarios.model import Effect, Scenario
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    EndHost,
    LaunchHost,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import TrafficShifted

if TYPE_CHECKING:
    from docker import DockerClient

_ArrivesOrLeaves = ProvisionHost | TerminateHost | LaunchHost | EndHost


class DockerFleet(Fleet):
    """Hosts as containers.

    `commands` is the endpoint to which their agents speak; the fleet opens and closes it.
    """

    name = "docker"

    def __init__(self, commands: HostCommands) -> None:
        self.run = Run.new()
        self._commands = commands
        self._client: DockerClient | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._done: set[tuple[str, str]] = set()
        self._deployments: dict[str, tuple[dict[str, Any], Bundle]] = {}
        self._watched_starts: frozenset[str] = frozenset()
        self._silent: set[str] = set()
        """Hosts that their pools let go: what their agents still say is not heard, as on a machine that shuts down."""
        self._lanes: Lanes | None = None
        self._balancer: HaproxyBalancer | None = None
        self._traffic: Traffic | None = None

    # -- beginning and end --------------------------------------------------------------------------------------------

    async def start(self, scenario: Scenario, emit: Emit, seed: int) -> None:
        """Bring the hosts up; afterwards every agent polls. `emit` is called on this event loop.

        `seed` is not used: nothing is drawn here. Raises FleetError where something is missing or fails,
        and leaves nothing behind then.
        """
        del seed
        if refused := refuse(scenario):
            raise FleetError("the Docker fleet cannot play this scenario:\n  " + "\n  ".join(refused))
        self._scenario = scenario
        self._broken: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        self._emit = emit
        self._reports = Reports(emit, scenario.balancer)
        self._roster = Roster(scenario)
        try:
            await self._start(scenario)
        except BaseException:
            await self.close()
            raise

    async def _start(self, scenario: Scenario) -> None:
        names = self._roster.names
        client, image, network, bundles = await self._in_thread(partial(self._lay_ground, scenario))
        self._network, self._bundles = network, bundles
        self._reports.starts = {name: bundle.starts for name, bundle in bundles.items()}
        if len(names) > network.hosts_max:
            raise FleetError(f"the run's network {network.subnet} has no room for {len(names)} hosts")
        listening = listening_address(network)
        port = await self._commands.listen(listening, self)
        for name in names:
            self._commands.register(name)
        for bundle in bundles.values():
            self._commands.bundles.put(bundle.key, bundle.content)
        needs = Needs.of(scenario, (len(bundle.content) for bundle in bundles.values()))
        self._hosts = hosts = Hosts(client, self.run, image, network, needs)
        self._faults = DockerFaults(names, hosts, self._commands.bundles, scenario.balancer, network.balancer)
        self._lanes = Lanes(self._break)
        self._disks = DiskBook(scenario, hosts, self._lanes)
        boots: list[Callable[[], None]] = []
        if scenario.balancer is not None:
            addresses = {plan.name: network.host(plan.index) for plan in self._roster.plans}
            told = self._reports.health, self._in_service_changed
            self._balancer = HaproxyBalancer(scenario.balancer, addresses, *told)
            boots.append(partial(self._balancer.boot, client, balancer_container(client, self.run, image, network)))
        self._boot = partial(
            hosts.boot,
            users=scenario.fleet.users,
            bundles=bundles_tar(bundles.values()),
            service=Service(listening, port, self._commands, from_bucket(scenario)),
        )
        self._arrivals = Arrivals(
            scenario=scenario,
            network=network,
            hosts=hosts,
            boot=self._boot,
            roster=self._roster,
            reports=self._reports,
            faults=self._faults,
            commands=self._commands,
            balancer=self._balancer,
            lanes=self._lanes,
            emit=self._emit,
            in_thread=self._in_thread,
            changed=self._in_service_changed,
        )
        self._service_faults = ServiceFaults(self._balancer, self._commands, self._lanes.beside)
        boots += [partial(self._boot, plan) for plan in self._roster.plans]
        await self._in_thread(partial(at_once, boots))
        if self._balancer is not None:
            await self._balancer.connect()
            self._tasks.append(self._background(self._balancer.watch()))
        await self._all_polled(hosts, f"{listening}:{port}")

    def _lay_ground(self, scenario: Scenario) -> tuple[DockerClient, str, Network, dict[str, Bundle]]:
        """Everything that comes before the first container."""
        bundles = pack_all(scenario)
        self._client = client = connect()
        image = current_image(client)
        remove_dead(client)
        return client, image, create_network(client, self.run), bundles

    async def _all_polled(self, hosts: Hosts, address: str) -> None:
        silent = await self._roster.silent(UP_S)
        if not silent:
            return
        state, said = await self._in_thread(lambda: (hosts.state(silent[0]), hosts.log(silent[0]).strip()))
        raise nobody_asked(silent, len(self._roster.names), f"{state}{' and says: ' * bool(said)}{said}", address)

    def open(self) -> None:
        """Time 0: the service's users begin, and what they see is counted from here."""
        balancer, spec = self._balancer, self._scenario.balancer
        if balancer is None or spec is None:
            return
        self._traffic = Traffic(balancer, spec.traffic, self._reports.serves)
        self._tasks.append(self._background(self._traffic.run()))
        self._in_service_changed()

    async def watch(self) -> NoReturn:
        """Raise what goes wrong in the background, if anything ever does."""
        await asyncio.shield(self._broken)
        raise AssertionError("only an error ends this")

    async def close(self) -> None:
        """Remove everything of this run. Twice does no harm. Raises FleetError for what will not go."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._lanes is not None:
            await self._lanes.close()
        client, self._client = self._client, None
        try:
            if client is not None:
                with contextlib.closing(client):
                    await self._in_thread(partial(remove_run, client, self.run.id))
        finally:
            await self._commands.close()

    _in_thread = staticmethod(in_thread)

    def _background(self, work: Any) -> asyncio.Task[None]:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - it is handed on to whoever watches
                self._break(error)

        return asyncio.create_task(guarded())

    def _break(self, error: BaseException) -> None:
        if not self._broken.done():
            self._broken.set_exception(error)
            self._broken.exception()  # nobody may be watching any more when the run ends

    # -- commands -----------------------------------------------------------------------------------------------------

    def begin(self, deployment: Deployment) -> None:
        """A deployment begins: its specification is what the agents will get."""
        bundle = self._bundles[deployment.revision]
        specification = specification_of(deployment, bundle)
        self._deployments[deployment.deployment_id] = specification, bundle
        if deployment.with_balancer:  # an application behind no balancer serves nobody
            self._reports.revisions[deployment.deployment_id] = deployment.revision
        self._commands.announce(deployment.deployment_id, specification)

    def watch_starts(self, events: frozenset[str]) -> None:
        """Hold agents at the beginning of these lifecycle events until it was handled."""
        self._watched_starts = events

    def perform(self, command: Command) -> None:
        """Carry out a command, once; return at once."""
        key = (command.deployment_id, command.id)
        if key in self._done:
            return
        self._done.add(key)
        if isinstance(command, EndHost):
            self._silent.add(command.host)
        if isinstance(command, ShiftTraffic):
            self._all_lanes().beside(partial(self._shift, command))
        elif isinstance(command, _ArrivesOrLeaves):
            self._lane(command.host, partial(self._arrivals.perform, command))
        elif isinstance(command, RunLifecycleEvent | BlockTraffic | AllowTraffic):
            self._lane(command.host, partial(self._at_host, command))

    def _lane(self, host: str, job: Callable[[], Any]) -> None:
        self._all_lanes().put(host, job)

    def _all_lanes(self) -> Lanes:
        assert self._lanes is not None, "commands come after start()"
        return self._lanes

    def _the_balancer(self) -> HaproxyBalancer:
        assert self._balancer is not None, "traffic is blocked and allowed only where the scenario has a balancer"
        return self._balancer

    async def _at_host(self, command: RunLifecycleEvent | BlockTraffic | AllowTraffic) -> None:
        if command.host in self._roster:  # otherwise it was ended meanwhile: nobody is there to hear of it
            await _CARRIERS[type(command)](self, command)

    async def _allow(self, command: AllowTraffic) -> None:
        self._roster.join(command.host)
        specification, _ = self._deployments[command.deployment_id]
        group = specification["DeploymentGroupId"]
        said = await self._the_balancer().register(command.host, command.id, group)
        if said is not None:
            self._reports.not_registered(command, said)

    async def _offer(self, command: RunLifecycleEvent) -> None:
        specification, bundle = self._deployments[command.deployment_id]
        if self._faults.needs_preparation(command.host, command.name, bundle):
            await self._in_thread(partial(self._faults.prepare, command.host, command.name, specification, bundle))
        self._commands.offer(HostCommand(command.id, command.deployment_id, command.host, command.name))

    async def _block(self, command: BlockTraffic) -> None:
        began = self._reports.blocking()

        async def drain() -> None:
            await self._the_balancer().deregister(command.host)
            self._reports.blocked(command, began)

        # The wait for requests under way must not hold up a fault that strikes the host meanwhile.
        self._all_lanes().beside(drain)

    async def _shift(self, command: ShiftTraffic) -> None:
        await self._the_balancer().shift(command.hosts, command.percent)
        self._emit(lambda id, at_ms: TrafficShifted(id, at_ms, command.id, command.deployment_id))

    # -- faults -------------------------------------------------------------------------------------------------------

    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None:
        """Make a fault real at these hosts, after what they were asked for before and before what comes next."""
        if effect.at_no_host:
            self._service_faults.inject(name, effect)
        for host in hosts:
            self._lane(host, partial(self._in_thread, partial(self._faults.inject, host, name, effect, event)))

    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None:
        """Undo `inject`."""
        if effect.at_no_host:
            self._service_faults.heal(name, effect)
        for host in hosts:
            self._lane(host, partial(self._in_thread, partial(self._faults.heal, host, name, effect)))

    def at_request(self, number: int, call: Callable[[], None]) -> None:
        """Call this as users make so many requests since `open`."""
        if self._traffic is not None:
            self._traffic.at_request(number, call)

    # -- what the agents say ------------------------------------------------------------------------------------------

    def polled(self, host: str) -> None:
        """A host's agent asked for work."""
        self._roster.polled(host)

    async def acknowledged(self, command: HostCommand) -> None:
        """An agent begins a command. What is to strike it in the midst of a watched one strikes before it goes on."""
        if command.host in self._silent:
            return
        self._reports.started(command)
        if command.name in self._watched_starts:
            await self._handled(command.host)

    async def _handled(self, host: str) -> None:
        """Wait until everything that was reported so far was handled, and what it brought about at the host is done."""
        done = asyncio.Event()

        async def after_all() -> None:
            done.set()

        self._emit(lambda _id, _at_ms: self._lane(host, after_all))
        await done.wait()

    def completed(self, command: HostCommand, completion: Completion) -> None:
        """An agent ended a command. The disk is put right before the host gets its next one."""
        host, bundle = command.host, self._deployments[command.deployment_id][1]
        if host in self._silent:
            return
        if self._faults.needs_restoring(host, command.name, bundle):
            self._lane(host, partial(self._in_thread, partial(self._faults.restore, host, command.name, bundle)))
        self._reports.completed(command, completion)

    def refused(self, command: HostCommand, ahead_ms: int) -> None:
        """An agent has something to do, and is not believed: its clock is wrong."""
        self._reports.refused(command, ahead_ms)

    # -- measuring ----------------------------------------------------------------------------------------------------

    def _in_service_changed(self) -> None:
        if self._traffic is not None and self._balancer is not None:
            self._roster.note_in_service(len(self._balancer.in_service))

    def measure(self) -> MakeEvent | None:
        """TrafficMeasured, from `open` to now; None where there is no balancer."""
        return None if self._traffic is None else self._traffic.seen.measured(self._roster.in_service_min)

    def figures(self) -> Figures | None:
        """Requests from `open` to now, as users made and timed them; None where there is no balancer."""
        if self._traffic is None or self._balancer is None:
            return None
        return self._traffic.seen.figures(len(self._balancer.in_service))

    def remember_disks(self, deployment: Deployment) -> None:
        """Note what stands on the disks of the hosts that are there."""
        self._disks.remember(deployment.deployment_id, self._roster.names)

    def compare_disks(self, undone: Deployment) -> bool:
        """Emit DisksCompared once every host has been looked at again."""
        if known := undone.deployment_id in self._disks:
            self._disks.compare(undone.deployment_id, self._roster.__contains__, self._emit)
        return known


_CARRIERS: dict[type[Command], Callable[[DockerFleet, Any], Awaitable[None]]] = {
    RunLifecycleEvent: DockerFleet._offer,
    BlockTraffic: DockerFleet._block,
    AllowTraffic: DockerFleet._allow,
}
"""What is done at a host that is there, by the command."""
