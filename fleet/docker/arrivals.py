"""Hosts that come and go while a run is played: a deployment's new ones, and those of pools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from fleet.balancer.haproxy import HaproxyBalancer
from fleet.base import Emit, MakeEvent
from fleet.docker.faults import DockerFaults
from fleet.docker.hosts import EXITED, HostPlan, Hosts
from fleet.docker.lanes import Lanes
from fleet.docker.mailbox import HostCommands
from fleet.docker.network import Network
from fleet.docker.reports import Reports
from fleet.docker.roster import Roster
from scenarios.model import Scenario
from simulator.rollout.commands import Command, EndHost, LaunchHost, ProvisionHost, TerminateHost
from simulator.rollout.events import HostEnded, HostLaunched, HostProvisioned, HostTerminated


@dataclass(kw_only=True)
class Arrivals:
    """Brings hosts up and takes them down. Each of its jobs is put in the host's lane, after what came before it."""

    scenario: Scenario
    network: Network
    hosts: Hosts
    boot: Callable[[HostPlan], None]
    roster: Roster
    reports: Reports
    faults: DockerFaults
    commands: HostCommands
    balancer: HaproxyBalancer | None
    lanes: Lanes
    emit: Emit
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]
    changed: Callable[[], None]
    """Tells the fleet that other hosts may be in service now."""

    async def perform(self, command: Command) -> None:
        """Bring a host up, or take it down, and tell of it."""
        if isinstance(command, ProvisionHost):
            await self._bring_up(command.host, partial(_provisioned, command))
        elif isinstance(command, LaunchHost):
            await self._bring_up(command.host, partial(self._launched, command))
        elif isinstance(command, TerminateHost):
            await self._terminate(command)
        elif isinstance(command, EndHost):
            await self._let_go(command)

    async def _bring_up(self, host: str, tell: Callable[[], Awaitable[MakeEvent]]) -> None:
        plan = self.roster.add(host, self.network.hosts_max)
        self.reports.forget(host)
        self.faults.arrived(host)
        self.commands.register(host)
        await self.in_thread(partial(self.boot, plan))
        if self.balancer is not None:
            await self.balancer.add(host, self.network.host(plan.index))

        asked = self.roster.asked(host)

        async def there() -> None:
            if host in self.roster:  # otherwise it was let go as it came
                self.emit(await tell())

        async def up() -> None:
            await asked.wait()
            self.lanes.put(host, there)

        # A host whose agent never asks for work is never there; until then it can be struck, and terminated. What is
        # told of it is found out in its lane, so that nobody takes it down meanwhile.
        self.lanes.beside(up)

    async def _launched(self, command: LaunchHost) -> MakeEvent:
        """A pool's new host, and what became of its user data."""
        exited = None
        if self.scenario.image_of(command.host).user_data is not None:
            exited = int(await self.in_thread(partial(self.hosts.run, command.host, ["cat", EXITED])))
        return lambda id, at_ms: HostLaunched(id, at_ms, command.id, command.pool, command.host, exited)

    async def _terminate(self, command: TerminateHost) -> None:
        host = command.host
        if not command.keep:
            await self._end(host)
        elif self.balancer is not None:
            await self.balancer.deregister(host)
        self._left(host)
        self.emit(lambda id, at_ms: HostTerminated(id, at_ms, command.id, command.deployment_id, host))

    async def _let_go(self, command: EndHost) -> None:
        """A pool lets a host go: out of the balancer, when its requests are answered, and then for good."""
        host = command.host
        if self.balancer is not None and host in self.roster:
            await self.balancer.deregister(host)
        await self._end(host)
        self._left(host)
        self.emit(lambda id, at_ms: HostEnded(id, at_ms, command.id, command.pool, host))

    def _left(self, host: str) -> None:
        self.roster.leave(host)
        self.changed()

    async def _end(self, host: str) -> None:
        """The host goes: out of the balancer, and its container. One that is not there is as good."""
        if self.balancer is not None:
            await self.balancer.remove(host)
        self.faults.left(host)
        await self.in_thread(partial(self.hosts.remove, host))
        self.roster.remove(host)


async def _provisioned(command: ProvisionHost) -> MakeEvent:
    return lambda id, at_ms: HostProvisioned(id, at_ms, command.id, command.deployment_id, command.host)
