"""A deployment group in the course of a run: its hosts as they stand, its last success, the deployment under way."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence

from fleet.virtual.draws import stream
from scenarios.model import NO_REVISION, Group, NamedHost, Scenario
from simulator.control.request import Standing
from simulator.rollout import rollback
from simulator.rollout.commands import Command, HostCommand
from simulator.rollout.deployment import Success, Target
from simulator.rollout.events import AlarmChanged, HealthCheckReported, HostEnded, HostTerminated
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus, FileExistsBehavior

Folded = Sequence[tuple[Rollout | None, tuple[Command, ...]]]
"""An event in the deployments that it concerns, each with its answer; or in none."""
NOBODY: Folded = ((None, ()),)
"""No deployment, and nothing to do."""
BEFORE_THE_RUN = "before-the-run"
"""The deployment that is said to have put there what was running before."""


class GroupInHand:
    """One group. `hosts` are the fleet's, where they are already known by name; `gone` those that were terminated."""

    def __init__(
        self, scenario: Scenario, group: Group, hosts: Iterable[NamedHost], seed: int, gone: Container[str]
    ) -> None:
        self.group = group
        self.name = group.name
        running = scenario.running_in(group)
        self.last_success = None if running is None else Success(BEFORE_THE_RUN, running, FileExistsBehavior.DISALLOW)
        standing_by, hosts = scenario.standing_by(), tuple(hosts)
        members = scenario.members(group, hosts)
        ordered = sorted(members, key=lambda host: stream(seed, "order", host.name))
        self._targets = {host.name: Target(host.name, host.zone, running is not None, running) for host in ordered}
        self.standing_by = {host.name: Target(host.name, host.zone) for host in hosts if host.name in standing_by}
        self.active: Rollout | None = None
        """The deployment that is under way."""
        self.last: Rollout | None = None
        """The deployment that was created last."""
        self.reserved = False
        """Whether a deployment has ended whose rollback, or follow-on deployment, is about to be created."""
        self._gone = gone

    def __contains__(self, host: str) -> bool:
        return host in self._targets

    @property
    def targets(self) -> tuple[Target, ...]:
        """Its hosts as they stand. O(hosts)."""
        return tuple(self._targets.values())

    @property
    def busy(self) -> bool:
        """Whether no other deployment can be created now."""
        return self.active is not None or self.reserved

    @property
    def standing(self) -> Standing:
        """How it stands, for the next deployment. O(hosts)."""
        return Standing(self.targets, self.standing_by, self.last_success, self._gone)

    def begin(self, rollout: Rollout) -> None:
        """A deployment of the group was created. One of a pool goes on beside the group's own."""
        if not rollout.deployment.creator.beside:
            self.active = self.last = rollout
            self.reserved = False

    def end(self, rollout: Rollout, left: Container[str]) -> None:
        """A deployment has ended: the hosts that were its own stand as it leaves them. O(its hosts).

        `left`: hosts that are in no group any more, whatever the deployment knows of it.
        """
        deployment, succeeded = rollout.deployment, rollout.status is DeploymentStatus.SUCCEEDED
        if deployment.creator.beside and not (succeeded and deployment.creator is Creator.AUTOSCALING):
            return
        stand = {target.name: target for target in rollout.aftermath if target.name not in left}
        for name in rollout.hosts:
            if name not in stand:
                self._targets.pop(name, None)
            if name in self.standing_by:
                self.standing_by[name] = rollback.left(rollout.hosts[name], rollout.sick)
        self._targets.update(stand)
        if deployment.creator.beside:
            return
        self.active = None
        if succeeded:
            self.last_success = Success(deployment.deployment_id, deployment.revision, deployment.file_exists_behavior)

    def join(self, target: Target) -> None:
        """A host that a pool has launched is the group's from now on, if it was not before."""
        self._targets.setdefault(target.name, target)

    def leave(self, host: str) -> None:
        """A host is the group's no more, and stands by for it no more."""
        self._targets.pop(host, None)
        self.standing_by.pop(host, None)


