"""Real containers. Without an engine these tests are skipped with one loud line, or fail where Docker is demanded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from fleet.base import FleetError
from fleet.docker.engine import connect
from fleet.docker.images import image_build

if TYPE_CHECKING:
    from docker import DockerClient

DEMAND = "DRYDEPLOY_REQUIRE_DOCKER"


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
        if os.environ.get(DEMAND) == "1":
            pytest.fail(f"{DEMAND}=1, and there is no engine: {error}", pytrace=False)
        pytest.skip(f"NO DOCKER ENGINE: NOTHING ABOUT CONTAINERS IS TESTED ({error})")
    try:
        image_build()
        yield client
    finally:
        client.close()
