"""An approval and an analysis on real containers, answered from another process."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest
from docker import DockerClient

from fleet.docker.labels import RUN
from tests.cli.operating import Going, going

SCENARIO = """\
name: gate
fleet:
  hosts: 2
  running: v1
balancer:
  health_check: {path: /, status: 200, interval: 500ms, timeout: 500ms, rise: 2, fall: 2}
  draining: 1s
revisions:
  v1: v1
  v2: v2
group:
  strategy: {steps: [{setHosts: 1}, {pause: {}}, {analysis: users}]}
deploy:
  - revision: v2
analyses:
  users: {lasts: 10m, thresholds: [{metric: error_rate, below: 100%}]}
"""
LIMIT_S = 120


BLUE_GREEN = """\
{blue-green: {terminate_blue: {action: TERMINATE, wait_time: 1h}}}"""


def begin(state: Path, strategy: str | None = None) -> Path:
    from tests.docker.rig import bundle

    for word in ("v1", "v2"):
        root = bundle(state, word)
        appspec = root / "appspec.yml"
        appspec.write_text(appspec.read_text() + "  BeforeAllowTraffic: [{location: note.sh}]\n")
        (root / "note.sh").write_text("#!/bin/sh\nexit 0\n")
    path = state / "gate.yml"
    text = SCENARIO
    if strategy is not None:
        text = re.sub(r"strategy: .*", f"strategy: {strategy}", text)
        text = text.partition("analyses:")[0]
    path.write_text(text)
    return path


def containers(engine: DockerClient, run: str) -> int:
    return len(engine.containers.list(all=True, filters={"label": f"{RUN}={run}"}))


def test_an_approval_is_answered_from_another_process(engine: DockerClient, tmp_path: Path) -> None:
    with going(tmp_path, "--fleet", "docker", "--stay", scenario=begin(tmp_path), limit_s=LIMIT_S) as run:
        described = run.until(lambda found: found.state == "preparing")
        assert described.deployments == []
        early = run.say("continue")
        assert (early.returncode, early.stdout) == (1, "")
        assert "the hosts are being prepared" in early.stderr
        ready = run.is_in("Ready")
        assert ready.in_service is not None
        assert ready.in_service.hosts == 2
        assert containers(engine, ready.run) == 3
        assert run.say("continue", by="alice").returncode == 0
        assert run.say("continue", by="bob").returncode == 1
        run.is_in("Baking")
        assert run.say("promote", by="carol").returncode == 0
        run.stays()
        assert run.say("undo").returncode == 0
        assert run.stays(2).deployments[-1].revision == "v1"
        assert run.say("end").returncode == 0
        assert run.end() == 0, run.printed()
        assert containers(engine, ready.run) == 0
        assert spoken(run) == [("continue", "alice"), ("continue", "bob"), ("promote", "carol")]  # bob was refused


def test_what_was_stopped_in_its_termination_wait_is_undone(engine: DockerClient, tmp_path: Path) -> None:
    """The way back downloads nothing: around AllowTraffic the old hosts run the scripts that they have."""
    scenario = begin(tmp_path, BLUE_GREEN)
    with going(tmp_path, "--fleet", "docker", "--stay", scenario=scenario, limit_s=LIMIT_S) as run:
        waits = run.until(lambda found: "skip-wait" in found.possible)
        assert run.say("stop", "--no-rollback").returncode == 0
        run.stays()
        assert run.say("undo").returncode == 0
        back = run.stays(2).deployments[-1]
        assert (back.status, back.error, back.strategy) == ("Succeeded", None, "back-to-blue")
        assert containers(engine, waits.run) == 3  # the balancer, and the old hosts
        assert run.say("end").returncode == 0
        assert run.end() == 0, run.printed()


def spoken(run: Going) -> list[tuple[str, str]]:
    """What the run's journal says that people said."""
    journal = next(line for line in run.printed().splitlines() if line.startswith("journal: "))
    events = map(json.loads, Path(journal.removeprefix("journal: ")).read_text().splitlines()[1:])
    return [(event["verb"], event["by"]) for event in events if event["event"] == "OperatorSpoke"]


@pytest.mark.parametrize(("stays", "code"), [(True, 0), (False, 130)])
def test_ctrl_c_leaves_nothing_and_ends_well_what_only_stays(
    engine: DockerClient, tmp_path: Path, stays: bool, code: int
) -> None:
    with going(tmp_path, "--fleet", "docker", "--stay", scenario=begin(tmp_path), limit_s=LIMIT_S) as run:
        ready = run.is_in("Ready")
        if stays:
            assert run.say("promote", "--full").returncode == 0
            run.stays()
        run.process.send_signal(signal.SIGINT)
        assert run.end() == code, run.printed()
        assert containers(engine, ready.run) == 0
        assert run.sockets == []
