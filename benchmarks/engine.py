"""Docker engines: whether the user's answers, and one of our own, in which a Swarm disturbs nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleet.base import FleetError
from fleet.docker.engine import connect
from fleet.docker.images import current_image

if TYPE_CHECKING:
    from docker import DockerClient

_UP_S = 60
_DOWN_S = 60
_NEEDED = ("dockerd", "unshare", "ip")


class Unavailable(Exception):
    """A benchmark cannot be made here: why, and what would help."""


@contextmanager
def engine() -> Iterator[tuple[DockerClient, str]]:
    """The user's engine, and the name of the image for hosts. Raises Unavailable."""
    try:
        client = connect()
    except FleetError as error:
        raise Unavailable(str(error)) from error
    try:
        yield client, current_image(client)
    except FleetError as error:
        raise Unavailable(str(error)) from error
    finally:
        client.close()


@contextmanager
def own_engine() -> Iterator[DockerClient]:
    """An engine of our own, with a Swarm of one, in namespaces of its own. It is gone afterwards, with all it had.

    Raises Unavailable where it cannot run.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Unavailable("a second engine for the Swarm needs Linux and root")
    if missing := [program for program in _NEEDED if shutil.which(program) is None]:
        raise Unavailable(f"a second engine for the Swarm needs {', '.join(missing)}")
    directory = Path(tempfile.mkdtemp(prefix="ddb-"))  # short: a socket's path has 107 characters at most
    try:
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(["unshare", "--net", "--mount", "sh", "-c", _script(directory)], stderr=log)
        client = None
        try:
            client = _answering(process, directory)
            client.swarm.init(advertise_addr="127.0.0.1", listen_addr="127.0.0.1:2377")
            yield client
        finally:
            if client is not None:
                client.close()
            process.terminate()
            try:
                process.wait(_DOWN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _script(directory: Path) -> str:
    """Its network and its mounts are its own, and so is its containerd; it touches no bridge and no firewall."""
    (directory / "daemon.json").write_text("{}")
    options = (
        f"--config-file={directory}/daemon.json --data-root={directory}/data --exec-root={directory}/exec "
        f"--pidfile={directory}/pid --host=unix://{directory}/sock --bridge=none --iptables=false "
        "--ip-forward=false --containerd-namespace=ddb --containerd-plugins-namespace=ddb-plugins --log-level=error"
    )
    hide = "if [ -d /run/containerd ]; then mount -t tmpfs none /run/containerd; fi"
    return f"ip link set lo up && {hide} && exec dockerd {options}"


def _answering(process: subprocess.Popen[bytes], directory: Path) -> DockerClient:
    import docker
    from docker.errors import DockerException

    until_s = time.monotonic() + _UP_S
    while process.poll() is None and time.monotonic() < until_s:
        try:
            return docker.DockerClient(base_url=f"unix://{directory}/sock", version="auto", timeout=120)
        except (DockerException, OSError):
            time.sleep(0.2)
    lines = (directory / "log").read_text(errors="replace").strip().splitlines()
    raise Unavailable(f"a second engine for the Swarm does not start: {lines[-1] if lines else 'it says nothing'}")


def hand_over(source: DockerClient, image: str, target: DockerClient) -> None:
    """`docker save | docker load`, from one engine to the other."""
    data: Any = source.images.get(image).save(named=image)  # docker's types know of files alone, and not of chunks
    target.images.load(data)
