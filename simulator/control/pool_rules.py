"""What must hold of pools in every run that has one: from a book of its own, kept by commands and events."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.control.result import Finding
from simulator.rollout.commands import AllowTraffic, Command, CreateDeployment, EndHost, Finish, HostCommand, LaunchHost
from simulator.rollout.events import DeploymentCreated, Event, HostEnded, HostLaunched, HostLost, HostTerminated
from simulator.rollout.pools import Pools
from simulator.rollout.statuses import Creator, DeploymentStatus

SIZE = "a pool stays between its minimum and its maximum"
LET_IN = "no launched host has traffic before its launch deployment lets it in"
FORGOTTEN = "no launched host is forgotten"

_HELD = {
    SIZE: "nothing was launched beyond a maximum, and no pool was scaled in below its minimum",
    LET_IN: "every launched host was let in by its launch deployment, or by one that came after it",
    FORGOTTEN: "every host that was launched is in its group, terminated, or told of",
}


class PoolRules:
    """Watches a run, and keeps the first violation of each rule. `pools` is asked for sizes alone."""

    def __init__(self, pools: Pools) -> None:
        self._pools = pools
        self._violations: dict[str, str] = {}
        self._there = {pool.name: set(pool.hosts) for pool in pools.pools.values()}
        """The hosts of each pool that were launched, or asked for, and not let go."""
        self._launching: dict[str, set[str]] = {}
        """Of each host that was launched, its launch deployments that have not let it in."""
        self._launches: dict[str, str] = {}
        """The host of each launch deployment."""
        self._in_service = {host for hosts in self._there.values() for host in hosts}

    def check(self, event: Event, commands: Sequence[Command]) -> None:
        """One event was handled, and answered with these commands."""
        if isinstance(event, HostEnded | HostLost | HostTerminated):
            for hosts in self._there.values():
                hosts.discard(event.host)
        elif isinstance(event, DeploymentCreated) and event.deployment.creator is Creator.AUTOSCALING:
            for target in event.deployment.targets:
                self._launching.setdefault(target.name, set()).add(event.deployment.deployment_id)
                self._launches[event.deployment.deployment_id] = target.name
        elif isinstance(event, HostLaunched) and not any(isinstance(each, CreateDeployment) for each in commands):
            self._in_service.add(event.host)
        for command in commands:
            if isinstance(command, LaunchHost):
                self._launch(command)
            elif isinstance(command, EndHost):
                self._leaves(command.host)
            elif isinstance(command, CreateDeployment):
                if command.deployment.creator is Creator.AUTOSCALING_TERMINATION:
                    for target in command.deployment.targets:
                        self._leaves(target.name)
            elif isinstance(command, Finish) and command.status is DeploymentStatus.SUCCEEDED:
                self._launched(command.deployment_id)

    def _launched(self, deployment: str) -> None:
        """A deployment has succeeded: if it was a launch's, its host may have traffic, with a balancer or without."""
        if (host := self._launches.get(deployment)) is not None:
            self._in_service.add(host)
            self._launching[host].discard(deployment)

    def reached(self, command: HostCommand) -> None:
        """A command reaches its host."""
        waiting = self._launching.get(command.host)
        if isinstance(command, AllowTraffic) and waiting:
            if command.deployment_id not in waiting:
                self._violate(LET_IN, f"{command.host} was let in by {command.deployment_id}, before its launch had")
            waiting.discard(command.deployment_id)

    def _launch(self, command: LaunchHost) -> None:
        hosts = self._there.setdefault(command.pool, set())
        hosts.add(command.host)
        pool = self._pools.pools[command.pool]
        if len(hosts) > pool.maximum:
            self._violate(SIZE, f"{command.host} makes {len(hosts)} hosts of {pool.name}, and {pool.maximum} is most")

    def _leaves(self, host: str) -> None:
        """A host is let go. From then on it does not count: EC2 Auto Scaling counts none that is terminating."""
        name = next((name for name, hosts in self._there.items() if host in hosts), None)
        if name is None:
            return
        hosts, pool = self._there[name], self._pools.pools[name]
        hosts.discard(host)
        if host in self._in_service and not pool.retired and len(hosts) < pool.minimum:
            self._violate(SIZE, f"{host} was let go, and left {len(hosts)} of at least {pool.minimum}")

    def _violate(self, name: str, why: str) -> None:
        self._violations.setdefault(name, why)

    def findings(self, forgotten: Sequence[str]) -> tuple[Finding, ...]:
        """Every rule, whether it held, and why. `forgotten`: launched hosts of which nothing else speaks."""
        if forgotten:
            self._violate(FORGOTTEN, f"{', '.join(forgotten)}: in no group, not terminated, and nobody says why")
        return tuple(
            Finding(name, name not in self._violations, self._violations.get(name, held))
            for name, held in _HELD.items()
        )
