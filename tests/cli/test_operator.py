"""Operating a run from other processes: who may, what is heard, what is refused, what the run's journal says of it."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from simulator.cli import MODULES
from simulator.control import operator_words as words
from tests.cli.operating import BAKES, JUDGE, JUDGED, LIMIT_S, Going, approval, going
from tests.cli.program import PROGRAM, drydeploy, environment, small_scenario

__all__ = ["approval"]

# -- what goes on -----------------------------------------------------------------------------------------------------


def test_where_nothing_goes_on_there_is_nothing_to_list(tmp_path: Path) -> None:
    listed = drydeploy("ps", state=tmp_path)
    assert (listed.returncode, listed.stdout, listed.stderr) == (0, "no run goes on\n", "")
    assert drydeploy("ps", "-o", "json", state=tmp_path).stdout == "[]\n"


@pytest.mark.parametrize("verb", ["status", *MODULES])
def test_where_nothing_goes_on_nothing_can_be_said(tmp_path: Path, verb: str) -> None:
    done = drydeploy(verb, state=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no run goes on that could be operated" in done.stderr


def test_a_run_that_takes_no_time_has_no_socket(tmp_path: Path) -> None:
    assert drydeploy("run", "health-check-404", "-q", state=tmp_path).returncode == 0
    assert not (tmp_path / "drydeploy" / "runs").exists()


def test_a_run_is_listed_and_described(approval: Going) -> None:
    heading, row = approval.say("ps").stdout.splitlines()
    assert heading.split() == ["RUN", "SCENARIO", "FLEET", "FOR", "DEPLOYMENT", "REVISION", "STATUS", "WAITS"]
    assert row.split()[:3] == [approval.path.stem, "small", "virtual"]
    assert "for a person's yes, 7h 59m " in row  # and then the deployment's own limit ends it
    told = approval.say("status").stdout
    assert "v2 Ready (steps, CodeDeployDefault.OneAtATime, created by user)" in told
    assert "stage 2 of 3: wait until somebody says continue" in told
    assert "3 hosts: 2 Pending, 1 Succeeded" in told
    assert "in service 3 of 3, 2 required" in told
    assert "possible: continue, pause, promote, promote --full, abort, stop" in told
    found = json.loads(approval.say("status", "-o", "json").stdout)
    assert [each["run"] for each in json.loads(approval.say("ps", "-o", "json").stdout)] == [found["run"]]
    assert (found["scenario"], found["pid"], found["state"]) == ("small", approval.process.pid, "running")
    assert found["deployments"][0]["waits_for"]["kind"] == "approval"


# -- who may ----------------------------------------------------------------------------------------------------------


def test_only_the_user_can_open_the_socket(approval: Going) -> None:
    path = approval.path
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert approval.say("continue").returncode == 0
    assert approval.end() == 0
    assert list(path.parent.glob("*.sock")) == []


def test_a_directory_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    directory = tmp_path / "drydeploy" / "runs"
    directory.mkdir(parents=True, mode=0o777)
    directory.chmod(0o777)
    with going(tmp_path) as run:
        run.is_in("Ready")
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_the_runtime_directory_is_preferred_and_the_other_one_still_looked_into(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    with going(tmp_path, XDG_RUNTIME_DIR=str(runtime)) as run:
        end_s = time.monotonic() + LIMIT_S
        while not list((runtime / "drydeploy" / "runs").glob("*.sock")):
            assert time.monotonic() < end_s
            time.sleep(0.02)
        assert run.say("ps").stdout == "no run goes on\n"
        found = json.loads(drydeploy("ps", "-o", "json", state=tmp_path, XDG_RUNTIME_DIR=str(runtime)).stdout)
        assert [each["pid"] for each in found] == [run.process.pid]
    with going(tmp_path) as run:
        run.is_in("Ready")
        listed = drydeploy("status", state=tmp_path, XDG_RUNTIME_DIR=str(runtime))
        assert "waits: for a person's yes" in listed.stdout


def test_where_no_socket_can_be_made_the_run_goes_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "drydeploy").mkdir()
    (tmp_path / "drydeploy" / "runs").write_text("a file")
    with going(tmp_path, "-q", strategy="  strategy: rolling\n") as run:
        assert run.end() == 0
        assert "this run cannot be operated from elsewhere" in run.printed()


# -- what is heard ----------------------------------------------------------------------------------------------------


def test_a_yes_from_another_process_is_heard_and_journalled(approval: Going) -> None:
    assert f"v2 waits for a yes: drydeploy continue {approval.path.stem}" in approval.printed()
    heard = approval.say("continue", by="alice")
    assert heard.returncode == 0, heard.stderr
    assert heard.stdout.startswith("continue: d-")
    assert heard.stdout.endswith("(v2) is InProgress\n")
    assert approval.end() == 0
    journal = next(line for line in approval.printed().splitlines() if line.startswith("journal: "))
    again = approval.say("replay", journal.removeprefix("journal: "), "-o", "ndjson")
    assert again.returncode == 0
    spoken = [json.loads(line) for line in again.stdout.splitlines() if "OperatorSpoke" in line]
    assert [(event["verb"], event["by"]) for event in spoken] == [("continue", "alice")]


def as_it_is(run: words.Run) -> list[words.Deployment]:
    """The deployments of a run, without how long their waits still last."""
    waits = [each.waits_for for each in run.deployments]
    return [
        msgspec.structs.replace(each, waits_for=wait and msgspec.structs.replace(wait, left_ms=None))
        for each, wait in zip(run.deployments, waits, strict=True)
    ]


def test_what_is_impossible_is_refused_with_the_reason_and_changes_nothing(approval: Going) -> None:
    before = approval.path.stem, as_it_is(approval.is_in("Ready"))
    for spoken, reason in (
        (("resume",), "resume is refused: the deployment is not paused"),
        (("skip-wait",), "waits for a person's yes, and not for a time to pass"),
        (("retry",), "is Ready, and a group has one deployment at a time"),
        (("undo",), "is Ready, and a group has one deployment at a time"),
        (("end",), "the run ends by itself, when its last deployment does"),
    ):
        refused = approval.say(*spoken)
        assert (refused.returncode, refused.stdout) == (1, ""), spoken
        assert reason in refused.stderr
    assert (approval.path.stem, as_it_is(approval.is_in("Ready"))) == before
    assert approval.say("pause").returncode == 0
    twice = approval.say("pause")
    assert (twice.returncode, twice.stderr) == (1, "drydeploy: pause is refused: the deployment is paused already\n")


def test_a_refused_word_is_in_the_journal_and_in_the_report(tmp_path: Path) -> None:
    journal = tmp_path / "j.jsonl"
    with going(tmp_path, "--journal", str(journal)) as run:
        run.is_in("Ready")
        assert run.say("skip-wait", by="bob").returncode == 1
        assert run.say("continue").returncode == 0
        assert run.end() == 0
        printed = run.printed()
    refused = "bob said skip-wait, refused: the deployment waits for a person's yes, and not for a time to pass"
    assert printed.count(refused) == 2  # as it was said, and in the verdict
    assert f"play it again: drydeploy replay {journal}" in printed
    assert refused in drydeploy("replay", str(journal), state=tmp_path).stdout


def test_who_asks_late_is_told_how_it_has_ended_and_where_its_journal_is(tmp_path: Path) -> None:
    journal = tmp_path / "j.jsonl"
    with going(tmp_path, "--journal", str(journal)) as run:
        run.is_in("Ready")
        name = run.path.stem
        run.say("continue")
        assert run.end() == 0
        late = run.say("status", name)
    assert (late.returncode, late.stdout) == (2, "")
    assert f"{name} has ended: ✔ v2 was deployed; its journal: {journal}" in late.stderr


def test_a_run_is_known_by_the_id_of_a_deployment_of_it(approval: Going) -> None:
    (deployment,) = approval.is_in("Ready").deployments
    stranger = approval.say("continue", deployment.deployment_id, "--group", "staging")
    assert (stranger.returncode, stranger.stdout) == (2, "")
    assert f"{deployment.deployment_id} is a deployment of production, and not of staging" in stranger.stderr
    assert approval.say("continue", deployment.deployment_id).returncode == 0


def test_a_group_that_is_not_there_is_refused_with_those_that_are(approval: Going) -> None:
    refused = approval.say("continue", "--group", "staging")
    assert refused.returncode == 1
    assert "there is no group staging; there is production" in refused.stderr
    assert approval.say("continue", "--group", "production").returncode == 0


def test_of_two_operators_at_once_the_second_is_told_what_the_first_has_done(tmp_path: Path) -> None:
    # At this pace the hosts after the approval take seconds, so that the second speaks to a deployment under way.
    with going(tmp_path, speed=1) as run:
        run.is_in("Ready")
        both = [
            subprocess.Popen(
                [PROGRAM, "continue"],
                env=environment(tmp_path, LOGNAME=name),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for name in ("alice", "bob")
        ]
        told = {each: each.communicate(timeout=LIMIT_S) for each in both}
        assert sorted(each.returncode for each in both) == [0, 1]
        (_, refusal) = next(told[each] for each in both if each.returncode == 1)
        assert refusal == "drydeploy: continue is refused: the deployment waits for nobody: it is InProgress\n"


def test_pause_holds_what_continue_has_let_go(approval: Going) -> None:
    assert approval.say("pause").stdout.endswith("is Ready, paused\n")
    approval.say("continue")
    held = approval.until(lambda run: run.deployments[-1].waits_for is not None)
    assert held.deployments[-1].waits_for is not None
    assert held.deployments[-1].waits_for.kind == "resume"
    assert approval.say("resume").returncode == 0
    assert approval.end() == 0


def test_waits_are_skipped_and_promoted(tmp_path: Path) -> None:
    with going(tmp_path, strategy=BAKES) as run:
        baking = run.is_in("Baking").deployments[-1]
        assert baking.waits_for is not None
        assert baking.waits_for.kind == "bake"
        assert 0 < (baking.waits_for.left_ms or 0) <= 3_600_000
        assert re.search(r"in its bake, (1h|\d+m)", run.say("ps").stdout)
        assert run.say("continue").returncode == 1
        assert run.say("skip-wait").stdout.endswith("is InProgress\n")
        run.is_in("Baking")
        assert run.say("promote", "--full").returncode == 0
        assert run.end() == 0


def test_an_analysis_is_done_without_and_not_skipped_as_a_wait(tmp_path: Path) -> None:
    path = small_scenario(tmp_path, more=JUDGE)
    path.write_text(path.read_text().replace("  strategy: rolling\n", JUDGED))
    with going(tmp_path, scenario=path) as run:
        judged = run.is_in("Baking")
        wait = judged.deployments[-1].waits_for
        assert wait is not None
        assert wait.kind == "analysis"
        assert 0 < (wait.left_ms or 0) <= 3_600_000
        assert set(judged.possible) == {"pause", "promote", "promote-full", "abort", "stop"}
        assert "for its analysis, " in run.say("ps").stdout
        skipped = run.say("skip-wait")
        assert (skipped.returncode, skipped.stdout) == (1, "")
        assert "promote does without the verdict" in skipped.stderr
        assert run.say("promote", by="alice").stdout.endswith("is InProgress\n")
        assert run.end() == 0
        assert "alice said promote; skipped: step 02 analyses" in run.printed()
        assert "although nobody waited for a verdict of step 02 analyses: alice said promote" in run.printed()


@pytest.mark.parametrize(
    ("spoken", "code", "deployments"),
    [(("abort",), 3, 2), (("stop",), 1, 1), (("stop", "--rollback"), 3, 2), (("stop", "--no-rollback"), 1, 1)],
)
def test_a_deployment_is_stopped_and_rolled_back_or_not(
    approval: Going, spoken: tuple[str, ...], code: int, deployments: int
) -> None:
    heard = approval.say(*spoken, by="bob")
    assert heard.returncode == 0, heard.stderr
    assert heard.stdout.endswith("is Stopped\n")
    assert approval.end() == code
    printed = approval.printed()
    assert "stopped by bob" in printed
    assert printed.count("created by ") == deployments


# -- RUN --------------------------------------------------------------------------------------------------------------


def test_a_run_is_named_by_the_beginning_of_its_id_or_by_its_scenario(tmp_path: Path) -> None:
    with going(tmp_path) as one, going(tmp_path) as two:
        ids = [run.is_in("Ready").run for run in (one, two)]
        for words in (("status",), ("continue", "small")):
            unclear = one.say(*words)
            assert unclear.returncode == 2
            assert all(id in unclear.stderr for id in ids)
        nowhere = one.say("status", "nowhere")
        assert nowhere.returncode == 2
        assert "there is no run nowhere; what goes on: " in nowhere.stderr
        start = next(length for length in range(1, 9) if ids[0][:length] != ids[1][:length])
        assert one.say("continue", ids[0][:start]).returncode == 0
        assert one.end() == 0
        assert two.say("continue", "small").returncode == 0
        assert two.end() == 0


def test_the_socket_of_a_killed_run_is_removed(approval: Going) -> None:
    path = approval.path
    approval.process.kill()
    approval.process.wait()
    assert path.exists()
    assert approval.say("ps").stdout == "no run goes on\n"
    assert not path.exists()


def test_a_run_that_is_stopped_by_its_shell_does_not_answer(approval: Going) -> None:
    approval.process.send_signal(signal.SIGSTOP)
    try:
        assert approval.say("ps").stdout.splitlines()[1].endswith("does not answer")
        silent = approval.say("status")
        assert silent.returncode == 2
        assert "does not answer; was it stopped by Ctrl-Z?" in silent.stderr
    finally:
        approval.process.send_signal(signal.SIGCONT)
    assert approval.say("continue").returncode == 0
    assert approval.end() == 0


# -- watching ---------------------------------------------------------------------------------------------------------


def watcher(run: Going, *options: str) -> subprocess.Popen[str]:
    """A process that watches; it has begun to when this returns."""
    process = subprocess.Popen(
        [PROGRAM, "status", "--watch", *options],
        env=environment(run.state),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert run.path.stem in process.stdout.readline()
    return process


def test_who_watches_sees_what_happens_until_the_end(approval: Going) -> None:
    text, objects = watcher(approval), watcher(approval, "-o", "json")
    approval.say("continue", by="alice")
    told, _ = text.communicate(timeout=LIMIT_S)
    assert text.returncode == 0
    assert "alice" in told
    assert "h3           ✔ Succeeded: every lifecycle event succeeded" in told
    assert told.splitlines()[-1] == "the run has ended: ✔ v2 was deployed"
    lines = [json.loads(line) for line in objects.communicate(timeout=LIMIT_S)[0].splitlines()]
    assert lines[0]["event"]["event"] == "OperatorSpoke"
    assert lines[-1] == {
        "answer": "ended",
        "status": "completed",
        "outcome": "succeeded",
        "words": "✔ v2 was deployed",
    }
    assert approval.end() == 0


def test_who_watches_a_run_that_is_killed_is_told(approval: Going) -> None:
    watching = watcher(approval)
    approval.process.kill()
    _, complaint = watching.communicate(timeout=LIMIT_S)
    assert watching.returncode == 2
    assert "has ended without a word" in complaint


def test_a_watcher_that_leaves_disturbs_nobody(approval: Going) -> None:
    watching = watcher(approval)
    watching.kill()
    watching.communicate()
    assert approval.say("continue").returncode == 0
    assert approval.end() == 0


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from simulator.cli import operate

    def nobody() -> str:
        raise KeyError

    monkeypatch.setattr(operate.getpass, "getuser", nobody)
    assert operate.user_name() == f"user {os.getuid()}"
    monkeypatch.setattr(operate.getpass, "getuser", lambda: "\x1b]0;" + "a" * 100)
    assert operate.user_name() == "]0;" + "a" * 61
