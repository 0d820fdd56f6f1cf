"""A deployment group in the course of a run: its hosts as they stand, its last success, the deployment under way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleet.virtual.draws import stream
from scenarios.model import NO_REVISION, Group, NamedHost, Scenario
from simulator.control.request import Standing
from simulator.rollout import rollback
from simulator.rollout.deployment import Success, Target
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import DeploymentStatus, FileExistsBehavior

BEFORE_THE_RUN = "before-the-run"
"""The deployment that is said to have put there what was running before."""


class GroupInHand:
    """One group. `hosts` are the fleet's, where they are already known by name."""

    def __init__(self, scenario: Scenario, group: Group, hosts: Iterable[NamedHost], seed: int) -> None:
        self.group = group
        self.name = group.name
        running = scenario.running_in(group)
        self.last_success = None if running is None else Success(BEFORE_THE_RUN, running, FileExistsBehavior.DISALLOW)
        standing_by, hosts = scenario.standing_by(), tuple(hosts)
        members = scenario.members(group, hosts)
        ordered = sorted(members, key=lambda host: stream(seed, "order", host.name))
        self.targets = tuple(Target(host.name, host.zone, running is not None, running) for host in ordered)
        self.standing_by = {host.name: Target(host.name, host.zone) for host in hosts if host.name in standing_by}
        self.active: Rollout | None = None
        """The deployment that is under way."""
        self.last: Rollout | None = None
        """The deployment that was created last."""
        self.reserved = False
        """Whether a deployment has ended whose rollback is about to be created."""

    @property
    def busy(self) -> bool:
        """Whether no other deployment can be created now."""
        return self.active is not None or self.reserved

    @property
    def standing(self) -> Standing:
        """How it stands, for the next deployment."""
        return Standing(self.targets, self.standing_by, self.last_success)

    def begin(self, rollout: Rollout) -> None:
        """A deployment of the group was created."""
        self.active = self.last = rollout
        self.reserved = False

    def end(self, rollout: Rollout) -> None:
        """The deployment under way has ended: the hosts that were its own stand as it leaves them."""
        self.active = None
        left = {target.name: target for target in rollout.aftermath}
        known = {target.name for target in self.targets}
        stay = (left.get(target.name, target) for target in self.targets if self._stays(target.name, rollout, left))
        self.targets = (*stay, *(target for name, target in left.items() if name not in known))
        for name in self.standing_by.keys() & rollout.hosts.keys():
            self.standing_by[name] = rollback.left(rollout.hosts[name], rollout.sick)
        deployment = rollout.deployment
        if rollout.status is DeploymentStatus.SUCCEEDED:
            self.last_success = Success(deployment.deployment_id, deployment.revision, deployment.file_exists_behavior)

    @staticmethod
    def _stays(name: str, rollout: Rollout, left: dict[str, Target]) -> bool:
        return name in left or name not in rollout.hosts


class Groups:
    """Every group of a run, and the deployments that are under way, in the order of their creation."""

    def __init__(self, scenario: Scenario, hosts: Iterable[NamedHost], seed: int) -> None:
        hosts = tuple(hosts)
        self._groups = {group.name: GroupInHand(scenario, group, hosts, seed) for group in scenario.all_groups}
        self.active: dict[str, Rollout] = {}
        """What is under way, by the deployment's id."""

    def __getitem__(self, name: str) -> GroupInHand:
        return self._groups[name]

    def __iter__(self) -> Iterator[GroupInHand]:
        return iter(self._groups.values())

    @property
    def busy(self) -> bool:
        """Whether any deployment is under way, or about to be created."""
        return bool(self.active) or any(group.reserved for group in self)

    def newest(self, group: str | None = None) -> Rollout | None:
        """The deployment that is under way in a group; without one, of all that are under way the newest."""
        return next(reversed(self.active.values()), None) if group is None else self._groups[group].active

    def begin(self, rollout: Rollout) -> None:
        """A deployment was created."""
        self.active[rollout.deployment_id] = rollout
        self._groups[rollout.deployment.group].begin(rollout)

    def end(self, rollout: Rollout) -> GroupInHand:
        """A deployment has ended, of this group."""
        del self.active[rollout.deployment_id]
        group = self._groups[rollout.deployment.group]
        group.end(rollout)
        return group

    def revisions(self) -> dict[str, tuple[str, ...]]:
        """The revision of every host, one of each group that has it; NO_REVISION where nobody can tell which."""
        found: dict[str, tuple[str, ...]] = {}
        for group in self:
            for target in group.targets:
                found[target.name] = (*found.get(target.name, ()), target.revision or NO_REVISION)
        return found
