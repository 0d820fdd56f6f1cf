"""A deployment's hosts in every report: green and blue ones apart, what became of them, and why one is taken."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

from scenarios.model import Scenario
from simulator.control.result import RunResult
from simulator.report.hosts import counted, fate, in_order
from simulator.report.junit import junit
from simulator.report.lines import Lines
from simulator.report.tree import final_tree
from simulator.report.verdict import verdict
from simulator.rollout.statuses import Trigger
from tests.support.rehearsals import BUNDLES, run, scenario
from tests.support.services import aws_lambda, ecs, revision
from tests.unit.report.test_text import drawn

HALF = "CodeDeployDefault.HalfAtATime"


@cache
def blue_green(fate: str = "TERMINATE", fails: str = "", wait: str = "0s") -> tuple[RunResult, str]:
    """Six hosts go over to six new ones; `fails`: which of the new ones fail ApplicationStart, in their order."""
    faults: list[dict[str, Any]] = [
        {"when": {"event": "ApplicationStart", "nth": int(nth)}, "do": {"script": {"exit": 1}}} for nth in fails
    ]
    strategy = {"blue-green": {"terminate_blue": {"action": fate, "wait_time": wait}}}
    lines: list[str] = []
    result = run(
        scenario(
            fleet={"hosts": 6, "running": "v1"},
            group={"strategy": strategy, "deployment_config": HALF, "auto_rollback": ["DEPLOYMENT_FAILURE"]},
            faults=faults,
            limits={"start": "5s", "event": "30s"},
        ),
        observers=[Lines(lines.append)],
    )
    return result, "\n".join(lines)


@pytest.mark.parametrize(
    ("fate", "fails", "words"),
    [
        ("TERMINATE", "", ["6 of 6 green hosts succeeded; 6 of 6 blue hosts terminated"]),
        ("KEEP_ALIVE", "", ["6 of 6 green hosts succeeded; 6 of 6 blue hosts left the group"]),
        ("TERMINATE", "135", ["3 of 6 green hosts succeeded, 3 failed; 6 of 6 blue hosts terminated"]),
        (
            "TERMINATE",
            "1234",
            [
                "4 of 6 green hosts failed, 2 ready; 6 of 6 blue hosts skipped",
                "6 of 6 green hosts terminated; 6 of 6 blue hosts skipped",
            ],
        ),
    ],
)
def test_each_side_is_counted_for_itself(fate: str, fails: str, words: list[str]) -> None:
    result, _ = blue_green(fate, fails)
    assert [counted(rollout) for rollout in result.rollouts] == words
    judged = "\n".join(text.plain for _, text in verdict(result))
    assert all(told in judged for told in words)


def test_what_becomes_of_the_old_hosts_is_told_in_the_lines_and_in_the_tree() -> None:
    ended, lines = blue_green()
    assert "h1           ॥ terminated" in lines
    assert "– h1    v1 terminated" in drawn(final_tree("play", ended))
    kept, lines = blue_green("KEEP_ALIVE")
    assert "h1           ॥ has left the group, and runs on" in lines
    assert "keep alive, stage 5 of 5: let 6 hosts leave the group, and run on" in lines
    assert "– h1    v1 has left the group, and runs on" in drawn(final_tree("play", kept))
    assert fate(kept.rollouts[0], "h1-g2") == fate(kept.rollouts[0], "a-stranger") == ""


@pytest.mark.parametrize(("made", "target", "ends"), [(ecs, "web", True), (aws_lambda, "greeting", False)])
def test_a_service_is_told_by_its_stages_and_stands_where_it_came_out(
    made: Callable[..., Scenario],
    target: str,
    ends: bool,
) -> None:
    lines: list[str] = []
    result = run(made(), observers=[Lines(lines.append)])
    assert fate(result.rollouts[0], target) == ""
    assert f"✔ {target}" in drawn(final_tree("play", result))
    assert "terminated" not in drawn(final_tree("play", result))
    told = "\n".join(lines)
    assert (f"{target:<13}॥ has lost the original task set" in told) == ends
    assert f"✔ the {'balancer' if ends else 'alias'} sends traffic as it was asked" in told
    assert told.count(f"{target:<13}✔ AllowTraffic, ") == 1
    assert "taken:" not in told


def test_the_task_set_that_ends_on_the_way_back_is_the_replacement() -> None:
    lines: list[str] = []
    sick = revision("ecs-v2", answers={"/health.html": 404})
    run(ecs(revisions={"v1": revision("ecs-v1"), "v2": sick}), observers=[Lines(lines.append)])
    assert f"{'web':<13}॥ has lost the replacement task set" in "\n".join(lines)


def test_whoever_succeeds_by_its_quorum_is_measured_by_the_hosts_that_were_deployed_to() -> None:
    result, _ = blue_green(fails="135")
    assert [flag for flag in result.flags if "although" in flag] == [
        f"{result.rollouts[0].deployment_id} Succeeded although 3 of 6 green hosts failed: CodeDeploy asks for 3 that "
        f"succeed ({HALF}); --strict asks for all of them"
    ]


def test_a_way_back_that_ends_the_new_hosts_says_that_codedeploy_would_not() -> None:
    result, _ = blue_green(fails="1234")
    (flag,) = (flag for flag in result.flags if "terminated" in flag)
    assert flag.startswith(f"{result.rollouts[1].deployment_id} terminated 6 green hosts. CodeDeploy terminates none")
    assert not any("terminated" in flag for flag in blue_green()[0].flags)


def test_why_a_host_is_taken_is_told_in_every_stage_by_what_is_done_to_it() -> None:
    _, lines = blue_green()
    assert "h1-g2        ◌ taken: out of traffic, so nobody misses it" in lines
    assert "h1-g2        ◌ let in: installed and validated, so it may have traffic" in lines
    assert "h1           ◌ taken out: the new hosts are in traffic, so it may leave" in lines
    assert "costs no health" not in lines
    assert "needed" not in lines
    _, back = blue_green(fails="1234")
    assert "begins: give the traffic back to 6 blue hosts with v1, back-to-blue" in back


def test_a_host_that_a_stop_met_under_way_is_said_to_have_failed_at_no_event() -> None:
    lines: list[str] = []
    stopped = scenario(operator=[{"when": {"event": "ApplicationStart", "nth": 1}, "do": "stop"}])
    result = run(stopped, observers=[Lines(lines.append)])
    told = "failed: stopped before ValidateService"
    assert "h1           ✖ Failed: stopped before ValidateService" in "\n".join(lines)
    assert f"✖ h1 {told}" in drawn(final_tree("play", result))
    assert f"✖ h1 {told}" in "\n".join(text.plain for _, text in verdict(result))
    (case,) = ET.fromstring(junit(result)).findall(".//testcase[@name='h1']/failure")
    assert case.get("message") == told
    why = [notify.why for notify in result.notifications if notify.trigger is Trigger.INSTANCE_FAILURE]
    assert why == ["the deployment was stopped before ValidateService"]


def test_what_was_forgiven_is_no_reason() -> None:
    lines: list[str] = []
    poisoned = {"bundle": str(BUNDLES / "web-v1"), "behaves": {"scripts": {"scripts/kill_process.sh": {"exit": 3}}}}
    stopped = scenario(
        revisions={"v1": poisoned, "v2": str(BUNDLES / "web-v2")},
        deploy=[{"revision": "v2", "ignore_application_stop_failures": True}],
        operator=[{"when": {"event": "ApplicationStop", "nth": 1}, "do": "stop"}],
    )
    run(stopped, observers=[Lines(lines.append)])
    failed = [line for line in lines if " ✖ Failed" in line]
    assert failed
    assert all("Failed: stopped before DownloadBundle" in line for line in failed if " h" in line)


def test_a_person_finds_a_host_by_its_name() -> None:
    names = [host.name for host in in_order(run(scenario(fleet={"hosts": 11, "running": "v1"})).rollouts[0])]
    assert names == [f"h{number}" for number in range(1, 12)]
    both = [host.name for host in in_order(blue_green()[0].rollouts[0])]
    assert both[:3] == ["h1", "h1-g2", "h2"]


def test_the_final_tree_says_why_and_cuts_nothing_off() -> None:
    result = run(
        scenario(
            fleet={"hosts": 4, "running": "v1", "zones": ["eu-west-1a", "eu-west-1b"]},
            faults=[
                {"when": {"event": "AllowTraffic"}, "where": {"revision": "v2"}, "do": {"health": {"status": 404}}}
            ],
        )
    )
    tree = drawn(final_tree("play", result), width=60)
    assert "✖ 3 healthy are left and 3 must stay so" in tree
    assert "…" not in tree
    assert "h1 eu-west-1a" in tree
