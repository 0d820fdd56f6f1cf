"""Real containers. Without an engine these tests are skipped with one loud line, or fail where Docker is demanded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from fleet.base import FleetError
from fleet.docker.engine import connect
from fleet.docker.images import image_build
from tests.support.demanded import lacking

if TYPE_CHECKING:
    from docker import DockerClient


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/docker" in item.path.as_posix():
            item.add_marker(pytest.mark.docker)


@pytest.fixture(scope="session")
def engine() -> Iterator[DockerClient]:
    """A client of the engine, with the image of this checkout built."""
    try:
        client = connect()
    except FleetError as error:
        lacking("Docker engine", "containers", str(error))
    try:
        image_build()
        yield client
    finally:
        client.close()
