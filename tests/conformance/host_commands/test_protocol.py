"""One test a sentence of the agents' protocol, spoken by botocore as an agent speaks it.

Source: the service model that is published with the open-source agent (aws-codedeploy-agent,
CodeDeployCommand.api.json), and what that agent does.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from simulator.api.host_commands import POLL_MS
from tests.conformance.host_commands.conftest import SPECIFICATION, Service

GOOD = {"Format": "JSON", "Payload": '{"error_code":0,"script_name":"","message":"Succeeded","log":""}'}
BAD = {"Format": "JSON", "Payload": '{"error_code":4,"script_name":"a.sh","message":"exit code 1","log":"oh"}'}


def stamp(time: datetime) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ")


def post(service: Service, operation: str, body: object, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    given = {
        "X-Amz-Target": f"CodeDeployCommandService_v20141006.{operation}",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={service.endpoint.access_key_id}/20250101/r/x/aws4_request",
        "X-Amz-Date": stamp(datetime.now(UTC)),
    }
    raw = body if isinstance(body, str) else json.dumps(body)
    connection.request("POST", "/", raw, {**given, **{k.replace("_", "-"): v for k, v in headers.items()}})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def poll(service: Service, host: str) -> dict[str, Any]:
    return dict(service.client().poll_host_command(HostIdentifier=host)["HostCommand"])


def test_an_idle_poll_is_held_and_then_answers_nothing(service: Service, host: str) -> None:
    began_s = time.monotonic()
    assert post(service, "PollHostCommand", {"HostIdentifier": host}) == (200, {})
    assert time.monotonic() - began_s >= 0.3
    assert service.heard.polls == ["h1"]
    assert POLL_MS == 45_000


def test_a_poll_that_is_held_is_woken_at_once(host: str) -> None:
    service = Service(poll_ms=20_000)
    threading.Timer(0.1, service.offer).start()
    began_s = time.monotonic()
    command = poll(service, host)
    assert time.monotonic() - began_s < 5
    assert command["CommandName"] == "Install"
    assert command["HostIdentifier"] == host
    assert command["DeploymentExecutionId"].endswith("/d-AAAAAAAAA")
    assert len(command["DeploymentExecutionId"]) <= 129
    service.close()


def test_the_specification_comes_in_a_signed_envelope(service: Service, host: str, tmp_path: Path) -> None:
    service.offer()
    execution = poll(service, host)["DeploymentExecutionId"]
    found = service.client().get_deployment_specification(DeploymentExecutionId=execution, HostIdentifier=host)
    assert found["DeploymentSystem"] == "CodeDeploy"
    envelope = found["DeploymentSpecification"]["GenericEnvelope"]
    assert envelope["Format"] == "PKCS7/JSON"
    assert len(envelope["Payload"]) <= 8192
    certificate, message = tmp_path / "c.pem", tmp_path / "m.pem"
    certificate.write_bytes(service.endpoint.certificate_pem)
    message.write_text(envelope["Payload"])
    verify = ["openssl", "smime", "-verify", "-inform", "PEM", "-binary", "-purpose", "any"]
    done = subprocess.run([*verify, "-in", str(message), "-CAfile", str(certificate)], capture_output=True, check=True)
    assert json.loads(done.stdout) == SPECIFICATION


def test_an_acknowledged_command_is_in_progress_and_not_handed_out_again(service: Service, host: str) -> None:
    command = service.offer()
    id = poll(service, host)["HostCommandIdentifier"]
    client = service.client()
    diagnostics = {"Format": "JSON", "Payload": '{"IsCommandNoop":false}'}
    for _ in range(2):
        answer = client.put_host_command_acknowledgement(HostCommandIdentifier=id, Diagnostics=diagnostics)
        assert answer["CommandStatus"] == "InProgress"
    assert service.heard.begun == [command]
    assert post(service, "PollHostCommand", {"HostIdentifier": host}) == (200, {})


def test_an_old_agent_acknowledges_with_no_diagnostics(service: Service, host: str) -> None:
    service.offer()
    id = poll(service, host)["HostCommandIdentifier"]
    body = {"HostCommandIdentifier": id, "Diagnostics": None}
    assert post(service, "PutHostCommandAcknowledgement", body) == (200, {"CommandStatus": "InProgress"})


def test_the_first_completion_counts_and_the_second_is_answered_alike(service: Service, host: str) -> None:
    command = service.offer()
    id = poll(service, host)["HostCommandIdentifier"]
    for status, diagnostics in (("Failed", BAD), ("Succeeded", GOOD)):
        body = {"HostCommandIdentifier": id, "CommandStatus": status, "Diagnostics": diagnostics}
        assert post(service, "PutHostCommandComplete", body) == (200, {})
    first, second = service.heard.ended
    assert first[0] == second[0] == command
    assert (first[1].succeeded, first[1].error_code, first[1].script_name, first[1].log) == (False, 4, "a.sh", "oh")
    acknowledged = post(service, "PutHostCommandAcknowledgement", {"HostCommandIdentifier": id})
    assert acknowledged == (200, {"CommandStatus": "Failed"})


def test_a_command_that_failed_before_it_was_acknowledged_is_completed_all_the_same(
    service: Service, host: str
) -> None:
    service.offer()
    id = poll(service, host)["HostCommandIdentifier"]
    service.client().put_host_command_complete(HostCommandIdentifier=id, CommandStatus="Failed", Diagnostics=BAD)
    assert not service.heard.begun
    assert len(service.heard.ended) == 1
    assert post(service, "PollHostCommand", {"HostIdentifier": host}) == (200, {})


def test_a_host_has_one_outstanding_command_and_a_later_one_replaces_it(service: Service, host: str) -> None:
    service.offer(id="1.0")
    id = poll(service, host)["HostCommandIdentifier"]
    service.offer(id="2.0", name="ApplicationStart")
    assert poll(service, host)["CommandName"] == "ApplicationStart"
    # What was given up is not begun any more.
    answer = post(service, "PutHostCommandAcknowledgement", {"HostCommandIdentifier": id})
    assert answer == (200, {"CommandStatus": "Failed"})
    assert not service.heard.begun


def test_a_command_is_given_once(service: Service) -> None:
    service.offer()
    with pytest.raises(ValueError, match="already given"):
        service.offer()


def test_a_completion_of_a_command_that_was_given_up_is_still_told(service: Service, host: str) -> None:
    first = service.offer(id="1.0")
    id = poll(service, host)["HostCommandIdentifier"]
    service.client().put_host_command_acknowledgement(HostCommandIdentifier=id)
    service.offer(id="2.0")
    service.client().put_host_command_complete(HostCommandIdentifier=id, CommandStatus="Succeeded", Diagnostics=GOOD)
    assert [command for command, _ in service.heard.ended] == [first]


def test_the_target_of_agents_with_an_auth_policy_is_known(service: Service, host: str) -> None:
    target = "CodeDeployCommandService.PollHostCommand"
    assert post(service, "", {"HostIdentifier": host}, X_Amz_Target=target) == (200, {})


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("PollHostCommand", {"HostIdentifier": "arn:aws:ec2:us-east-1:1:instance/nobody"}, "ClientException"),
        ("PollHostCommand", {}, "ClientException"),
        ("PollHostCommand", "not json", "SerializationException"),
        ("PollHostCommand", "[]", "SerializationException"),
        ("Nothing", {}, "UnknownOperationException"),
        ("PutHostCommandComplete", {"HostCommandIdentifier": "x", "CommandStatus": "Failed"}, "ClientException"),
        ("PutHostCommandAcknowledgement", {"HostCommandIdentifier": 7}, "ClientException"),
    ],
)
def test_a_wrong_request_is_refused_with_a_reason(service: Service, operation: str, body: object, code: str) -> None:
    status, answer = post(service, operation, body)
    assert (status, answer["__type"]) == (400, code)
    assert answer["message"]


@pytest.mark.parametrize(
    "diagnostics", [{"Payload": "{"}, {"Payload": "[]"}, {"Payload": '{"error_code":"x"}'}, {"Payload": 3}]
)
def test_wrong_diagnostics_are_refused(service: Service, host: str, diagnostics: object) -> None:
    service.offer()
    id = poll(service, host)["HostCommandIdentifier"]
    body = {"HostCommandIdentifier": id, "CommandStatus": "Failed", "Diagnostics": diagnostics}
    status, answer = post(service, "PutHostCommandComplete", body)
    assert (status, answer["__type"]) == (400, "ClientException")
    assert not service.heard.ended


def test_a_status_that_is_no_end_is_refused(service: Service, host: str) -> None:
    service.offer()
    id = poll(service, host)["HostCommandIdentifier"]
    body = {"HostCommandIdentifier": id, "CommandStatus": "InProgress"}
    assert post(service, "PutHostCommandComplete", body)[0] == 400


def test_an_unknown_execution_is_refused(service: Service, host: str) -> None:
    with pytest.raises(ClientError) as refused:
        service.client().get_deployment_specification(
            DeploymentExecutionId="CodeDeploy/us-east-1/prod/d-ZZZZZZZZZ", HostIdentifier=host
        )
    assert refused.value.response["Error"]["Code"] == "ClientException"


def test_an_agent_of_somebody_else_is_not_let_in(service: Service, host: str) -> None:
    with pytest.raises(ClientError) as refused:
        service.client(aws_access_key_id="AKIAIOSFODNN7EXAMPLE").poll_host_command(HostIdentifier=host)
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


@pytest.mark.parametrize(
    ("minutes", "why"),
    [
        (120, "Signature not yet current: .* is still later than .* 5 min"),
        (-120, "Signature expired: .* is now earlier"),
    ],
)
def test_a_signature_is_good_for_five_minutes(service: Service, host: str, minutes: int, why: str) -> None:
    """User guide, "General troubleshooting issues": InvalidSignatureException – Signature expired."""
    service.offer()
    signed = stamp(datetime.now(UTC) + timedelta(minutes=minutes))
    status, answer = post(service, "PollHostCommand", {"HostIdentifier": host}, X_Amz_Date=signed)
    assert (status, answer["__type"]) == (400, "InvalidSignatureException")
    assert re.match(why, answer["message"])
    [(command, ahead_ms)] = service.heard.not_believed
    assert (command.name, round(ahead_ms / 60_000)) == ("Install", minutes)
    assert service.heard.polls == []


@pytest.mark.parametrize("minutes", [4.9, -4.9])
def test_within_five_minutes_a_clock_may_be_wrong(service: Service, host: str, minutes: float) -> None:
    signed = stamp(datetime.now(UTC) + timedelta(minutes=minutes))
    assert post(service, "PollHostCommand", {"HostIdentifier": host}, X_Amz_Date=signed) == (200, {})


def test_what_is_said_of_a_command_at_a_wrong_time_is_not_heard(service: Service, host: str) -> None:
    service.offer()
    slip = poll(service, host)["HostCommandIdentifier"]
    body = {"HostCommandIdentifier": slip, "CommandStatus": "Succeeded", "Diagnostics": GOOD}
    late = stamp(datetime.now(UTC) - timedelta(hours=1))
    assert post(service, "PutHostCommandComplete", body, X_Amz_Date=late)[0] == 400
    assert (len(service.heard.not_believed), service.heard.ended) == (1, [])
    assert post(service, "PutHostCommandComplete", body)[0] == 200
    assert len(service.heard.ended) == 1


def test_a_signature_without_a_date_is_refused(service: Service, host: str) -> None:
    status, answer = post(service, "PollHostCommand", {"HostIdentifier": host}, X_Amz_Date="yesterday")
    assert (status, answer["__type"]) == (400, "IncompleteSignatureException")
    assert "yesterday" in answer["message"]


def test_the_agents_self_check_is_answered(service: Service) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().status == 200


def test_an_update_tells_the_status(service: Service, host: str) -> None:
    service.offer()
    id = poll(service, host)["HostCommandIdentifier"]
    answer = service.client().post_host_command_update(HostCommandIdentifier=id)
    assert answer["CommandStatus"] == "Pending"
