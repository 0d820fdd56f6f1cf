"""What a virtual fleet stands on: read once from a scenario, the same under every seed, shared by all its runs."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.base import cannot_run
from fleet.virtual.accounts import Accounts
from fleet.virtual.disk import Disk, Disks
from fleet.virtual.revision import VirtualRevision, read_revision
from scenarios.model import NamedHost, Scenario
from simulator.rollout import lifecycle


class Ground:
    """The bundles are read, the hosts named, their disks laid out. `disks` remembers installs from run to run.

    Raises FleetError where the revision that is to be running could not have been deployed.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        accounts = Accounts.of(scenario.fleet.users)
        self.revisions = {
            name: read_revision(name, revision, accounts.shells) for name, revision in scenario.revisions.items()
        }
        self.disks = Disks(accounts)
        running = scenario.fleet.running
        self.running: VirtualRevision | None = None if running is None else self.revisions[running]
        if self.running is not None:
            failure = self.running.cannot_be_deployed(with_balancer=scenario.balancer is not None)
            if failure:
                raise cannot_run(self.running.name, failure)
        self.hosts: tuple[tuple[NamedHost, Disk, bool], ...] = tuple(self._lay_out(scenario))
        """Every host, its disk, and whether the revision that is running before runs on it."""

    def _lay_out(self, scenario: Scenario) -> Iterator[tuple[NamedHost, Disk, bool]]:
        standing_by = scenario.standing_by()
        for host in scenario.fleet.named_hosts():
            runs = self.running is not None and host.name not in standing_by
            yield host, self._disk(host) if runs else self.disks.disk(host.files), runs

    def _disk(self, host: NamedHost) -> Disk:
        disk, running = self.disks.disk(host.files), self.running
        if running is None:
            return disk
        assert running.appspec is not None, "a revision without one cannot be deployed"
        # What stood in the way of the first install is none of this run's business.
        installed = self.disks.install(disk, running.name, running.appspec, running.tree, "OVERWRITE")
        if installed.failure:
            raise cannot_run(running.name, f"{host.name} at {lifecycle.INSTALL}: {installed.failure}")
        by_scripts = [path for paths in running.leaves.values() for path in paths]
        return self.disks.leave(installed.disk, by_scripts) if by_scripts else installed.disk
