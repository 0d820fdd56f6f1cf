"""How long a lifecycle event takes on a container above the script's own time, beside `docker exec` of that script."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.engine import Unavailable, engine
from benchmarks.fleets import scenario
from benchmarks.measure import skipped, table, title
from fleet.docker.labels import Run
from simulator.rollout.commands import Command, RunLifecycleEvent
from simulator.rollout.events import Event, LifecycleEventCompleted
from simulator.rollout.lifecycle import CARRIED_OUT_BY, IN_PLACE, CarriedOutBy

if TYPE_CHECKING:
    from docker import DockerClient

SCRIPT_MS = 100
DEPLOYMENTS = ("v2", "v1", "v2")
_SCRIPT = f"#!/bin/sh\nsleep {SCRIPT_MS / 1000}\n"
_SCRIPTED = [event for event in IN_PLACE if CARRIED_OUT_BY[event] is CarriedOutBy.SCRIPTS]


class _Watch:
    """Takes the time from a command to the report of its end."""

    def __init__(self) -> None:
        self._sent: dict[str, float] = {}
        self.took_ms: dict[str, list[float]] = defaultdict(list)

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Any) -> None:
        del rollout
        now = time.perf_counter()
        if isinstance(event, LifecycleEventCompleted):
            self.took_ms[event.name].append((now - self._sent[event.cause]) * 1000)
        for command in commands:
            if isinstance(command, RunLifecycleEvent):
                self._sent[command.id] = now


def run() -> None:
    """Print the table."""
    title(f"Docker: milliseconds of a lifecycle event above its script, which takes {SCRIPT_MS}")
    try:
        with engine() as (client, image):
            above = _above_the_script()
            rows = [_row(name, above[name]) for name in IN_PLACE]
            every = _row("all", [ms for times in above.values() for ms in times])
            rows += [every, _row("docker exec of it", _docker_exec(client, image))]
            table(("", "median", "worst", "times"), rows)
    except Unavailable as error:
        skipped("lifecycle events on Docker", str(error))


def _row(name: str, times: list[float]) -> tuple[str, ...]:
    return name, f"{statistics.median(times):.0f}", f"{max(times):.0f}", str(len(times))


def _above_the_script() -> dict[str, list[float]]:
    from simulator.api.host_commands import HostCommandEndpoint
    from simulator.control.controller import docker

    watch = _Watch()
    with tempfile.TemporaryDirectory(prefix="drydeploy-bench-") as scratch:
        for revision in ("v1", "v2"):
            _bundle(Path(scratch) / f"web-{revision}", revision)
        played = scenario(1, 1, deploy=list(DEPLOYMENTS), bundles=Path(scratch))
        docker(
            played,
            commands=HostCommandEndpoint(),
            seed=7,
            scenario_sha256="",
            replay="",
            observers=[watch],
        )
    return {name: [ms - SCRIPT_MS * (name in _SCRIPTED) for ms in watch.took_ms[name]] for name in IN_PLACE}


def _bundle(directory: Path, revision: str) -> None:
    directory.mkdir()
    hooks = "".join(f"  {event}:\n    - location: nap.sh\n      timeout: 30\n" for event in _SCRIPTED)
    files = "files:\n  - source: page.html\n    destination: /srv/web\n"
    (directory / "appspec.yml").write_text(f"version: 0.0\nos: linux\n{files}hooks:\n{hooks}")
    (directory / "page.html").write_text(f"<h1>{revision}</h1>\n")
    (directory / "nap.sh").write_text(_SCRIPT)
    (directory / "nap.sh").chmod(0o755)


def _docker_exec(client: DockerClient, image: str) -> list[float]:
    labels = Run.new().labels("bench")
    container = client.containers.run(image, ["sleep", "300"], entrypoint=[], init=True, detach=True, labels=labels)
    try:
        took = []
        for _ in range(len(DEPLOYMENTS) * len(IN_PLACE)):
            began = time.perf_counter()
            container.exec_run(["sh", "-c", _SCRIPT])
            took.append((time.perf_counter() - began) * 1000 - SCRIPT_MS)
        return took
    finally:
        container.remove(force=True)