class Groups:
    """Every group of a run, and the deployments that are under way, in the order of their creation.

    What it does with an event costs O(the deployments that the event concerns), however many are under way.
    """

    def __init__(self, scenario: Scenario, hosts: Iterable[NamedHost], seed: int) -> None:
        hosts = tuple(hosts)
        self.gone: set[str] = set()
        """Hosts that were terminated, by a pool or by a deployment."""
        self._groups = {
            group.name: GroupInHand(scenario, group, hosts, seed, self.gone) for group in scenario.all_groups
        }
        self.active: dict[str, Rollout] = {}
        """What is under way, by the deployment's id."""
        self._own: dict[str, Rollout] = {}
        """Those of them that are not pools'."""
        self._at: dict[str, dict[str, Rollout]] = {}
        """Those of them that have a host, by the host's name and the deployment's id."""
        self._left: set[str] = set()
        """Hosts that are in no group any more."""

    def __getitem__(self, name: str) -> GroupInHand:
        return self._groups[name]

    def __iter__(self) -> Iterator[GroupInHand]:
        return iter(self._groups.values())

    def remember(self, others: Groups) -> None:
        """Know what those know."""
        self.__dict__.update(others.__dict__)

    @property
    def busy(self) -> bool:
        """Whether any deployment is under way, or about to be created."""
        return bool(self.active) or any(group.reserved for group in self)

    def fold(self, event: HealthCheckReported | AlarmChanged | HostEnded) -> Folded:
        """What concerns no deployment by name. Of several the balancer's word is for those that have the host."""
        if len(self.active) < 2 or isinstance(event, AlarmChanged):
            actives: Iterable[Rollout] = tuple(self.active.values())
        else:
            actives = tuple(self._at.get(event.host, {}).values())
            if isinstance(event, HealthCheckReported):
                actives = (each for each in actives if each.deployment.with_balancer)
        folded, number = [], 0
        for rollout in actives:
            commands = rollout.handle(event, first=number)
            number += len(commands)
            folded.append((rollout, commands))
        return folded or NOBODY

    def terminated(self, event: HostTerminated, rollout: Rollout) -> Folded:
        """A deployment has terminated a host, or lets it leave its group: no other deployment is told."""
        folded = ((rollout, rollout.handle(event)),)
        if rollout.terminates:
            for other in self._at.get(event.host, {}).values():
                if other is not rollout:
                    other.handle(event)
            self.end_host(event.host)
        return folded

    def newest(self, group: str | None = None) -> Rollout | None:
        """The deployment that is under way in a group; without one, of all that are under way the newest.

        Those of pools are nobody's to speak to: they come and go by themselves.
        """
        if group is not None:
            return self._groups[group].active
        return next(reversed(self._own.values()), None)

    def leave(self, host: str) -> None:
        """A host is in no group any more: it is about to be terminated, or it was, or its pool is no group's."""
        self._left.add(host)
        for group in self:
            group.leave(host)

    def take_back(self, host: str) -> None:
        """A host may be in groups again: it was left alone, and its pool is theirs once more."""
        self._left.discard(host)

    def end_host(self, host: str) -> None:
        """A host is terminated: it is in no group any more, and no command reaches it."""
        self.gone.add(host)
        self.leave(host)

    def reaches(self, command: Command) -> bool:
        """Whether a command reaches its host: one for a host that was terminated reaches nobody, as on AWS."""
        return not isinstance(command, HostCommand) or command.host not in self.gone

    def begin(self, rollout: Rollout) -> None:
        """A deployment was created, and knows its hosts. O(its hosts)."""
        identity = rollout.deployment_id
        self.active[identity] = rollout
        if not rollout.deployment.creator.beside:
            self._own[identity] = rollout
        for host in rollout.hosts:
            self._at.setdefault(host, {})[identity] = rollout
        self._groups[rollout.deployment.group].begin(rollout)

    def end(self, rollout: Rollout) -> GroupInHand:
        """A deployment has ended, of this group. O(its hosts)."""
        identity = rollout.deployment_id
        del self.active[identity]
        self._own.pop(identity, None)
        for host in rollout.hosts:
            at = self._at[host]
            del at[identity]
            if not at:
                del self._at[host]
        group = self._groups[rollout.deployment.group]
        group.end(rollout, self._left)
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
