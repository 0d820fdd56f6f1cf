"""ECS and Lambda on the virtual fleet: who answers the users, what a fault does, what a service refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.base import FleetError
from scenarios.model import Scenario
from simulator.control.replay import replay
from simulator.control.result import Outcome, RunResult
from simulator.rollout.events import HealthCheckReported, RevisionRefused
from simulator.rollout.statuses import ErrorCode
from tests.support.rehearsals import BUNDLES, Watcher, broken, run
from tests.support.services import aws_lambda, ecs, revision

TURNS_BAD = {"when": {"status": "Baking"}, "do": {"health": {"status": 500}}}


def shares(result: RunResult) -> dict[str, int]:
    assert result.traffic is not None
    return dict(result.traffic.by_revision)


def error(result: RunResult) -> tuple[ErrorCode, str]:
    found = result.rollouts[0].error
    assert found is not None
    return found.code, found.message


def test_a_tenth_of_the_users_meets_the_replacement_while_it_bakes() -> None:
    watcher = Watcher()
    result = run(ecs(), 3, observers=[watcher])
    shifted = [e.at_ms for e, commands in watcher.seen if any(type(c).__name__ == "ShiftTraffic" for c in commands)]
    rate, bake_s = 20, 5
    ended_ms = watcher.seen[-1][0].at_ms
    whole = (ended_ms - shifted[1]) * rate / 1000
    assert result.outcome is Outcome.SUCCEEDED
    assert shares(result)["v2"] == pytest.approx(whole + rate * bake_s / 10, abs=1)
    assert result.traffic is not None
    assert result.traffic.failed == 0


def test_the_same_seed_gives_the_same_journal(tmp_path: Path) -> None:
    first, again = (run(ecs(), 5, tmp_path / name) for name in ("a", "b"))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert first.journal_sha256 == again.journal_sha256
    assert run(ecs(), 6).journal_sha256 != first.journal_sha256


def test_a_journal_is_folded_again(tmp_path: Path) -> None:
    result = run(aws_lambda(), 5, tmp_path / "journal")
    again = replay(tmp_path / "journal")
    assert (again.outcome, again.journal_sha256) == (result.outcome, result.journal_sha256)
    assert json.loads((tmp_path / "journal").read_bytes().splitlines()[0])["scenario"]["application"] == "greeting"


def test_a_replacement_that_turns_unhealthy_in_its_bake_is_undone() -> None:
    result = run(ecs(faults=[{**TURNS_BAD, "where": {"revision": "v2"}}]))
    code, message = error(result)
    assert (result.outcome, code) == (Outcome.ROLLED_BACK, ErrorCode.ECS_UPDATE_ERROR)
    assert "the replacement task set of web was steady and is unhealthy now" in message
    assert result.rollouts[-1].aftermath[0].revision == "v1"
    assert result.traffic is not None
    assert result.traffic.failed == 0  # users ask for another page than the health check
    assert broken(result) == []


def test_of_a_fault_in_the_original_task_set_no_deployment_hears() -> None:
    result = run(ecs(faults=[{**TURNS_BAD, "where": {"revision": "v1"}}]))
    assert result.outcome is Outcome.SUCCEEDED
    assert result.in_service_min == 2


def test_a_fault_that_is_there_before_strikes_new_tasks_too() -> None:
    result = run(ecs(faults=[{"when": {"at": "0s"}, "where": {"revision": "v2"}, "do": {"health": {"status": 503}}}]))
    assert error(result)[0] is ErrorCode.ECS_UPDATE_ERROR
    assert "answered 503" in error(result)[1]


def test_a_fault_that_is_healed_in_time_fails_nothing() -> None:
    fault = {"when": {"at": "0s"}, "for": "8s", "where": {"revision": "v2"}, "do": {"health": {"status": 503}}}
    assert run(ecs(faults=[fault])).outcome is Outcome.SUCCEEDED


def test_a_fault_comes_with_the_nth_shift() -> None:
    fault = {
        "when": {"event": "AllowTraffic", "nth": 2},
        "where": {"revision": "v2"},
        "do": {"health": {"status": 500}},
    }
    result = run(ecs(faults=[fault], group={"deployment_config": {"linear": {"percent": 50, "every": "5s"}}}))
    assert [change.active for change in result.faults] == [True]


def test_a_fault_comes_with_a_share_of_the_traffic_or_with_a_request() -> None:
    weight = {"when": {"weight": 100}, "where": {"revision": "v2"}, "do": {"health": {"status": 500}}}
    request = {"when": {"request": 100}, "where": {"revision": "v1"}, "do": {"health": {"slow": "10ms"}}}
    watcher = Watcher()
    result = run(ecs(faults=[weight, request]), observers=[watcher])
    struck = {change.fault: change.at_ms for change in result.faults}
    shifted = [e.at_ms for e, commands in watcher.seen if any(type(c).__name__ == "ShiftTraffic" for c in commands)]
    assert struck == {"health 500": shifted[-1], "health slow 10ms": 5_000}


def test_a_health_check_that_flaps_is_seen_in_turn() -> None:
    flapping = {"up": "3s", "down": "3s", "status": 503}
    fault = {"when": {"at": "0s"}, "where": {"revision": "v2"}, "do": {"health": {"flapping": flapping}}}
    watcher = Watcher()
    result = run(ecs(faults=[fault]), observers=[watcher])
    seen = [event.seen for event, _ in watcher.seen if isinstance(event, HealthCheckReported)]
    assert seen[:3] == ["503", "200", "503"]  # not steady, steady, and sick in its bake
    assert error(result)[0] is ErrorCode.ECS_UPDATE_ERROR
    assert result.outcome is Outcome.ROLLED_BACK


@pytest.mark.parametrize("made", [ecs, aws_lambda])
@pytest.mark.parametrize(("event", "times"), [("BeforeAllowTraffic", 1), ("AllowTraffic", 2), ("AfterAllowTraffic", 1)])
def test_a_controller_that_dies_ends_where_it_would_have_ended(
    made: Callable[..., Scenario], event: str, times: int
) -> None:
    crash = {"when": {"event": event}, "do": {"controller": "crash"}, "for": "2s"}
    well, again = run(made(), 3), run(made(faults=[crash]), 3)
    assert [change.active for change in again.faults] == [True, False] * times  # as often as traffic is shifted
    assert again.outcome is well.outcome is Outcome.SUCCEEDED
    ended = [[record.name for record in host.records] for host in again.rollouts[0].hosts.values()]
    assert ended == [[record.name for record in host.records] for host in well.rollouts[0].hosts.values()]
    assert broken(again) == []


def test_a_second_deployment_of_a_service_waits_for_the_first() -> None:
    again = {"revision": "v3", "when": {"status": "Baking", "deployment": 1}, "if_active": "queue"}
    revisions = {"v1": revision("ecs-v1"), "v2": revision("ecs-v2"), "v3": revision("ecs-v2")}
    result = run(ecs(revisions=revisions, deploy=[{"revision": "v2"}, again]))
    assert [str(rollout.status) for rollout in result.rollouts] == ["Succeeded", "Succeeded"]
    assert [refused.queued for refused in result.not_created] == [True]
    assert result.rollouts[-1].aftermath[0].revision == "v3"


def test_nobody_asks_a_function_for_its_health() -> None:
    parts: dict[str, Any] = {"faults": [{**TURNS_BAD, "where": {"revision": "v2"}}]}
    parts["balancer"] = {"health_check": {"path": "/", "interval": "500ms", "timeout": "400ms"}}
    result = run(aws_lambda(**parts))
    assert result.outcome is Outcome.SUCCEEDED
    assert result.traffic is not None
    assert result.traffic.failed > 0


def test_an_alarm_notices_what_nobody_checks() -> None:
    bad = {"bundle": str(BUNDLES / "lambda-v2-errors"), "behaves": {"answers": {"/": 500}}}
    result = run(
        aws_lambda(
            revisions={"v1": str(BUNDLES / "lambda-v1"), "v2": bad},
            functions={},
            group={"alarms": ["errors"]},
            alarms={"errors": {"metric": "error_rate", "above": "10%", "period": "1s"}},
        )
    )
    assert (result.outcome, error(result)[0]) == (Outcome.ROLLED_BACK, ErrorCode.ALARM_ACTIVE)


@pytest.mark.parametrize(
    ("function", "words"),
    [({"reports": "Failed", "lasts": "1s"}, "reported Failed"), ({"never": True}, "neither Succeeded nor Failed")],
)
def test_a_hook_that_does_not_report_success_fails_the_deployment(function: dict[str, Any], words: str) -> None:
    result = run(ecs(functions={"visit-test-traffic": function, "say-all-is-well": {}}))
    assert (result.outcome, error(result)[0]) == (Outcome.ROLLED_BACK, ErrorCode.HOOK_EXECUTION_FAILURE)
    assert words in error(result)[1]
    assert shares(result) == {"v1": result.traffic.total if result.traffic else 0}


def test_a_function_that_does_not_exist_fails_the_hook_at_once() -> None:
    result = run(ecs(functions={}))
    assert "no function is called visit-test-traffic" in error(result)[1]


def test_after_a_failure_without_a_rollback_the_next_deployment_ends_what_was_left() -> None:
    functions = {"visit-test-traffic": {"reports": "Failed"}, "say-all-is-well": {}}
    revisions = {"v1": revision("ecs-v1"), "v2": revision("ecs-v2"), "v3": revision("ecs-v1")}
    deploys = [{"revision": "v2"}, {"revision": "v3"}]
    result = run(ecs(functions=functions, revisions=revisions, deploy=deploys, group={"auto_rollback": []}))
    assert [str(rollout.status) for rollout in result.rollouts] == ["Failed", "Succeeded"]
    assert "v2" not in shares(result)


def test_the_original_task_set_can_be_kept() -> None:
    strategy = {"blue-green": {"terminate_blue": {"action": "KEEP_ALIVE"}}}
    result = run(ecs(group={"strategy": strategy}))
    assert result.outcome is Outcome.SUCCEEDED
    assert result.in_service_min == 2


# -- what a service refuses -------------------------------------------------------------------------------------------


def written(tmp_path: Path, name: str, bundle: str, *changes: tuple[str, str]) -> str:
    """A bundle of the library, changed."""
    directory = tmp_path / name
    directory.mkdir()
    for file in (BUNDLES / bundle).iterdir():
        if file.is_file():
            text = file.read_text()
            for old, new in changes if file.name.startswith("appspec") else ():
                assert old in text
                text = text.replace(old, new)
            (directory / file.name).write_text(text)
    return str(directory)


def refused(scenario: Scenario) -> tuple[ErrorCode, str]:
    watcher = Watcher()
    result = run(scenario, observers=[watcher])
    assert isinstance(watcher.seen[0][0], RevisionRefused)
    assert result.outcome is Outcome.FAILED
    assert [str(host.status) for host in result.rollouts[0].hosts.values()] == ["Skipped"]
    assert broken(result) == []
    return error(result)


def test_a_revision_of_another_platform_is_invalid() -> None:
    revisions = {"v1": revision("ecs-v1"), "v2": revision("web-v2")}
    code, message = refused(ecs(revisions=revisions))
    assert code is ErrorCode.INVALID_REVISION
    assert "this file is for servers (`os`), and ECS needs `Resources`" in message


def test_a_revision_without_an_appspec_is_invalid(tmp_path: Path) -> None:
    (tmp_path / "index.html").touch()
    code, message = refused(ecs(revisions={"v1": revision("ecs-v1"), "v2": {"bundle": str(tmp_path)}}))
    assert (code, message) == (
        ErrorCode.INVALID_REVISION,
        "v2: its bundle has no appspec.yml at its top; it holds index.html",
    )


def test_a_port_that_the_target_groups_do_not_know_is_no_service(tmp_path: Path) -> None:
    bundle = written(tmp_path, "v2", "ecs-v2", ("8080", "9090"))
    code, message = refused(ecs(revisions={"v1": revision("ecs-v1"), "v2": {"bundle": bundle}}))
    assert code is ErrorCode.INVALID_ECS_SERVICE
    assert "port 9090 of shop" in message
    assert "8080" in message


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ((('Name": "greeting"', 'Name": "parting"'),), ErrorCode.INVALID_LAMBDA_FUNCTION, "parting:live"),
        (
            (('CurrentVersion": "1"', 'CurrentVersion": "7"'),),
            ErrorCode.INVALID_LAMBDA_CONFIGURATION,
            "points to 1 (v1)",
        ),
    ],
)
def test_a_function_that_is_another_is_refused(
    tmp_path: Path, changes: tuple[tuple[str, str], ...], code: ErrorCode, words: str
) -> None:
    bundle = written(tmp_path, "v2", "lambda-v2", *changes)
    found, message = refused(aws_lambda(revisions={"v1": str(BUNDLES / "lambda-v1"), "v2": bundle}))
    assert found is code
    assert words in message


def test_a_service_cannot_run_what_could_not_be_deployed(tmp_path: Path) -> None:
    bundle = written(tmp_path, "v1", "ecs-v1", ("Resources", "Ressources"))
    with pytest.raises(FleetError, match="the fleet is to run v1 before the rehearsal begins"):
        run(ecs(revisions={"v1": {"bundle": bundle}, "v2": revision("ecs-v2")}))


@pytest.mark.parametrize("made", [ecs, aws_lambda])
@pytest.mark.parametrize("reports", ["Succeeded", "Failed"])
def test_nobody_is_told_of_instances_where_there_are_none(made: Callable[..., Scenario], reports: str) -> None:
    functions = {name: {"reports": reports} for name in ("visit-test-traffic", "say-all-is-well")}
    told = [notify.trigger for notify in run(made(functions=functions)).notifications]
    assert told[0] == "DeploymentStart"
    assert [trigger for trigger in told if trigger.startswith("Instance")] == []
