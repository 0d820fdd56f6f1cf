"""A pool of hosts (an EC2 Auto Scaling group), as a value: how many there are to be, and where each one stands.

`simulator.rollout.pools` decides what is done with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from simulator.rollout.deployment import Deployment, Success
from simulator.rollout.statuses import OutdatedInstancesStrategy, PoolProcess
from strategies.plan import Member

LAUNCHES_ALIKE_MAX: Final = 3
"""So many launches in a row that fail at the same lifecycle event are a loop."""
LAUNCHES_FAILED_MAX: Final = 10
"""So many that fail in a row are one, wherever they fail."""


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
    """One host of a pool. Only `simulator.rollout.pools` writes it."""

    __slots__ = ("awaited", "missed", "name", "place", "reason", "until_ms", "zone")

    def __init__(self, name: str, zone: str, place: Place, until_ms: int = 0) -> None:
        self.name = name
        self.zone = zone
        self.place = place
        self.until_ms = until_ms
        """When its launch must be over."""
        self.awaited: set[str] = set()
        """The ids of its launch or termination deployments that are under way."""
        self.missed: dict[str, str | None] = {}
        """By group, what its launch deployed (None: nothing), until another deployment of the group covers it."""
        self.reason = ""
        """Why it is stranded: in its pool, and no deployment's; `""` where it is not."""


@dataclass(slots=True)
class Failures:
    """Launches that have failed in a row: how many in all, how many alike, and at which lifecycle event."""

    row: int = 0
    alike: int = 0
    event: str = ""

    def another(self, event: str) -> bool:
        """One more has failed; whether that makes a loop."""
        self.row += 1
        self.alike = self.alike + 1 if event == self.event else 1
        self.event = event
        return self.alike >= LAUNCHES_ALIKE_MAX or self.row >= LAUNCHES_FAILED_MAX


class Pool:
    """One pool in the course of a run. Only `simulator.rollout.pools` writes it; everybody may read."""

    def __init__(self, spec: PoolSpec, image: str = "") -> None:
        self.name = spec.name
        self.image = image or spec.name
        """The pool of the scenario of which this is one, or a copy."""
        self.minimum, self.desired, self.maximum = spec.minimum, spec.desired, spec.maximum
        self.zones = spec.zones or ("",)
        self.groups = spec.groups
        self.suspended = spec.suspended
        self.termination_hook = spec.termination_hook
        self.hosts = {each.name: PoolHost(each.name, each.zone, Place.IN_SERVICE) for each in spec.members}
        self.failures = Failures()
        self.given_up = ""
        """The loop in which its launches end, in words; `""` where they do not."""
        self.given_up_at = ""
        """The last launch deployment of the loop, by its id; `""` where there was none."""
        self.copied_by = ""
        """Of a replacement pool, the deployment that makes it, until that has ended."""
        self.awaits: dict[str, str] = {}
        """Of a replacement pool, the zones of the hosts that its deployment brings up, by their names."""
        self.complete = True
        """Whether a replacement pool has had its hosts."""
        self.retired = False
        """Whether a replacement has taken its place: it is scaled no more."""

    @property
    def there(self) -> int:
        """How many hosts count: those that are in service, or on their way to it."""
        return sum(host.place not in LEAVES for host in self.hosts.values())

    @property
    def under_way(self) -> bool:
        """Whether any host is on its way in or out."""
        return any(host.place is not Place.IN_SERVICE for host in self.hosts.values())

    def emptiest_zone(self) -> str:
        """Where the next host is launched: the first of the zones with the fewest."""
        counts = self._by_zone()
        return min(self.zones, key=lambda zone: counts[zone])

    def surplus(self) -> PoolHost | None:
        """Which host goes first: in the zone with the most, the one that has been there longest; None: none can."""
        counts = self._by_zone()
        ready = [host for host in self.hosts.values() if host.place is Place.IN_SERVICE]
        return max(ready, key=lambda host: counts[host.zone], default=None)

    def _by_zone(self) -> dict[str, int]:
        counts = dict.fromkeys(self.zones, 0)
        for host in self.hosts.values():
            if host.place not in LEAVES:
                counts[host.zone] = counts.get(host.zone, 0) + 1
        return counts


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
