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


def of_bundle(bundle: Path, users: Iterable[str] | None = None, platform: str | None = None) -> list[Problem]:
    """Every mistake of a bundle, a directory or an archive.

    `users`: the hosts' own; left out, those that a bare bundle's hosts have. `platform`: the group's; left out, the
    one that the AppSpec is for.
    """
    if bundle.is_dir():
        return _of_directory(bundle, bundle, users, platform)
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
        return _of_directory(unpacked, bundle, users, platform)


def _of_directory(directory: Path, called: Path, users: Iterable[str] | None, platform: str | None) -> list[Problem]:
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
    return of_file(directory / name, directory, users, platform, called=str(called / name))


def of_file(
    path: Path,
    bundle: Path | None,
    users: Iterable[str] | None = None,
    platform: str | None = None,
    *,
    called: str | None = None,
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
    if platform not in (None, "Server") or (platform is None and _is_for_a_platform(text)):
        return _of_platform(name, text, platform)
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


def _is_for_a_platform(text: str) -> bool:
    """Whether an AppSpec is for ECS or Lambda, by its keys: `Resources` belongs to them alone."""
    from fleet.agent.appspec_nodes import Document, Notes, Unreadable

    try:
        document = Document(text)
    except Unreadable:
        return False
    entries = document.entries(document.root, Notes()) if document.root is not None else None
    return bool(entries) and "Resources" in (entries or {})


def _of_platform(name: str, text: str, platform: str | None) -> list[Problem]:
    """Every mistake of an AppSpec for ECS or Lambda."""
    from fleet.platforms.appspec import examine
    from scenarios.problems import Problem

    return [Problem.of(name, problem) for problem in examine(text, platform=platform)[1]]


def of_running(scenario: Scenario, path: Path) -> list[Problem]:
    """Why the run could not begin: the revision that is `running` cannot be deployed. In the run's own words."""
    from fleet.base import FleetError
    from scenarios.problems import Problem
    from simulator.control.platforms import ground_of

    try:
        ground_of(scenario)
    except FleetError as error:
        line, column = _place_of_running(path)
        return [Problem(str(path), line, column, str(error), "mend its bundle, or let another revision run before")]
    return []


def _place_of_running(path: Path) -> tuple[int, int]:
    """Where the scenario says what runs before; its first `running`, where groups say it each."""
    from scenarios.facts import Facts
    from scenarios.tree import parse

    tree = parse(path.read_text(encoding="utf-8"), lambda *_: None)
    assert tree is not None, "the scenario was read from it"
    written = [group.get("running") for group in Facts(tree).groups] + [tree.get("fleet", "running")]
    return next((node.place for node in written if node is not None), tree.place)


def of_scenario(scenario: Scenario) -> list[Problem]:
    """Every mistake of a scenario's bundles. All are warnings: a bundle that fails may be just what is rehearsed."""
    users, platform = scenario.fleet.users, scenario.compute_platform
    bundles = dict.fromkeys(_as_given(revision.bundle) for revision in scenario.revisions.values())
    return [
        dataclasses.replace(problem, severity="warning")
        for bundle in bundles
        for problem in of_bundle(bundle, users, platform)
    ] + _functions(scenario)


def _functions(scenario: Scenario) -> list[Problem]:
    """What a service would call at a hook, and cannot."""
    from scenarios.platforms import SERVER

    if scenario.compute_platform == SERVER:
        return []
    from fleet.platforms.revision import read_revisions
    from scenarios.problems import Problem, suggest

    found = []
    for name, revision in read_revisions(scenario).items():
        hooks = revision.appspec.hooks if revision.appspec is not None else {}
        for event, function in hooks.items():
            if function not in scenario.functions:
                bundle = str(_as_given(scenario.revisions[name].bundle))
                message = f"{event} calls {function}, and the scenario has no such function: the hook fails there"
                remedy = suggest(function, scenario.functions) if scenario.functions else "add functions: {…}"
                found.append(Problem(bundle, 0, 0, message, remedy, "warning"))
    return found


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
