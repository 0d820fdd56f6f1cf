"""A run that stays after its last deployment: once more, back, and the end of it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.cli.operating import going
from tests.cli.program import drydeploy, small_scenario


def test_to_stay_takes_real_time(tmp_path: Path) -> None:
    done = drydeploy("run", "health-check-404", "--stay", state=tmp_path)
    assert done.returncode == 2
    assert "--stay goes with a run that takes real time" in done.stderr


def test_what_was_stopped_is_retried_and_what_succeeded_is_undone(tmp_path: Path) -> None:
    with going(tmp_path, "--stay") as run:
        run.is_in("Ready")
        assert run.say("stop").returncode == 0
        assert set(run.stays().possible) == {"retry", "undo", "end"}
        again = run.say("retry")
        assert again.returncode == 0, again.stderr
        assert " deploys v2: alice said retry: d-" in again.stdout
        assert " once more, which Stopped" in again.stdout
        run.is_in("Ready", 2)
        run.say("continue")
        run.stays(2)
        assert "Succeeded" in run.say("retry").stderr
        unknown = run.say("undo", "--to", "v9")
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "v9 was never deployed with success here; there is v1 to go back to" in unknown.stderr
        back = run.say("undo")
        assert " deploys v1: alice said undo: back from d-" in back.stdout
        assert [each.revision for each in run.stays(3).deployments] == ["v2", "v2", "v1"]
        assert run.say("undo", "--to", "v2").returncode == 0
        assert run.stays(4).deployments[-1].creator == "user"
        assert run.say("end").stdout == "the run ends\n"
        assert run.end() == 0
        printed = run.printed()
        journal = next(line for line in printed.splitlines() if line.startswith("journal: "))
        again = run.say("replay", journal.removeprefix("journal: "), "-o", "json")
        assert [each["revision"] for each in json.loads(again.stdout)["deployments"]] == ["v2", "v2", "v1", "v2"]
        assert again.returncode == 0


def test_a_revision_that_failed_is_not_gone_back_to(tmp_path: Path) -> None:
    path = small_scenario(tmp_path, status=404, rollback=True)
    with going(tmp_path, "--stay", scenario=path) as run:
        deployments = run.stays(2).deployments
        refused = run.say("undo", "--to", "v2")
        assert (refused.returncode, refused.stdout) == (1, "")
        failed = deployments[0].deployment_id
        assert f"v2 is known to be bad: {failed} Failed and was rolled back, HEALTH_CONSTRAINTS: " in refused.stderr
        assert run.stays(2).deployments == deployments
        assert run.say("end").returncode == 0
        assert run.end() == 3


def test_a_staying_run_without_a_balancer_can_be_ended_too(tmp_path: Path) -> None:
    path = small_scenario(tmp_path)
    text = path.read_text()
    begin, end = text.index("balancer:"), text.index("revisions:")
    path.write_text(text[:begin] + text[end:])
    with going(tmp_path, "--stay", scenario=path) as run:
        run.stays()
        assert run.say("undo").returncode == 0
        run.stays(2)
        assert run.say("end").returncode == 0
        assert run.end() == 0


def test_end_said_too_early_lets_the_deployment_end(tmp_path: Path) -> None:
    with going(tmp_path, "--stay") as run:
        run.is_in("Ready")
        assert "stays no longer" in run.say("end").stdout
        assert run.say("continue").returncode == 0
        assert run.end() == 0


@pytest.mark.parametrize(("stays", "code"), [(True, 0), (False, 130)])
def test_ctrl_c_ends_a_run_that_only_stays_and_breaks_off_any_other(tmp_path: Path, stays: bool, code: int) -> None:
    strategy = "  strategy: rolling\n" if stays else "  strategy: {steps: [{setHosts: 1}, {pause: {}}]}\n"
    with going(tmp_path, "--stay", strategy=strategy) as run:
        _ = run.stays() if stays else run.is_in("Ready")
        run.process.send_signal(signal.SIGINT)
        assert run.end() == code
        assert run.sockets == []


@pytest.mark.parametrize(("stays", "code"), [(True, 0), (False, 124)])
def test_so_does_the_time_limit(tmp_path: Path, stays: bool, code: int) -> None:
    strategy = "  strategy: rolling\n" if stays else "  strategy: {steps: [{setHosts: 1}, {pause: {}}]}\n"
    with going(tmp_path, "--stay", "--time-limit", "3s", strategy=strategy) as run:
        assert run.end() == code
