"""Scripts that outlast their event's limit: what they do then is done, and is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.control.replay import replay
from simulator.control.result import RunResult
from simulator.rollout.events import LifecycleEventCompleted
from simulator.rollout.statuses import DeploymentStatus, EventStatus
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, scenario

STARTS_FOR = {"scripts": {"scripts/run_process.sh": {"lasts": "9s"}}}


def played(journal: Path | None = None, watcher: Watcher | None = None, **more: Any) -> RunResult:
    """v2 starts for nine seconds, is given up after four, and rolled back to v1; then v1 once more."""
    parts = {
        "fleet": {"hosts": 2, "running": "v1"},
        "group": {"deployment_config": "AllAtOnce", "auto_rollback": ["DEPLOYMENT_FAILURE"]},
        "revisions": {"v1": str(BUNDLES / "web-v1"), "v2": {"bundle": str(BUNDLES / "web-v2"), "behaves": STARTS_FOR}},
        "deploy": [{"revision": "v2"}, {"revision": "v1"}],
        "limits": {"start": "5s", "event": "4s"},
        **more,
    }
    return run(scenario(**parts), 0, journal, observers=(watcher or Watcher(),))


def test_a_script_that_outlasts_its_limit_changes_what_runs_and_is_told_of(tmp_path: Path) -> None:
    result = played(tmp_path / "journal")
    first, back, _ = result.rollouts
    assert (first.status, back.status) == (DeploymentStatus.FAILED, DeploymentStatus.SUCCEEDED)
    assert first.deployment.revision == "v2"
    assert broken(result) == []
    told = [flag for flag in result.flags if "had given it up" in flag]
    assert sorted(flag.partition(":")[0] for flag in told) == ["h1", "h2"]
    assert all(f"ApplicationStart of {first.deployment_id} (v2) succeeded at 1" in flag for flag in told)
    assert replay(tmp_path / "journal").flags == result.flags
    assert result.traffic is not None
    assert result.traffic.failed > 0


def test_what_ends_late_and_meets_nobody_is_not_worth_a_word() -> None:
    """v2 again: that it runs is what was asked for."""
    again = played(group={"deployment_config": "AllAtOnce"}, deploy=[{"revision": "v2"}, {"revision": "v2"}])
    assert not [flag for flag in again.flags if "had given it up" in flag]


@pytest.mark.parametrize("seconds", [5, 7])
def test_a_host_that_wakes_up_ends_what_it_was_at_and_then_takes_up_what_came_since(seconds: int) -> None:
    """It is asleep in the middle of a script that its deployment gives up meanwhile."""
    watcher = Watcher()
    pause = {"when": {"event": "ApplicationStart", "host": "h1", "deployment": 1}, "do": {"host": "pause"}}
    quick = {"v1": str(BUNDLES / "web-v1"), "v2": str(BUNDLES / "web-v2")}
    result = played(watcher=watcher, faults=[{**pause, "for": f"{seconds}s"}], revisions=quick)
    ends = [e for e, _ in watcher.seen if isinstance(e, LifecycleEventCompleted) and e.host == "h1"]
    by_command = {(end.cause, end.name) for end in ends}
    assert len(by_command) == len({cause for cause, _ in by_command}) == len(ends), "each command has one end, its own"
    assert all(end.status is EventStatus.SUCCEEDED for end in ends)
    assert broken(result) == []
