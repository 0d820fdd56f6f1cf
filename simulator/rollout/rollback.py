"""What a deployment leaves behind, and the deployment that undoes it.

A rollback is a new deployment of the group's last successful revision (user guide, "Redeploy and roll back a
deployment with CodeDeploy"), with the file-exists behaviour of that deployment. It is never rolled back itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from simulator.rollout.deployment import Deployment, Target
from simulator.rollout.host import Host
from simulator.rollout.quick import quick
from simulator.rollout.statuses import Creator, DeploymentStatus, RollbackEvent, TargetStatus

_target = quick(Target)
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_ROLLBACK_EVENT = {
    DeploymentStatus.FAILED: RollbackEvent.DEPLOYMENT_FAILURE,
    DeploymentStatus.STOPPED: RollbackEvent.DEPLOYMENT_STOP_ON_REQUEST,
}


def deployment_id(*seed: object) -> str:
    """An id in CodeDeploy's form (`d-` and nine capitals or digits) that is the same for the same seed."""
    number = int.from_bytes(hashlib.sha256("\0".join(map(str, seed)).encode()).digest()[:8])
    digits = []
    for _ in range(9):
        number, digit = divmod(number, 36)
        digits.append(_ALPHABET[digit])
    return "d-" + "".join(digits)


def aftermath(hosts: Iterable[Host]) -> tuple[Target, ...]:
    """The group's hosts after a deployment: those that were attempted are healthy by their own outcome."""
    return tuple(
        _target(host.name, host.target.zone, host.status is TargetStatus.SUCCEEDED, host.revision)
        if host.status in (TargetStatus.SUCCEEDED, TargetStatus.FAILED)
        else host.target
        for host in hosts
    )


def refusal(deployment: Deployment, status: DeploymentStatus, wanted: bool | None, *, touched: bool) -> str | None:
    """Why a deployment that ended so is not rolled back; None if it is.

    `wanted` overrides the group's own choice. Where no host was `touched` there is nothing to undo (inferred: a
    rollback under the same configuration would fail as the deployment did).
    """
    if status not in _ROLLBACK_EVENT:
        return "it succeeded"
    if deployment.creator is Creator.ROLLBACK:
        return "it is a rollback, and a rollback is never rolled back"
    if not touched:
        return "no host was touched"
    if wanted is False:
        return "whoever stopped it asked for none"
    if wanted is None and _ROLLBACK_EVENT[status] not in deployment.auto_rollback:
        return f"the group does not roll back on {_ROLLBACK_EVENT[status]}"
    if deployment.last_success is None:
        return "no earlier deployment of the group has succeeded"
    return None


def rollback(deployment: Deployment, hosts: Iterable[Host]) -> Deployment:
    """The deployment that brings the last successful revision back. Ask `refusal` first."""
    success = deployment.last_success
    assert success is not None, "refusal() answers for a group without a success"
    return replace(
        deployment,
        deployment_id=deployment_id(deployment.deployment_id, "rollback"),
        revision=success.revision,
        file_exists_behavior=success.file_exists_behavior,
        targets=aftermath(hosts),
        creator=Creator.ROLLBACK,
        description=f"back from {deployment.deployment_id} to {success.revision}, deployed by {success.deployment_id}",
        rollback_of=deployment.deployment_id,
    )
