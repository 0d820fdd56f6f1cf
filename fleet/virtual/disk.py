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


Owned = tuple[tuple[str, tuple[str, ...]], ...]
"""What each deployment group's next install removes first, by the group's name, in the names' order."""


@dataclass(frozen=True, slots=True, eq=False)
class Disk:
    """`strangers`: files that no group's install put there. `owned`: what those did, group by group."""

    strangers: frozenset[str]
    owned: Owned = ()

    def owned_by(self, group: str) -> tuple[str, ...]:
        """What the next install of this group removes first."""
        return next((paths for name, paths in self.owned if name == group), ())

    def has(self, path: str) -> bool:
        """Whether this file is there, whoever put it there."""
        return path in self.strangers or path in self.installed

    @property
    def installed(self) -> tuple[str, ...]:
        """What is owned by any group."""
        return tuple(path for _, paths in self.owned for path in paths)


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
        self._disks: dict[tuple[frozenset[str], Owned], Disk] = {}
        self._installs: dict[tuple[Disk, str, str, str], Installed] = {}

    def disk(self, strangers: Iterable[str], owned: Owned = ()) -> Disk:
        """The one disk with these files."""
        key = (frozenset(strangers), owned)
        found = self._disks.get(key)
        if found is None:
            found = self._disks[key] = Disk(*key)
        return found

    def install(
        self, disk: Disk, group: str, revision: str, appspec: AppSpec, tree: BundleTree, behaviour: str
    ) -> Installed:
        """Install a revision, as the agent does: the group's last install goes first, then conflicts are looked for.

        What another group has installed is as much in the way as a stranger's file.
        """
        key = (disk, group, revision, behaviour)
        found = self._installs.get(key)
        if found is None:
            found = self._installs[key] = self._install(disk, group, appspec, tree, behaviour)
        return found

    def leave(self, disk: Disk, paths: Iterable[str]) -> Disk:
        """The disk once somebody has written these files; what an install owns stays its own."""
        return self.disk((*disk.strangers, *(path for path in paths if path not in disk.installed)), disk.owned)

    def _install(self, disk: Disk, group: str, appspec: AppSpec, tree: BundleTree, behaviour: str) -> Installed:
        left = disk.strangers - set(disk.owned_by(group))
        others = tuple((name, paths) for name, paths in disk.owned if name != group)
        strangers = left.union(path for _, paths in others for path in paths)
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
            removed = bool(disk.owned_by(group))
            return Installed(self.disk(left, others), messages.stripped(str(error)) if removed else str(error))
        done, failure = self._carry_out(plan, set(plan.missing))
        # What is overwritten is this group's from now on, and still the other's to remove.
        owned = tuple(sorted((*others, (group, done)))) if done else others
        return Installed(self.disk(left.difference(done), owned), failure)

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
