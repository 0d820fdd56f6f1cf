"""A hook of CodeDeploy that has nothing to object to."""

import boto3


def handler(event: dict[str, str], _context: object) -> None:
    """Report Succeeded for the lifecycle event that this function was called at."""
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded",
    )
