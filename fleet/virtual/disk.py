"""A host's disk as far as an install can tell: the strangers' files, and those of the group's last install.

Disks are values, and most hosts of a fleet have the same one, so a disk is made once and installs are remembered:
an install on one of 100,000 alike hosts is a look-up.
"""

from __future__ import annotations

import posixpath
from collections.abc import Container, Iterable
from dataclasses import dataclass

from fleet.agent import messages
from fleet.agent.appspec import AppSpec
from fleet.agent.errors import AgentError
from fleet.agent.instructions import Chown, Copy, Instructions, Mkdir
from fleet.agent.plan import plan_install
from fleet.agent.tree import BundleTree
from fleet.virtual.accounts import Accounts
from fleet.virtual.revision import ARCHIVE

_SYSTEM_DIRECTORIES = (
    *(
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/etc/systemd",
        "/etc/systemd/system",
        "/home",
        "/lib",
        "/media",
        "/mnt",
    ),
    *(
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/tmp",
        "/usr",
        "/usr/bin",
        "/usr/lib",
        "/usr/local",
    ),
    *("/usr/local/bin", "/usr/share", "/var", "/var/lib", "/var/log", "/var/www"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Disk:
    """`strangers`: files that no install of this group put there. `owned`: what its next install removes first."""

    strangers: frozenset[str]
    owned: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Installed:
    """What an install came to: the disk afterwards, and why it failed, if it did."""

    disk: Disk
    failure: str | None


class Disks:
    """The disks of a fleet, each made once, and what installs make of them."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._directories = frozenset((*_SYSTEM_DIRECTORIES, *(f"/home/{user}" for user in accounts.own)))
        self._disks: dict[tuple[frozenset[str], tuple[str, ...]], Disk] = {}
        self._installs: dict[tuple[Disk, str, str], Installed] = {}

    def disk(self, strangers: Iterable[str], owned: tuple[str, ...] = ()) -> Disk:
        """The one disk with these files."""
        key = (frozenset(strangers), owned)
        found = self._disks.get(key)
        if found is None:
            found = self._disks[key] = Disk(*key)
        return found

    def install(self, disk: Disk, revision: str, appspec: AppSpec, tree: BundleTree, behaviour: str) -> Installed:
        """Install a revision, as the agent does: the last install's files go first, then conflicts are looked for."""
        key = (disk, revision, behaviour)
        found = self._installs.get(key)
        if found is None:
            found = self._installs[key] = self._install(disk, appspec, tree, behaviour)
        return found

    def leave(self, disk: Disk, paths: Iterable[str]) -> Disk:
        """The disk once somebody has written these files; what an install owns stays its own."""
        return self.disk((*disk.strangers, *(path for path in paths if path not in disk.owned)), disk.owned)

    def _install(self, disk: Disk, appspec: AppSpec, tree: BundleTree, behaviour: str) -> Installed:
        strangers = disk.strangers - set(disk.owned)
        directories = set(self._directories)
        for path in strangers:
            while (path := posixpath.dirname(path)) not in directories:
                directories.add(path)
        try:
            plan = plan_install(
                appspec,
                tree,
                lambda path: path in strangers or path in directories,
                behaviour,
                is_directory=lambda path: path in directories,
                archive=ARCHIVE,
            )
        except AgentError as error:
            return Installed(self.disk(strangers), str(error))
        done, failure = self._carry_out(plan, set(plan.missing))
        return Installed(self.disk(strangers.difference(done), done), failure)

    def _carry_out(self, plan: Instructions, missing: Container[str]) -> tuple[tuple[str, ...], str | None]:
        """What the next install will remove, and why this one failed half-way, if it did."""
        done: list[str] = []
        for step in plan.steps:
            match step:
                case Mkdir(directory):
                    done.append(directory)
                case Copy(source, destination):
                    done.append(destination)  # noted before it is copied
                    if source in missing:
                        return tuple(done), messages.step_failed(step, messages.NO_SUCH_FILE, source)
                case Chown(file, owner, group):
                    if owner is not None and owner not in self._accounts.users:
                        return tuple(done), messages.no_such_user(owner, file)
                    if group is not None and group not in self._accounts.groups:
                        return tuple(done), messages.no_such_group(group, file)
        return tuple(done), None
