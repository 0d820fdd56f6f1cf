"""A deployment group in the course of a run: its hosts as they stand, its last success, the deployment under way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fleet.virtual.draws import stream
from scenarios.model import NO_REVISION, Group, NamedHost, Scenario
from simulator.control.request import Standing
from simulator.rollout import rollback
from simulator.rollout.commands import Command
from simulator.rollout.deployment import Success, Target
from simulator.rollout.events import AlarmChanged, HealthCheckReported, HostEnded
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus, FileExistsBehavior

Folded = Sequence[tuple[Rollout | None, tuple[Command, ...]]]
"""An event in the deployments that it concerns, each with its answer; or in none."""
NOBODY: Folded = ((None, ()),)
"""No deployment, and nothing to do."""
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
        """Whether a deployment has ended whose rollback, or follow-on deployment, is about to be created."""
        self._left: set[str] = set()
        """Hosts that their pools have terminated."""

    @property
    def busy(self) -> bool:
        """Whether no other deployment can be created now."""
        return self.active is not None or self.reserved

    @property
    def standing(self) -> Standing:
        """How it stands, for the next deployment."""
        return Standing(self.targets, self.standing_by, self.last_success)

    def begin(self, rollout: Rollout) -> None:
        """A deployment of the group was created. One of a pool goes on beside the group's own."""
        if not rollout.deployment.creator.beside:
            self.active = self.last = rollout
            self.reserved = False

    def end(self, rollout: Rollout) -> None:
        """A deployment has ended: the hosts that were its own stand as it leaves them."""
        deployment, succeeded = rollout.deployment, rollout.status is DeploymentStatus.SUCCEEDED
        if deployment.creator.beside and not (succeeded and deployment.creator is Creator.AUTOSCALING):
            return
        left = {target.name: target for target in rollout.aftermath if target.name not in self._left}
        known = {target.name for target in self.targets}
        stay = (left.get(target.name, target) for target in self.targets if self._stays(target.name, rollout, left))
        self.targets = (*stay, *(target for name, target in left.items() if name not in known))
        for name in self.standing_by.keys() & rollout.hosts.keys():
            self.standing_by[name] = rollback.left(rollout.hosts[name], rollout.sick)
        if deployment.creator.beside:
            return
        self.active = None
        if succeeded:
            self.last_success = Success(deployment.deployment_id, deployment.revision, deployment.file_exists_behavior)

    def join(self, target: Target) -> None:
        """A host that a pool has launched is the group's from now on, if it was not before."""
        if all(target.name != known.name for known in self.targets):
            self.targets = (*self.targets, target)

    def leave(self, host: str) -> None:
        """A pool terminates a host: it is the group's no more."""
        self._left.add(host)
        self.targets = tuple(target for target in self.targets if target.name != host)

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

    def remember(self, others: Groups) -> None:
        """Know what those know."""
        self._groups, self.active = others._groups, others.active

    @property
    def busy(self) -> bool:
        """Whether any deployment is under way, or about to be created."""
        return bool(self.active) or any(group.reserved for group in self)

    def fold(self, event: HealthCheckReported | AlarmChanged | HostEnded) -> Folded:
        """What concerns no deployment by name. Of several the balancer's word is for those that have the host."""
        actives = tuple(self.active.values())
        if len(actives) > 1 and isinstance(event, HealthCheckReported):
            actives = tuple(each for each in actives if event.host in each.hosts and each.deployment.with_balancer)
        if len(actives) < 2:
            return tuple((rollout, rollout.handle(event)) for rollout in actives) or NOBODY
        folded, number = [], 0
        for rollout in actives:
            commands = rollout.handle(event, first=number)
            number += len(commands)
            folded.append((rollout, commands))
        return folded

    def newest(self, group: str | None = None) -> Rollout | None:
        """The deployment that is under way in a group; without one, of all that are under way the newest.

        Those of pools are nobody's to speak to: they come and go by themselves.
        """
        if group is not None:
            return self._groups[group].active
        own = (each for each in reversed(self.active.values()) if not each.deployment.creator.beside)
        return next(own, None)

    def leave(self, host: str) -> None:
        """A pool terminates a host: it is in no group any more."""
        for group in self:
            group.leave(host)

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

    def carried(self) -> dict[str, dict[str, str]]:
        """By the host, the revision that each group which has it has put there; nothing where it has put none."""
        found: dict[str, dict[str, str]] = {}
        for group in self:
            for target in group.targets:
                if target.revision is not None:
                    found.setdefault(target.name, {})[group.name] = target.revision
        return found

    def revisions(self) -> dict[str, tuple[str, ...]]:
        """The revision of every host, one of each group that has it; NO_REVISION where nobody can tell which."""
        found: dict[str, tuple[str, ...]] = {}
        for group in self:
            for target in group.targets:
                found[target.name] = (*found.get(target.name, ()), target.revision or NO_REVISION)
        return found
