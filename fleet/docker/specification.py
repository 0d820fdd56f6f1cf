"""What an agent is told of a deployment (reference: the open-source agent, deployment_specification.rb)."""

from __future__ import annotations

import uuid
from typing import Any, Final

from fleet.base import WAY_BACK
from fleet.docker.bundles import Bundle
from simulator.rollout.deployment import Deployment
from simulator.rollout.statuses import Creator

GROUP_IDS: Final = uuid.UUID("5c6a1d0e-4b5e-4f0a-9d43-9a3f0f6f6f01")
BLUE_GREEN: Final = frozenset({"blue-green", "back-to-blue"})
"""The strategies that are blue/green to an agent: in a rollback of one, other revisions' scripts run."""


def specification(deployment: Deployment, bundle: Bundle) -> dict[str, Any]:
    """The deployment specification, for every host of the deployment alike."""
    return {
        "DeploymentId": deployment.deployment_id,
        "DeploymentGroupId": str(uuid.uuid5(GROUP_IDS, f"{deployment.application}/{deployment.group}")),
        "DeploymentGroupName": deployment.group,
        "ApplicationName": deployment.application,
        "DeploymentCreator": str(Creator.ROLLBACK if deployment.strategy == WAY_BACK else deployment.creator),
        "DeploymentType": "BLUE_GREEN" if deployment.strategy in BLUE_GREEN else "IN_PLACE",
        "AgentActionOverrides": {"AgentOverrides": {"FileExistsBehavior": str(deployment.file_exists_behavior)}},
        "Revision": bundle.revision_location,
    }
