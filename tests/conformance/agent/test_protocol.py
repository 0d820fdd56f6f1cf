"""The wire protocol, sentence by sentence, against a real HTTP service."""

from __future__ import annotations

import json
import time

import pytest

from fleet.agent.client import Client
from fleet.agent.config import load_config
from fleet.agent.protocol import ServiceAway, succeeded
from tests.conformance.agent.host import GROUP, IDENTIFIER, Host
from tests.conformance.agent.service import CommandService, Signer

APPSPEC = "version: 0.0\nos: linux\n"
HOOK = "hooks:\n  BeforeInstall:\n    - location: run.sh\n"


def test_requests_are_signed_json_for_the_command_service(host: Host) -> None:
    call = host.service.wait_for("PollHostCommand")[0]
    assert call.body == {"HostIdentifier": IDENTIFIER}
    assert call.headers["content-type"] == "application/x-amz-json-1.1"
    assert call.headers["x-amz-target"] == "CodeDeployCommandService_v20141006.PollHostCommand"
    assert "/eu-west-1/codedeploy-commands/aws4_request" in call.headers["authorization"]
    assert call.headers["x-amz-codedeploy-agent-version"] == "UNKNOWN_VERSION"


def test_the_version_comes_from_the_file_beside_the_root(idle_host: Host) -> None:
    (idle_host.folder / ".version").write_text("OFFICIAL_1.8.0-17_deb\n")
    idle_host.start()
    call = idle_host.service.wait_for("PollHostCommand")[0]
    assert call.headers["x-amz-codedeploy-agent-version"] == "OFFICIAL_1.8.0-17_deb"
    idle_host.stop()


def test_the_sequence_of_a_command(host: Host) -> None:
    spec = host.specification("d-1", host.bundle(APPSPEC))
    assert host.do("DownloadBundle", spec)["status"] == "Succeeded"
    about = [op for op in host.service.operations() if op != "PollHostCommand"]
    assert about == ["GetDeploymentSpecification", "PutHostCommandAcknowledgement", "PutHostCommandComplete"]


def test_a_success_has_code_0_and_no_log(host: Host) -> None:
    result = host.do("DownloadBundle", host.specification("d-1", host.bundle(APPSPEC)))
    assert result == {
        "status": "Succeeded",
        "error_code": 0,
        "script_name": "",
        "message": "Succeeded",
        "log": "",
    }


@pytest.mark.parametrize(("event", "noop"), [("BeforeInstall", False), ("AfterInstall", True), ("Install", False)])
def test_the_acknowledgement_says_whether_there_is_anything_to_do(host: Host, event: str, noop: bool) -> None:
    spec = host.specification("d-1", host.bundle(APPSPEC + HOOK, {"run.sh": "#!/bin/sh\n"}))
    host.do("DownloadBundle", spec)
    command = host.send(event, host.announce(spec))
    assert host.result(command)["status"] == "Succeeded"
    call = host.service.wait_for("PutHostCommandAcknowledgement", command=command)[0]
    assert call.body["Diagnostics"]["Format"] == "JSON"
    assert json.loads(call.body["Diagnostics"]["Payload"]) == {"IsCommandNoop": noop}


@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_a_command_that_is_over_by_now_is_skipped(host: Host, status: str) -> None:
    spec = host.specification("d-1", host.bundle(APPSPEC))
    host.service.acknowledgement = {"CommandStatus": status}
    skipped = host.send("DownloadBundle", host.announce(spec))
    host.service.wait_for("PutHostCommandAcknowledgement", command=skipped)
    host.service.acknowledgement = {"CommandStatus": "Pending"}
    host.do("DownloadBundle", host.specification("d-2", host.bundle(APPSPEC)))
    assert not host.place("d-1").archive.exists()
    completed = host.service.wait_for("PutHostCommandComplete")
    assert [call.body["HostCommandIdentifier"] for call in completed] != [skipped]


