"""Functions that are hooks, called: what runs in their containers is run on this machine."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest

from fleet.base import FleetError
from fleet.docker import functions as module
from fleet.docker.functions import Functions
from fleet.docker.tasks import PLACE, TaskPlan
from tests.support.services import BALANCER, aws_lambda

HOSTSIDE = Path(module.__file__).parent
EVENT = {"DeploymentId": "d-TEST00001", "LifecycleEventHookExecutionId": "1"}


class Containers:
    """Containers whose programs run in a directory here."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._running: list[subprocess.Popen[bytes]] = []

    def boot_task(self, plan: TaskPlan, _listening: str) -> int | None:
        with tarfile.open(fileobj=io.BytesIO(plan.files)) as tar:
            for info in tar.getmembers():
                (self._directory / Path(info.name).name).write_bytes(cast(Any, tar.extractfile(info)).read())
        command = [word.replace(PLACE, str(self._directory)) for word in plan.command]
        environment = {**os.environ, **plan.environment, "PYTHONPATH": str(HOSTSIDE)}
        self._running.append(subprocess.Popen(command, env=environment, start_new_session=True))
        return plan.publish

    def log(self, _name: str) -> str:
        return "the log"

    def end(self) -> None:
        """Nothing of it runs any more."""
        while self._running:
            process = self._running.pop()
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture
def containers(tmp_path: Path) -> Iterator[Containers]:
    made = Containers(tmp_path)
    yield made
    made.end()


def booted(containers: Containers, tmp_path: Path, code: str) -> Functions:
    """A scenario's one function, whose handler notes each call in the file `calls` and then does this."""
    handler = tmp_path / "written" / "hook.py"
    handler.parent.mkdir()
    noted = f"open({str(tmp_path / 'calls')!r}, 'a').write('x')"
    handler.write_text(f"import os, sys\ndef handler(event, context):\n    {noted}\n    {code}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    scenario = aws_lambda(functions={"say-all-is-well": {"handler": str(handler)}}, balancer={**BALANCER, "port": port})
    functions = Functions(scenario, cast(Any, containers), lambda _execution, _succeeded: None)
    for boot in functions.boots(count().__next__, {}, "127.0.0.1"):
        boot()
    return functions


@pytest.mark.parametrize("code", ["return 'well'", "sys.exit(1)", "os._exit(1)", "raise RuntimeError"])
def test_a_function_is_called_once_however_it_ends_and_can_be_called_again(
    containers: Containers, tmp_path: Path, code: str
) -> None:
    functions = booted(containers, tmp_path, code)
    for calls in (1, 2):
        asyncio.run(functions.call("say-all-is-well", EVENT))
        assert (tmp_path / "calls").read_text() == "x" * calls


def test_a_function_whose_container_does_not_listen_is_told_of(
    containers: Containers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = booted(containers, tmp_path, "return 'well'")
    containers.end()
    monkeypatch.setattr(module, "LISTENS_S", 0.2)
    words = "the function say-all-is-well cannot be called: .+; it says: the log"
    with pytest.raises(FleetError, match=words):
        asyncio.run(functions.call("say-all-is-well", EVENT))
    assert not (tmp_path / "calls").exists()
