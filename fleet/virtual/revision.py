"""A revision as the virtual fleet knows it: its AppSpec and file names are read, its scripts are not run."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fleet.agent.appspec import AppSpec, AppSpecError, Script, load
from fleet.agent.archive import unpack
from fleet.agent.errors import AgentError
from fleet.agent.tree import BundleTree, DiskTree, Kind, MemoryTree
from scenarios.model import Behaves, Revision, ScriptBehaves
from simulator.rollout.lifecycle import SCRIPT_EVENTS

_KINDS = {".zip": "zip", ".tar": "tar", ".tgz": "tgz", ".tar.gz": "tgz"}
_NO_BEHAVIOUR = ScriptBehaves()


class VirtualScript(NamedTuple):
    """A script that a lifecycle event runs, and what it does."""

    location: str
    runas: str | None
    timeout_ms: int
    exists: bool
    lasts_ms: int | None
    """None: drawn by the seed."""
    hangs: bool
    exit: int
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class VirtualRevision:
    """`download_failure` and `appspec_failure`: why DownloadBundle and BeforeInstall fail; None where they do not."""

    name: str
    appspec: AppSpec | None
    tree: BundleTree
    behaves: Behaves
    download_failure: str | None = None
    appspec_failure: str | None = None
    scripts: dict[str, tuple[VirtualScript, ...]] = field(init=False, default_factory=dict)
    """By the lifecycle event; one without scripts is not in it."""
    leaves: dict[str, tuple[str, ...]] = field(init=False, default_factory=dict)
    """Files that an event's scripts write, by the event; they are written even if a script fails."""

    def __post_init__(self) -> None:
        if self.appspec is not None:
            for event in SCRIPT_EVENTS:
                if scripts := self.appspec.scripts(event):
                    self.scripts[event] = does = tuple(self._script(script) for script in scripts)
                    if leaves := tuple(path for script in does for path in script.leaves):
                        self.leaves[event] = leaves

    def _script(self, script: Script) -> VirtualScript:
        behaves = self.behaves.scripts.get(script.location, _NO_BEHAVIOUR)
        exists = self.tree.kind(script.location) == "file"
        does = (behaves.lasts, behaves.hangs, behaves.exit, behaves.leaves)
        return VirtualScript(script.location, script.runas, script.timeout_s * 1000, exists, *does)

    def answers(self, path: str) -> int:
        """The status code with which this revision answers `path`."""
        return self.behaves.answers.get(path, 200)

    def has_scripts(self, event: str) -> bool:
        """Whether the AppSpec names scripts for this lifecycle event."""
        return event in self.scripts


def bundle_kind(bundle: Path) -> str:
    """The type of a bundle by its name, as CodeDeploy writes it: `directory`, `zip`, `tar` or `tgz`."""
    if bundle.is_dir():
        return "directory"
    return next((kind for ending, kind in _KINDS.items() if bundle.name.endswith(ending)), "zip")


def read_revision(name: str, revision: Revision) -> VirtualRevision:
    """Read a revision's bundle. What is wrong with it is kept, for the lifecycle event in which an agent meets it."""
    kind = bundle_kind(revision.bundle)
    if kind == "directory":
        return _read_directory(name, revision.bundle, revision.behaves)
    with tempfile.TemporaryDirectory(prefix="drydeploy-") as scratch:
        unpacked = Path(scratch) / "bundle"
        try:
            unpack(revision.bundle, kind, unpacked)
        except (AgentError, OSError) as error:
            return VirtualRevision(name, None, MemoryTree(()), revision.behaves, download_failure=str(error))
        return _read_directory(name, unpacked, revision.behaves)


def _read_directory(name: str, bundle: Path, behaves: Behaves) -> VirtualRevision:
    tree = _remember(bundle)
    file = bundle / "appspec.yml"
    try:
        text = file.read_text(encoding="utf-8")
        appspec = load(text, host_os="linux")
    except (OSError, UnicodeDecodeError):
        problem = "the bundle has no readable appspec.yml at its top"
    except AppSpecError as error:
        problem = str(error)
    else:
        return VirtualRevision(name, appspec, tree, behaves)
    return VirtualRevision(name, None, tree, behaves, appspec_failure=problem)


def _remember(bundle: Path) -> MemoryTree:
    """The names in a directory, so that nothing needs the directory later."""
    disk = DiskTree(bundle)
    listing: list[tuple[str, Kind]] = []
    todo = [""]
    while todo:
        path = todo.pop()
        for name in disk.names(path):
            inner = f"{path}/{name}" if path else name
            kind = disk.kind(inner) or "file"
            listing.append((inner, kind))
            if kind == "directory" and not (bundle / inner).is_symlink():
                todo.append(inner)
    return MemoryTree(listing)
