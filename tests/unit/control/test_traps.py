"""What few expect of CodeDeploy is told after the run: by whom a script was written, and whom a rollback took."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.control.result import RunResult
from tests.support.rehearsals import BUNDLES, run, scenario

POISONED = {
    "v1": {"bundle": str(BUNDLES / "web-v1"), "behaves": {"scripts": {"scripts/kill_process.sh": {"exit": 3}}}},
    "v2": str(BUNDLES / "web-v2"),
}
BROKEN = [{"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 1}}}]


def told(result: RunResult, words: str) -> list[str]:
    return [flag for flag in result.flags if words in flag]


def test_a_script_of_the_revision_before_is_named_as_its_own() -> None:
    (flag,) = told(run(scenario(revisions=POISONED, group={})), "the revision that was there before")
    assert "kill_process.sh, which failed at ApplicationStop on h" in flag
    assert "is a script of v1" in flag
    assert "ignore_application_stop_failures: true" in flag


def test_one_that_was_forgiven_is_told_as_forgiven() -> None:
    deploy = [{"revision": "v2", "ignore_application_stop_failures": True}]
    result = run(scenario(revisions=POISONED, deploy=deploy))
    (flag,) = told(result, "the revision that was there before")
    assert str(result.outcome) == "succeeded"
    assert "at ApplicationStop on h1, h2, h3 and 1 more, is" in flag
    assert "forgave that" in flag


@pytest.mark.parametrize(
    "parts",
    [
        {"faults": BROKEN},
        {"fleet": {"hosts": 4}, "faults": BROKEN},
        {"faults": [{"do": {"agent": "stop"}}]},
    ],
    ids=["a script of the new one", "nothing was there before", "no script ran"],
)
def test_other_failures_are_nobody_elses(parts: dict[str, Any]) -> None:
    assert told(run(scenario(**parts)), "the revision that was there before") == []


def rolled_back(config: str) -> RunResult:
    group = {
        "strategy": {"canary": {"hosts": 1}},
        "deployment_config": f"CodeDeployDefault.{config}",
        "auto_rollback": ["DEPLOYMENT_FAILURE"],
    }
    result = run(scenario(group=group, faults=BROKEN))
    assert str(result.outcome) == "rolled_back"
    return result


def test_a_rollback_that_takes_the_good_hosts_all_at_once_is_told() -> None:
    result = rolled_back("AllAtOnce")
    (flag,) = told(result, "all along")
    assert "had 3 of the group's 4 hosts out of traffic at once that were well and had v1 all along" in flag
    assert "CodeDeployDefault.AllAtOnce allows that" in flag
    assert result.in_service_min == 1, "and so the users saw it"


@pytest.mark.parametrize("config", ["OneAtATime", "HalfAtATime"])
def test_one_that_takes_them_by_and_by_is_not(config: str) -> None:
    assert told(rolled_back(config), "all along") == []


def test_a_crash_of_the_controller_and_its_return_are_told() -> None:
    faults = [{"when": {"event": "Install", "nth": 2}, "do": {"controller": "crash"}, "for": "2s"}]
    died, again = told(run(scenario(faults=faults)), "the controller")
    assert "died at" in died
    assert "began anew at" in again
    assert told(run(scenario(faults=BROKEN)), "the controller") == []


def test_a_controller_that_is_struck_again_while_it_is_down_died_once() -> None:
    crashes = [{"when": {"at": at}, "do": {"controller": "crash"}, "for": "3s"} for at in ("2s", "3s")]
    died, began = told(run(scenario(faults=crashes)), "the controller ")
    assert died == "the controller died at 2s, and forgot everything"
    assert began.startswith("the controller began anew at 6s: ")
