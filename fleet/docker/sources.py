"""What an image is made of, and the hash that tells whether one is current."""

from __future__ import annotations

import hashlib
import io
import tarfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

import fleet

DEBIAN: Final = "bookworm"
DEBIAN_IMAGE: Final = "debian:12.11-slim"
"""The public image on which the base is built where a registry answers; of the same Debian."""
PACKAGES: Final = (
    "acl",
    "bash",
    "ca-certificates",
    "curl",
    "haproxy",
    "iproute2",
    "iptables",
    "libfaketime",
    "openssl",
    "procps",
    "python3",
    "python3-boto3",
    "python3-yaml",
    "unzip",
)
EXCLUDED: Final = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*")
HOME: Final = "/opt/drydeploy"
HASH_CHARS: Final = 12

BASE_DOCKERFILE: Final = f"""\
FROM {DEBIAN_IMAGE}
RUN apt-get update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends {" ".join(PACKAGES)} \\
 && rm -rf /var/lib/apt/lists/*
"""
HOST_DOCKERFILE: Final = f"""\
ARG BASE
FROM $BASE
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
COPY opt /opt
RUN python3 -m compileall -q {HOME}
WORKDIR {HOME}
CMD ["/bin/sh", "{HOME}/hostside/supervisor.sh"]
"""


def base_hash() -> str:
    """Of everything that decides what is in the base image."""
    text = "\n".join((DEBIAN, BASE_DOCKERFILE, *PACKAGES, *EXCLUDED))
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARS]


def host_files() -> dict[str, bytes]:
    """What is copied into the image of a host: content by path, in a fixed order."""
    packages = Path(fleet.__file__).parent
    files = {f"{HOME}/fleet/__init__.py".lstrip("/"): b""}
    for source, target in (
        (packages / "agent", "fleet/agent"),
        (packages / "docker" / "hostside", "hostside"),
    ):
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files[f"{HOME}/{target}/{path.relative_to(source).as_posix()}".lstrip("/")] = path.read_bytes()
    return files


def host_hash() -> str:
    """Of everything that decides what is in the image of a host."""
    digest = hashlib.sha256(f"{base_hash()}\n{HOST_DOCKERFILE}".encode())
    for path, content in host_files().items():
        digest.update(f"\n{path} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:HASH_CHARS]


def base_tag() -> str:
    """The base image's name."""
    return f"drydeploy/base:{base_hash()}"


def host_tag() -> str:
    """The name under which a run asks for its image.

    By content, so that a stale one is never taken for it.
    """
    return f"drydeploy/host:{host_hash()}"


def version_tag() -> str:
    """The name under which people know the image of a host."""
    return f"drydeploy/host:{version('drydeploy')}"


def context(files: dict[str, bytes], dockerfile: str) -> io.BytesIO:
    """A build context: a tar with these files and a Dockerfile."""
    return tar_of({**files, "Dockerfile": dockerfile.encode()})


def tar_of(files: dict[str, bytes], *, private: frozenset[str] = frozenset(), ended: bool = True) -> io.BytesIO:
    """A tar of these files, owned by root and dated 1970, so that the same files give the same bytes.

    `private`: those that only root may read. Without `ended` the mark of its end is left out: another tar follows.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o600 if path in private else 0o644
            tar.addfile(entry, io.BytesIO(content))
        end = tar.offset
    if not ended:
        buffer.truncate(end)
    buffer.seek(0)
    return buffer
