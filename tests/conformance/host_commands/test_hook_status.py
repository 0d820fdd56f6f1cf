"""PutLifecycleEventHookExecutionStatus, as a function calls it with the AWS SDK. Source: botocore's service model."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from tests.conformance.host_commands.conftest import Service
from tests.conformance.host_commands.test_protocol import post


def client(service: Service) -> Any:
    return botocore.session.get_session().create_client(
        "codedeploy",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{service.port}",
        aws_access_key_id=service.endpoint.access_key_id,
        aws_secret_access_key=service.endpoint.secret_access_key,
    )


@pytest.fixture
def reports(service: Service) -> list[tuple[str, str, bool]]:
    """What functions have reported; `x-2` has reported before."""
    heard: list[tuple[str, str, bool]] = []

    def reported(deployment: str, execution: str, succeeded: bool) -> str | None:
        if execution == "x-2":
            return "LifecycleEventAlreadyCompletedException"
        if execution != "x-1":
            return "InvalidLifecycleEventHookExecutionIdException"
        heard.append((deployment, execution, succeeded))
        return None

    service.now(lambda: service.endpoint.hear_hooks(reported))
    return heard


def put(service: Service, execution: str, status: str) -> dict[str, Any]:
    return dict(
        client(service).put_lifecycle_event_hook_execution_status(
            deploymentId="d-AAAAAAAAA", lifecycleEventHookExecutionId=execution, status=status
        )
    )


@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_a_report_is_told_and_answered_with_its_id(
    service: Service, reports: list[tuple[str, str, bool]], status: str
) -> None:
    assert put(service, "x-1", status)["lifecycleEventHookExecutionId"] == "x-1"
    assert reports == [("d-AAAAAAAAA", "x-1", status == "Succeeded")]


@pytest.mark.parametrize(
    ("execution", "status", "code"),
    [
        ("x-2", "Succeeded", "LifecycleEventAlreadyCompletedException"),
        ("x-3", "Succeeded", "InvalidLifecycleEventHookExecutionIdException"),
        ("x-1", "Skipped", "InvalidLifecycleEventHookExecutionStatusException"),
    ],
)
def test_what_cannot_be_is_refused_with_the_apis_own_exceptions(
    service: Service, reports: list[tuple[str, str, bool]], execution: str, status: str, code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        put(service, execution, status)
    assert caught.value.response["Error"]["Code"] == code
    operation = client(service).meta.service_model.operation_model("PutLifecycleEventHookExecutionStatus")
    assert code in {shape.name for shape in operation.error_shapes}
    assert reports == []


def test_a_deployment_must_be_named(service: Service, reports: list[tuple[str, str, bool]]) -> None:
    target = {"X_Amz_Target": "CodeDeploy_20141006.PutLifecycleEventHookExecutionStatus"}
    status, body = post(service, "", {"status": "Succeeded"}, **target)
    assert (status, body["__type"]) == (400, "DeploymentIdRequiredException")
    assert reports == []


def test_before_anybody_listens_no_execution_is_known(service: Service) -> None:
    with pytest.raises(ClientError, match="InvalidLifecycleEventHookExecutionId"):
        put(service, "x-1", "Succeeded")


def test_nothing_else_of_the_api_is_served_here(service: Service) -> None:
    status, body = post(service, "", {}, X_Amz_Target="CodeDeploy_20141006.ListApplications")
    assert (status, body["__type"]) == (400, "UnknownOperationException")
