"""What there is to say of AppSpecs and their bundles, for `validate` and `plan`: the agent's words, and the hosts'."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenarios.model import Scenario
    from scenarios.problems import Problem


def of_bundle(bundle: Path, users: Iterable[str] | None = None) -> list[Problem]:
    """Every mistake of a bundle, a directory or an archive.

    `users`: the hosts' own; left out, those that a bare bundle's hosts have.
    """
    if bundle.is_dir():
        return _of_directory(bundle, bundle, users)
    from fleet.agent.archive import ArchiveRefused, unpack
    from fleet.virtual.revision import bundle_kind
    from scenarios.problems import Problem

    try:
        with bundle.open("rb"):
            pass
    except OSError as error:
        return [_unreadable(bundle, error)]
    with tempfile.TemporaryDirectory(prefix="drydeploy-") as scratch:
        unpacked = Path(scratch) / "bundle"
        try:
            unpack(bundle, bundle_kind(bundle), unpacked)
        except ArchiveRefused as error:
            return [Problem(str(bundle), 0, 0, str(error), "pack it again: DownloadBundle fails with this one")]
        return _of_directory(unpacked, bundle, users)


def _of_directory(directory: Path, called: Path, users: Iterable[str] | None) -> list[Problem]:
    """The mistakes of a bundle that lies in a directory, and is `called` something else where it was an archive."""
    from scenarios.bundle import APPSPEC_NAMES
    from scenarios.problems import Problem, either

    try:
        names = sorted(entry.name for entry in directory.iterdir())
    except OSError as error:
        return [_unreadable(called, error)]
    name = next((name for name in APPSPEC_NAMES if (directory / name).is_file()), None)
    if name is None:
        message = f"the bundle has no {APPSPEC_NAMES[0]} at its top; it holds {either(names)}"
        return [Problem(str(called), 0, 0, message, "put it there: every event but DownloadBundle reads it")]
    return of_file(directory / name, directory, users, called=str(called / name))


def of_file(
    path: Path, bundle: Path | None, users: Iterable[str] | None = None, *, called: str | None = None
) -> list[Problem]:
    """Every mistake of an AppSpec's file, beside its bundle where there is one."""
    from fleet.agent.appspec import examine, legible
    from fleet.agent.hooks import HOST_OS
    from fleet.virtual.accounts import Accounts
    from fleet.virtual.strangers import strangers
    from scenarios.model import Fleet
    from scenarios.problems import Problem

    name = called or str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        return [_unreadable(Path(name), error)]
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        return [Problem(name, line, column, message, "save the file as UTF-8")]
    unread = []
    try:
        found = list(examine(text, bundle=bundle, name=name, host_os=HOST_OS)[1])
    except OSError as error:  # a file or directory of the bundle that is closed to us
        unread = [_unreadable(Path(error.filename or name), error)]
        found = list(examine(text, name=name, host_os=HOST_OS)[1])
    spec = legible(text)
    if spec is not None and spec.os == HOST_OS:
        found += strangers(spec, Accounts.of(Fleet.model_fields["users"].default if users is None else users))
    problems = [Problem.of(name, problem) for problem in found]
    return [*unread, *sorted(problems, key=lambda problem: (problem.line, problem.column))]


def of_scenario(scenario: Scenario) -> list[Problem]:
    """Every mistake of a scenario's bundles. All are warnings: a bundle that fails may be just what is rehearsed."""
    users = scenario.fleet.users
    bundles = dict.fromkeys(_as_given(revision.bundle) for revision in scenario.revisions.values())
    return [
        dataclasses.replace(problem, severity="warning") for bundle in bundles for problem in of_bundle(bundle, users)
    ]


def _as_given(path: Path) -> Path:
    """A path as a person would write it here."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _unreadable(path: Path, error: OSError) -> Problem:
    from scenarios.problems import Problem

    reason = (error.strerror or "unknown").lower()
    return Problem(
        str(path), 0, 0, f"cannot be read: {reason}", "look at its permissions, and at those of its directory"
    )
