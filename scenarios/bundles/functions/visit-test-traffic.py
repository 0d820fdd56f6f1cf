"""A hook of CodeDeploy: it asks the test listener for the front page before any user does."""

import os
import urllib.error
import urllib.request

import boto3


def handler(event: dict[str, str], _context: object) -> None:
    """Report Succeeded where the front page is there, and Failed where it is not."""
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded" if front_page() else "Failed",
    )


def front_page() -> bool:
    """Whether the replacement task set answers well; drydeploy says where its test traffic goes."""
    try:
        with urllib.request.urlopen(os.environ["TEST_TRAFFIC_URL"], timeout=5) as answer:
            return bool(answer.status == 200)
    except urllib.error.URLError:
        return False
