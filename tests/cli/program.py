"""The installed command, run as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROGRAM = shutil.which("drydeploy", path=str(Path(sys.executable).parent)) or "drydeploy"

SMALL = """\
name: small
fleet:
  hosts: 3
  running: v1
balancer:
  health_check: {path: /, status: 200, interval: 500ms, timeout: 500ms, rise: 2, fall: 2}
  draining: 1s
revisions:
  v1: bundle
  v2:
    bundle: bundle
    behaves: {answers: {/: STATUS}}
group:
  strategy: rolling
  deployment_config: CodeDeployDefault.OneAtATime
  auto_rollback: ROLLBACK
deploy:
  - revision: v2
limits: {start: 5s, event: 10s}
"""
APPSPEC = """\
version: 0.0
os: linux
files:
  - source: /index.html
    destination: /srv/web
"""


def environment(state: Path, **more: str) -> dict[str, str]:
    """A quiet environment, with its journals and its sockets under `state`."""
    noisy = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "DRYDEPLOY_DEBUG", "XDG_RUNTIME_DIR")
    kept = {k: v for k, v in os.environ.items() if k not in noisy}
    return {**kept, "XDG_STATE_HOME": str(state), "LANG": "C.UTF-8", **more}


def drydeploy(*words: str, state: Path, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command line to its end. `more` goes into the environment."""
    return subprocess.run(
        [PROGRAM, *words],
        env=environment(state, **more),
        cwd=cwd or state,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def small_scenario(directory: Path, *, status: int = 200, rollback: bool = False, more: str = "") -> Path:
    """A scenario of three hosts with a bundle beside it. v2 answers `status`."""
    bundle = directory / "bundle"
    bundle.mkdir(exist_ok=True)
    (bundle / "appspec.yml").write_text(APPSPEC)
    (bundle / "index.html").write_text("hello\n")
    path = directory / "small.yml"
    wanted = "[DEPLOYMENT_FAILURE]" if rollback else "[]"
    path.write_text(SMALL.replace("STATUS", str(status)).replace("ROLLBACK", wanted) + more)
    return path
