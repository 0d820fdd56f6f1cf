"""An AppSpec beside its bundle: what is named, and is not there."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

from fleet.agent.appspec_model import SCRIPT_EVENTS, AppSpec, Mark, Problem, Script
from fleet.agent.appspec_scripts import check_script
from fleet.agent.instructions import PlanError
from fleet.agent.plan import plan_install
from fleet.agent.tree import DiskTree, clean

SEARCHED_ENTRIES_MAX = 100_000
_SUGGESTED_MAX = 3


def check_bundle(appspec: AppSpec, bundle: Path) -> list[Problem]:
    """Compare ``appspec`` with the directory ``bundle``.

    Every finding is a warning, at the entry that it concerns.
    """
    problems: list[Problem] = []
    for event in SCRIPT_EVENTS:
        for script in appspec.scripts(event):
            if script.location:
                problems += _check_script(event, script, bundle)
    for entry in appspec.files:
        place = bundle / clean(entry.source)
        if not place.exists() and not place.is_symlink():
            problems.append(
                _warning(
                    entry.mark,
                    f"the source `{entry.source}` is not in the bundle; Install fails when it comes to it",
                    _where(bundle, Path(entry.source).name) or "add it, or correct the path",
                )
            )
    try:
        plan_install(appspec, DiskTree(bundle), lambda _path: False, is_directory=lambda _path: True)
    except PlanError as error:
        problems.append(_warning(error.mark, f"Install will refuse this: {error}", "correct the entry"))
    return problems


def _check_script(event: str, script: Script, bundle: Path) -> list[Problem]:
    place = bundle / clean(script.location)
    found = []
    if script.location.startswith("/"):
        found.append(
            _warning(
                script.mark,
                f"the location `{script.location}` is absolute, and is taken from the root of the bundle all the same",
                f"write `{clean(script.location)}`, and put the script there",
            )
        )
    if place.is_file():
        found += check_script(event, script.location, place, script.mark)
    elif place.is_dir():
        message = f"the script `{script.location}` of `{event}` is a directory; the event fails there"
        found.append(_warning(script.mark, message, "name a file"))
    elif not place.exists():
        message = f"the script `{script.location}` of `{event}` is not in the bundle; the event fails there"
        found.append(
            _warning(script.mark, message, _where(bundle, place.name) or "add the script, or correct its location")
        )
    return found


def _where(bundle: Path, name: str) -> str:
    walk = islice(os.walk(bundle), SEARCHED_ENTRIES_MAX)
    places = [Path(folder, name).relative_to(bundle) for folder, dirs, files in walk if name in files or name in dirs]
    if not places:
        return ""
    return "it lies at " + " and at ".join(f"`{place}`" for place in sorted(places)[:_SUGGESTED_MAX])


def _warning(mark: Mark, message: str, remedy: str) -> Problem:
    return Problem("warning", mark.line, mark.column, message, remedy)
