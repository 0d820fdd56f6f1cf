"""What a virtual fleet stands on: read once from a scenario, the same under every seed, shared by all its runs."""

from __future__ import annotations

from fleet.virtual.accounts import Accounts
from fleet.virtual.disk import Disk, Disks
from fleet.virtual.revision import VirtualRevision, read_revision
from scenarios.model import Host, Scenario


class Ground:
    """The bundles are read, the hosts named, their disks laid out. `disks` remembers installs from run to run."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        accounts = Accounts.of(scenario.fleet.users)
        self.revisions = {
            name: read_revision(name, revision, accounts.shells) for name, revision in scenario.revisions.items()
        }
        self.disks = Disks(accounts)
        running = scenario.fleet.running
        self.running: VirtualRevision | None = None if running is None else self.revisions[running]
        self.hosts: tuple[tuple[Host, Disk], ...] = tuple(
            (host, self._disk(host)) for host in scenario.fleet.named_hosts()
        )

    def _disk(self, host: Host) -> Disk:
        disk, running = self.disks.disk(host.files), self.running
        if running is None or running.appspec is None:
            return disk
        # What stood in the way of the first install is none of this run's business.
        return self.disks.install(disk, running.name, running.appspec, running.tree, "OVERWRITE").disk
