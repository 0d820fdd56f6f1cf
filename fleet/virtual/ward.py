"""What faults know of the virtual fleet, and the fleet of faults."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from fleet.balancer.virtual import Schedule, VirtualBalancer
from fleet.virtual.disk import Disks
from fleet.virtual.host import VirtualHost
from fleet.virtual.residue import VirtualDiskBook
from fleet.virtual.service_faults import ServiceIlls
from scenarios.model import Effect


class Answering(Protocol):
    """A fleet whose hosts, or tasks, a balancer checks."""

    now_ms: int
    schedule: Schedule

    def at(self, now_ms: int) -> None:
        """The loop's time is now this."""

    def answers_changed(self, host: VirtualHost) -> None:
        """Tell the balancer what the host answers now."""


class Ward(Answering, Protocol):
    """The fleet, as far as faults need it; see `fleet.virtual.fleet.VirtualFleet`."""

    hosts: dict[str, VirtualHost]
    disks: Disks
    book: VirtualDiskBook
    balancer: VirtualBalancer | None
    service: ServiceIlls

    def crash(self, host: VirtualHost) -> None:
        """Every process of the host dies."""

    def wake(self, host: VirtualHost) -> None:
        """The agent is there again, or is heard again."""

    def resume(self, host: VirtualHost) -> None:
        """The host goes on after a pause."""


class Strike(NamedTuple):
    """One fault that strikes: its name, what it does, and the lifecycle event whose scripts a script fault strikes."""

    name: str
    effect: Effect
    event: str | None
