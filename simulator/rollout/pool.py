"""A pool of hosts (an EC2 Auto Scaling group), as a value: how many there are to be, and where each one stands.

`simulator.rollout.pools` decides what is done with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from heapq import heappop, heappush
from typing import Final

from simulator.rollout.deployment import Deployment, Success
from simulator.rollout.statuses import OutdatedInstancesStrategy, PoolProcess
from strategies.plan import Member

LAUNCHES_ALIKE_MAX: Final = 3
"""So many launches in a row that fail at the same lifecycle event are a loop."""
LAUNCHES_FAILED_MAX: Final = 10
"""So many that fail in a row are one, wherever they fail."""
LOOPS_MAX: Final = 3
"""So many loops a pool comes to before an alarm that turns OK, and may turn again for ever, lets it out of none."""


@dataclass(frozen=True, slots=True)
class PoolSpec:
    """A pool as it is asked for. `groups`: the deployment groups whose lifecycle hooks it has, by name."""

    name: str
    minimum: int
    desired: int
    maximum: int
    zones: tuple[str, ...]
    members: tuple[Member, ...]
    groups: tuple[str, ...] = ()
    suspended: frozenset[PoolProcess] = frozenset()
    termination_hook: bool = False


@dataclass(frozen=True, slots=True)
class HookSpec:
    """A deployment group, as its pools know it.

    `template`: a deployment of it, but for its id (what ids are made from), its revision and its hosts. `suspends`:
    the processes of its pools that stand still while one is under way
    (`ec2DeploymentOptions.autoScalingGroupProcessesToSuspend`).
    """

    template: Deployment
    outdated: OutdatedInstancesStrategy = OutdatedInstancesStrategy.UPDATE
    suspends: frozenset[PoolProcess] = frozenset()
    last_success: Success | None = None


class Place(Enum):
    """Where a host of a pool stands, in the order in which a host comes through."""

    LAUNCHING = auto()
    """Asked for, and not there yet."""
    DEPLOYING = auto()
    """There, and its launch deployment is under way (`Pending:Wait`)."""
    IN_SERVICE = auto()
    LEAVING = auto()
    """Its termination deployment is under way (`Terminating:Wait`)."""
    ENDING = auto()
    """To be gone as soon as the fleet says so."""


LEAVES: Final = frozenset({Place.LEAVING, Place.ENDING})


class PoolHost:
    """One host of a pool. Only `simulator.rollout.pools` writes it; `Pool.move` says where it stands.

    `order`: its place among the hosts of its pool, by how long they have been there.
    """

    __slots__ = ("awaited", "covered", "missed", "name", "order", "place", "until_ms", "zone")

    def __init__(self, name: str, zone: str, place: Place, order: int, until_ms: int = 0) -> None:
        self.name = name
        self.zone = zone
        self.place = place
        self.order = order
        self.until_ms = until_ms
        """When its launch must be over."""
        self.awaited: set[str] = set()
        """The ids of its launch or termination deployments that are under way."""
        self.missed: dict[str, str | None] = {}
        """By group, what its launch deployed (None: nothing), until another deployment of the group succeeds on it."""
        self.covered: set[str] = set()
        """The groups of which another deployment has had it since: nobody follows on with those."""


@dataclass(slots=True)
class Loop:
    """Launches that failed in a row, until nobody on AWS would have waited longer.

    `deployment`: the id of the last launch deployment, `""` where there was none. `ended`: what let the pool launch
    again, `""` where nothing did.
    """

    words: str
    deployment: str
    ended: str = ""

    def __str__(self) -> str:
        return f"{self.words}. It was over when {self.ended}" if self.ended else self.words


@dataclass(slots=True)
class Failures:
    """Launches that have failed in a row: how many in all, how many alike, and at which lifecycle event.

    `alarm`: whether the last one was stopped by an alarm.
    """

    row: int = 0
    alike: int = 0
    event: str = ""
    alarm: bool = False

    def another(self, event: str, *, alarm: bool = False) -> bool:
        """One more has failed; whether that makes a loop."""
        self.row += 1
        self.alarm = alarm
        self.alike = self.alike + 1 if event == self.event else 1
        self.event = event
        return self.alike >= LAUNCHES_ALIKE_MAX or self.row >= LAUNCHES_FAILED_MAX


class Pool:
    """One pool in the course of a run. Only `simulator.rollout.pools` writes it; everybody may read.

    What is asked of it at every launch and every end is counted as hosts come and go: nothing here walks them but
    `in_order`.
    """

    def __init__(self, spec: PoolSpec, image: str = "", awaits: Sequence[Member] = ()) -> None:
        self.name = spec.name
        self.image = image or spec.name
        """The pool of the scenario of which this is one, or a copy."""
        self.minimum, self.desired, self.maximum = spec.minimum, spec.desired, spec.maximum
        self.zones = spec.zones or ("",)
        self.groups = spec.groups
        self.suspended = spec.suspended
        self.termination_hook = spec.termination_hook
        self.hosts: dict[str, PoolHost] = {}
        self.there = 0
        """How many hosts count: those that are in service, or on their way to it."""
        self._on_the_way = 0
        self._counts = dict.fromkeys(self.zones, 0)
        self._in_service: dict[str, list[tuple[int, str]]] = {}
        """By zone a heap of the hosts in service, and of some that were: who has been there longest comes first."""
        self._next_order = len(spec.members) + len(awaits)
        self.failures = Failures()
        self.given_up = ""
        """The loop in which its launches end, in words; `""` where they do not."""
        self.loops: list[Loop] = []
        """Every loop that was given up, those that are over included."""
        self.copied_by = ""
        """Of a replacement pool, the deployment that makes it, until that has ended."""
        self.stands_in: tuple[str, Pool] | None = None
        """Of a replacement pool that has taken its place: the deployment that made it, and the pool before it."""
        self.awaits = {each.name: self._host(each, order) for order, each in enumerate(awaits)}
        """Of a replacement pool, the hosts that its deployment brings up, by their names."""
        self.complete = True
        """Whether a replacement pool has had its hosts."""
        self.retired = False
        """Whether a replacement has taken its place: it is scaled no more."""
        self.replaced = 0
        """So many of its hosts has a blue/green deployment terminated."""
        self.outgrown = ""
        """What it had launched beyond its copy, and what became of that, in words; `""` where there was nothing."""
        for order, each in enumerate(spec.members):
            self.add(self._host(each, order))

    @staticmethod
    def _host(member: Member, order: int) -> PoolHost:
        return PoolHost(member.name, member.zone, Place.IN_SERVICE, order)

    @property
    def under_way(self) -> bool:
        """Whether any host is on its way in or out."""
        return self._on_the_way > 0

    @property
    def words(self) -> str:
        """How many hosts there are, and how many are wanted."""
        has = "1 host" if self.there == 1 else f"{self.there} hosts"
        return f"{self.name} has {has}, and {self.desired} {'is' if self.desired == 1 else 'are'} wanted"

    def outgrow(self, copy: Pool, revision: str, late: Sequence[PoolHost], *, deletes: bool) -> None:
        """`copy` takes its place, with this revision; `late` is what it holds beside what the copy replaces.

        `deletes`: it is about to be deleted, with all that.
        """
        if not late:
            return
        became = "went with it" if deletes else "runs on with it, in no group"
        self.outgrown = (
            f"{self.name} was asked for {self.desired + self.replaced} hosts and its copy has {copy.desired}: what "
            f"{self.name} had launched meanwhile ({', '.join(host.name for host in late)}) {became}"
        )
        served = [host for host in late if host.place is Place.IN_SERVICE]
        other = sorted({was for host in served for was in host.missed.values() if was and was != revision})
        if other:
            has = "until then {} had" if deletes else "{} has" if len(served) == 1 else "{} have"
            who = has.format(", ".join(host.name for host in served))
            self.outgrown += f"; {who} traffic with {', '.join(other)}, beside {revision}"

    def launch(self, name: str, zone: str, until_ms: int) -> PoolHost:
        """One more host, asked for."""
        host = PoolHost(name, zone, Place.LAUNCHING, self._next_order, until_ms)
        self._next_order += 1
        self.add(host)
        return host

    def add(self, host: PoolHost) -> None:
        """A host is the pool's from now on."""
        self.hosts[host.name] = host
        self._count(host, 1)

    def move(self, host: PoolHost, place: Place) -> None:
        """A host stands elsewhere now."""
        self._count(host, -1)
        host.place = place
        self._count(host, 1)

    def remove(self, name: str) -> PoolHost | None:
        """A host is the pool's no more; None where it was not."""
        host = self.hosts.pop(name, None)
        if host is not None:
            self._count(host, -1)
        return host

    def _count(self, host: PoolHost, by: int) -> None:
        if host.place not in LEAVES:
            self.there += by
            self._counts[host.zone] = self._counts.get(host.zone, 0) + by
        if host.place is not Place.IN_SERVICE:
            self._on_the_way += by
        elif by > 0:
            heappush(self._in_service.setdefault(host.zone, []), (host.order, host.name))

    def emptiest_zone(self) -> str:
        """Where the next host is launched: the first of the zones with the fewest."""
        return min(self.zones, key=self._counts.__getitem__)

    def surplus(self) -> PoolHost | None:
        """Which host goes first: in the zone with the most, the one that has been there longest; None: none can."""
        found: list[tuple[int, int, PoolHost]] = []
        for zone, oldest in self._in_service.items():
            while oldest:
                order, name = oldest[0]
                host = self.hosts.get(name)
                if host is not None and host.place is Place.IN_SERVICE:
                    found.append((-self._counts[zone], order, host))
                    break
                heappop(oldest)
        return min(found, key=lambda each: each[:2])[2] if found else None

    def in_order(self) -> list[PoolHost]:
        """Its hosts, the one that has been there longest first."""
        return sorted(self.hosts.values(), key=lambda host: host.order)


class PoolBook:
    """The pools of a run by name, those of the scenario and the copies that deployments have made of them."""

    def __init__(self, pools: Iterable[PoolSpec]) -> None:
        self.pools = {spec.name: Pool(spec) for spec in pools}

    def home(self, host: str) -> Pool | None:
        """The pool that a host is in."""
        return next((pool for pool in self.pools.values() if host in pool.hosts), None)

    def copy_of(self, name: str) -> Pool | None:
        """The replacement of a pool, while the deployment that makes it is under way."""
        return next((pool for pool in self.pools.values() if pool.copied_by and pool.image == name), None)

    def current(self, name: str) -> Pool:
        """The pool that now stands for one of the scenario: itself, or what has replaced it."""
        alike = [pool for pool in self.pools.values() if pool.image == name and not pool.copied_by]
        return next((pool for pool in reversed(alike) if not pool.retired), alike[-1])

    def of(self, group: str) -> list[Pool]:
        """The pools of a deployment group."""
        return [pool for pool in self.pools.values() if group in pool.groups]
