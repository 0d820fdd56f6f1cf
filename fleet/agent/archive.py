"""Unpacking bundles that come from elsewhere, without trusting them.

Refused, with nothing left behind: members outside the directory, or below a symbolic link; links that lead
out of it; devices, pipes and sockets; more bytes or members than the bounds. What is kept: modes (set-id
bits too, from a tar), times, symbolic and hard links, and, for root, owners — as ``tar -xp`` and ``unzip``
keep them.
"""

from __future__ import annotations

import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from fleet.agent.archive_tar import open_tar, tar_owner
from fleet.agent.errors import AgentError

UNPACKED_MAX_BYTES = 2 * 1024**3
MEMBERS_MAX = 200_000
NAME_MAX_BYTES = 4096
_CHUNK_BYTES = 1024 * 1024
_MAGIC = {
    b"PK": "zip",
    b"\x1f\x8b": "tgz",
    b"BZh": "a tar compressed by bzip2",
    b"\xfd7zXZ": "a tar compressed by xz",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an archive may unpack to."""

    unpacked_max_bytes: int = UNPACKED_MAX_BYTES
    members_max: int = MEMBERS_MAX


class ArchiveRefused(AgentError):
    """The archive is corrupt, or unsafe to unpack."""


def unpack(bundle: Path, kind: str, target: Path, bounds: Bounds | None = None) -> None:
    """Unpack ``bundle`` (``tar``, ``tgz`` or ``zip``) to ``target``, which must not exist yet.

    Where the archive holds one directory alone with an appspec in it, that directory becomes the target.
    Raises ArchiveRefused; there is then no target.
    """
    staging = target.with_name(target.name + ".unpacking")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    try:
        writer = _Writer(staging, bounds or Bounds())
        try:
            _unpack_zip(bundle, writer) if kind == "zip" else _unpack_tar(bundle, kind, writer)
        except (
            tarfile.TarError,
            zipfile.BadZipFile,
            EOFError,
            RuntimeError,
            NotImplementedError,
            ValueError,
            zlib.error,
            lzma.LZMAError,
        ) as error:
            raise ArchiveRefused(f"the bundle cannot be unpacked as {kind}: {error}; {_looks_like(bundle)}") from error
        except OSError as error:
            raise ArchiveRefused(f"unpacking the bundle as {kind} failed: {error}; {_looks_like(bundle)}") from error
        writer.finish()
        top = _single_directory(staging)
        _refuse_links_out(top, writer.links, staging)
        top.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def as_unpacked(directory: Path) -> Path:
    """The directory that `unpack` would make of an archive of this one: itself, or the one that holds the appspec.

    Raises ArchiveRefused for what it would refuse in such an archive. A socket is left out, as no archive holds one.
    """
    links = []
    for path in directory.rglob("*"):
        name, mode = str(path.relative_to(directory)), path.lstat().st_mode
        if stat.S_ISLNK(mode):
            _refuse_absolute(name, str(path.readlink()))
            links.append(name)
        elif not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISSOCK(mode)):
            raise _no_file(name)
    top = _single_directory(directory)
    _refuse_links_out(top, links, directory)
    return top


def _unpack_tar(bundle: Path, kind: str, writer: _Writer) -> None:
    with open_tar(bundle, kind, writer.bounds.unpacked_max_bytes) as archive:
        for member in archive:
            name = writer.admit(member.name)
            if name is None:
                continue
            if member.isdir():
                writer.directory(name, member.mode)
            elif member.issym():
                writer.symlink(name, member.linkname)
            elif member.islnk():
                writer.hardlink(name, member.linkname)
            elif member.isreg():
                content = archive.extractfile(member)
                if content is None:
                    raise ArchiveRefused(f"the member `{member.name}` of the bundle has no content")
                writer.file(name, content, member.mode & 0o7777, member.mtime)
            else:
                raise _no_file(member.name)
            writer.own(name, *tar_owner(member))


def _unpack_zip(bundle: Path, writer: _Writer) -> None:
    with zipfile.ZipFile(bundle) as archive:
        for member in archive.infolist():
            name = writer.admit(member.filename)
            if name is None:
                continue
            mode = member.external_attr >> 16
            kind = stat.S_IFMT(mode)
            if member.is_dir():
                writer.directory(name, stat.S_IMODE(mode) & 0o777 or 0o755)
            elif kind == stat.S_IFLNK:
                writer.symlink(name, archive.read(member)[:NAME_MAX_BYTES].decode(errors="surrogateescape"))
            elif kind in (0, stat.S_IFREG):
                with archive.open(member) as content:
                    writer.file(name, content, stat.S_IMODE(mode) & 0o777 or 0o644, None)
            else:
                raise _no_file(name)


class _Writer:
    """Writes members below ``root``, and nowhere else."""

    def __init__(self, root: Path, bounds: Bounds) -> None:
        self.bounds = bounds
        self.links: list[str] = []
        self._root = root
        self._bytes = 0
        self._members = 0
        self._modes: dict[str, int] = {}
        self._known = {""}

    def admit(self, member: str) -> str | None:
        """The member's path below the root; None for the root itself. Makes the directories above it."""
        self._members += 1
        if self._members > self.bounds.members_max:
            raise ArchiveRefused(f"the bundle holds more than {self.bounds.members_max} members")
        if len(os.fsencode(member)) > NAME_MAX_BYTES or "\0" in member:
            raise ArchiveRefused(f"the bundle holds a name that is no name: {member[:80]!r}…")
        path = PurePosixPath(member)
        if path.is_absolute() or ".." in path.parts:
            raise ArchiveRefused(
                f"the member `{member}` of the bundle lies outside the bundle; pack it with paths below `.`"
            )
        if not path.parts:
            return None
        for parent in reversed(path.parents[:-1]):
            self._step_into(str(parent), member)
        return str(path)

    def _step_into(self, parent: str, member: str) -> None:
        if parent in self._known:
            return
        place = self._root / parent
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            raise ArchiveRefused(
                f"the member `{member}` of the bundle lies below `{parent}`, which is a link or a file"
            )
        if not place.exists():
            place.mkdir()
        self._known.add(parent)

    def _make_way(self, name: str) -> Path:
        place = self._root / name
        if place.is_dir() and not place.is_symlink():
            raise ArchiveRefused(f"the bundle holds `{name}` as a directory and as something else")
        place.unlink(missing_ok=True)
        if name in self.links:
            self.links.remove(name)
        return place

    def directory(self, name: str, mode: int) -> None:
        """Make a directory; its mode is set at the end, so that it can be written to until then."""
        self._step_into(name, name)
        self._modes[name] = mode & 0o7777

    def file(self, name: str, content: IO[bytes], mode: int, mtime: float | None) -> None:
        """Write a file, within the bound."""
        place = self._make_way(name)
        with place.open("xb") as out:
            self._pour(content, out)
        place.chmod(mode)
        if mtime is not None and 0 <= mtime < 2**40:
            os.utime(place, (mtime, mtime))

    def _pour(self, content: IO[bytes], out: BinaryIO) -> None:
        for chunk in _chunks(content):
            self._bytes += len(chunk)
            if self._bytes > self.bounds.unpacked_max_bytes:
                raise ArchiveRefused(f"the bundle unpacks to more than {self.bounds.unpacked_max_bytes} bytes")
            out.write(chunk)

    def symlink(self, name: str, to: str) -> None:
        """Make a symbolic link; where it leads is checked once everything is there."""
        if not to or "\0" in to or len(os.fsencode(to)) > NAME_MAX_BYTES:
            raise ArchiveRefused(f"the link `{name}` of the bundle leads nowhere")
        _refuse_absolute(name, to)
        self._make_way(name).symlink_to(to)
        self.links.append(name)

    def hardlink(self, name: str, to: str) -> None:
        """Make a hard link to a file that was unpacked before."""
        target = PurePosixPath(to)
        place = self._root / target
        inside = not target.is_absolute() and ".." not in target.parts
        if not inside or str(target.parent) not in self._known | {"."} or place.is_symlink() or not place.is_file():
            raise ArchiveRefused(
                f"the link `{name}` of the bundle leads to `{to}`, which is no file unpacked before it"
            )
        if str(target) != name:
            os.link(place, self._make_way(name))

    def own(self, name: str, uid: int, gid: int) -> None:
        """Give a member its owner, where this process may; set-id bits, which that clears, are put back."""
        if os.geteuid() != 0:
            return
        place = self._root / name
        mode = place.lstat().st_mode
        os.chown(place, uid, gid, follow_symlinks=False)
        if stat.S_ISREG(mode):
            place.chmod(stat.S_IMODE(mode))

    def finish(self) -> None:
        """Set the modes of directories, the deepest first."""
        for name in sorted(self._modes, key=lambda name: name.count("/"), reverse=True):
            (self._root / name).chmod(self._modes[name] | stat.S_IRWXU)


def _chunks(content: IO[bytes]) -> Iterator[bytes]:
    while chunk := content.read(_CHUNK_BYTES):
        yield chunk


def _single_directory(staging: Path) -> Path:
    entries = list(staging.iterdir())
    if len(entries) != 1 or entries[0].is_symlink() or not entries[0].is_dir():
        return staging
    holds_appspec = any("appspec" in entry.name.lower() for entry in entries[0].iterdir())
    return entries[0] if holds_appspec else staging


def _no_file(name: str) -> ArchiveRefused:
    return ArchiveRefused(f"the member `{name}` of the bundle is a device, a pipe or the like; remove it")


def _refuse_absolute(link: str, to: str) -> None:
    if PurePosixPath(to).is_absolute():
        raise ArchiveRefused(f"the link `{link}` of the bundle leads out of it, to `{to}`; make it relative")


def _refuse_links_out(top: Path, links: list[str], staging: Path) -> None:
    root = os.path.realpath(top)
    for name in links:
        leads_to = os.path.realpath(staging / name)
        if leads_to != root and not leads_to.startswith(root + "/"):
            raise ArchiveRefused(
                f"the link `{name}` of the bundle leads out of it; make it lead to a file of the bundle"
            )


def _looks_like(bundle: Path) -> str:
    try:
        with bundle.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if not head:
        return "it is empty"
    if head[257:262] == b"ustar":
        return "it looks like tar"
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return f"it looks like {name}"
    return "it looks like no archive; is it damaged, or is the BundleType wrong?"
