"""Reading a Server AppSpec: :func:`load` as an agent does, :func:`examine` as a friend does.

``load`` raises at once, with every error of the file; ``examine`` never raises, and also tells what the
agent would pass over in silence: unknown keys and hooks, scripts that lie elsewhere, sources that are not
in the bundle.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from fleet.agent.appspec_bundle import check_bundle
from fleet.agent.appspec_model import (
    BEHAVIOURS,
    SCRIPT_EVENTS,
    AppSpec,
    AppSpecError,
    FileEntry,
    Mark,
    Permission,
    Problem,
    Script,
)
from fleet.agent.appspec_nodes import APPSPEC_MAX_BYTES, Document, Notes, Unreadable
from fleet.agent.appspec_reader import read

__all__ = [
    "APPSPEC_MAX_BYTES",
    "BEHAVIOURS",
    "SCRIPT_EVENTS",
    "AppSpec",
    "AppSpecError",
    "FileEntry",
    "Mark",
    "Permission",
    "Problem",
    "Script",
    "examine",
    "legible",
    "load",
]

_CACHED = 16


def load(text: str, *, name: str = "appspec.yml", host_os: str | None = None) -> AppSpec:
    """Read ``text`` as the agent does.

    ``host_os`` is the system of the host (``linux``); an AppSpec for another one is refused, and None lets
    both pass. Raises AppSpecError with all errors, the first being the one that the open-source agent
    would stop at.
    """
    appspec, problems = _read(text, host_os)
    errors = tuple(problem for problem in problems if problem.severity == "error")
    if appspec is None or errors:
        raise AppSpecError(name, errors)
    return appspec


def legible(text: str) -> AppSpec | None:
    """What can be read of ``text``, whatever else is wrong with it; None where it is no AppSpec at all.

    What is missing or wrong has its default.
    """
    return _read(text, None)[0]


def examine(
    text: str, *, bundle: Path | None = None, name: str = "appspec.yml", host_os: str | None = None
) -> tuple[AppSpec | None, tuple[Problem, ...]]:
    """Read ``text`` and say everything about it, in the order of the file.

    ``bundle`` is the directory that holds the file, where there is one, and ``host_os`` as with ``load``. The
    AppSpec is None if, and only if, there is an error. A script or source that the bundle lacks is a warning:
    the agent reads such a file, and fails later.
    """
    appspec, problems = _read(text, host_os)
    found = list(problems)
    if Path(name).name == "appspec.yaml":
        found.append(
            Problem(
                "warning",
                1,
                1,
                "`appspec.yaml` is found by Install only; every other event looks for "
                "`appspec.yml`, and fails without it",
                "name it appspec.yml",
            )
        )
    if appspec is not None and bundle is not None and appspec.os != "windows":
        found += check_bundle(appspec, bundle)
    refused = any(problem.severity == "error" for problem in found)
    return None if refused else appspec, tuple(sorted(found, key=lambda problem: (problem.line, problem.column)))


@lru_cache(maxsize=_CACHED)
def _read(text: str, host_os: str | None) -> tuple[AppSpec | None, tuple[Problem, ...]]:
    notes = Notes()
    try:
        appspec = read(Document(text), notes, host_os=host_os)
    except Unreadable as unreadable:
        return None, (unreadable.problem,)
    return appspec, tuple(notes.problems)
