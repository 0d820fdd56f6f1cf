"""`drydeploy run` with triggers: what is delivered, what is told where it is not, and what that changes."""

from __future__ import annotations

import base64
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from standardwebhooks import Webhook as Verifier

from tests.cli.program import PROGRAM, drydeploy, environment, small_scenario
from tests.support.receivers import HANGS, Answer, serving, until

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
EVENTS = "[DeploymentStart, DeploymentFailure, DeploymentRollback, DeploymentSuccess, InstanceFailure]"
DELIVERED = "expect: {outcome: succeeded, notifications_delivered: true}\n"


def told(directory: Path, target: str, *, more: str = "", **options: bool | int) -> Path:
    """The small scenario, with one trigger."""
    path = small_scenario(directory, **options, more=more)  # type: ignore[arg-type]
    trigger = f"  triggers:\n    - {{name: ops, events: {EVENTS}, target: {target}}}\n"
    path.write_text(path.read_text().replace("deploy:\n", trigger + "deploy:\n"))
    return path


def webhook(url: str, more: str = "") -> str:
    return f"{{webhook: {{url: '{url}', timeout: 500ms, retry_for: 2s{more}}}}}"


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_library_scenario_leaves_its_file_beside_the_journal_and_nowhere_else(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = drydeploy("run", "notifications", state=tmp_path, cwd=elsewhere)
    file = tmp_path / "drydeploy" / "journals" / "notifications.jsonl"
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == f"drydeploy: 6 notifications delivered to the file {file}\n"
    verbose = drydeploy("run", "notifications", "-v", state=tmp_path, cwd=elsewhere)
    assert "✔ every notification is delivered  all 6 were" in verbose.stdout
    assert [str(line["Subject"]).partition(":")[0] for line in lines(file)[:6]] == [
        *("CREATED", "FAILED", "FAILED", "CREATED", "IN_PROGRESS", "SUCCEEDED")
    ]
    assert list(elsewhere.iterdir()) == []


def test_the_same_seed_writes_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    written = []
    for hash_seed in ("1", "2"):
        state = tmp_path / hash_seed
        drydeploy("run", "notifications", "-q", state=tmp_path, XDG_STATE_HOME=str(state), PYTHONHASHSEED=hash_seed)
        written.append((state / "drydeploy" / "journals" / "notifications.jsonl").read_bytes())
    assert written[0] == written[1]


def test_a_webhook_gets_everything_signed_although_it_fails_at_first(tmp_path: Path) -> None:
    with serving(Answer(503), HANGS) as server:
        path = told(tmp_path, webhook(server.url, ", secret: HOOK_SECRET"), more=DELIVERED)
        done = drydeploy("run", str(path), state=tmp_path, HOOK_SECRET=SECRET)
        assert done.returncode == 0, done.stdout + done.stderr
        assert [got.message["status"] for got in server.accepted] == ["CREATED", "SUCCEEDED"]
        assert [re.sub(r"-[0-9a-f]{8}$", "", got.id)[-2:] for got in server.got] == ["-1", "-1", "-1", "-2"]
        for got in server.got:
            Verifier(SECRET).verify(got.body, dict(got.headers))
    assert f"2 notifications delivered to {server.url}" in done.stderr
    assert "✔ 2 expectations held" in done.stdout


def test_a_webhook_that_never_answers_is_told_and_changes_no_outcome(tmp_path: Path) -> None:
    with serving(then=HANGS) as server:
        path = told(tmp_path, webhook(server.url))
        journal = tmp_path / "mine.journal.jsonl"
        began = time.monotonic()
        done = drydeploy("run", str(path), "--journal", str(journal), state=tmp_path)
        assert time.monotonic() - began < 10
    assert done.returncode == 0
    waits, error = done.stderr.splitlines()
    assert waits == (
        f"drydeploy: 2 notifications are still to be delivered to {server.url}, it did not answer within 0.5 s. "
        "Waiting for at most 2 s; Ctrl-C ends that"
    )
    assert error.startswith(
        f"drydeploy: error: 2 of 2 notifications were not delivered to {server.url}: it did not answer within 0.5 s ("
    )
    kept = tmp_path / "mine.undelivered.jsonl"
    assert f"They are kept in {kept}; see that the receiver is up" in error
    assert f"⚠ 2 of 2 notifications were not delivered to {server.url}" in done.stdout
    found = lines(kept)
    assert [line["notification"]["MessageId"].split("-")[2] for line in found] == ["1", "2"]  # type: ignore[index]
    assert {line["target"] for line in found} == {server.url}


def test_it_fails_a_run_that_expects_its_notifications(tmp_path: Path) -> None:
    path = told(tmp_path, webhook("http://127.0.0.1:1/hook"), more=DELIVERED)
    done = drydeploy("run", str(path), "-o", "json", state=tmp_path)
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["outcome"] == "succeeded"
    (missed,) = [one for one in found["expectations"] if not one["held"]]
    assert missed["text"] == "every notification is delivered"
    assert "Connection refused" in missed["why"]


def test_json_has_the_same_keys_and_a_silent_error_stream(tmp_path: Path) -> None:
    with_triggers = drydeploy("run", "notifications", "-o", "json", state=tmp_path)
    without = drydeploy("run", "health-check-404", "-o", "json", state=tmp_path)
    assert list(json.loads(with_triggers.stdout)) == list(json.loads(without.stdout))
    assert with_triggers.stderr == ""


def test_ctrl_c_ends_the_wait_and_not_the_verdict(tmp_path: Path) -> None:
    with serving(then=HANGS) as server:
        path = told(tmp_path, webhook(server.url).replace("2s", "10m"))
        run = subprocess.Popen(
            [PROGRAM, "run", str(path)],
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert run.stderr is not None
        assert "Waiting for at most 600 s" in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        out, err = run.communicate(timeout=30)
    assert run.returncode == 0
    assert "2 of 2 notifications were not delivered" in err
    assert "run again: " in out


def test_a_time_limit_is_not_outlasted_by_the_notifications(tmp_path: Path) -> None:
    with serving(then=HANGS) as server:
        path = told(tmp_path, webhook(server.url).replace("2s", "10m"))
        began = time.monotonic()
        done = drydeploy("run", str(path), "--speed", "1", "--time-limit", "1s", state=tmp_path)
        assert time.monotonic() - began < 15
    assert done.returncode == 124
    assert "1 of 1 notification was not delivered" in done.stderr


def test_a_run_at_its_own_speed_is_told_while_it_goes_on(tmp_path: Path) -> None:
    with serving() as server:
        path = told(tmp_path, webhook(server.url))
        run = subprocess.Popen([PROGRAM, "run", str(path), "-q", "--speed", "5"], env=environment(tmp_path))
        try:
            until(lambda: bool(server.got))
            assert run.poll() is None
        finally:
            assert run.wait(60) == 0
        assert [got.message["status"] for got in server.got] == ["CREATED", "SUCCEEDED"]


def test_a_run_is_not_taken_for_a_repetition_of_the_one_before(tmp_path: Path) -> None:
    """The journals are the same; what a receiver remembers messages by is not."""
    journals = [tmp_path / name for name in ("one.jsonl", "two.jsonl")]
    with serving() as server:
        path = told(tmp_path, webhook(server.url))
        for journal in journals:
            assert drydeploy("run", str(path), "-q", "--journal", str(journal), state=tmp_path).returncode == 0
        ids = [got.id for got in server.got]
        bodies = [json.loads(got.body)["MessageId"] for got in server.got]
    assert len(set(ids)) == len(ids) == 4
    assert bodies == ids
    assert journals[0].read_bytes() == journals[1].read_bytes()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (webhook("http://127.0.0.1:1", ", secret: HOOK_SECRET"), "the variable HOOK_SECRET is not set"),
        ("{file: ../none/notes.jsonl}", "notes.jsonl begins at the journal's directory, "),
        ("{file: small.yml/notes.jsonl}", "cannot be made: "),
        ("{file: notes}", "it is a directory"),
    ],
)
def test_what_can_never_be_delivered_is_refused_before_the_run(tmp_path: Path, target: str, words: str) -> None:
    (tmp_path / "notes").mkdir()
    journal = tmp_path / "a.jsonl"
    done = drydeploy("run", str(told(tmp_path, target)), "--journal", str(journal), state=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not journal.exists()


def test_what_is_missing_of_a_relative_files_directory_is_made_beside_the_journal(tmp_path: Path) -> None:
    journal = tmp_path / "journals" / "a.jsonl"
    path = told(tmp_path, "{file: out/new/notes.jsonl}")
    assert drydeploy("validate", str(path), state=tmp_path).returncode == 0
    done = drydeploy("run", str(path), "-q", "--journal", str(journal), state=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "journals" / "out" / "new" / "notes.jsonl").read_text().count("\n") == 2


def test_without_a_journal_a_relative_file_has_no_place(tmp_path: Path) -> None:
    (tmp_path / "drydeploy").write_text("in the way")
    done = drydeploy("run", "notifications", state=tmp_path)
    assert done.returncode == 2
    assert "name a journal with --journal, or write an absolute path" in done.stderr


def test_a_replay_tells_nobody(tmp_path: Path) -> None:
    with serving() as server:
        journal = tmp_path / "a.jsonl"
        drydeploy("run", str(told(tmp_path, webhook(server.url))), "--journal", str(journal), state=tmp_path)
        before = len(server.got)
        assert drydeploy("replay", str(journal), state=tmp_path).returncode == 0
        assert len(server.got) == before == 2


def test_no_secret_is_in_a_journal(tmp_path: Path) -> None:
    with serving() as server:
        path = told(tmp_path, webhook(server.url, ", secret: HOOK_SECRET"))
        journal = tmp_path / "a.jsonl"
        done = drydeploy("run", str(path), "--journal", str(journal), state=tmp_path, HOOK_SECRET=SECRET)
    assert done.returncode == 0
    for text in (journal.read_text(), done.stdout, done.stderr):
        assert SECRET.removeprefix("whsec_") not in text


def test_an_old_journal_goes_with_what_lies_beside_it(tmp_path: Path) -> None:
    journals = tmp_path / "drydeploy" / "journals"
    journals.mkdir(parents=True)
    for number in range(100):
        (journals / f"2020{number:04}.journal.jsonl").touch()
    (journals / "20200000.undelivered.jsonl").touch()
    (journals / "20200001.undelivered.jsonl").touch()
    drydeploy("run", str(small_scenario(tmp_path)), "-q", state=tmp_path)
    oldest = sorted(entry.name for entry in journals.iterdir())[:2]
    assert oldest == ["20200001.journal.jsonl", "20200001.undelivered.jsonl"]
