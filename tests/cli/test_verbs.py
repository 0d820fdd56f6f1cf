"""Every verb but `run`: what it prints, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simulator.cli import VERBS
from simulator.cli.runs import picture
from simulator.control.operator_words import Run
from tests.cli.program import PROGRAM, drydeploy, small_scenario

TEN_MISTAKES = """\
name: Ten Mistakes
fleet:
  hosts: 0
  running: v9
balancer:
  health_check: {interval: 5, statsu: 200}
revisions:
  v1: bundle
  v2: nowhere
group:
  strategy: roling
  auto_rollback: [DEPLOYMENT_FAILURES]
deploy:
  - revision: v3
faults:
  - do: {agent: sleep}
expect:
  outcome: rolled-back
"""

AS_PEOPLE_WRITE = """\
version: 0.0
os: linux
files:
  - source: /
    destination: /home/ec2-user
    overwrite: yes
permission:
  - object: /home/ec2-user
    pattern: "**"
    owner: ec2-user
hooks:
  ApplicationStart:
    - location: run_process.sh
      timeout: 3600
      runas: ec2-user
"""


def test_help_and_version(tmp_path: Path) -> None:
    for words in ((), ("--help",), ("-h",)):
        done = drydeploy(*words, state=tmp_path)
        assert done.returncode == 0
        assert all(f"  {verb}" in done.stdout for verb in VERBS)
    assert drydeploy("--version", state=tmp_path).stdout.startswith("drydeploy ")


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_explains_itself(verb: str, tmp_path: Path) -> None:
    done = drydeploy(verb, "--help", state=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"Usage: drydeploy {verb}" in done.stdout


def test_help_costs_little_more_than_python(tmp_path: Path) -> None:
    def least(command: list[str]) -> float:
        times = []
        for _ in range(7):
            began = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            times.append(time.perf_counter() - began)
        return min(times)

    bare, ours = least([sys.executable, "-c", "pass"]), least([PROGRAM, "--help"])
    print(f"python -c pass: {bare * 1000:.0f} ms; drydeploy --help: {ours * 1000:.0f} ms, {ours / bare:.1f} times that")
    assert ours / bare < 8, "something heavy is imported before a verb is known"


def test_an_unknown_verb_or_option(tmp_path: Path) -> None:
    done = drydeploy("rnu", state=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no verb rnu; did you mean run?" in done.stderr
    assert drydeploy("--colour", state=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("option", "written", "told"),
    [
        ("--fleet", "dokker", "expected virtual or docker, found dokker; did you mean docker?"),
        ("--output", "xyz", "expected text, json or ndjson, found xyz"),
        ("--seed", "abc", "expected a whole number, found abc"),
        ("--speed", "fast", "expected a number, found fast"),
    ],
)
def test_what_an_option_cannot_have(option: str, written: str, told: str, tmp_path: Path) -> None:
    done = drydeploy("run", "health-check-404", option, written, state=tmp_path)
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: Invalid value for ")
    assert option in last
    assert last.endswith(f": {told}")


@pytest.mark.parametrize("verb", ["run", "plan", "show", "validate"])
def test_an_unknown_scenario_suggests_the_nearest(verb: str, tmp_path: Path) -> None:
    done = drydeploy(verb, "helth-check-404", state=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean health-check-404?" in done.stderr


@pytest.mark.parametrize("verb", ["run", "validate"])
def test_ten_mistakes_are_ten_lines_and_nothing_is_started(verb: str, tmp_path: Path) -> None:
    small_scenario(tmp_path)
    (tmp_path / "ten.yml").write_text(TEN_MISTAKES)
    done = drydeploy(verb, "ten.yml", state=tmp_path)
    assert done.returncode == 2
    found = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("ten.yml:")]
    assert len(found) >= 10, done.stdout + done.stderr
    for line in found:
        _, number, column, rest = line.split(":", 3)
        assert int(number) > 0
        assert int(column) > 0
        assert rest.startswith(" error: ")
    assert not (tmp_path / "drydeploy").exists()


def test_validate_tells_what_an_appspec_means(tmp_path: Path) -> None:
    (tmp_path / "appspec.yml").write_text(AS_PEOPLE_WRITE)
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "run_process.sh").write_text("#!/bin/sh\n")
    done = drydeploy("validate", "appspec.yml", state=tmp_path)
    assert done.returncode == 0
    assert "appspec.yml:6:5: warning: unknown key `overwrite`" in done.stdout
    assert "appspec.yml:7:1: warning: unknown key `permission`" in done.stdout
    assert "scripts/run_process.sh" in done.stdout
    assert "3 warnings; the appspec for servers is valid" in done.stderr
    assert drydeploy("validate", ".", state=tmp_path).stdout.count("warning") == 3
    found = json.loads(drydeploy("validate", "appspec.yml", "-o", "json", state=tmp_path).stdout)
    assert (found["kind"], found["valid"], len(found["problems"])) == ("appspec", True, 3)
    assert set(found["problems"][0]) == {"file", "severity", "line", "column", "message", "remedy"}


def test_validate_knows_an_appspec_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "other.yml").write_text(AS_PEOPLE_WRITE.replace("os: linux", "os: beos"))
    done = drydeploy("validate", "other.yml", "--bundle", ".", state=tmp_path)
    assert done.returncode == 2
    assert "other.yml:2:" in done.stdout
    assert " error: " in done.stdout


def test_validate_a_good_scenario(tmp_path: Path) -> None:
    small_scenario(tmp_path)
    done = drydeploy("validate", "small.yml", state=tmp_path)
    assert (done.returncode, done.stdout) == (0, "small.yml: a valid scenario\n")


def test_plan(tmp_path: Path) -> None:
    text = drydeploy("plan", "health-check-404", state=tmp_path).stdout
    assert text.startswith("health-check-404: application web, group production · seed 0\n")
    assert "└── 1. v2  rolling, CodeDeployDefault.OneAtATime  (1 at a time)" in text
    assert "deploy to 4 hosts, 1 at once, 3 must stay healthy" in text
    assert drydeploy("plan", "health-check-404", "--mermaid", state=tmp_path).stdout.startswith("flowchart TD")
    assert drydeploy("plan", "health-check-404", "--dot", state=tmp_path).stdout.startswith("digraph plan {")
    found = json.loads(drydeploy("plan", "health-check-404", "-o", "json", state=tmp_path).stdout)
    assert found["deployments"][0]["stages"][0]["hosts"] == ["h1", "h2", "h3", "h4"]
    assert drydeploy("plan", "health-check-404", "--dot", "--mermaid", state=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("state", "told"),
    [("preparing", "preparing its hosts"), ("running", "for 5s"), ("staying", "its deployments have ended, for 5s")],
)
def test_a_run_that_prepares_its_hosts_has_no_time_yet(state: str, told: str) -> None:
    run = Run("r1", "play", "", "docker", 7, 1, "0", state, 0 if state == "preparing" else 5_000, None, [], [])
    assert [*picture(run)] == [f"r1 · play · docker fleet · seed 7 · {told}"]


def test_list_and_show(tmp_path: Path) -> None:
    text = drydeploy("list", state=tmp_path).stdout
    assert "health-check-404 " in text
    rows = json.loads(drydeploy("list", "-o", "json", state=tmp_path).stdout)
    assert {"name", "title", "outcome"} == set(rows[0])
    shown = drydeploy("show", "health-check-404", state=tmp_path).stdout
    assert "plays     The new machine image is empty" in shown
    assert "404" in shown
    assert "https://" in shown
    of_ecs = drydeploy("show", "ecs-canary", state=tmp_path).stdout
    assert "\n  service   web of 2 tasks, running v1, behind a balancer\n" in of_ecs
    assert "\n  function  greeting, running v1\n" in drydeploy("show", "lambda-bad", state=tmp_path).stdout
    assert "\n  deploys   nothing; what its pools" in drydeploy("show", "empty-pool-launch", state=tmp_path).stdout
    assert drydeploy("show", "health-check-404", "--file", state=tmp_path).stdout.startswith("name: health-check-404\n")


def test_schema_is_a_json_schema(tmp_path: Path) -> None:
    import jsonschema

    found = json.loads(drydeploy("schema", state=tmp_path).stdout)
    jsonschema.Draft202012Validator.check_schema(found)
    assert "fleet" in found["properties"]


def test_init_writes_what_runs_and_overwrites_nothing(tmp_path: Path) -> None:
    done = drydeploy("init", "new", state=tmp_path)
    assert done.returncode == 0, done.stderr
    written = sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file())
    assert written
    before = {path: path.read_bytes() for path in written}
    again = drydeploy("init", "new", state=tmp_path)
    assert again.returncode == 2
    assert again.stderr == (
        "new: error: rehearsal.yml, bundles/v1 and bundles/v2 are here already, and nothing is overwritten; "
        "give another directory, or move them away\n"
    )
    assert {path: path.read_bytes() for path in written} == before
    scenario = next(path for path in written if path.parent == tmp_path / "new" and path.suffix == ".yml")
    run = drydeploy("run", str(scenario), "-q", state=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert drydeploy("validate", str(scenario), state=tmp_path).returncode == 0


def test_without_an_engine_docker_says_what_to_do(tmp_path: Path) -> None:
    nowhere = f"unix://{tmp_path}/nowhere.sock"
    for words in (("run", "health-check-404", "--fleet", "docker"), ("clean",), ("image", "build")):
        done = drydeploy(*words, state=tmp_path, DOCKER_HOST=nowhere)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "no Docker engine answers" in done.stderr
        assert "Traceback" not in done.stderr
    done = drydeploy("doctor", state=tmp_path, DOCKER_HOST=nowhere)
    assert done.returncode == 1
    assert "no Docker engine answers" in done.stdout
    assert "virtual" in done.stdout
