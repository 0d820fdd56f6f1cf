"""The virtual fleet's disks before a deployment and after its rollback."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.residue import Listing, differences, directories, gather, within
from fleet.virtual.disk import Disk
from fleet.virtual.ground import Ground
from fleet.virtual.host import VirtualHost
from simulator.rollout.events import DisksCompared


class VirtualDiskBook:
    """Remembers disks, which are values, and compares them. `ignored`: files that faults have put there."""

    def __init__(self, ground: Ground) -> None:
        appspecs = (revision.appspec for revision in ground.revisions.values())
        self.directories = directories(appspec for appspec in appspecs if appspec is not None)
        self.ignored: set[str] = set()
        self._before: dict[str, dict[str, Disk]] = {}

    def remember(self, deployment: str, hosts: Iterable[VirtualHost]) -> None:
        """Note every host's disk, under a deployment's id."""
        self._before[deployment] = {host.name: host.disk for host in hosts}

    def compare(self, deployment: str, hosts: dict[str, VirtualHost], event_id: int, at_ms: int) -> DisksCompared:
        """What is otherwise than before that deployment, on the hosts that were there and still are."""
        alike: dict[tuple[Disk, Disk], dict[str, str]] = {}
        found, unseen = [], []
        for name, before in self._before[deployment].items():
            host = hosts.get(name)
            if host is None:
                continue
            if not host.alive:
                unseen.append(name)
                continue
            pair = before, host.disk
            if pair not in alike:
                alike[pair] = differences(self._listing(before), self._listing(host.disk), self.ignored)
            found.append((name, alike[pair]))
        return DisksCompared(event_id, at_ms, "", deployment, gather(found), self.directories, tuple(unseen))

    def __contains__(self, deployment: str) -> bool:
        """Whether the disks before this deployment are known."""
        return deployment in self._before

    def _listing(self, disk: Disk) -> Listing:
        strangers = {path: "" for path in sorted(disk.strangers) if within(path, self.directories)}
        return Listing(strangers, disk.installed)
