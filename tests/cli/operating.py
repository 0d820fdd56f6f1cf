"""Runs that go on while a test speaks to them from other processes."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from simulator.control import operator_client as client
from simulator.control import operator_words as words
from simulator.control.operator_runs import Unreachable
from tests.cli.program import PROGRAM, drydeploy, environment, small_scenario

LIMIT_S = 30
APPROVAL = "  strategy: {steps: [{setHosts: 1}, {pause: {}}]}\n"
JUDGED = "  strategy: {steps: [{setHosts: 1}, {analysis: users}]}\n"
JUDGE = "analyses:\n  users: {lasts: 1h, thresholds: [{metric: error_rate, below: 1%}]}\n"
BAKES = "  strategy: {steps: [{setHosts: 1}, {pause: {duration: 1h}}, {setHosts: 2}, {pause: {duration: 1h}}]}\n"

GATED = "{gate: {approval: {wait_time: 1h}}}"
_ENVIRONMENTS = """\
groups:
  - {name: test, ec2_tag_filters: [{key: env, value: test}], deployment_config: CodeDeployDefault.AllAtOnce}
  - {name: prod, ec2_tag_filters: [{key: env, value: prod}], deployment_config: CodeDeployDefault.AllAtOnce}
environments:
  test: {}
  prod: {after: [test], gate: {approval: {wait_time: 1h}}}
"""
_HOSTS = "  hosts: [{name: t1, tags: {env: test}}, {name: p1, tags: {env: prod}}]\n"


def environments_scenario(directory: Path) -> Path:
    """A scenario of two environments, where a person is asked before the second."""
    path = small_scenario(directory)
    before, _, rest = path.read_text().replace("  hosts: 3\n", _HOSTS).partition("group:\n")
    path.write_text(before + _ENVIRONMENTS + rest[rest.index("deploy:") :])
    return path


class Going:
    """A run in another process."""

    def __init__(self, process: subprocess.Popen[str], state: Path, printed: IO[str], limit_s: float) -> None:
        self.process = process
        self.state = state
        self.limit_s = limit_s
        self._printed = printed

    @property
    def sockets(self) -> list[Path]:
        """The sockets of all runs of this test."""
        return sorted((self.state / "drydeploy" / "runs").glob("*.sock"))

    @property
    def path(self) -> Path:
        """The socket of this run."""
        return next(path for path in self.sockets if (run := described(path)) and run.pid == self.process.pid)

    def until(self, wanted: Callable[[words.Run], bool]) -> words.Run:
        """How the run stands as soon as that is as wanted; it is asked again and again, up to a limit."""
        end_s = time.monotonic() + self.limit_s
        last = None
        while time.monotonic() < end_s:
            for path in self.sockets:
                run = described(path)
                if run is not None and run.pid == self.process.pid:
                    last = run
                    if wanted(run):
                        return run
            assert self.process.poll() is None, f"the run has ended: {self.printed()}"
            time.sleep(0.02)
        raise AssertionError(f"not within {self.limit_s} s; last: {last}")

    def is_in(self, status: str, deployment: int = 1) -> words.Run:
        """Wait for a status of the n-th deployment."""
        return self.until(lambda run: len(run.deployments) >= deployment and run.deployments[-1].status == status)

    def stays(self, deployments: int = 1) -> words.Run:
        """Wait until so many deployments have ended, and the run stays."""
        return self.until(lambda run: run.state == "staying" and len(run.deployments) == deployments)

    def say(self, *spoken: str, by: str = "alice") -> subprocess.CompletedProcess[str]:
        """A command line of another process."""
        return drydeploy(*spoken, state=self.state, LOGNAME=by)

    def end(self) -> int:
        """The exit code, once the run has ended."""
        return self.process.wait(timeout=self.limit_s)

    def printed(self) -> str:
        """What the run has printed so far."""
        self._printed.seek(0)
        return self._printed.read()


def described(path: Path) -> words.Run | None:
    """How the run at a socket stands; None where it has ended."""
    try:
        answer = client.ask(path, words.Describe())
    except (Unreachable, client.ClientError):
        return None
    return answer.run if isinstance(answer, words.Described) else None


@contextmanager
def going(
    state: Path,
    *options: str,
    strategy: str = APPROVAL,
    speed: float = 20,
    scenario: Path | None = None,
    limit_s: float = LIMIT_S,
    **more: str,
) -> Iterator[Going]:
    """Begin `drydeploy run` on three hosts in another process, which has no terminal."""
    if scenario is None:
        scenario = small_scenario(state)
        scenario.write_text(scenario.read_text().replace("  strategy: rolling\n", strategy))
    pace = () if "--fleet" in options else ("--speed", str(speed))
    with (state / f"printed-{time.monotonic_ns()}.txt").open("w+", encoding="utf-8") as printed:
        process = subprocess.Popen(
            [PROGRAM, "run", str(scenario), *pace, *options],
            env=environment(state, **more),
            cwd=state,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield Going(process, state, printed, limit_s)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM if "docker" in options else signal.SIGKILL)  # containers are removed
            process.wait(timeout=LIMIT_S)


@pytest.fixture
def approval(tmp_path: Path) -> Iterator[Going]:
    """A run that has come to an approval."""
    with going(tmp_path) as run:
        run.is_in("Ready")
        yield run
