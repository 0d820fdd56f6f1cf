from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.agent.host import Host
from tests.conformance.agent.service import CommandService, Signer


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


@pytest.fixture
def service() -> Iterator[CommandService]:
    running = CommandService()
    yield running
    running.close()


@pytest.fixture
def idle_host(tmp_path: Path, service: CommandService, signer: Signer) -> Host:
    """A host whose agent is not started yet."""
    return Host(tmp_path, service, signer)


@pytest.fixture
def host(idle_host: Host) -> Iterator[Host]:
    """A host with an agent that waits for commands."""
    idle_host.start()
    yield idle_host
    idle_host.stop()
