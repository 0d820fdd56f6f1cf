"""What a virtual fleet stands on: read once from a scenario, the same under every seed, shared by all its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from fleet.base import cannot_run
from fleet.virtual.accounts import Accounts
from fleet.virtual.disk import Disk, Disks
from fleet.virtual.revision import VirtualRevision, read_revision
from scenarios.model import Group, NamedHost, Scenario
from simulator.rollout import lifecycle


class GroundHost(NamedTuple):
    """One host before the run: its disk, what each group has installed there, what its users meet.

    `in_group`: whether it is behind the balancer.
    """

    host: NamedHost
    disk: Disk
    installed: Mapping[str, VirtualRevision]
    serves: VirtualRevision | None
    in_group: bool


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
        self.hosts: tuple[GroundHost, ...] = tuple(self._lay_out(scenario))
        """Every host as the run finds it."""

    def _lay_out(self, scenario: Scenario) -> Iterator[GroundHost]:
        named = scenario.named_hosts()
        runs: dict[str, list[tuple[Group, VirtualRevision]]] = {}
        behind = set[str]()
        for group in scenario.all_groups:
            members = scenario.members(group, named)
            if scenario.balanced(group):
                behind.update(host.name for host in members)
            running = scenario.running_in(group)
            if running is None:
                continue
            revision = self._deployable(self.revisions[running], with_balancer=scenario.balanced(group))
            for host in members:
                runs.setdefault(host.name, []).append((group, revision))
        for host in named:
            yield self._host(host, runs.get(host.name, ()), in_group=host.name in behind)

    def _deployable(self, revision: VirtualRevision, *, with_balancer: bool) -> VirtualRevision:
        if failure := revision.cannot_be_deployed(with_balancer=with_balancer):
            raise cannot_run(revision.name, failure)
        return revision

    def _host(self, host: NamedHost, runs: Sequence[tuple[Group, VirtualRevision]], *, in_group: bool) -> GroundHost:
        user_data = self.scenario.image_of(host.name).user_data if host.pool else None
        disk, serves = self.disks.disk((*host.files, *(user_data.behaves.leaves if user_data else ()))), None
        for group, running in runs:
            assert running.appspec is not None, "a revision without one cannot be deployed"
            # What stood in the way of the first install is none of this run's business.
            installed = self.disks.install(disk, group.name, running.name, running.appspec, running.tree, "OVERWRITE")
            if installed.failure:
                raise cannot_run(running.name, f"{host.name} at {lifecycle.INSTALL}: {installed.failure}")
            by_scripts = [path for paths in running.leaves.values() for path in paths]
            disk = self.disks.leave(installed.disk, by_scripts) if by_scripts else installed.disk
            serves = running if self.scenario.balanced(group) else serves
        return GroundHost(host, disk, {group.name: running for group, running in runs}, serves, in_group)