def test_a_no_op_that_the_service_has_as_failed_is_completed_all_the_same(host: Host) -> None:
    spec = host.specification("d-1", host.bundle(APPSPEC))
    host.do("DownloadBundle", spec)
    host.service.acknowledgement = {"CommandStatus": "Failed"}
    result = host.do("AfterInstall", spec)
    assert (result["status"], result["message"]) == ("Succeeded", "CompletedNoopCommand")


def test_an_acknowledgement_without_a_status_means_go_on(host: Host) -> None:
    host.service.acknowledgement = {}
    assert host.do("DownloadBundle", host.specification("d-1", host.bundle(APPSPEC)))["status"] == "Succeeded"


def test_a_parse_error_is_completed_without_an_acknowledgement(host: Host) -> None:
    spec = host.specification("d-1", host.bundle("version: 0.1\nos: linux\n"))
    host.do("DownloadBundle", spec)
    command = host.send("BeforeInstall", host.announce(spec))
    result = host.result(command)
    assert (result["status"], result["error_code"]) == ("Failed", 5)
    assert "line 1" in result["message"]
    acknowledged = host.service.wait_for("PutHostCommandAcknowledgement")
    assert command not in [call.body["HostCommandIdentifier"] for call in acknowledged]


def test_a_missing_appspec_surfaces_at_before_install(host: Host) -> None:
    spec = host.specification("d-1", host.bundle(None, {"web/appspec.yml": APPSPEC, "web/a": "", "b": ""}))
    result = host.deploy(spec, "DownloadBundle", "BeforeInstall")
    assert (result["event"], result["error_code"]) == ("BeforeInstall", 5)
    assert "`appspec.yml`" in result["message"]
    assert str(host.place("d-1").archive) in result["message"]
    assert "web/appspec.yml" in result["message"]


def test_a_failure_is_completed_once(host: Host) -> None:
    spec = host.specification("d-1", host.bundle(APPSPEC + HOOK, {"run.sh": "#!/bin/sh\nexit 9\n"}))
    host.do("DownloadBundle", spec)
    failing = host.send("BeforeInstall", host.announce(spec))
    assert host.result(failing)["error_code"] == 4
    host.do("AfterInstall", spec)
    assert len(host.service.wait_for("PutHostCommandComplete", command=failing)) == 1


def test_an_unknown_command_is_refused_by_name(host: Host) -> None:
    result = host.do("Reboot", host.specification("d-1", host.bundle(APPSPEC)))
    assert (result["status"], result["error_code"]) == ("Failed", 5)
    assert result["message"].startswith("Unsupported command type: Reboot.")


def test_a_specification_for_another_system_is_refused(host: Host) -> None:
    host.service.system = "Elsewhere"
    result = host.do("DownloadBundle", host.specification("d-1", host.bundle(APPSPEC)))
    assert result["error_code"] == 5
    assert "Elsewhere" in result["message"]


def test_a_command_for_another_host_is_not_carried_out(host: Host) -> None:
    execution = host.announce(host.specification("d-1", host.bundle(APPSPEC)))
    host.send("DownloadBundle", execution, HostIdentifier="arn:aws:iam::1:user/other")
    own = host.send("DownloadBundle", execution)
    assert host.result(own)["status"] == "Succeeded"
    assert len(host.service.wait_for("PutHostCommandComplete")) == 1


def test_the_identifier_in_the_reply_may_be_a_part_of_the_hosts_own(host: Host) -> None:
    execution = host.announce(host.specification("d-1", host.bundle(APPSPEC)))
    command = host.send("DownloadBundle", execution, HostIdentifier="user/host-1")
    assert host.result(command)["status"] == "Succeeded"


def test_a_changed_payload_is_refused(host: Host) -> None:
    execution = host.announce(host.specification("d-1", host.bundle(APPSPEC)))
    envelope = host.service.envelopes[execution]
    lines = envelope["Payload"].splitlines()
    middle = len(lines) // 3
    lines[middle] = lines[middle][:-1] + ("A" if lines[middle][-1] != "A" else "B")
    envelope["Payload"] = "\n".join(lines) + "\n"
    result = host.result(host.send("DownloadBundle", execution))
    assert (result["status"], result["error_code"]) == ("Failed", 5)
    assert not host.place("d-1").root.exists()


