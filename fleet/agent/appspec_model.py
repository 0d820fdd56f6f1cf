"""The Server AppSpec as values.

Field names are AppSpec's own (AWS, "AppSpec file structure"); ``except`` is spelled ``exceptions`` because
Python keeps the word. Lines and columns count from 1; a mark is not part of a value's identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fleet.agent.acl import AclEntry
from fleet.agent.errors import AgentError
from fleet.agent.selinux import Context

Severity = Literal["error", "warning"]

BEHAVIOURS = ("DISALLOW", "OVERWRITE", "RETAIN")
SCRIPT_EVENTS = (
    "BeforeBlockTraffic",
    "AfterBlockTraffic",
    "ApplicationStop",
    "BeforeInstall",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
    "BeforeAllowTraffic",
    "AfterAllowTraffic",
)
SERVICE_EVENTS = ("Start", "BlockTraffic", "DownloadBundle", "Install", "AllowTraffic", "End")
TIMEOUT_DEFAULT_S = 3600
EVENT_TIMEOUT_MAX_S = 3600


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the file, counted from 1; (1, 1) where nothing better is known."""

    line: int = 1
    column: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in an AppSpec.

    ``error``: the agent refuses the file. ``warning``: the file is read, but something goes otherwise than
    it seems.
    """

    severity: Severity
    line: int
    column: int
    message: str
    remedy: str

    def render(self, name: str) -> str:
        """The problem as one line: ``appspec.yml:3:5: error: … (…)``."""
        return f"{name}:{self.line}:{self.column}: {self.severity}: {self.message}; {self.remedy}"


class AppSpecError(AgentError):
    """An AppSpec that the agent refuses.

    ``problems`` holds every error; the first is the one an agent reports.
    """

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{name}, line {first.line}, column {first.column}: {first.message}; {first.remedy}{more}")
        self.name = name
        self.problems = problems


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One entry of ``files``: ``source`` within the bundle, ``destination`` a directory on the host."""

    source: str
    destination: str
    mark: Mark = field(default=Mark(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Script:
    """One script of a hook. ``timeout_s`` is in whole seconds; ``runas`` a user name or None."""

    location: str
    timeout_s: int = TIMEOUT_DEFAULT_S
    runas: str | None = None
    sudo: bool = False
    mark: Mark = field(default=Mark(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Permission:
    """One entry of ``permissions``.

    ``mode`` is three or four octal digits; None means that a thing is left alone.
    """

    object: str
    pattern: str = "**"
    exceptions: tuple[str, ...] = ()
    types: tuple[str, ...] = ("file", "directory")
    owner: str | None = None
    group: str | None = None
    mode: str | None = None
    acls: tuple[AclEntry, ...] | None = None
    context: Context | None = None
    mark: Mark = field(default=Mark(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class AppSpec:
    """A Server AppSpec that has been read. ``hooks`` keeps the order of the file, unknown names included."""

    version: float
    os: str
    files: tuple[FileEntry, ...] = ()
    file_exists_behavior: str | None = None
    permissions: tuple[Permission, ...] = ()
    hooks: Mapping[str, tuple[Script, ...]] = field(default_factory=dict)

    def scripts(self, event: str) -> tuple[Script, ...]:
        """The scripts of a lifecycle event, in order; empty where it has none."""
        return self.hooks.get(event, ())
