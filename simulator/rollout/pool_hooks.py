"""A deployment group as its pools know it: what it has, who missed that, and the deployments that come of a pool."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from simulator.rollout.deployment import Deployment, Success, Target
from simulator.rollout.machine import Rollout
from simulator.rollout.pool import HookSpec, PoolHost
from simulator.rollout.rollback import deployment_id
from simulator.rollout.statuses import Creator, DeploymentStatus, OutdatedInstancesStrategy, TargetStatus
from strategies.configuration import ALL_AT_ONCE, ONE_AT_A_TIME
from strategies.options import NONE

LAUNCH: Final = "launch"
TERMINATION: Final = "termination"
NAMED_MAX: Final = 10
"""So many hosts are named in the description of a follow-on deployment."""


class Hook:
    """A deployment group in the course of a run, as far as its pools are concerned. `Pools` alone changes it."""

    def __init__(self, spec: HookSpec) -> None:
        self.spec = spec
        self.last_success = spec.last_success
        self.root = spec.last_success.deployment_id if spec.last_success else ""
        """The deployment that somebody asked for and that brought the last success: a follow-on has it as its root."""
        self.active = False
        """Whether a deployment is under way, or a rollback about to be."""
        self._missed: dict[str | None, dict[str, PoolHost]] = {}
        """By what their launches deployed, the hosts in service that no other deployment has had since."""

    # -- who missed what ----------------------------------------------------------------------------------------

    def joined(self, host: PoolHost) -> None:
        """A host that a pool has launched is in service."""
        group = self.spec.template.group
        if group in host.missed and group not in host.covered:
            self._missed.setdefault(host.missed[group], {})[host.name] = host

    def left(self, host: PoolHost) -> None:
        """A host goes: nobody follows on with it."""
        group = self.spec.template.group
        if group in host.missed:
            self._missed.get(host.missed[group], {}).pop(host.name, None)

    def covers(self, host: PoolHost) -> None:
        """Another deployment of the group has the host."""
        self.left(host)
        host.covered.add(self.spec.template.group)

    def deployed(self, host: PoolHost, rollout: Rollout) -> None:
        """Another deployment of the group has had the host, and has ended; whether it brought the host what it has."""
        self.covers(host)
        ended = rollout.hosts[host.name]
        if ended.status is TargetStatus.SUCCEEDED and ended.revision == rollout.deployment.revision:
            host.missed.pop(self.spec.template.group, None)

    def over(self, rollout: Rollout) -> bool:
        """A deployment of the group has ended; whether launches bring something else from now on."""
        deployment, before = rollout.deployment, self.last_success
        if rollout.status is not DeploymentStatus.SUCCEEDED:
            return False
        self.last_success = Success(deployment.deployment_id, deployment.revision, deployment.file_exists_behavior)
        if deployment.creator is Creator.USER or not self.root:
            self.root = deployment.deployment_id
        brings = deployment.revision, deployment.file_exists_behavior
        return before is None or (before.revision, before.file_exists_behavior) != brings

    def has(self, revision: str | None) -> bool:
        """Whether this is what the group has: what was deployed last with success, or anything where nothing was."""
        return self.last_success is None or revision == self.last_success.revision

    # -- deployments --------------------------------------------------------------------------------------------

    def follow_on(self) -> Deployment | None:
        """The deployment to those that missed what the group has now, or None; once for each of them."""
        success = self.last_success
        if success is None or self.active or self.spec.outdated is OutdatedInstancesStrategy.IGNORE:
            return None
        missed = (hosts.values() for revision, hosts in self._missed.items() if not self.has(revision))
        outdated = sorted((host for hosts in missed for host in hosts), key=lambda host: host.order)
        if not outdated:
            return None
        self.active = True
        launched = [(host, host.missed[self.spec.template.group]) for host in outdated]
        targets = tuple(Target(host.name, host.zone, had is not None, had) for host, had in launched)
        for host in outdated:
            self.covers(host)
        names = [host.name for host in outdated]
        who = ", ".join(names[:NAMED_MAX]) + (f" and {len(names) - NAMED_MAX} more" if names[NAMED_MAX:] else "")
        return replace(
            self.spec.template,
            deployment_id=deployment_id(success.deployment_id, "auto-update", *names),
            revision=success.revision,
            strategy="rolling",
            config=ONE_AT_A_TIME,
            targets=targets,
            creator=Creator.AUTO_UPDATE,
            description=f"{success.revision} was deployed by {self.root} while {who} came up without it",
            file_exists_behavior=success.file_exists_behavior,
            last_success=success,
        )

    def launches(self, host: PoolHost, success: Success, why: str, at_ms: int) -> Deployment:
        """The launch deployment of a host: it must be over when the launch is."""
        limits = replace(self.spec.template.limits, deployment_ms=max(host.until_ms - at_ms, 1))
        deployment = self._of_one(host, LAUNCH, success, Target(host.name, host.zone), why)
        return replace(deployment, creator=Creator.AUTOSCALING, limits=limits)

    def terminates(self, host: PoolHost, success: Success, why: str, lasts_ms: int) -> Deployment:
        """The termination deployment of a host, which may last so long."""
        limits = replace(self.spec.template.limits, deployment_ms=lasts_ms)
        deployment = self._of_one(host, TERMINATION, success, Target(host.name, host.zone, True, success.revision), why)
        return replace(deployment, creator=Creator.AUTOSCALING_TERMINATION, limits=limits)

    def _of_one(self, host: PoolHost, kind: str, success: Success, target: Target, why: str) -> Deployment:
        """A deployment to one host. It is never rolled back: where it fails the host goes, as it does in any case."""
        return replace(
            self.spec.template,
            deployment_id=deployment_id(self.spec.template.deployment_id, kind, host.name),
            revision=success.revision,
            strategy=kind,
            config=ALL_AT_ONCE,
            options=NONE,
            targets=(target,),
            description=why,
            file_exists_behavior=success.file_exists_behavior,
            auto_rollback=(),
            last_success=success,
        )
