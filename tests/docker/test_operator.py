"""An approval and an analysis on real containers, answered from another process."""

from __future__ import annotations

import json
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


def begin(state: Path) -> Path:
    from tests.docker.rig import bundle

    for word in ("v1", "v2"):
        bundle(state, word)
    path = state / "gate.yml"
    path.write_text(SCENARIO)
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
