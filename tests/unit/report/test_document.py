from __future__ import annotations

import json

from simulator.control.result import Finding
from simulator.report.document import decision_object, document, dumps, event_object
from tests.unit.report.plays import play, result, start_fails

KEYS = [
    *("scenario", "fleet", "seed", "version", "scenario_sha256", "journal_sha256", "status", "outcome"),
    *("deployments", "in_service_min", "in_service_required", "availability", "requests", "duration_ms"),
    *("expectations", "invariants", "replay"),
]


def test_it_has_exactly_the_promised_keys() -> None:
    found = document(result(start_fails, expectations=(Finding("outcome is rolled_back", True, "it is"),)))
    assert list(found) == KEYS
    deployment = found["deployments"][0]
    assert list(deployment) == [
        *("deployment_id", "revision", "strategy", "creator", "status", "error", "rollback_of"),
        "hosts",
    ]
    assert set(deployment["error"]) == {"code", "message"}
    host = deployment["hosts"]["h1"]
    assert list(host) == ["status", "revision", "events"]
    assert list(host["events"][0]) == ["name", "status", "started_ms", "ended_ms", "diagnostics"]
    assert list(found["requests"]) == ["total", "failed", "by_revision"]
    assert list(found["expectations"][0]) == ["text", "held", "why"]
    assert list(found["invariants"][0]) == ["name", "held", "why"]


def test_it_says_what_happened() -> None:
    found = document(result(start_fails))
    first, second = found["deployments"]
    assert (first["revision"], first["creator"], first["status"]) == ("v2", "user", "Failed")
    assert (second["revision"], second["creator"], second["status"]) == ("v1", "codeDeployRollback", "Succeeded")
    assert second["rollback_of"] == first["deployment_id"]
    failed = [event for event in first["hosts"]["h1"]["events"] if event["status"] == "Failed"]
    assert [event["diagnostics"]["error_code"] for event in failed] == ["ScriptFailed"]
    assert found["availability"] == 0.999
    assert found["requests"] == {"total": 1000, "failed": 1, "by_revision": {"v1": 700, "v2": 299}}


def test_an_event_under_way_has_no_end() -> None:
    rollouts, _ = play(steps_max=3)
    from simulator.report.document import _host

    host = _host(next(h for h in rollouts[0].hosts.values() if h.event))
    assert host["events"][-1] == {
        "name": "AfterBlockTraffic",
        "status": "Pending",
        "started_ms": None,
        "ended_ms": None,
        "diagnostics": None,
    }


def test_json_text_is_one_object_either_way() -> None:
    found = document(result())
    assert json.loads(dumps(found)) == json.loads(dumps(found, indent=False)) == found
    assert dumps(found, indent=False).count("\n") == 1
    assert dumps(found).endswith("}\n")


def test_events_and_decisions_are_objects_of_their_kind() -> None:
    seen: list[dict[str, object]] = []

    def watch(event, commands, rollout):  # type: ignore[no-untyped-def]
        seen.append(event_object(event))
        seen.extend(decision_object(command, event.at_ms) for command in commands)

    play(observers=[watch])
    assert seen[0]["event"] == "DeploymentCreated"
    start = next(line for line in seen if line.get("trigger") == "DeploymentStart")
    assert start["decision"] == "Notify"
    assert start["decided_ms"] == 0
    assert seen[-1]["decision"] == "Finish"
