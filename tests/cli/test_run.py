"""`drydeploy run`, `replay`: output, files, exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.program import PROGRAM, drydeploy, environment, small_scenario

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_the_main_rehearsal_is_told_in_plain_lines_and_judged(tmp_path: Path) -> None:
    done = drydeploy("run", "health-check-404", "--seed", "7", state=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0] == "health-check-404 · virtual fleet · seed 7"
    assert "\x1b" not in done.stdout
    assert any("taken: 4 of 4 healthy and 3 needed, so one may be taken out" in line for line in lines)
    assert "GET / answered 404, wanted 200" in done.stdout
    assert "v2 failed and was rolled back to v1, as expected" in done.stdout
    assert lines[-1] == "run again: drydeploy run health-check-404 --seed 7"
    journal = Path(lines[-2].removeprefix("journal: "))
    assert journal.is_file()
    assert journal.is_relative_to(tmp_path / "drydeploy" / "journals")


def test_json_is_one_object_with_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    runs = [
        drydeploy("run", "health-check-404", "--seed", "7", "-o", "json", state=tmp_path, PYTHONHASHSEED=hash_seed)
        for hash_seed in ("0", "1", "4242")
    ]
    assert len({run.stdout for run in runs}) == 1
    found = json.loads(runs[0].stdout)
    assert found["outcome"] == "rolled_back"
    assert found["status"] == "completed"
    assert found["in_service_min"] >= 3
    assert found["replay"] == "drydeploy run health-check-404 --seed 7"
    assert {run.stderr for run in runs} == {""}


def test_another_seed_is_another_run(tmp_path: Path) -> None:
    one, two = (
        json.loads(drydeploy("run", "health-check-404", "--seed", seed, "-o", "json", state=tmp_path).stdout)
        for seed in "12"
    )
    assert one["journal_sha256"] != two["journal_sha256"]
    assert one["scenario_sha256"] == two["scenario_sha256"]


def test_ndjson_ends_with_the_verdict(tmp_path: Path) -> None:
    done = drydeploy("run", "health-check-404", "-o", "ndjson", state=tmp_path)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["event"] == "DeploymentCreated"
    assert all("event" in line or "decision" in line for line in lines[:-1])
    assert lines[-1] == json.loads(drydeploy("run", "health-check-404", "-o", "json", state=tmp_path).stdout)


def test_quiet_and_verbose(tmp_path: Path) -> None:
    quiet = drydeploy("run", "health-check-404", "-q", state=tmp_path).stdout
    loud = drydeploy("run", "health-check-404", "-v", state=tmp_path).stdout
    assert quiet.startswith("✔ health-check-404")
    assert "→ RunLifecycleEvent Install: the event before it succeeded" in loud


EXPECT_ROLLBACK = "expect: {outcome: rolled_back}\n"
EXPECT_SUCCESS = "expect: {outcome: succeeded}\n"


@pytest.mark.parametrize(
    ("status", "rollback", "more", "options", "code"),
    [
        (200, False, "", (), 0),
        (404, False, "", (), 1),
        (404, True, "", (), 3),
        (404, True, EXPECT_ROLLBACK, (), 0),
        (404, True, EXPECT_SUCCESS, (), 1),
        (404, True, "expect: {in_service_min: 1}\n", (), 3),
        (404, False, "expect: {outcome: failed}\n", (), 0),
        (200, False, EXPECT_ROLLBACK, (), 1),
        (200, False, "", ("--strict",), 0),
        (404, True, EXPECT_ROLLBACK, ("--strict",), 1),
        (200, False, "limits: {start: 5s}\n", (), 2),
        (200, False, "", ("--seed", "x"), 2),
        (200, False, "", ("--time-limit", "soon"), 2),
        (200, False, "", ("--speed", "0"), 2),
        (200, False, "", ("--speed", "1", "--fleet", "docker"), 2),
    ],
)
def test_exit_codes(
    tmp_path: Path, status: int, rollback: bool, more: str, options: tuple[str, ...], code: int
) -> None:
    path = small_scenario(tmp_path, status=status, rollback=rollback, more=more)
    done = drydeploy("run", path.name, *options, state=tmp_path)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code == 2:
        assert done.stdout == ""
        assert done.stderr


def test_a_time_limit_ends_the_run(tmp_path: Path) -> None:
    path = small_scenario(tmp_path)
    path.write_text(path.read_text().replace("hosts: 3", "hosts: 500"))
    done = drydeploy("run", path.name, "--time-limit", "1ms", "-o", "json", state=tmp_path)
    assert done.returncode == 124, done.stderr
    assert json.loads(done.stdout)["status"] == "aborted"


def test_junit_and_html_are_written(tmp_path: Path) -> None:
    junit, page = tmp_path / "r.xml", tmp_path / "r.html"
    done = drydeploy("run", "health-check-404", "--junit", "r.xml", "--report", "r.html", "-q", state=tmp_path)
    assert done.returncode == 0
    assert ET.parse(junit).getroot().attrib["failures"] == "0"
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_cannot_be_written_is_said_before_the_run(tmp_path: Path) -> None:
    done = drydeploy("run", "health-check-404", "--junit", "nowhere/r.xml", state=tmp_path)
    assert done.returncode == 2
    assert "there is no directory nowhere" in done.stderr
    assert not (tmp_path / "drydeploy").exists()
    (tmp_path / "loop.html").symlink_to("loop.html")
    done = drydeploy("run", "health-check-404", "--report", "loop.html", state=tmp_path)
    assert done.returncode == 2
    assert "loop.html cannot be written: " in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "drydeploy").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_disk_that_fills_up_meanwhile_is_told_and_is_no_success(tmp_path: Path) -> None:
    done = drydeploy("run", "health-check-404", "--junit", "/dev/full", "-q", state=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("✔ health-check-404")
    assert "the run came to its end, but /dev/full could not be written: " in done.stderr


def test_a_closed_standard_output_is_no_defect(tmp_path: Path) -> None:
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-"):
        done = subprocess.run(
            ["sh", "-c", f"'{PROGRAM}' run health-check-404 -q {closed}"],
            env=environment(tmp_path),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0
        assert done.stderr == ""


def test_an_empty_home_is_no_home(tmp_path: Path) -> None:
    done = drydeploy("doctor", state=tmp_path, HOME="", XDG_STATE_HOME="")
    assert "defect" not in done.stderr


def test_the_replay_line_is_quoted_and_complete(tmp_path: Path) -> None:
    path = small_scenario(tmp_path, status=404)
    path = path.rename(tmp_path / "my small one.yml")
    done = drydeploy("run", path.name, "--seed", "3", "--strict", state=tmp_path)
    assert done.stdout.splitlines()[-1] == "run again: drydeploy run 'my small one.yml' --seed 3 --strict"


def test_a_bundle_is_rehearsed_without_a_scenario(tmp_path: Path) -> None:
    small_scenario(tmp_path)
    done = drydeploy("run", "./bundle", "--hosts", "3", "--config", "HalfAtATime", "-o", "json", state=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["deployments"][0]["hosts"]) == 3
    assert found["replay"] == "drydeploy run ./bundle --hosts 3 --config HalfAtATime --seed 0"


def test_bundle_options_do_not_go_with_a_scenario(tmp_path: Path) -> None:
    done = drydeploy("run", "health-check-404", "--hosts", "9", state=tmp_path)
    assert done.returncode == 2
    assert "--hosts goes with a bundle" in done.stderr


def test_a_bundle_behind_a_balancer_over_another_bundle(tmp_path: Path) -> None:
    small_scenario(tmp_path)
    words = ("bundle", "--running", "bundle", "--port", "8080", "--path", "/health", "--strategy", "in-place")
    done = drydeploy("run", *words, "-o", "json", state=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["requests"]["total"] > 0
    assert found["replay"].startswith("drydeploy run bundle --strategy in-place --running bundle --port 8080 --path")


def test_mistakes_in_the_options_of_a_bundle(tmp_path: Path) -> None:
    small_scenario(tmp_path)
    done = drydeploy("run", "bundle", "--strategy", "roling", "--config", "HalfAtTime", state=tmp_path)
    assert done.returncode == 2
    assert "did you mean rolling?" in done.stderr
    assert "HalfAtATime" in done.stderr
    assert drydeploy("run", "bundle", "--path", "/", state=tmp_path).returncode == 2
    assert drydeploy("run", "bundle", "--interval", "1s", state=tmp_path).returncode == 2
    done = drydeploy("run", "bundle", "--port", "8080", "--path", "x", "--interval", "5", state=tmp_path)
    assert done.returncode == 2
    assert "--path: error: expected a path that begins with / and has no blanks, found 'x'; write /x" in done.stderr
    assert "--interval: error: expected a duration" in done.stderr


def test_a_journal_is_replayed_to_the_same_end(tmp_path: Path) -> None:
    run = drydeploy("run", "health-check-404", "-o", "json", "--journal", "kept.jsonl", state=tmp_path)
    again = drydeploy("replay", "kept.jsonl", "-o", "json", state=tmp_path)
    assert again.returncode == run.returncode == 0
    assert again.stdout == run.stdout
    text = drydeploy("replay", "kept.jsonl", state=tmp_path).stdout
    assert "AllowTraffic" in text


def test_a_file_that_is_no_journal(tmp_path: Path) -> None:
    small_scenario(tmp_path)
    done = drydeploy("replay", "small.yml", state=tmp_path)
    assert done.returncode == 2
    assert "expected a journal of drydeploy" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "this is an empty file"),
        ("<!doctype html>\n<html>", "this is an HTML page"),
        ("<?xml version='1.0'?>\n", "this is XML"),
        ('{"event":"DeploymentCreated","id":1}\n', "this is what `-o ndjson` prints"),
        ('{\n  "scenario": "x"\n}\n', "as `-o json` prints it"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "other").write_text(text)
    done = drydeploy("replay", "other", state=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""


def test_journals_do_not_pile_up(tmp_path: Path) -> None:
    directory = tmp_path / "drydeploy" / "journals"
    directory.mkdir(parents=True)
    for number in range(120):
        (directory / f"20000101T000000Z-{number:03}.journal.jsonl").touch()
    (directory / "mine.txt").touch()
    assert drydeploy("run", "health-check-404", "-q", state=tmp_path).returncode == 0
    assert len(list(directory.glob("*.journal.jsonl"))) == 100
    assert (directory / "mine.txt").exists()


def test_where_no_journal_can_be_kept_the_run_goes_on_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "drydeploy").write_text("a file")
    done = drydeploy("run", "health-check-404", "-q", state=tmp_path)
    assert done.returncode == 0
    assert "no journal is kept" in done.stderr
    assert "journal: " not in done.stdout


def on_a_terminal(*words: str, state: Path, columns: int = 100, **more: str) -> tuple[int, str]:
    """The exit code and the bytes that a terminal would get."""
    leader, follower = pty.openpty()
    env = environment(state, TERM="xterm-256color", COLUMNS=str(columns), LINES="50", **more)
    with subprocess.Popen([PROGRAM, *words], stdout=follower, stdin=follower, env=env, cwd=state) as process:
        os.close(follower)
        chunks = []
        while True:
            try:
                chunk = os.read(leader, 65536)
            except OSError:  # the other side has hung up
                break
            if not chunk:
                break
            chunks.append(chunk)
        code = process.wait(timeout=60)
    os.close(leader)
    return code, b"".join(chunks).decode("utf-8", "replace")


def test_on_a_terminal_the_run_is_a_tree_in_colour(tmp_path: Path) -> None:
    code, raw = on_a_terminal("run", "health-check-404", state=tmp_path)
    text = ESCAPE.sub("", raw)
    assert code == 0
    assert "\x1b[31m" in raw
    assert "├── ✖ d-" in text
    assert "failed at AllowTraffic: GET / answered 404" in text
    assert text.count("health-check-404 · virtual fleet · seed 0") == 1
    assert text.rstrip().endswith("run again: drydeploy run health-check-404 --seed 0")


def test_on_a_terminal_the_tree_keeps_the_faults_and_verbose_tells_every_command(tmp_path: Path) -> None:
    path = small_scenario(
        tmp_path, more="faults: [{when: {at: 1s}, do: {host: pause}, where: {hosts: [h2]}, for: 1s}]\n"
    )
    _, raw = on_a_terminal("run", path.name, state=tmp_path)
    text = ESCAPE.sub("", raw)
    assert re.search(r"├── ⚠ 1.000s .* begins at h2", text)
    assert re.search(r"└── ✔ 2.000s .* is healed at h2", text)
    _, raw = on_a_terminal("run", path.name, "-v", state=tmp_path)
    text = ESCAPE.sub("", raw)
    assert "→ RunLifecycleEvent Install: the event before it succeeded" in text
    assert "├──" not in text


@pytest.mark.parametrize("verb", ["--help", "list", "show linear", "run --help", "run health-check-404"])
def test_a_narrow_terminal_breaks_lines_at_words(verb: str, tmp_path: Path) -> None:
    _, raw = on_a_terminal(*verb.split(), state=tmp_path, columns=60)
    lines = ESCAPE.sub("", raw).replace("\r", "").splitlines()
    copied = ("journal: ", "run again: ", "  https://", "  drydeploy")
    assert [line for line in lines if len(line) > 60 and not line.startswith(copied) and "https:" not in line] == []


def test_no_color_is_obeyed(tmp_path: Path) -> None:
    _, raw = on_a_terminal("run", "health-check-404", state=tmp_path, NO_COLOR="1")
    assert "├── ✖ d-" in ESCAPE.sub("", raw)
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", raw)


def test_at_speed_the_tree_lives(tmp_path: Path) -> None:
    code, raw = on_a_terminal("run", "health-check-404", "--speed", "20", state=tmp_path)
    text = ESCAPE.sub("", raw)
    assert code == 0
    assert re.search(r"◌ h\d \d+/13 [A-Z]\w+ \d", text)
    assert "in service 3 of 4, 3 required" in text


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    for verb in ("run health-check-404", "list", "schema", "run health-check-404 -o ndjson"):
        done = subprocess.run(
            ["sh", "-c", f"'{PROGRAM}' {verb} | head -1"],
            env=environment(tmp_path),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""


def test_a_defect_is_told_in_two_lines(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import scenarios.loader\ndef broken(path): raise ZeroDivisionError('oh')\nscenarios.loader.load = broken\n"
    )
    more = {"PYTHONPATH": str(tmp_path)}
    done = drydeploy("run", "health-check-404", state=tmp_path, **more)
    assert done.returncode == 1
    assert "please report it: ZeroDivisionError: oh" in done.stderr
    assert done.stderr.splitlines()[-1] == "run again: DRYDEPLOY_DEBUG=1 drydeploy run health-check-404"
    assert "Traceback" not in done.stderr
    assert "Traceback" in drydeploy("run", "health-check-404", state=tmp_path, DRYDEPLOY_DEBUG="1", **more).stderr