def test_a_payload_that_another_key_signed_is_refused(host: Host) -> None:
    execution = host.announce(host.specification("d-1", host.bundle(APPSPEC)))
    content = json.dumps(host.specification("d-1")).encode()
    host.service.envelopes[execution]["Payload"] = Signer().sign(content)
    result = host.result(host.send("DownloadBundle", execution))
    assert result["error_code"] == 5
    assert "pinned certificate" in result["message"]


def test_an_unsigned_specification_is_refused(host: Host) -> None:
    result = host.do("DownloadBundle", host.specification("d-1"), form="TEXT/JSON")
    assert result["error_code"] == 5
    assert "developer mode" in result["message"]


def test_an_unsigned_specification_is_read_in_developer_mode(idle_host: Host) -> None:
    idle_host.settings["developer_mode"] = True
    idle_host.start()
    spec = idle_host.specification("d-1", idle_host.bundle(APPSPEC))
    assert idle_host.do("DownloadBundle", spec, form="TEXT/JSON")["status"] == "Succeeded"
    idle_host.stop()


def test_an_unknown_format_is_refused(host: Host) -> None:
    result = host.do("DownloadBundle", host.specification("d-1"), form="YAML")
    assert "`YAML`" in result["message"]


def test_each_missing_field_is_named(host: Host) -> None:
    spec = host.specification("d-1", host.bundle(APPSPEC))
    del spec["ApplicationName"]
    assert "ApplicationName" in host.do("DownloadBundle", spec)["message"]


def test_the_last_part_of_an_arn_is_the_deployment(host: Host) -> None:
    arn = "arn:aws:codedeploy:eu-west-1:123456789012:deployment/d-77"
    assert host.do("DownloadBundle", host.specification(arn, host.bundle(APPSPEC)))["status"] == "Succeeded"
    assert host.place("d-77").archive.is_dir()
    assert (host.root / GROUP).is_dir()


def test_polling_survives_a_failing_endpoint(host: Host) -> None:
    error = {"__type": "AccessDeniedException", "message": "no"}
    host.service.failures["PollHostCommand"] = [(400, error), (500, {}), (503, {})]
    assert host.do("DownloadBundle", host.specification("d-1", host.bundle(APPSPEC)))["status"] == "Succeeded"
    # The first command arrives by the poll that was held; the next needs those that fail first.
    assert host.do("DownloadBundle", host.specification("d-2", host.bundle(APPSPEC)))["status"] == "Succeeded"
    assert host.service.failures["PollHostCommand"] == []


def test_polling_survives_an_endpoint_that_is_away(idle_host: Host) -> None:
    port = idle_host.service.port
    idle_host.service.close()
    idle_host.start()
    idle_host.service = CommandService(port=port)
    try:
        spec = idle_host.specification("d-1", idle_host.bundle(APPSPEC))
        assert idle_host.do("DownloadBundle", spec)["status"] == "Succeeded"
    finally:
        idle_host.stop()
        idle_host.service.close()


@pytest.mark.parametrize("operation", ["GetDeploymentSpecification", "PutHostCommandAcknowledgement"])
def test_a_service_that_fails_in_the_middle_of_an_event_loses_nothing(host: Host, operation: str) -> None:
    host.service.failures[operation] = [(503, {})] * 5
    spec = host.specification("d-1", host.bundle(APPSPEC))
    assert host.do("DownloadBundle", spec)["status"] == "Succeeded"
    assert len(host.service.wait_for(operation)) == 6


def test_a_refused_connection_is_a_service_that_is_away_and_no_refusal(idle_host: Host) -> None:
    """What is away is waited for, in the middle of an event too; what refuses is believed."""
    client = Client(load_config(idle_host.config_file(), {}), "1")
    idle_host.service.close()
    with pytest.raises(ServiceAway, match="does not answer"):
        client.complete("command-1", succeeded())


