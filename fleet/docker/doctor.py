"""`drydeploy doctor`: what the Docker fleet needs, what was found, and how to get what is missing."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.base import FleetError
from fleet.docker import sources
from fleet.docker.cleanup import leftovers
from fleet.docker.engine import connect, engine_address
from fleet.docker.images import BUILD, image_state

if TYPE_CHECKING:
    from docker import DockerClient

DISK_MIN_BYTES: Final = 3 * 1024**3
MEMORY_MIN_BYTES: Final = 2 * 1024**3
"""For ten hosts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` is empty where all is well; `needed`: whether a rehearsal needs it."""

    name: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True


def doctor() -> list[Finding]:
    """Look at everything that a rehearsal on Docker needs. It changes nothing, and raises nothing."""
    findings = [_port()]
    try:
        client = connect()
    except FleetError as error:
        text, _, remedy = str(error).partition(". ")
        findings.insert(0, Finding("engine", False, text, remedy))
        return [*findings, _mmdebstrap()]
    try:
        return [
            _engine(client),
            _image(client),
            _disk(client),
            _memory(client),
            *findings,
            _mmdebstrap(),
            _left(client),
        ]
    finally:
        client.close()


def _told(name: str) -> Callable[[Callable[[DockerClient], Finding]], Callable[[DockerClient], Finding]]:
    """An engine that answers one question and not the next is a finding too."""

    def wrap(check: Callable[[DockerClient], Finding]) -> Callable[[DockerClient], Finding]:
        def checked(client: DockerClient) -> Finding:
            from docker.errors import DockerException

            try:
                return check(client)
            except (FleetError, DockerException, OSError) as error:
                return Finding(name, False, str(error), "restart Docker")

        return checked

    return wrap


@_told("engine")
def _engine(client: DockerClient) -> Finding:
    version = client.version()
    where = engine_address() or "the default socket"
    system = str(client.info().get("OperatingSystem", version.get("Os", "")))
    return Finding("engine", True, f"Docker {version['Version']} (API {version['ApiVersion']}) on {system}, at {where}")


@_told("image")
def _image(client: DockerClient) -> Finding:
    wrong = image_state(client)
    if wrong is None:
        return Finding("image", True, f"{sources.version_tag()} ({sources.host_hash()})")
    return Finding("image", False, wrong.rpartition("; ")[0], BUILD)


@_told("disk")
def _disk(client: DockerClient) -> Finding:
    root = Path(str(client.info().get("DockerRootDir", "/")))
    here = root.is_dir()
    free = shutil.disk_usage(root if here else Path.home()).free
    where = f"at {root}" if here else "on this machine (the engine's own disk is in a virtual machine)"
    ok = free >= DISK_MIN_BYTES
    remedy = "" if ok else f"free {_gib(DISK_MIN_BYTES)}; docker system prune removes what Docker does not use"
    return Finding("disk", ok, f"{_gib(free)} free {where}", remedy)


@_told("memory")
def _memory(client: DockerClient) -> Finding:
    total = int(client.info().get("MemTotal", 0))
    ok = total >= MEMORY_MIN_BYTES
    remedy = (
        "" if ok else f"give the engine {_gib(MEMORY_MIN_BYTES)} (Docker Desktop: Settings, Resources) for ten hosts"
    )
    return Finding("memory", ok, f"the engine has {_gib(total)}", remedy)


@_told("leftovers")
def _left(client: DockerClient) -> Finding:
    found = leftovers(client)
    dead = [str(left) for left in found if left.alive is False]
    live = sum(left.alive is not False for left in found)
    others = f"; {live} run{'s' if live > 1 else ''} going on" if live else ""
    if dead:
        return Finding("leftovers", False, "; ".join(dead) + others, "run: drydeploy clean", needed=False)
    return Finding("leftovers", True, "none" + others, needed=False)


def _port() -> Finding:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", 0))
        except OSError as error:
            return Finding("ports", False, f"no port can be opened on 127.0.0.1: {error}", "free some ports")
    return Finding("ports", True, "ports can be opened on 127.0.0.1")


def _mmdebstrap() -> Finding:
    path = shutil.which("mmdebstrap")
    if path:
        return Finding("mmdebstrap", True, "the image can be built without a registry", needed=False)
    return Finding(
        "mmdebstrap",
        False,
        "not installed; the image can be built only where a registry answers",
        "on Debian or Ubuntu: sudo apt-get install mmdebstrap",
        needed=False,
    )


def _gib(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB"
