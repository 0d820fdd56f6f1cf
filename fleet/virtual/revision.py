"""A revision as the virtual fleet knows it: its AppSpec and file names are read, its scripts are not run."""

from __future__ import annotations

import posixpath
import tarfile
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from fleet.agent import messages
from fleet.agent.appspec import AppSpec, AppSpecError, Script, load
from fleet.agent.archive import as_unpacked, unpack
from fleet.agent.errors import AgentError
from fleet.agent.tree import BundleTree, DiskTree, Kind, MemoryTree, clean
from scenarios.model import Behaves, Revision, ScriptBehaves
from simulator.rollout import lifecycle
from simulator.rollout.events import Diagnostics
from simulator.rollout.lifecycle import SCRIPT_EVENTS
from simulator.rollout.statuses import LifecycleErrorCode

APPSPEC: Final = "appspec.yml"
ARCHIVE: Final = "deployment-archive"
"""Where a bundle lies unpacked, within the directory of its deployment on a host."""
_KINDS = {".zip": "zip", ".tar": "tar", ".tgz": "tgz", ".tar.gz": "tgz"}
_NO_BEHAVIOUR = ScriptBehaves()
_SU_FAILS: Final = 1
"""What `su` ends with for a user who is not there, and for one who has no shell."""
_CANNOT_EXECUTE: Final = 126
"""What a shell ends with for a directory."""


class VirtualScript(NamedTuple):
    """A script that a lifecycle event runs, and what it does."""

    location: str
    runas: str | None
    timeout_ms: int
    missing: Diagnostics
    """What is said where it is not there."""
    failure: Diagnostics | None
    """Why it cannot be started, whatever it would do; None where it can."""
    lasts_ms: int | None
    """None: drawn by the seed."""
    hangs: bool
    keeps_output_open: bool
    exit: int
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class VirtualRevision:
    """`download_failure` and `appspec_failure`: why DownloadBundle and BeforeInstall fail; None where they do not.

    `kind` is the type of the archive that a host gets: zip, tar or tgz. `shells`: who can run a script on the hosts.
    """

    name: str
    kind: str
    appspec: AppSpec | None
    tree: BundleTree
    behaves: Behaves
    shells: Collection[str] = ()
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
                    self.scripts[event] = does = tuple(self._script(event, script) for script in scripts)
                    if leaves := tuple(path for script in does for path in script.leaves):
                        self.leaves[event] = leaves

    def _script(self, event: str, script: Script) -> VirtualScript:
        behaves = self.behaves.scripts.get(script.location, _NO_BEHAVIOUR)
        path = clean(script.location)
        elsewhere = sorted(_named(self.tree, posixpath.basename(path)) - {path})
        text = messages.script_missing(script.location, event, f"{ARCHIVE}/{path}", elsewhere)
        missing = Diagnostics(LifecycleErrorCode.SCRIPT_MISSING, text, script.location)
        failure = missing if self.tree.kind(path) is None else self._not_started(script, path)
        does = (behaves.lasts, behaves.hangs, behaves.keeps_output_open, behaves.exit, behaves.leaves)
        return VirtualScript(script.location, script.runas, script.timeout_s * 1000, missing, failure, *does)

    def _not_started(self, script: Script, path: str) -> Diagnostics | None:
        called = script.location, script.runas
        if script.runas is not None and script.runas not in self.shells:
            text = messages.script_failed(*called, _SU_FAILS)
        elif self.tree.kind(path) == "file":
            return None
        elif script.runas is None:
            text = messages.script_not_run(*called, messages.IS_A_DIRECTORY)
        else:
            text = messages.script_failed(*called, _CANNOT_EXECUTE, messages.IS_A_DIRECTORY)
        return Diagnostics(LifecycleErrorCode.SCRIPT_FAILED, text, script.location)

    def cannot_be_deployed(self, *, with_balancer: bool) -> str | None:
        """Why no host can take this revision, whatever its scripts would do; None where one may.

        What an Install meets on a host's disk is not looked at.
        """
        if self.download_failure:
            return f"{lifecycle.DOWNLOAD_BUNDLE}: {self.download_failure}"
        if self.appspec_failure:
            return f"{lifecycle.BEFORE_INSTALL}: {self.appspec_failure}"
        for event in lifecycle.sequence(with_balancer=with_balancer):
            if event not in lifecycle.FORGIVEN_WITH_APPLICATION_STOP:  # those are the scripts of the one before it
                for script in self.scripts.get(event, ()):
                    if script.failure is not None:
                        return f"{event}: {script.failure.message}"
        return None

    def answers(self, path: str, files: Callable[[str], bool]) -> int:
        """The status code with which this revision answers `path` on a host where `files` says which ones are there."""
        needed = self.behaves.needs.get(path)
        if needed is not None and not files(needed):
            return 404
        return self.behaves.answers.get(path, 200)

    def has_scripts(self, event: str) -> bool:
        """Whether the AppSpec names scripts for this lifecycle event."""
        return event in self.scripts


