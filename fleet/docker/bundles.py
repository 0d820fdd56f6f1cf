"""Bundles as hosts get them: archives on their own disks, or in a bucket that they have to be let into."""

from __future__ import annotations

import io
import posixpath
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fleet.base import FleetError, bundle_location
from fleet.bundle_store import BUCKET, key
from scenarios.model import Scenario

BUNDLE_MAX_BYTES: Final = 1024**3
ALL: Final = 0o7777
_TYPES: Final = {".zip": "zip", ".tar": "tar", ".tgz": "tgz", ".tar.gz": "tgz"}


@dataclass(frozen=True, slots=True)
class Bundle:
    """A revision, packed.

    `bundle_type` is zip, tar or tgz; `starts`: whether its AppSpec has ApplicationStart; `stored`: whether hosts fetch
    it from the run's bucket, and not from their own disks.
    """

    revision: str
    bundle_type: str
    content: bytes
    starts: bool
    stored: bool = False

    @property
    def key(self) -> str:
        """Its key in the run's bucket."""
        return key(self.revision, self.bundle_type)

    @property
    def location(self) -> str:
        """Where it lies on a host."""
        return bundle_location(self.revision, self.bundle_type)

    @property
    def revision_location(self) -> dict[str, Any]:
        """The `Revision` of a deployment specification."""
        if self.stored:
            place = {"Bucket": BUCKET, "Key": self.key, "BundleType": self.bundle_type}
            return {"RevisionType": "S3", "S3Revision": place}
        return {
            "RevisionType": "Local File",
            "LocalRevision": {"Location": self.location, "BundleType": self.bundle_type},
        }


def pack(revision: str, path: Path, *, stored: bool = False) -> Bundle:
    """A bundle from a directory or an archive, for the hosts' disks or `stored` in the bucket.

    Raises FleetError where it cannot be read or is too large.

    A directory becomes a tgz, because a revision is an archive wherever it comes from: an agent unpacks it,
    and it can be found corrupt. What is within is the agent's to judge.
    """
    try:
        if path.is_dir():
            return Bundle(revision, "tgz", _tgz(path), _starts(path / "appspec.yml"), stored)
        kind = next((kind for suffix, kind in _TYPES.items() if path.name.lower().endswith(suffix)), None)
        if kind is None:
            raise FleetError(
                f"revision {revision}: {path} is neither a directory nor an archive (.zip, .tar, .tgz, .tar.gz)"
            )
        if path.stat().st_size > BUNDLE_MAX_BYTES:
            raise FleetError(f"revision {revision}: {path} is larger than {BUNDLE_MAX_BYTES:,} bytes")
        content = path.read_bytes()
    except OSError as error:
        raise FleetError(f"revision {revision}: {error.filename or path} cannot be read: {error.strerror}") from error
    return Bundle(revision, kind, content, _starts_archive(kind, content), stored)


def pack_all(scenario: Scenario) -> dict[str, Bundle]:
    """Every revision's bundle, by the revision. Raises FleetError as `pack` does."""
    stored = from_bucket(scenario)
    return {name: pack(name, part.bundle, stored=stored) for name, part in scenario.revisions.items()}


def from_bucket(scenario: Scenario) -> bool:
    """Whether the hosts of a scenario fetch their bundles from a bucket: some of them are not let into it."""
    return any(fault.do.bundle == "access-denied" for fault in scenario.faults)


def _tgz(path: Path) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as tar:
        add_directory(tar, path, most_bytes=BUNDLE_MAX_BYTES)
    return buffer.getvalue()


def add_directory(tar: tarfile.TarFile, directory: Path, place: str = ".", *, most_bytes: int, mask: int = ALL) -> None:
    """Add all that a directory holds, below `place`: root's, links as links, and of its mode what `mask` leaves.

    Raises FleetError where it is more than `most_bytes`.
    """
    total = 0
    for entry in sorted(directory.rglob("*")):
        info: tarfile.TarInfo | None = tar.gettarinfo(
            entry, posixpath.normpath(f"{place}/{entry.relative_to(directory)}")
        )
        if info is None:
            continue  # a socket, which no archive holds
        info.uid = info.gid = 0
        info.uname = info.gname = "root"
        info.mode &= mask
        total += info.size
        if total > most_bytes:
            raise FleetError(f"the bundle {directory} is larger than {most_bytes:,} bytes")
        if info.isreg():
            with entry.open("rb") as file:
                tar.addfile(info, file)
        else:
            tar.addfile(info)


def _starts(appspec: Path) -> bool:
    return _has_start(appspec.read_bytes()) if appspec.is_file() else False


def _starts_archive(kind: str, content: bytes) -> bool:
    import zipfile
    import zlib

    try:
        if kind == "zip":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                names = [name for name in archive.namelist() if _is_appspec(name)]
                return bool(names) and _has_start(archive.read(names[0]))
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            files = [tar.extractfile(entry) for entry in tar if entry.isfile() and _is_appspec(entry.name)]
            return bool(files) and files[0] is not None and _has_start(files[0].read())
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError):
        # An archive that cannot be read is the agent's to refuse; nothing will ever start from it.
        return False


def _is_appspec(name: str) -> bool:
    """At the top, or in the one directory that holds everything."""
    return name.removeprefix("./").split("/")[-2:][-1] == "appspec.yml" and name.removeprefix("./").count("/") <= 1


def _has_start(appspec: bytes) -> bool:
    import yaml

    try:
        content = yaml.safe_load(appspec)
    except yaml.YAMLError:
        return False
    hooks = content.get("hooks") if isinstance(content, dict) else None
    return isinstance(hooks, dict) and bool(hooks.get("ApplicationStart"))
