"""The endpoint, served on this machine, and botocore as its client, with the model that the agent uses."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import fleet.agent
from fleet.docker.mailbox import Completion, HostCommand, host_identifier
from simulator.api.host_commands import HostCommandEndpoint

SPECIFICATION = {"DeploymentId": "d-AAAAAAAAA", "ApplicationName": "web"}


@dataclass
class Heard:
    """What the endpoint told its listener."""

    polls: list[str] = field(default_factory=list)
    begun: list[HostCommand] = field(default_factory=list)
    ended: list[tuple[HostCommand, Completion]] = field(default_factory=list)
    not_believed: list[tuple[HostCommand, int]] = field(default_factory=list)

    def polled(self, host: str) -> None:
        self.polls.append(host)

    async def acknowledged(self, command: HostCommand) -> None:
        self.begun.append(command)

    def completed(self, command: HostCommand, completion: Completion) -> None:
        self.ended.append((command, completion))

    def refused(self, command: HostCommand, ahead_ms: int) -> None:
        self.not_believed.append((command, ahead_ms))


class Service:
    """An endpoint on an event loop of its own, with the host h1 and the deployment d-AAAAAAAAA."""

    def __init__(self, poll_ms: int) -> None:
        self.heard = Heard()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.endpoint = HostCommandEndpoint(poll_ms=poll_ms)
        self.port = self.on_loop(lambda: self.endpoint.listen("127.0.0.1", self.heard))
        self.now(lambda: self.endpoint.register("h1"))
        self.now(lambda: self.endpoint.announce("d-AAAAAAAAA", SPECIFICATION))

    def on_loop(self, make: Callable[[], Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(10)

    def now(self, call: Callable[[], None]) -> None:
        async def called() -> None:
            call()

        self.on_loop(called)

    def offer(self, name: str = "Install", id: str = "7.0") -> HostCommand:
        command = HostCommand(id, "d-AAAAAAAAA", "h1", name)
        self.now(lambda: self.endpoint.offer(command))
        return command

    def client(self, **more: Any) -> Any:
        import botocore.config
        import botocore.session

        session = botocore.session.Session()
        models = Path(fleet.agent.__file__).parent / "models"
        session.get_component("data_loader").search_paths.insert(0, str(models))
        secrets = {
            "aws_access_key_id": self.endpoint.access_key_id,
            "aws_secret_access_key": self.endpoint.secret_access_key,
            **more,
        }
        return session.create_client(
            "codedeploycommands",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            config=botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=60),
            **secrets,
        )

    def close(self) -> None:
        self.on_loop(self.endpoint.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@pytest.fixture
def service() -> Iterator[Service]:
    """Idle polls are held for 300 ms here."""
    made = Service(poll_ms=300)
    yield made
    made.close()


@pytest.fixture
def host() -> str:
    return host_identifier("h1")
