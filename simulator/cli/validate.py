"""`drydeploy validate`: every mistake of a scenario or an AppSpec, at its line and column, with its remedy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from simulator.cli.errors import USAGE, UsageError
from simulator.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from scenarios.problems import Problem


_WARNED = 1
"""The exit code where there are warnings alone, and none are allowed."""


def verb(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A scenario, an AppSpec, or a bundle.")],
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The bundle of an AppSpec, to look for its files and scripts.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if there is any warning.")] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check a scenario or an appspec.yml; tell every mistake, and its remedy.

    Exit codes: 0 without errors (there may be warnings) · 1 with warnings alone, where --strict · 2 with errors.
    """
    if bundle is not None and not bundle.is_dir():
        raise UsageError(f"--bundle {bundle}: there is no such directory")
    path, kind, problems = _examined(file, bundle)
    errors = sum(problem.severity == "error" for problem in problems)
    if output is Output.JSON:
        _print_json(path, kind, problems)
    else:
        _print_text(path, f"{kind}{_for(path) if kind == 'appspec' else ''}", problems, errors)
    raise typer.Exit(USAGE if errors else _WARNED if strict and problems else 0)


def _examined(given: str, bundle: Path | None) -> tuple[Path, str, Sequence[Problem]]:
    """The file itself (a library name or a bundle is good, too), what it is, and what is wrong with it."""
    from scenarios import library
    from scenarios.bundle import APPSPEC_NAMES, ARCHIVES
    from simulator.cli import appspecs

    path = Path(given).expanduser()
    if given not in library.names() and path.is_dir():
        found = next((path / name for name in APPSPEC_NAMES if (path / name).is_file()), None)
        if found is None and _can_be_read(path):
            raise UsageError(f"{given}: a directory without an appspec.yml in it; name a file, or a bundle's directory")
        return found or path, "appspec", appspecs.of_bundle(path)
    path = library.find(given)
    if path.name.endswith(ARCHIVES):
        return path, "appspec", appspecs.of_bundle(path)
    if _is_appspec(path):
        beside = path.parent if path.name in APPSPEC_NAMES else None
        return path, "appspec", appspecs.of_file(path, bundle or beside)
    return path, "scenario", _scenario(path)


def _for(path: Path) -> str:
    from scenarios.bundle import platform_of
    from scenarios.platforms import SERVER

    platform = platform_of(path)
    return " for servers" if platform == SERVER else f" for {platform}"


def _can_be_read(directory: Path) -> bool:
    try:
        next(directory.iterdir(), None)
    except OSError:
        return False
    return True


def _is_appspec(path: Path) -> bool:
    """By the name, else by the keys at the left margin: whichever format has more of its own there."""
    from scenarios.bundle import APPSPEC_NAMES, is_appspec_by_keys, keys_at_the_margin

    if path.name in APPSPEC_NAMES:
        return True
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False  # the reader of scenarios finds the words for it
    return is_appspec_by_keys(keys_at_the_margin(text))


def _scenario(path: Path) -> Sequence[Problem]:
    from scenarios.loader import load, warnings
    from scenarios.problems import ScenarioError
    from simulator.cli import appspecs

    try:
        scenario = load(path)
        return [*warnings(path), *appspecs.of_running(scenario, path), *appspecs.of_scenario(scenario)]
    except ScenarioError as error:
        return error.problems


def _print_text(path: Path, kind: str, problems: Sequence[Problem], errors: int) -> None:
    for problem in problems:
        typer.echo(problem.render())
    warnings = len(problems) - errors
    if not problems:
        typer.echo(f"{path}: a valid {kind}")
    else:
        counted = [f"{n} {word}{'s' * (n != 1)}" for n, word in ((errors, "error"), (warnings, "warning")) if n]
        usable = "" if errors else f"; the {kind} is valid"
        typer.echo(f"{', '.join(counted)}{usable}", err=True)


def _print_json(path: Path, kind: str, problems: Sequence[Problem]) -> None:
    from simulator.report.document import dumps

    found: list[dict[str, Any]] = [
        {
            "file": problem.file,
            "severity": problem.severity,
            "line": problem.line,
            "column": problem.column,
            "message": problem.message,
            "remedy": problem.remedy,
        }
        for problem in problems
    ]
    valid = all(problem.severity != "error" for problem in problems)
    sys.stdout.write(dumps({"file": str(path), "kind": kind, "valid": valid, "problems": found}))
