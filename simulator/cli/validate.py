"""`drydeploy validate`: every mistake of a scenario or an AppSpec, at its line and column, with its remedy."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from simulator.cli.errors import USAGE, UsageError
from simulator.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from scenarios.problems import Problem

_APPSPEC_NAMES: Final = ("appspec.yml", "appspec.yaml")
_TOP_KEY: Final = re.compile(r"""^["']?([A-Za-z_]\w*)["']?\s*:""", re.MULTILINE)
_SCENARIO_KEYS: Final = frozenset({"fleet", "deploy", "revisions", "group", "balancer", "faults", "expect", "name"})
_APPSPEC_KEYS: Final = frozenset({"os", "version", "files", "hooks", "permissions", "permission"})


def verb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A scenario, an AppSpec, or a bundle's directory.")],
    bundle: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The bundle of an AppSpec, to look for its files and scripts.")
    ] = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Check a scenario or an appspec.yml; tell every mistake, and its remedy.

    Exit codes: 0 without errors (there may be warnings) · 2 with errors.
    """
    if bundle is not None and not bundle.is_dir():
        raise UsageError(f"--bundle {bundle}: there is no such directory")
    path = _file(file)
    if _is_appspec(path):
        kind, problems = "appspec", _appspec(path, bundle)
    else:
        kind, problems = "scenario", _scenario(path)
    errors = sum(problem.severity == "error" for problem in problems)
    if output is Output.JSON:
        _print_json(path, kind, problems)
    else:
        _print_text(path, kind, problems, errors)
    raise typer.Exit(USAGE if errors else 0)


def _file(given: Path) -> Path:
    """The file itself; a library name or a bundle's directory is good, too."""
    from scenarios import library

    if given.is_dir():
        found = next((given / name for name in _APPSPEC_NAMES if (given / name).is_file()), None)
        if found is None:
            raise UsageError(f"{given}: a directory without an appspec.yml in it; name a file, or a bundle's directory")
        return found
    return library.find(str(given))


def _is_appspec(path: Path) -> bool:
    """By the name, else by the keys at the left margin: whichever format has more of its own there."""
    if path.name in _APPSPEC_NAMES:
        return True
    keys = set(_TOP_KEY.findall(path.read_text(encoding="utf-8", errors="replace")))
    return len(keys & _APPSPEC_KEYS) > len(keys & _SCENARIO_KEYS)


def _scenario(path: Path) -> Sequence[Problem]:
    from scenarios.loader import warnings
    from scenarios.problems import ScenarioError

    try:
        return warnings(path)
    except ScenarioError as error:
        return error.problems


def _appspec(path: Path, bundle: Path | None) -> Sequence[Problem]:
    from fleet.agent.appspec import examine
    from scenarios.problems import Problem

    if bundle is None and path.name in _APPSPEC_NAMES:
        bundle = path.parent
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        return [Problem(str(path), line, column, message, "save the file as UTF-8")]
    _, found = examine(text, bundle=bundle, name=str(path))
    return [Problem.of(str(path), problem) for problem in found]


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
