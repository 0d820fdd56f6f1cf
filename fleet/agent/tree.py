"""What a bundle holds, as the installer needs it: asked path by path, on a disk or in memory.

Paths are relative to the root of the bundle, with ``/`` between names; the root itself is the empty path.
A symbolic link to a directory counts as that directory and a link to a file as a file, as in the
open-source agent (installer.rb asks ``File.directory?``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, Protocol

Kind = Literal["file", "directory"]


class BundleTree(Protocol):
    """A bundle's files and directories."""

    def kind(self, path: str) -> Kind | None:
        """What lies at ``path``; None for nothing."""

    def names(self, path: str) -> Sequence[str]:
        """The names in the directory ``path``, sorted."""


class DiskTree:
    """A bundle that lies unpacked in a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def kind(self, path: str) -> Kind | None:
        """What lies at ``path``; a dangling link is a file."""
        place = self._root / path
        if place.is_dir():
            return "directory"
        return "file" if place.exists() or place.is_symlink() else None

    def names(self, path: str) -> Sequence[str]:
        """The names in the directory ``path``, sorted."""
        return sorted(entry.name for entry in (self._root / path).iterdir())


class MemoryTree:
    """A bundle that is only a list of ``(path, kind)``; the directories above a path are implied."""

    def __init__(self, listing: Iterable[tuple[str, Kind]]) -> None:
        self._kinds: dict[str, Kind] = {"": "directory"}
        self._names: dict[str, set[str]] = {}
        for path, kind in listing:
            self._add(clean(path), kind)

    def _add(self, path: str, kind: Kind) -> None:
        if self._kinds.get(path) == "directory":
            return
        self._kinds[path] = kind
        parent, _, name = path.rpartition("/")
        self._names.setdefault(parent, set()).add(name)
        if parent:
            self._add(parent, "directory")

    def kind(self, path: str) -> Kind | None:
        """What lies at ``path``."""
        return self._kinds.get(path)

    def names(self, path: str) -> Sequence[str]:
        """The names in the directory ``path``, sorted."""
        return sorted(self._names.get(path, ()))


def clean(path: str) -> str:
    """``path`` from the bundle's root, without empty names and ``.``; ``..`` is kept."""
    return "/".join(name for name in path.split("/") if name not in ("", "."))
