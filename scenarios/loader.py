"""From a file to a scenario, or to all of its mistakes at once, each at its line and column."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from scenarios.bundle import APPSPEC_NAMES, ARCHIVES, is_appspec_by_keys
from scenarios.checks import check
from scenarios.commits import archive_of
from scenarios.explain import explain
from scenarios.model import Revision, Scenario
from scenarios.problems import Problem, ScenarioError, either
from scenarios.tree import Place, parse

FILE_BYTES_MAX = 64 << 20
"""A larger file is no scenario."""
_SNIFFED_BYTES = 8192
"""So much of a file is looked at for what is in no text."""


def load(path: Path) -> Scenario:
    """The scenario in a file. Its bundles' paths come back absolute.

    Raises ScenarioError with every mistake of the file.
    """
    return loads(_text(path), name=str(path), directory=path.parent)


def _text(path: Path) -> str:
    name = str(path)
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            remedy = f"keep a scenario below {FILE_BYTES_MAX >> 20} MiB"
            raise ScenarioError([Problem(name, 0, 0, "the file is too large to be a scenario", remedy)])
        raw = path.read_bytes()
    except OSError as error:
        remedy = "give the path of a YAML file, or a name from `drydeploy list`"
        if isinstance(error, PermissionError):
            remedy = "look at its permissions, and at those of its directory"
        reason = (error.strerror or "unknown").lower()
        raise ScenarioError([Problem(name, 0, 0, f"cannot be read: {reason}", remedy)]) from error
    if b"\0" in raw[:_SNIFFED_BYTES] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        remedy = f"give a YAML file, or a bundle: a directory or an archive ({either(ARCHIVES)})"
        raise ScenarioError([Problem(name, 0, 0, "this is no text, and by its name no archive", remedy)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - raw.rfind(b"\n", 0, error.start)
        problem = Problem(name, line, column, f"byte 0x{raw[error.start]:02x} is not UTF-8", "save the file as UTF-8")
        raise ScenarioError([problem]) from error


def loads(text: str, *, name: str, directory: Path) -> Scenario:
    """The scenario in a text. Its mistakes are told under `name`; bundles are relative to `directory`.

    Raises ScenarioError with every mistake of the text.
    """
    return _loads(text, name, directory)[0]


def warnings(path: Path) -> tuple[Problem, ...]:
    """What a scenario's writer may not have meant, although it can be run. Raises ScenarioError as `load` does."""
    return _loads(_text(path), str(path), path.parent)[1]


def _loads(text: str, name: str, directory: Path) -> tuple[Scenario, tuple[Problem, ...]]:
    problems: list[Problem] = []
    warned: list[Problem] = []

    def report(place: Place, message: str, remedy: str) -> None:
        problems.append(Problem(name, *place, message, remedy))

    def warn(place: Place, message: str, remedy: str) -> None:
        warned.append(Problem(name, *place, message, remedy, "warning"))

    tree = parse(text, report)
    if tree is None:
        if not problems:
            report((1, 1), "the file is empty", "write a scenario; `drydeploy init` writes one to start from")
        raise ScenarioError(problems)
    if not isinstance(tree.value, dict):
        report(
            tree.place,
            f"this is no scenario: expected a mapping, such as name: …, found {'a list' if tree.items else 'text'}",
            "`drydeploy init` writes a scenario to start from",
        )
        raise ScenarioError(problems)
    if Path(name).name in APPSPEC_NAMES or is_appspec_by_keys(tree.value):
        bundle = Path(name).parent
        report(tree.place, "this is an AppSpec, and not a scenario", f"name its bundle, `{bundle}`")
        raise ScenarioError(problems)
    scenario = None
    rules: list[str] = []
    try:
        scenario = Scenario.model_validate_json(json.dumps(tree.plain()), strict=True)
    except ValidationError as error:
        for finding in error.errors(include_url=False):
            if (explained := explain(finding, tree)) is not None:
                report(*explained)
            else:
                rules.append(finding["msg"])
    check(tree, directory, report, warn)
    if scenario is None and not problems:
        report(tree.place, rules[0], "see `drydeploy schema`")
    if problems or scenario is None:
        raise ScenarioError([*problems, *warned])
    return _with_absolute_bundles(scenario, directory), tuple(sorted(set(warned)))


def _with_absolute_bundles(scenario: Scenario, directory: Path) -> Scenario:
    here = directory.resolve()
    revisions = {
        name: revision.model_copy(update={"bundle": _bundle(here, revision)})
        for name, revision in scenario.revisions.items()
    }
    pools = {name: pool.with_user_data(here) for name, pool in scenario.pools.items()}
    functions = {
        name: function.model_copy(update={"handler": (here / function.handler).resolve()})
        if function.handler is not None
        else function
        for name, function in scenario.functions.items()
    }
    beside = {"functions": functions, **({"pools": pools} if pools else {})}
    return scenario.model_copy(update={"revisions": revisions, **beside})


def _bundle(here: Path, revision: Revision) -> Path:
    if revision.repository is None or revision.commit is None:
        return (here / revision.bundle).resolve()
    return archive_of(here / revision.repository, revision.commit)
