"""The scenarios that come with drydeploy: failures that people really had, and what goes well beside them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.bundle import ARCHIVES
from scenarios.problems import Problem, ScenarioError, nearest

if TYPE_CHECKING:
    from scenarios.model import Scenario

SUFFIXES = (".yml", ".yaml")
_KINDS = (*SUFFIXES, *ARCHIVES)

_HEADINGS = {
    "rolled_back": "Failures: it fails or is stopped, and is rolled back",
    "rollback_failed": "Failures: it fails, and so does its rollback",
    "failed": "Failures: it fails, and nothing is rolled back",
    "stopped": "Failures: it is stopped",
    "inconclusive": "Failures: nobody can tell",
    "succeeded": "Failures: something is wrong, and the deployment succeeds all the same",
    "well": "Nothing goes wrong: how each strategy goes",
    None: "Other",
}


@cache
def _directory() -> Path:
    return Path(str(files("scenarios").joinpath("library")))


@cache
def names() -> tuple[str, ...]:
    """The names of all scenarios in the library, in alphabetical order."""
    return tuple(sorted(path.stem for path in _directory().glob("*.yml")))


def path_of(name: str) -> Path:
    """The file of a scenario in the library. Raises KeyError for a name that is not there."""
    if name not in names():
        raise KeyError(name)
    return _directory() / f"{name}.yml"


def all() -> tuple[Scenario, ...]:
    """All scenarios of the library, in the order of their names."""
    from scenarios.loader import load

    return tuple(load(path_of(name)) for name in names())


def by_outcome() -> tuple[tuple[str, tuple[Scenario, ...]], ...]:
    """The library under headings: what becomes of the deployment, and whether anything goes wrong at all."""
    sections: dict[str, list[Scenario]] = {heading: [] for heading in _HEADINGS.values()}
    for scenario in all():
        outcome = scenario.expect.outcome if scenario.expect else None
        kind = "well" if outcome == "succeeded" and _goes_well(scenario) else outcome
        sections[_HEADINGS[kind]].append(scenario)
    return tuple((heading, tuple(found)) for heading, found in sections.items() if found)


def _goes_well(scenario: Scenario) -> bool:
    """Whether nothing is in the way of a success: no fault, no stranger's file, nothing that needs a second try."""
    return not scenario.faults and not scenario.fleet.files and len(scenario.deploy) == 1


def find(name_or_path: str) -> Path:
    """The file that a user means: one of the library by its name, or one on the disk.

    Raises ScenarioError with the nearest name if there is neither.
    """
    if name_or_path in names():
        return path_of(name_or_path)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.is_dir():
        message = "this is a directory, not a scenario"
        raise ScenarioError([Problem(name_or_path, 0, 0, message, _for_directory(path))])
    stem = path.name.removesuffix(".yml").removesuffix(".yaml")
    if path.suffix in SUFFIXES or "/" in name_or_path or name_or_path.endswith(ARCHIVES):
        beside = {name.partition(".")[0]: name for name in _beside(path)}  # endings are alike, and say nothing
        near = nearest(path.name.partition(".")[0], beside)
        remedy = f"did you mean {path.parent / beside[near]}?" if near else _known(stem)
        raise ScenarioError([Problem(name_or_path, 0, 0, "there is no such file or directory", remedy)])
    raise ScenarioError([Problem(name_or_path, 0, 0, "no scenario has this name", _known(stem))])


def _beside(path: Path) -> list[str]:
    """What lies where a path leads, and may have been meant: scenarios, archives, directories."""
    try:
        return [entry.name for entry in path.parent.iterdir() if entry.is_dir() or entry.name.endswith(_KINDS)]
    except OSError:
        return []


def _for_directory(path: Path) -> str:
    if any((path / name).is_file() for name in ("appspec.yml", "appspec.yaml")):
        return "to rehearse a bundle, say how many hosts: --hosts 4"
    return "give a scenario file, or a name from `drydeploy list`"


def _known(word: str) -> str:
    near = nearest(word, names())
    return f"did you mean {near}?" if near else "`drydeploy list` shows all names"
