"""The steps of an install, and the rules for putting them together.

Names, order and refusals are those of the open-source agent (aws-codedeploy-agent, install_instruction.rb).
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass

from fleet.agent.appspec_model import Mark, Permission
from fleet.agent.errors import AgentError
from fleet.agent.globs import applies_to
from fleet.agent.selinux import Context


class PlanError(AgentError):
    """An install that is refused before anything is copied.

    ``mark`` is the entry of the AppSpec that led to it.
    """

    def __init__(self, message: str, mark: Mark | None = None) -> None:
        super().__init__(message)
        self.mark = mark or Mark()


class FileConflict(PlanError):
    """Files that exist already under DISALLOW. ``paths`` holds them all, in the order of the install."""

    def __init__(self, paths: tuple[str, ...], mark: Mark) -> None:
        more = f", and so do {len(paths) - 1} more of this revision's files" if len(paths) > 1 else ""
        super().__init__(
            f"the file {paths[0]} exists already, and was not put there by the previous "
            f"deployment of this group{more}; "
            "nothing was copied. Remove it, or set file_exists_behavior to OVERWRITE or RETAIN",
            mark,
        )
        self.paths = paths


@dataclass(frozen=True, slots=True)
class Mkdir:
    """Make one directory."""

    directory: str

    def to_dict(self) -> dict[str, object]:
        """The step as ``…-install.json`` holds it."""
        return {"type": "mkdir", "directory": self.directory}


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy one file, its mode and its times; a symbolic link is made anew."""

    source: str
    destination: str

    def to_dict(self) -> dict[str, object]:
        """The step as ``…-install.json`` holds it."""
        return {"type": "copy", "source": self.source, "destination": self.destination}


@dataclass(frozen=True, slots=True)
class Chmod:
    """Set a mode, of octal digits."""

    file: str
    mode: str

    def to_dict(self) -> dict[str, object]:
        """The step as ``…-install.json`` holds it."""
        return {"type": "chmod", "mode": self.mode, "file": self.file}


@dataclass(frozen=True, slots=True)
class SetAcl:
    """Set an access control list, beside the base entries that the mode gives."""

    file: str
    permission: Permission

    def to_dict(self) -> dict[str, object]:
        """The step as ``…-install.json`` holds it."""
        return {
            "type": "setfacl",
            "acl": [str(entry) for entry in self.permission.acls or ()],
            "file": self.file,
        }


@dataclass(frozen=True, slots=True)
class SetContext:
    """Record an SELinux context, and apply it."""

    file: str
    context: Context

    def to_dict(self) -> dict[str, object]:
        """The step as ``…-install.json`` holds it."""
        context = {
            "user": self.context.name,
            "role": None,
            "type": self.context.type,
            "range": self.context.range,
        }
        return {"type": "semanage", "context": context, "file": self.file}


@dataclass(frozen=True, slots=True)
class Chown:
    """Set an owner, a group, or both."""

    file: str
    owner: str | None
    group: str | None

    def to_dict(self) -> dict[str, object]:
        """The step as ``…-install.json`` holds it."""
        return {"type": "chown", "owner": self.owner, "group": self.group, "file": self.file}


Step = Mkdir | Copy | Chmod | SetAcl | SetContext | Chown


@dataclass(frozen=True, slots=True)
class Instructions:
    """A planned install.

    Beside the steps: what it overwrites, what it retains, and which sources are not there.
    """

    steps: tuple[Step, ...]
    overwritten: tuple[str, ...] = ()
    retained: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def to_json(self) -> str:
        """The content of ``…-install.json``."""
        return json.dumps({"instructions": [step.to_dict() for step in self.steps]})

    @property
    def created(self) -> tuple[str, ...]:
        """The paths that the next install of the group removes, in the order in which they come to be."""
        return tuple(
            step.directory if isinstance(step, Mkdir) else step.destination
            for step in self.steps
            if isinstance(step, Mkdir | Copy)
        )


class Builder:
    """Collects steps, and refuses those that contradict each other."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self._copies: dict[str, str] = {}
        self._directories: dict[str, None] = {}
        self._permitted: set[str] = set()

    def copy(self, source: str, destination: str, mark: Mark) -> None:
        """Add a copy; refused onto a directory that is made, or onto another copy."""
        target = absolute(destination, mark)
        if target in self._copies:
            raise PlanError(
                f"both {self._copies[target]} and {source} are to be copied to {target}; keep one of them",
                mark,
            )
        if target in self._directories:
            raise PlanError(f"the file {source} is to be copied to {target}, where a directory is to be made", mark)
        self._copies[target] = source
        self.steps.append(Copy(source, target))

    def mkdir(self, directory: str, mark: Mark) -> None:
        """Add a directory once; refused where a file is copied to."""
        target = absolute(directory, mark)
        if target in self._copies:
            raise PlanError(
                f"a directory is to be made at {target}, where {self._copies[target]} is to be copied to",
                mark,
            )
        if target not in self._directories:
            self._directories[target] = None
            self.steps.append(Mkdir(target))

    def copies(self, path: str) -> bool:
        """Whether a file is copied to ``path``."""
        return absolute(path) in self._copies

    def makes(self, path: str) -> bool:
        """Whether the directory ``path`` is made."""
        return absolute(path) in self._directories

    def below(self, permission: Permission) -> list[str]:
        """The copied files and made directories that a permission of a directory applies to, in order."""
        found = []
        if "file" in permission.types:
            for path in self._copies:
                if applies_to(permission, path):
                    refuse_default_acl(permission, path)
                    found.append(path)
        if "directory" in permission.types:
            found += [path for path in self._directories if applies_to(permission, path)]
        return found

    def permit(self, path: str, permission: Permission) -> None:
        """Add the steps of a permission for one path: mode, list, context, owner.

        A path is given one permission.
        """
        target = absolute(path, permission.mark)
        if target in self._permitted:
            raise PlanError(
                f"more than one entry of `permissions` applies to {target}; narrow one of them",
                permission.mark,
            )
        self._permitted.add(target)
        if permission.mode is not None:
            self.steps.append(Chmod(target, permission.mode))
        if permission.acls is not None:
            self.steps.append(SetAcl(target, permission))
        if permission.context is not None:
            self.steps.append(SetContext(target, permission.context))
        if permission.owner is not None or permission.group is not None:
            self.steps.append(Chown(target, permission.owner, permission.group))


def refuse_default_acl(permission: Permission, path: str) -> None:
    """Refuse default entries for a file: only a directory has them."""
    if any(entry.default for entry in permission.acls or ()):
        raise PlanError(
            f"`acls` hold a default entry, which only a directory can have, and {path} is a file; "
            "add `type: [directory]`",
            permission.mark,
        )


def absolute(path: str, mark: Mark | None = None) -> str:
    """``path`` from the root, without ``.`` and ``..``.

    Raises PlanError for a line break: the clean-up file has one path a line, and a name that holds a line
    break would make the next install remove something else.
    """
    if "\n" in path or "\r" in path or "\0" in path:
        raise PlanError(f"the path {path!r} holds a line break or a null character; rename it", mark)
    return posixpath.normpath(posixpath.join("/", path))
