"""Planning an install: pure, over questions to a bundle and to a disk.

The order and the refusals are the open-source agent's (aws-codedeploy-agent, installer.rb). The whole plan
stands before its first step is carried out, so that a conflict leaves nothing copied.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable

from fleet.agent.appspec_model import BEHAVIOURS, AppSpec, FileEntry, Mark, Permission
from fleet.agent.instructions import (
    Builder,
    FileConflict,
    Instructions,
    PlanError,
    absolute,
    refuse_default_acl,
)
from fleet.agent.tree import BundleTree, clean

DEPTH_MAX = 128
STEPS_MAX = 1_000_000

Exists = Callable[[str], bool]


def plan_install(
    appspec: AppSpec,
    bundle: BundleTree,
    exists: Exists,
    behaviour: str = "DISALLOW",
    *,
    is_directory: Exists | None = None,
    archive: str = "",
) -> Instructions:
    """The steps that install ``appspec`` with the files of ``bundle``.

    ``exists`` tells whether a path of the host is there once the previous deployment was cleaned up, links
    followed; ``is_directory`` whether it is a directory (by default whatever exists may be one).
    ``behaviour`` is the option of the deployment; the AppSpec's own comes first. ``archive`` is put before
    the sources.

    Raises FileConflict under DISALLOW, and PlanError for contradictions.
    """
    return _Planner(appspec, bundle, exists, behaviour, is_directory or exists, archive).plan()


class _Planner:
    def __init__(
        self,
        appspec: AppSpec,
        bundle: BundleTree,
        exists: Exists,
        behaviour: str,
        is_directory: Exists,
        archive: str,
    ) -> None:
        self._appspec = appspec
        self._bundle = bundle
        self._exists = exists
        self._behaviour = appspec.file_exists_behavior or behaviour
        self._is_directory = is_directory
        self._archive = archive
        self._builder = Builder()
        self._conflicts: list[tuple[str, Mark]] = []
        self._overwritten: list[str] = []
        self._retained: list[str] = []
        self._missing: list[str] = []

    def plan(self) -> Instructions:
        try:
            for entry in self._appspec.files:
                self._file_entry(entry)
            if not self._conflicts:
                for permission in self._appspec.permissions:
                    self._permission(permission)
        except PlanError:
            self._refuse_conflicts()
            raise
        self._refuse_conflicts()
        return Instructions(
            tuple(self._builder.steps), tuple(self._overwritten), tuple(self._retained), tuple(self._missing)
        )

    def _refuse_conflicts(self) -> None:
        if self._conflicts:
            raise FileConflict(tuple(path for path, _ in self._conflicts), self._conflicts[0][1])

    def _file_entry(self, entry: FileEntry) -> None:
        source = clean(entry.source)
        kind = self._bundle.kind(source)
        if kind == "directory":
            self._ancestors(entry.destination, entry.mark)
            self._directory(source, entry.destination, entry.mark, 0)
            return
        destination = posixpath.join(entry.destination, posixpath.basename(source))
        self._ancestors(destination, entry.mark)
        self._file(source, destination, entry.mark)
        if kind is None:
            self._missing.append(self._from(source))

    def _ancestors(self, destination: str, mark: Mark) -> None:
        missing = []
        parent = posixpath.dirname(absolute(destination, mark))
        while parent != "/" and not self._exists(parent):
            missing.append(parent)
            parent = posixpath.dirname(parent)
        for directory in reversed(missing):
            self._builder.mkdir(directory, mark)

    def _directory(self, source: str, destination: str, mark: Mark, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise PlanError(f"the source {self._from(source)} is nested deeper than {DEPTH_MAX} directories", mark)
        if len(self._builder.steps) > STEPS_MAX:
            raise PlanError(f"the sources hold more than {STEPS_MAX} files and directories, or links in a circle", mark)
        if not self._exists(destination) or not self._is_directory(destination):
            self._builder.mkdir(destination, mark)
        for name in self._bundle.names(source):
            below, target = posixpath.join(source, name), posixpath.join(destination, name)
            if self._bundle.kind(below) == "directory":
                self._directory(below, target, mark, depth + 1)
            else:
                self._file(below, target, mark)

    def _file(self, source: str, destination: str, mark: Mark) -> None:
        if self._exists(destination):
            target = absolute(destination, mark)
            if self._behaviour == "DISALLOW":
                self._conflicts.append((target, mark))
                return
            if self._behaviour == "RETAIN":
                self._retained.append(target)
                return
            if self._behaviour != "OVERWRITE":
                raise PlanError(
                    f"{target} exists already, and the option for that is `{self._behaviour}`, "
                    "which is none of "
                    f"{', '.join(BEHAVIOURS)}",
                    mark,
                )
            self._overwritten.append(target)
        self._builder.copy(self._from(source), destination, mark)

    def _permission(self, permission: Permission) -> None:
        path = permission.object
        if self._builder.copies(path):
            if "file" in permission.types:
                _refuse_file_patterns(permission)
                refuse_default_acl(permission, path)
                self._builder.permit(path, permission)
        elif self._builder.makes(path) or (self._exists(path) and self._is_directory(path)):
            for match in self._builder.below(permission):
                self._builder.permit(match, permission)

    def _from(self, source: str) -> str:
        return posixpath.join(self._archive, source)


def _refuse_file_patterns(permission: Permission) -> None:
    given = f"`pattern: {permission.pattern}`" if permission.pattern != "**" else ""
    given = given or ("`except`" if permission.exceptions else "")
    if given:
        raise PlanError(
            f"{given} is given for {permission.object}, which is a file; it is for directories",
            permission.mark,
        )
