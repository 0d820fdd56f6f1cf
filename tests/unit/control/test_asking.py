"""What is asked for: while the controller is down, out of a queue, twice alike; and runs that come to no end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from simulator.control.replay import replay
from simulator.control.result import Outcome, RunResult, RunStatus
from simulator.rollout.events import DeploymentCreated
from tests.support.rehearsals import Watcher, broken, run, scenario
from tests.unit.control.test_environments import passages, through

SLOW = {"deployment_config": "CodeDeployDefault.AllAtOnce", "deployment_option": "WITHOUT_TRAFFIC_CONTROL"}
DIES = {"name": "dies", "do": {"controller": "crash"}}


def hung(host: str, lasts: str = "4s", **when: Any) -> dict[str, Any]:
    """An agent that is away for a while once its host comes to ApplicationStop."""
    when = {"event": "ApplicationStop", "host": host, **when}
    return {"name": f"{host} hangs", "when": when, "do": {"agent": "stop"}, "for": lasts}


def deployments(result: RunResult) -> list[tuple[str, str, str]]:
    return [(r.deployment.group, r.deployment.revision, str(r.status)) for r in result.rollouts]


def replayed(told: Any, tmp_path: Path) -> RunResult:
    """The run, of which its journal tells the same."""
    result = run(told, journal=tmp_path / "journal")
    again = replay(tmp_path / "journal")
    assert (again.status, again.journal_sha256) == (result.status, result.journal_sha256)
    assert deployments(again) == deployments(result)
    return result


# -- while the controller is down ---------------------------------------------------------------------------------


def test_what_is_asked_for_while_the_controller_is_down_is_answered_when_it_is_back(tmp_path: Path) -> None:
    deploy = [{"revision": revision, "when": {"at": at}} for revision, at in (("v2", "2s"), ("v1", "3s"))]
    watcher = Watcher()
    told = scenario(deploy=deploy, faults=[{**DIES, "when": {"at": "1s"}, "for": "5s"}])
    result = run(told, journal=tmp_path / "journal", observers=(watcher,))
    assert deployments(result) == [("production", "v2", "Succeeded")]
    (created,) = (event for event, _ in watcher.seen if isinstance(event, DeploymentCreated))
    assert created.at_ms == 6_000
    assert [(event.at_ms, event.active) for event in result.not_created] == [(6_000, created.deployment.deployment_id)]
    assert deployments(replay(tmp_path / "journal")) == deployments(result)


def test_what_is_to_wait_waits_though_the_controller_was_down() -> None:
    deploy = [{"revision": "v2"}, {"revision": "v1", "when": {"at": "2s"}, "if_active": "queue"}]
    result = run(scenario(deploy=deploy, faults=[{**DIES, "when": {"at": "1s"}, "for": "5s"}]))
    assert deployments(result) == [("production", "v2", "Succeeded"), ("production", "v1", "Succeeded")]


def test_a_person_who_speaks_while_the_controller_is_down_is_heard_when_it_is_back() -> None:
    deploy = [{"revision": "v2", "when": {"at": "2s"}}]
    stop = [{"when": {"at": "3s"}, "do": "stop"}]
    result = run(scenario(deploy=deploy, operator=stop, faults=[{**DIES, "when": {"at": "1s"}, "for": "5s"}]))
    assert result.rollouts[0].status == "Stopped"
    assert not any("never came" in flag for flag in result.flags)


def test_a_second_death_in_the_moment_of_the_first_ones_end_keeps_what_waits() -> None:
    dies = [{**DIES, "name": f"dies {at}", "when": {"at": f"{at}s"}, "for": "2s"} for at in (1, 3)]
    result = run(scenario(deploy=[{"revision": "v2", "when": {"at": "2s"}}], faults=dies))
    assert deployments(result) == [("production", "v2", "Succeeded")]
    assert result.rollouts[0].started_ms == 5_000


# -- out of the queue -----------------------------------------------------------------------------------------------

QUEUED = [{"revision": "v1", "group": "test", "when": {"at": "0ms"}}, {"revision": "v2", "when": {"at": "100ms"}}]
THIRD = {"revisions": {name: f"web-{v}" for name, v in (("v1", "v1"), ("v2", "v2"), ("v3", "v2"))}}


@pytest.mark.parametrize("at", [None, "3500ms"])
def test_an_entrance_that_waits_for_its_group_is_remembered(at: str | None, tmp_path: Path) -> None:
    dies = [{**DIES, "when": {"at": at}, "for": "500ms"}] if at else []
    faults = [hung("test-1", deployment=1), *dies]
    result = replayed(through({"after": ["test"]}, deploy=QUEUED, faults=faults), tmp_path)
    assert result.not_created[0].queued
    assert result.not_created[0].at_ms < 3_500
    assert passages(result) == ["Succeeded"] * 3


def test_an_entrance_is_withdrawn_when_the_revision_is_replaced_meanwhile(tmp_path: Path) -> None:
    deploy = [*QUEUED, {"revision": "v3", "group": "dev", "when": {"at": "4s"}}]
    faults = [hung("test-1", "6s", deployment=1)]
    result = replayed(through({"after": ["test"]}, deploy=deploy, faults=faults, **THIRD), tmp_path)
    assert passages(result) == ["Succeeded", "Stopped", "Skipped"]
    assert result.promotions[0].why["test"].startswith("v2 stands in dev no more: ")
    assert [(event.queued, event.why) for event in result.not_created] == [
        (True, ""),
        (False, result.promotions[0].why["test"]),
    ]
    assert result.outcome is Outcome.STOPPED


def test_a_refusal_makes_room_for_what_waits_behind_it(tmp_path: Path) -> None:
    third = {"revision": "v3", "group": "test", "when": {"at": "50ms"}, "if_active": "queue"}
    told = through({"after": ["test"]}, deploy=[*QUEUED, third], faults=[hung("test-1", deployment=1)], **THIRD)
    result = replayed(told, tmp_path)
    assert [event.revision for event in result.not_created] == ["v3", "v2", "v3"]
    assert passages(result) == ["Succeeded"] * 3


def test_somebody_elses_deployment_of_the_revision_is_not_the_entrance() -> None:
    deploy = [{"revision": "v2", "group": "dev", "when": {"at": "0ms"}}, {"revision": "v2", "when": {"at": "100ms"}}]
    fails = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 1}}}
    result = run(through({"after": ["test"]}, deploy=deploy, faults=[fails]))
    assert result.rollouts[0].status == "Failed"
    assert passages(result) == ["Succeeded"] * 3


# -- twice alike ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("queues", [False, True])
def test_of_two_that_are_alike_the_one_is_answered_that_was_asked(queues: bool, tmp_path: Path) -> None:
    early = {"revision": "v1", "when": {"at": "1s"}, "if_active": "queue" if queues else "refuse"}
    result = replayed(scenario(deploy=[{"revision": "v2"}, {"revision": "v1"}, early]), tmp_path)
    assert [revision for _, revision, _ in deployments(result)] == ["v2", "v1", "v1"][: 2 + queues]
    assert [event.entry for event in result.not_created] == [3]
    assert not result.flags


def test_a_moment_is_one_moment_though_several_hosts_bring_it() -> None:
    once = {"revision": "v1", "when": {"event": "BeforeBlockTraffic"}}
    group = {"deployment_config": "CodeDeployDefault.AllAtOnce"}
    assert len(run(scenario(group=group, deploy=[{"revision": "v2"}, once])).not_created) == 1


def test_a_journal_from_before_the_numbers_is_replayed(tmp_path: Path) -> None:
    queued = {"revision": "v1", "when": {"at": "1s"}, "if_active": "queue"}
    result = run(scenario(balancer=None, deploy=[{"revision": "v2"}, queued]), journal=tmp_path / "journal")
    text = (tmp_path / "journal").read_text()
    for number in ("null", "1", "2"):
        text = text.replace(f',"entry":{number}', "")
    assert '"entry"' not in text
    (tmp_path / "old").write_text(text)
    again = replay(tmp_path / "old")
    assert again.status is RunStatus.COMPLETED
    assert deployments(again) == deployments(result)


# -- a controller that dies where there are no disks ----------------------------------------------------------------


def test_a_crash_after_a_rollback_on_ecs() -> None:
    died = run(ecs([{**DIES, "when": {"event": "Install", "deployment": 3}, "for": "1s"}]))
    whole = run(ecs([]))
    assert deployments(died) == deployments(whole)
    assert (died.status, died.outcome) == (RunStatus.COMPLETED, Outcome.SUCCEEDED)


def ecs(faults: list[dict[str, Any]]) -> Any:
    """v2 fails at its test traffic and is rolled back; v1 is deployed once more."""
    return scenario(
        fleet={"hosts": 2, "running": "v1"},
        revisions={name: {"bundle": f"ecs-{name}"} for name in ("v1", "v2")},
        functions={"visit-test-traffic": {"reports": "Failed"}, "say-all-is-well": {}},
        group={"compute_platform": "ECS", "auto_rollback": ["DEPLOYMENT_FAILURE"]},
        deploy=[{"revision": "v2"}, {"revision": "v1"}],
        limits={"start": "10s", "event": "30s"},
        faults=faults,
    )


# -- runs that come to no end ---------------------------------------------------------------------------------------


def test_a_run_in_which_nothing_more_comes_says_what_it_waits_for() -> None:
    told = scenario(balancer=None, faults=[{**DIES, "when": {"at": "1s"}, "for": "1s"}])
    for_good = tuple(fault.model_copy(update={"lasts": None}) for fault in told.faults)
    result = run(told.model_copy(update={"faults": for_good}))
    assert (result.status, result.outcome) == (RunStatus.STALLED, Outcome.INCONCLUSIVE)
    (flag,) = (flag for flag in result.flags if "the run waited" in flag)
    assert "the controller is down, and nothing brings it back" in flag
    assert f"{result.rollouts[0].deployment_id} (production, v2) is InProgress" in flag


FLAPS = {"name": "flaps", "where": {"revision": "v1"}, "do": {"health": {"flapping": {"up": "1ms", "down": "1ms"}}}}
PAUSES = {"strategy": {"steps": [{"setHosts": 1}, {"pause": {}}, {"setWeight": 100}]}}


@pytest.mark.parametrize(
    "parts",
    [
        {"faults": [FLAPS]},
        {"faults": [FLAPS, {**DIES, "when": {"at": "1s"}, "for": "240h"}]},
        {
            "group": {**PAUSES, "alarms": ["errors"]},
            "alarms": {"errors": {"metric": "error_rate", "above": "2%", "period": "1s", "datapoints": 2}},
        },
    ],
    ids=["while-nothing-is-journalled", "while-the-controller-is-down", "while-an-alarm-is-asked"],
)
def test_the_time_limit_ends_what_hangs(parts: dict[str, Any]) -> None:
    told = scenario(**{"group": PAUSES, "limits": {"start": "10s", "event": "30s", "deployment": "720h"}, **parts})
    began_s = time.monotonic()
    result = run(told, time_limit_ms=1_000, observers=())
    assert result.status is RunStatus.ABORTED
    assert time.monotonic() - began_s < 20
    assert not broken(result)
