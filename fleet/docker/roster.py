"""Which hosts a run has: those that the scenario names, and those that come and go while it is played."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Final

from fleet.base import FleetError, stands_already
from fleet.docker.hosts import HostPlan
from scenarios.model import NamedHost, Scenario

UP_S: Final = 90
"""Every agent polls within this time, or the fleet does not start."""
HOSTS_MAX: Final = 100
"""An agent takes about 50 MB; more hosts than this at once are for the virtual fleet."""


class Roster:
    """The hosts that are there, by name, and whose agents have asked for work."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        hosts = enumerate(scenario.named_hosts())
        self._plans = {host.name: self._plan(host, index) for index, host in hosts}
        self._polled = {name: asyncio.Event() for name in self._plans}
        self._indexes = count(len(self._plans))
        named = scenario.named_hosts()
        balanced = [group for group in scenario.all_groups if scenario.balancer is None or scenario.balanced(group)]
        self._group = {host.name for group in balanced for host in scenario.members(group, named)}
        self.in_service_min: int | None = None
        """The least number of hosts in service since everybody first was; None before."""

    @property
    def plans(self) -> tuple[HostPlan, ...]:
        """The hosts that are there."""
        return tuple(self._plans.values())

    @property
    def names(self) -> list[str]:
        """Their names."""
        return list(self._plans)

    def __contains__(self, host: str) -> bool:
        """Whether a host is there."""
        return host in self._plans

    @property
    def everybody(self) -> int:
        """How many hosts are to have requests when every host has: the group's, without those that left it."""
        return len(self._group)

    def add(self, host: str, hosts_max: int) -> HostPlan:
        """A new host, alike to the others; at an address of its own among `hosts_max`.

        Raises FleetError where there is no room, or a host of that name.
        """
        if host in self:
            raise stands_already(host)
        room = min(HOSTS_MAX, hosts_max)
        if len(self._plans) >= room:
            raise FleetError(
                f"{host} cannot be provisioned: {len(self._plans)} hosts are there already, those that were left "
                f"running included, and the Docker fleet takes at most {room} at once (use --fleet virtual)"
            )
        taken = {plan.index for plan in self._plans.values()}
        index = next(index for i in self._indexes if (index := i % hosts_max) not in taken)
        plan = self._plans[host] = self._plan(self._scenario.pool_host(host, ""), index)
        self._polled[host] = asyncio.Event()
        return plan

    def _plan(self, host: NamedHost, index: int) -> HostPlan:
        user_data = self._scenario.image_of(host.name).user_data
        return HostPlan(host.name, index, host.files, user_data.script if user_data else None)

    def remove(self, host: str) -> None:
        """A host is not there any more. One that is not is as good."""
        self._plans.pop(host, None)
        self._polled.pop(host, None)
        self.leave(host)

    def join(self, host: str) -> None:
        """A host is to have requests: it is one of the group from now on."""
        self._group.add(host)

    def leave(self, host: str) -> None:
        """A host is there, and belongs to the group no more."""
        self._group.discard(host)

    def note_in_service(self, count: int) -> None:
        """So many hosts have requests now."""
        if self.in_service_min is not None:
            self.in_service_min = min(self.in_service_min, count)
        elif 0 < count == self.everybody:
            self.in_service_min = count

    # -- agents -------------------------------------------------------------------------------------------------

    def polled(self, host: str) -> None:
        """A host's agent asked for work. What an agent said whose host has gone meanwhile is nothing."""
        if (event := self._polled.get(host)) is not None:
            event.set()

    def asked(self, host: str) -> asyncio.Event:
        """Set as soon as a host's agent has asked for work."""
        return self._polled[host]

    async def silent(self, limit_s: float) -> list[str]:
        """Wait until every agent has asked for work, no longer than this; those that have not."""
        waiting = [asyncio.ensure_future(event.wait()) for event in self._polled.values()]
        try:
            if waiting:  # a fleet of empty pools has nobody to wait for
                await asyncio.wait(waiting, timeout=limit_s)
        finally:
            for task in waiting:
                task.cancel()
        return [name for name, event in self._polled.items() if not event.is_set()]


def nobody_asked(silent: list[str], hosts: int, state: str, address: str) -> FleetError:
    """What to tell where agents did not ask for work. `state`: of the first of them, and what it says."""
    return FleetError(
        f"{len(silent)} of {hosts} agents did not ask for work within {UP_S} s ({', '.join(silent[:5])}). The "
        f"container of {silent[0]} is {state}. A firewall between containers and this machine would explain it: "
        f"hosts must reach {address}"
    )
