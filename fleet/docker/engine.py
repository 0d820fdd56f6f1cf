"""The Docker engine: reaching it, and saying what to do where it cannot be reached.

`import docker` takes a while, so it happens in here and not at the head of the module.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

from fleet.base import FleetError

if TYPE_CHECKING:
    from docker import DockerClient

API_MIN: Final = (1, 41)
"""Engine 20.10 (December 2020): the first that knows `host-gateway`."""
CONNECTIONS_MAX: Final = 16
ANSWER_S: Final = 120
"""No answer of the engine takes longer, or it hangs."""

T = TypeVar("T")


def connect() -> DockerClient:
    """A client of the engine that the user's `docker` command would use.

    Raises FleetError, with what to do, where none answers, where it is too old, or where it is on another
    machine (ports are published on 127.0.0.1 of the engine's machine, and hosts must reach this process).
    """
    import docker
    from docker.errors import DockerException

    address = engine_address()
    if address is not None and not address.startswith(("unix://", "npipe://")):
        raise FleetError(
            f"the Docker engine at {address} is on another machine, or reached as if it were; drydeploy "
            f"needs one on this machine, through its socket. Unset DOCKER_HOST, or choose a local context: "
            "docker context use default"
        )
    try:
        client = docker.DockerClient(base_url=address, version="auto", timeout=ANSWER_S, max_pool_size=CONNECTIONS_MAX)
    except (DockerException, OSError) as error:
        raise FleetError(_no_engine(address, error)) from error
    api = tuple(int(part) for part in str(client.api.api_version).split("."))
    if api < API_MIN:
        version = client.version().get("Version", "?")
        client.close()
        raise FleetError(f"Docker Engine 20.10 or later is needed; found {version}. Update Docker")
    return client


def engine_address() -> str | None:
    """Where the engine listens: DOCKER_HOST, else the chosen context's; None for the system's own socket."""
    if address := os.environ.get("DOCKER_HOST"):
        return address
    from docker.context import ContextAPI
    from docker.errors import DockerException

    try:
        context = ContextAPI.get_current_context()
        host = None if context is None else context.endpoints.get("docker", {}).get("Host")
    except (DockerException, OSError, ValueError, AttributeError) as error:
        raise FleetError(f"the Docker context cannot be read: {error}. Try: docker context use default") from error
    return re.sub(r"^http\+unix:/+", "unix:///", host) if host else None


def _no_engine(address: str | None, error: Exception) -> str:
    where = address or "the default socket"
    text = str(error)
    if "Permission denied" in text:
        return (
            f"you may not use the Docker engine at {where}. Join its group (sudo usermod -aG docker "
            f"$USER, then log in again), or run the rehearsal on the virtual fleet: --fleet virtual"
        )
    return (
        f"no Docker engine answers at {where} ({_shortest(text)}). Start Docker (Docker Desktop, or: sudo "
        "systemctl start docker), or rehearse without containers: --fleet virtual"
    )


def _shortest(text: str) -> str:
    """The innermost reason of a nested error text."""
    found = re.search(r"(No such file or directory|Connection refused|Name or service not known|timed out)", text)
    return found[1].lower() if found else text[:200]


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Turn the engine's refusals within into a FleetError that says what was being done."""
    from docker.errors import APIError, DockerException

    try:
        yield
    except APIError as error:
        raise FleetError(f"{what}: the Docker engine says: {error.explanation or error}") from error
    except DockerException as error:
        raise FleetError(f"{what}: {error}") from error


def at_once(jobs: list[Callable[[], T]]) -> list[T]:
    """Do these side by side (the engine's client is synchronous).

    The first failure is raised after all have ended.
    """
    from concurrent.futures import ThreadPoolExecutor, wait

    if not jobs:
        return []
    with ThreadPoolExecutor(min(len(jobs), CONNECTIONS_MAX), "drydeploy-docker") as pool:
        futures = [pool.submit(job) for job in jobs]
        wait(futures)
        return [future.result() for future in futures]


def is_missing(error: Exception) -> bool:
    """Whether the engine says that a thing is not there (any more), or is being removed already."""
    status: Any = getattr(error, "status_code", None)
    return status == 404 or (status == 409 and "already in progress" in str(error))
