"""The copies of pools that blue/green deployments make (`COPY_AUTO_SCALING_GROUP`), and which pool is the group's.

A copy has its deployment's new hosts, and no lifecycle hook until the deployment has ended. Then it takes the place of
the original, or goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from simulator.rollout.deployment import Deployment
from simulator.rollout.events import HostProvisioned
from simulator.rollout.machine import Rollout
from simulator.rollout.pool import LEAVES, Pool, PoolBook, PoolSpec
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import DeploymentStatus, Label
from strategies.blue_green import successors
from strategies.options import BlueGreen
from strategies.plan import Member


class PoolCopies:
    """The copies among the pools of a run. What is deleted it returns: to end hosts is not its business."""

    def __init__(self, book: PoolBook) -> None:
        self._book = book
        self.left_alone: list[str] = []
        """Hosts whose pool is no group's any more by the last deployment's end, which the deployment did not have."""
        self.taken_back: list[str] = []
        """Hosts whose pool is its groups' again by the last deployment's end."""

    def make(self, deployment: Deployment) -> None:
        """A deployment is created: it copies the pools of its group, unless it finds its new hosts."""
        told = deployment.options.blue_green or BlueGreen()
        if deployment.strategy != BLUE_GREEN or told.green:
            return
        targets = [target.name for target in deployment.targets]
        new = dict(zip(targets, successors(targets, told.generation), strict=True))
        for pool in self._book.of(deployment.group):
            self._copy(pool, deployment, new)

    def _copy(self, pool: Pool, deployment: Deployment, new: Mapping[str, str]) -> None:
        """`new`: the name of the host that replaces each of the deployment's."""
        name = f"CodeDeploy_{deployment.group}_{deployment.deployment_id}"
        if name in self._book.pools:
            name = f"{name}_{pool.image}"
        members = [Member(new[host.name], host.zone) for host in pool.in_order() if host.name in new]
        sizes = pool.minimum, len(members), pool.maximum
        spec = PoolSpec(name, *sizes, pool.zones, (), (), pool.suspended, pool.termination_hook)
        self._book.pools[name] = copy = Pool(spec, pool.image, members)
        copy.copied_by, copy.complete = deployment.deployment_id, not members

    def provisioned(self, event: HostProvisioned) -> None:
        """A deployment has one of its new hosts."""
        for copy in self._book.pools.values():
            if copy.copied_by == event.deployment_id and event.host in copy.awaits:
                copy.add(copy.awaits[event.host])
                copy.complete = copy.complete or len(copy.hosts) >= copy.desired

    def take_over(self, rollout: Rollout) -> Iterator[Pool]:
        """A deployment has ended. Where its new hosts are the group, its copies are the group's pools now.

        The original ones that are deleted by that: those of a deployment that has succeeded, unless they are kept.
        """
        if rollout.side_that_stays is not Label.GREEN:
            return
        deployment = rollout.deployment
        made_by = deployment.deployment_id
        if deployment.strategy == BACK_TO_BLUE and deployment.rollback_of:
            made_by = deployment.rollback_of
        told = deployment.options.blue_green or BlueGreen()
        deletes = rollout.status is DeploymentStatus.SUCCEEDED and told.terminate_after_ms is not None
        for copy in self._made_by(made_by):
            original = self._book.current(copy.image)
            copy.groups, copy.copied_by, copy.complete = original.groups, "", True
            copy.stands_in = made_by, original
            original.retired, original.groups = True, ()
            there = [host for host in original.in_order() if host.place not in LEAVES]
            late = [host for host in there if deletes or host.name not in rollout.hosts]
            original.outgrow(copy, deployment.revision, late, deletes=deletes)
            if deletes:
                yield original
            else:
                self.left_alone += [host.name for host in late]

    def drop(self, rollout: Rollout) -> Iterator[Pool]:
        """A deployment has ended. Where it was the way back to blue, the copies that go with what they hold."""
        back = rollout.deployment
        if back.strategy != BACK_TO_BLUE or rollout.side_that_stays is Label.GREEN:
            return
        for copy in tuple(self._book.pools.values()):
            made_by, original = copy.stands_in or (copy.copied_by, None)
            if not made_by or made_by != back.rollback_of:
                continue
            if original is not None:  # it stands still, beside the group
                original.retired, original.groups, copy.groups = False, copy.groups, ()
                original.outgrown = ""
                self.taken_back += original.hosts
            copy.retired = True
            yield copy

    def leave_standing(self, deployment: Deployment) -> None:
        """A deployment came to nothing, and nothing undoes it: what it has brought up is left as it is."""
        for copy in self._made_by(deployment.deployment_id):
            copy.copied_by, copy.retired = "", True

    def _made_by(self, deployment: str) -> list[Pool]:
        return [pool for pool in self._book.pools.values() if pool.copied_by and pool.copied_by == deployment]
