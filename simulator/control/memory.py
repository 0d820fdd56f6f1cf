"""What a controller knows of its run: all comes from the journal's events, and is gone when the controller dies."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fleet.base import Emit, Fleet
from scenarios.model import NamedHost, Scenario
from simulator.control.agenda import Driver
from simulator.control.closing import Closing
from simulator.control.delivery import Delivery
from simulator.control.generations import Generations
from simulator.control.groups import Groups
from simulator.control.invariants import Invariants
from simulator.control.pools import PoolsInHand
from simulator.control.promotions import Promotions
from simulator.control.requests import Requests
from simulator.control.timers import Timers
from simulator.rollout.commands import Notify
from simulator.rollout.events import DeploymentNotCreated, DisksCompared
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import DeploymentStatus


class Memory:
    """What `Rehearsal` knows; it alone changes it."""

    first_in_service_ms: int | None = None
    """When the balancer first found a host healthy."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        fleet: Fleet,
        driver: Driver,
        hosts: Sequence[NamedHost],
        emit: Emit,
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self.rollouts: list[Rollout] = []
        self.notifications: list[Notify] = []
        self.not_created: list[DeploymentNotCreated] = []
        """What was asked for while the group had a deployment under way: refused, or queued."""
        self.disks: list[DisksCompared] = []
        """What each rollback left otherwise than it was."""
        self.invariants = Invariants(scenario)
        self.groups = Groups(scenario, hosts, seed)
        self.promotions = Promotions(scenario, self.groups, driver, emit)
        self.staying = False
        self._by_id: dict[str, tuple[Rollout, int]] = {}
        """Every deployment and its number in the run, from 1."""
        self._status: dict[str, DeploymentStatus] = {}
        self.requests = Requests(scenario)
        self._timers = Timers(driver, self._by_id)
        self._generations = Generations(host.name for host in hosts)
        world = scenario, self.groups, hosts, seed, fleet, emit, later
        self.pools = PoolsInHand(*world) if scenario.pools else None
        shared = len(scenario.all_groups) > 1 or self.pools is not None
        self._delivery = Delivery(self.groups, self.invariants, self.pools, fleet, emit, shared=shared)
        self._closing = Closing(fleet, driver)

    def remember(self, other: Memory) -> None:
        """Know what that one knows. Whoever holds a part of this memory goes on to hold it; no timer is set."""
        for name in _TAKEN:
            setattr(self, name, getattr(other, name))
        self.rollouts[:] = other.rollouts
        self._by_id.clear()
        self._by_id.update(other._by_id)
        self.groups.remember(other.groups)
        self.promotions.remember(other.promotions)
        self.requests.remember(other.requests)
        self._generations.remember(other._generations)
        self._closing.remember(other._closing)
        self._delivery.remember(other._delivery)
        if self.pools is not None and other.pools is not None:
            self.pools.remember(other.pools)


_TAKEN = (
    *("notifications", "not_created", "disks", "invariants", "first_in_service_ms"),
    "_status",
)
"""What nobody else holds. (Whether a run stays is its people's to say: they may have asked for more meanwhile.)"""
