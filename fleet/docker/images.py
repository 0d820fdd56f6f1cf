"""`drydeploy image build`: the one image that hosts and the balancer run on.

Two layers: a base with Debian's packages, which changes seldom, and the agent on top of it. The base is a
pinned public image with packages added, or, where no registry answers, made from Debian's packages by
mmdebstrap. Nothing is pulled or built when a rehearsal runs: it asks for the image by the hash of its
sources, and says so where it is not there.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from fleet.base import FleetError
from fleet.docker import sources
from fleet.docker.engine import connect, telling
from fleet.docker.labels import IMAGE

if TYPE_CHECKING:
    from docker import DockerClient

Base = Literal["registry", "packages"]
MMDEBSTRAP_S: Final = 900
PACKAGES_TAKE: Final = "one to three minutes, by the line to Debian's archive"
BUILD: Final = "run: drydeploy image build"

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Image:
    """An image that was built, or was there. `seconds`: how long it took."""

    tag: str
    id: str
    built: bool
    base: Base | None
    seconds: float


def current_image(client: DockerClient) -> str:
    """The name of the image for this version's hosts. Raises FleetError where it is missing or stale."""
    found = image_state(client)
    if found is not None:
        raise FleetError(found)
    return sources.host_tag()


def image_state(client: DockerClient) -> str | None:
    """What is wrong with the image, and what to do; None where it is there and current."""
    with telling("looking for the image"):
        if client.images.list(name=sources.host_tag()):
            return None
        stale = client.images.list(name="drydeploy/host")
    if not stale:
        return f"there is no image for hosts yet ({sources.version_tag()}); {BUILD}"
    found = ", ".join(sorted({str(image.labels.get(IMAGE, "unlabelled")) for image in stale}))
    return (
        f"the image for hosts is stale: it was built from other sources ({found}) than these "
        f"({sources.host_hash()}); {BUILD}"
    )


def image_build(*, base: Base | None = None, force: bool = False, say: Say = lambda _: None) -> Image:
    """Make the image for hosts, if it is not there already.

    `base`: where its base comes from; None: a registry if one answers, else Debian's packages. `force`:
    from scratch. `say` is told of each step. Raises FleetError, with what to do.
    """
    started = time.monotonic()
    client = connect()
    try:
        if not force and image_state(client) is None:
            image = client.images.get(sources.host_tag())
            return Image(sources.version_tag(), str(image.id), False, None, time.monotonic() - started)
        came_from = None
        if force or not client.images.list(name=sources.base_tag()):
            came_from = _build_base(client, base, say)
        say(f"adding the agent: {sources.host_tag()}")
        id = _build_host(client)
    finally:
        client.close()
    return Image(sources.version_tag(), id, True, came_from, time.monotonic() - started)


def _build_base(client: DockerClient, base: Base | None, say: Say) -> Base:
    reason = None
    if base != "packages":
        say(f"asking the registry for {sources.DEBIAN_IMAGE}")
        reason = _pull(client)
        if reason is None:
            say(f"adding Debian's packages to it, {PACKAGES_TAKE}: {sources.base_tag()}")
            _docker_build(client, sources.context({}, sources.BASE_DOCKERFILE), sources.base_tag(), sources.base_hash())
            return "registry"
        if base == "registry":
            raise FleetError(
                f"{sources.DEBIAN_IMAGE} cannot be pulled: {reason}. Try: drydeploy image build --no-registry"
            )
        say(f"no registry answers ({reason})")
    if shutil.which("mmdebstrap") is None:
        begin = "" if reason is None else f"{sources.DEBIAN_IMAGE} cannot be pulled ({reason}), and "
        raise FleetError(
            f"{begin}mmdebstrap, which makes the base from Debian's packages, is not installed. Go "
            f"online, or on Debian or Ubuntu: sudo apt-get install mmdebstrap"
        )
    say(f"making the base from Debian's packages, {PACKAGES_TAKE}: {sources.base_tag()}")
    _debootstrap(client, say)
    return "packages"


def _pull(client: DockerClient) -> str | None:
    """Pull the public image; why not, where that fails."""
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    repository, _, tag = sources.DEBIAN_IMAGE.partition(":")
    try:
        client.images.pull(repository, tag=tag)
    except (DockerException, RequestException) as error:
        return str(getattr(error, "explanation", None) or error).strip()
    return None


def _debootstrap(client: DockerClient, say: Say) -> None:
    with tempfile.TemporaryDirectory(prefix="drydeploy-") as directory:
        tar = Path(directory) / "base.tar"
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={','.join(sources.PACKAGES)}",
            '--aptopt=APT::Install-Recommends "false"',
            *(f"--dpkgopt=path-exclude={pattern}" for pattern in sources.EXCLUDED),
            sources.DEBIAN,
            str(tar),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=MMDEBSTRAP_S)
        except subprocess.TimeoutExpired as error:
            raise FleetError(
                f"mmdebstrap did not end within {MMDEBSTRAP_S} s; is Debian's archive reachable? "
                "Try apt-get update: it must reach Debian's packages"
            ) from error
        if done.returncode != 0:
            tail = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise FleetError(f"mmdebstrap failed ({done.returncode}); is Debian's archive reachable? It said:\n{tail}")
        repository, _, tag = sources.base_tag().partition(":")
        say("giving the base to the engine")
        with telling("importing the base image"):
            client.api.import_image_from_file(
                str(tar), repository=repository, tag=tag, changes=[f"LABEL {IMAGE}={sources.base_hash()}"]
            )


def _build_host(client: DockerClient) -> str:
    context = sources.context(sources.host_files(), sources.HOST_DOCKERFILE)
    _docker_build(client, context, sources.host_tag(), sources.host_hash(), {"BASE": sources.base_tag()})
    repository, _, tag = sources.version_tag().partition(":")
    image = client.images.get(sources.host_tag())
    with telling("naming the image"):
        image.tag(repository, tag=tag)
    return str(image.id)


def _docker_build(
    client: DockerClient, context: io.BytesIO, tag: str, hash: str, arguments: dict[str, str] | None = None
) -> None:
    from docker.errors import APIError, BuildError

    try:
        client.images.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            buildargs=arguments or {},
            labels={IMAGE: hash},
            rm=True,
            forcerm=True,
        )
    except BuildError as error:
        lines = [str(line.get("stream", "")).strip() for line in error.build_log if isinstance(line, dict)]
        tail = "\n".join([line for line in lines if line][-5:])
        raise FleetError(f"building {tag} failed: {error.msg}\n{tail}") from error
    except APIError as error:
        raise FleetError(f"building {tag} failed: {error.explanation or error}") from error