def behaving(name: str, behaves: Behaves) -> VirtualRevision:
    """A revision of which nothing but what it answers is of interest: nothing is installed anywhere."""
    return VirtualRevision(name, "directory", None, MemoryTree(()), behaves)


def bundle_kind(bundle: Path) -> str:
    """The type of a bundle by its name, as CodeDeploy writes it: `directory`, `zip`, `tar` or `tgz`."""
    if bundle.is_dir():
        return "directory"
    return next((kind for ending, kind in _KINDS.items() if bundle.name.endswith(ending)), "zip")


def read_revision(name: str, revision: Revision, shells: Collection[str]) -> VirtualRevision:
    """Read a revision's bundle. What is wrong with it is kept, for the lifecycle event in which an agent meets it."""
    written = bundle_kind(revision.bundle)
    # A revision is an archive, wherever it comes from: hosts get a directory packed.
    kind = "tgz" if written == "directory" else written
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(unpacked(revision.bundle))
        except (AgentError, OSError) as error:
            nothing = MemoryTree(())
            return VirtualRevision(name, kind, None, nothing, revision.behaves, download_failure=str(error))
        return _read_directory(name, kind, directory, revision.behaves, shells)


@contextmanager
def unpacked(bundle: Path) -> Iterator[Path]:
    """What is in a bundle, as a directory for a while. Raises AgentError or OSError for one that cannot be unpacked.

    A directory is judged as its archive would be.
    """
    if bundle.is_dir():
        yield as_unpacked(bundle)
        return
    with tempfile.TemporaryDirectory(prefix="drydeploy-") as scratch:
        directory = Path(scratch) / "bundle"
        unpack(bundle, bundle_kind(bundle), directory)
        yield directory


@cache
def corrupt_failure(kind: str) -> str:
    """What an agent says of an archive of this type that was cut short and garbled: it is given one."""
    with tempfile.TemporaryDirectory(prefix="drydeploy-") as scratch:
        garbled = Path(scratch) / "bundle.tar"
        whole = tarfile.TarInfo(APPSPEC).tobuf()
        garbled.write_bytes(bytes(255 - byte for byte in whole))
        try:
            unpack(garbled, kind, Path(scratch) / "bundle")
        except AgentError as error:
            return str(error)
    raise AssertionError(f"garbled bytes were unpacked as {kind}")


def _read_directory(name: str, kind: str, bundle: Path, behaves: Behaves, shells: Collection[str]) -> VirtualRevision:
    tree = _remember(bundle)
    try:
        text = (bundle / APPSPEC).read_text(encoding="utf-8")
        appspec = load(text, host_os="linux")
    except FileNotFoundError:
        names = tree.names("")
        nested = sorted(path for path in (f"{folder}/{APPSPEC}" for folder in names) if tree.kind(path) is not None)
        problem = messages.appspec_missing(APPSPEC, f"{ARCHIVE}/{APPSPEC}", names, nested)
    except UnicodeDecodeError as error:
        problem = f"the AppSpec file {APPSPEC} cannot be read: {error}"
    except OSError as error:
        problem = f"the AppSpec file {APPSPEC} cannot be read: {error.strerror}"
    except AppSpecError as error:
        problem = str(error)
    else:
        return VirtualRevision(name, kind, appspec, tree, behaves, shells)
    return VirtualRevision(name, kind, None, tree, behaves, shells, appspec_failure=problem)


def _named(tree: BundleTree, name: str) -> set[str]:
    """Where in a bundle something of this name lies."""
    found = set[str]()
    todo = [""]
    while todo:
        folder = todo.pop()
        for entry in tree.names(folder):
            path = f"{folder}/{entry}" if folder else entry
            if entry == name:
                found.add(path)
            if tree.kind(path) == "directory":
                todo.append(path)
    return found


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