@pytest.mark.parametrize(
    "operation", ["GetDeploymentSpecification", "PutHostCommandAcknowledgement", "PutHostCommandComplete"]
)
def test_a_signature_that_is_not_believed_may_be_believed_once_the_clock_is_right(host: Host, operation: str) -> None:
    expired = {"__type": "InvalidSignatureException", "message": "Signature expired"}
    host.service.failures[operation] = [(400, expired)] * 3
    command = host.send("DownloadBundle", host.announce(host.specification("d-1", host.bundle(APPSPEC))))
    count = 4 if operation == "PutHostCommandComplete" else 1
    calls = host.service.wait_for("PutHostCommandComplete", command=command, count=count)
    assert {call.body["CommandStatus"] for call in calls} == {"Succeeded"}


def test_a_service_that_refuses_the_acknowledgement_is_believed(host: Host) -> None:
    refusal = {"__type": "ClientException", "message": "no such command"}
    host.service.failures["PutHostCommandAcknowledgement"] = [(400, refusal)]
    result = host.do("DownloadBundle", host.specification("d-1", host.bundle(APPSPEC)))
    assert (result["status"], result["error_code"]) == ("Failed", 5)
    assert "no such command" in result["message"]
    assert not host.place("d-1").archive.exists()


def test_a_completion_is_repeated_until_the_service_takes_it(host: Host) -> None:
    host.service.failures["PutHostCommandComplete"] = [(500, {})] * 5
    spec = host.specification("d-1", host.bundle(APPSPEC))
    command = host.send("DownloadBundle", host.announce(spec))
    calls = host.service.wait_for("PutHostCommandComplete", command=command, count=6)
    assert {call.body["CommandStatus"] for call in calls} == {"Succeeded"}
    assert host.do("Install", spec)["status"] == "Succeeded"


def test_polling_goes_on_while_a_command_runs(host: Host) -> None:
    pipe = host.folder / "gate"
    script = f"#!/bin/sh\nwhile [ ! -e {pipe} ]; do sleep 0.02; done\n"
    spec = host.specification("d-1", host.bundle(APPSPEC + HOOK, {"run.sh": script}))
    host.do("DownloadBundle", spec)
    waiting = host.send("BeforeInstall", host.announce(spec))
    host.service.wait_for("PutHostCommandAcknowledgement", command=waiting)
    assert host.do("DownloadBundle", host.specification("d-2", host.bundle(APPSPEC)))["status"] == "Succeeded"
    pipe.touch()
    assert host.result(waiting)["status"] == "Succeeded"


def test_a_command_that_comes_twice_while_in_hand_is_done_once(host: Host) -> None:
    gate, count = host.folder / "gate", host.folder / "count"
    script = f"#!/bin/sh\necho x >> {count}\nwhile [ ! -e {gate} ]; do sleep 0.02; done\n"
    spec = host.specification("d-1", host.bundle(APPSPEC + HOOK, {"run.sh": script}))
    host.do("DownloadBundle", spec)
    execution = host.announce(spec)
    command = host.send("BeforeInstall", execution, HostCommandIdentifier="twice")
    host.service.wait_for("PutHostCommandAcknowledgement", command=command)
    host.send("BeforeInstall", execution, HostCommandIdentifier="twice")
    host.do("DownloadBundle", host.specification("d-2", host.bundle(APPSPEC)))
    gate.touch()
    host.result(command)
    assert count.read_text() == "x\n"


def test_an_event_costs_little_beyond_its_script(host: Host) -> None:
    """At most 50 ms an event, the start of an empty script and the service's own time included."""
    events = ("ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService")
    hooks = "hooks:\n" + "".join(f"  {event}:\n    - location: run.sh\n" for event in events)
    spec = host.specification("d-1", host.bundle(APPSPEC + hooks, {"run.sh": "#!/bin/sh\n"}))
    host.deploy(spec)
    taken = []
    for event in events:
        started = time.monotonic()
        host.do(event, spec)
        taken.append(time.monotonic() - started)
    assert min(taken) < 0.05
