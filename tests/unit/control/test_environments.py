"""Whole runs through environments: gates, people, refusals, replays; and mistakes in writing them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios.loader import ScenarioError
from simulator.control.replay import replay
from simulator.control.result import Outcome, RunResult, RunStatus
from tests.support.rehearsals import run, scenario

HOSTS = [{"name": f"{env}-1", "tags": {"env": env}} for env in ("dev", "test", "prod")]
GROUPS = [
    {
        "name": env,
        "ec2_tag_filters": [{"key": "env", "value": env}],
        "deployment_config": "CodeDeployDefault.AllAtOnce",
        "deployment_option": "WITHOUT_TRAFFIC_CONTROL",
        "auto_rollback": ["DEPLOYMENT_FAILURE"],
    }
    for env in ("dev", "test", "prod")
]
ASKS = {"after": ["test"], "gate": {"approval": {"wait_time": "1m"}}}
YES = {"when": {"gate": "prod"}, "do": "continue"}


def through(prod: dict[str, Any] = ASKS, **parts: Any) -> Any:
    return scenario(
        **{
            "fleet": {"hosts": HOSTS, "running": "v1"},
            "group": None,
            "groups": GROUPS,
            "environments": {"dev": {}, "test": {"after": ["dev"]}, "prod": prod},
            **parts,
        }
    )


def passages(result: RunResult, number: int = -1) -> list[str]:
    return [str(passage) for passage in result.promotions[number].passage.values()]


def test_a_person_opens_the_gate(tmp_path: Path) -> None:
    result = run(through(operator=[YES]), journal=tmp_path / "journal")
    assert passages(result) == ["Succeeded"] * 3
    assert not result.by_hand
    assert [rollout.deployment.group for rollout in result.rollouts] == ["dev", "test", "prod"]
    again = replay(tmp_path / "journal")
    assert (again.status, again.journal_sha256) == (RunStatus.COMPLETED, result.journal_sha256)
    assert passages(again) == passages(result)


@pytest.mark.parametrize("do", ["stop", "abort"])
def test_a_person_keeps_it_shut(do: str) -> None:
    result = run(through(operator=[{**YES, "do": do}]))
    assert passages(result) == ["Succeeded", "Succeeded", "Stopped"]
    assert result.outcome is Outcome.STOPPED
    assert not result.flags


def test_a_person_who_speaks_at_a_time_speaks_at_the_gate() -> None:
    result = run(through(operator=[{"when": {"at": "30s"}, "do": "continue"}]))
    assert passages(result) == ["Succeeded"] * 3
    assert result.rollouts[-1].started_ms == 30_000


def test_a_person_who_speaks_to_a_group_speaks_at_its_gate() -> None:
    result = run(through(operator=[{"when": {"at": "30s"}, "do": "continue", "group": "prod"}]))
    assert passages(result) == ["Succeeded"] * 3
    other = run(through(operator=[{"when": {"at": "30s"}, "do": "continue", "group": "dev"}]))
    assert passages(other)[-1] == "Stopped"
    assert any("the operator's step never came" in flag for flag in other.flags)


def test_nobody_answers() -> None:
    result = run(through())
    assert passages(result) == ["Succeeded", "Succeeded", "Stopped"]
    assert "nobody answered at the gate within 1m" in result.promotions[0].why["prod"]


def test_a_second_revision_waits_until_the_first_is_through() -> None:
    deploy = [{"revision": "v2"}, {"revision": "v1", "when": {"at": "1s"}, "if_active": "queue"}]
    result = run(through({"after": ["test"]}, deploy=deploy))
    assert [rollout.deployment.revision for rollout in result.rollouts] == ["v2"] * 3 + ["v1"] * 3
    assert [promotion.revision for promotion in result.promotions] == ["v2", "v1"]
    refused = run(through({"after": ["test"]}, deploy=[deploy[0], {**deploy[1], "if_active": "refuse"}]))
    assert [event.why for event in refused.not_created] == ["v2 is on its way through the environments"]
    assert len(refused.promotions) == 1


def test_nothing_gets_past_an_environment() -> None:
    result = run(through(deploy=[{"revision": "v2", "group": "prod"}]))
    assert not result.rollouts
    assert "v2 does not stand in test" in result.not_created[0].why
    assert result.outcome is Outcome.INCONCLUSIVE


def test_what_stands_before_may_be_deployed_by_hand() -> None:
    deploy = [{"revision": "v2", "group": group} for group in ("dev", "test", "prod")]
    assert [rollout.deployment.group for rollout in run(through(deploy=deploy)).rollouts] == ["dev", "test", "prod"]


def test_an_environment_whose_group_is_busy_is_entered_when_it_is_free() -> None:
    deploy = [{"revision": "v2"}, {"revision": "v1", "group": "dev", "when": {"at": "1s"}, "if_active": "queue"}]
    result = run(through({"after": ["test"]}, deploy=deploy))
    assert [(r.deployment.group, r.deployment.revision) for r in result.rollouts].count(("dev", "v1")) == 1
    assert passages(result) == ["Succeeded"] * 3


def test_a_failure_is_rolled_back_and_goes_no_further() -> None:
    fault = {"when": {"event": "ApplicationStart", "host": "test-1"}, "where": {"revision": "v2"}}
    result = run(through({"after": ["test"]}, faults=[{**fault, "do": {"script": {"exit": 1}}}]))
    assert passages(result) == ["Succeeded", "Failed", "Skipped"]
    assert result.outcome is Outcome.ROLLED_BACK


def test_a_fault_can_strike_while_a_person_thinks() -> None:
    ring = {"when": {"gate": "prod"}, "do": {"alarm": {"name": "bell", "state": "ALARM"}}}
    groups = [*GROUPS[:2], {**GROUPS[2], "alarms": ["bell"]}]
    result = run(through(groups=groups, alarms={"bell": {"scripted": True}}, faults=[ring], operator=[YES]))
    assert passages(result) == ["Succeeded", "Succeeded", "Stopped"]
    assert str(result.rollouts[-1].status) == "Stopped"


@pytest.mark.parametrize(
    ("environments", "message", "remedy"),
    [
        ({"dev": {"after": ["prod"]}, "prod": {"after": ["dev"]}}, "in a circle: dev → prod → dev", "dev, prod"),
        ({"dev": {"after": ["dev"]}}, "in a circle: dev → dev", "out of its `after`"),
        ({"dev": {}, "test": {"after": ["dve"]}}, "no environment is called dve", "did you mean dev"),
        ({"dev": {}, "tset": {}}, "no group is called tset", "did you mean test"),
        ({"dev": {"gate": {"stood": "5s"}}}, "nothing comes before dev", "take `stood` away"),
        ({"dev": {}, "test": {"after": ["dev", "dev"]}}, "test comes after dev twice", "once"),
        ({"dev": {}, "test": {"group": "dev"}}, "the group dev is the environment dev already", "of its own"),
    ],
)
def test_a_mistake_is_told(environments: dict[str, Any], message: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        through(environments=environments)
    told = [(problem.message, problem.remedy) for problem in caught.value.problems]
    assert any(message in found and remedy in hint for found, hint in told), told


@pytest.mark.parametrize(
    ("parts", "message", "remedy"),
    [
        ({"operator": [{**YES, "when": {"gate": "pord"}}]}, "no environment is called pord", "did you mean prod"),
        ({"operator": [{**YES, "when": {"gate": "test"}}]}, "nobody is asked before test", "approval"),
        ({"expect": {"environments": {"pord": "Succeeded"}}}, "no environment is called pord", "did you mean prod"),
        ({"operator": [{**YES, "when": {"gate": "prod", "deployment": 1}}]}, "does not go with gate", "take one"),
    ],
)
def test_a_mistake_about_gates_is_told(parts: dict[str, Any], message: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        through(**parts)
    told = [(problem.message, problem.remedy) for problem in caught.value.problems]
    assert any(message in found and remedy in hint for found, hint in told), told


def test_a_gate_is_named_where_there_are_none() -> None:
    with pytest.raises(ScenarioError) as caught:
        scenario(operator=[YES])
    assert any("add environments" in problem.remedy for problem in caught.value.problems)
