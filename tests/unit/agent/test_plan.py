"""Planning an install without a disk, as the virtual fleet does."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.agent.appspec import AppSpec, load
from fleet.agent.install import plan_install
from fleet.agent.instructions import Copy, FileConflict, Mkdir, PlanError
from fleet.agent.tree import DiskTree, MemoryTree

HEAD = "version: 0.0\nos: linux\n"
WEB = load(HEAD + "files:\n  - source: web\n    destination: /srv/app\n")
TREE = MemoryTree([("web/a", "file"), ("web/d/b", "file"), ("appspec.yml", "file")])


def disk(*paths: str) -> set[str]:
    return {"/", *paths}


def plan(appspec: AppSpec = WEB, *paths: str, behaviour: str = "DISALLOW") -> list[object]:
    present = disk(*paths)
    return list(plan_install(appspec, TREE, present.__contains__, behaviour).steps)


def test_missing_ancestors_come_first() -> None:
    assert plan() == [
        Mkdir("/srv"),
        Mkdir("/srv/app"),
        Copy("web/a", "/srv/app/a"),
        Mkdir("/srv/app/d"),
        Copy("web/d/b", "/srv/app/d/b"),
    ]


def test_what_exists_is_not_made() -> None:
    assert plan(WEB, "/srv", "/srv/app")[0] == Copy("web/a", "/srv/app/a")


def test_a_conflict_names_every_path() -> None:
    present = disk("/srv", "/srv/app", "/srv/app/a", "/srv/app/d", "/srv/app/d/b")
    with pytest.raises(FileConflict) as caught:
        plan_install(WEB, TREE, present.__contains__)
    assert caught.value.paths == ("/srv/app/a", "/srv/app/d/b")
    assert caught.value.mark.line == 4


@pytest.mark.parametrize(("option", "copied"), [("OVERWRITE", True), ("RETAIN", False)])
def test_the_other_behaviours(option: str, copied: bool) -> None:
    present = disk("/srv", "/srv/app", "/srv/app/a")
    instructions = plan_install(WEB, TREE, present.__contains__, option)
    assert ("/srv/app/a" in instructions.created) is copied
    assert instructions.overwritten == (("/srv/app/a",) if copied else ())
    assert instructions.retained == (() if copied else ("/srv/app/a",))


def test_missing_sources_are_listed_not_refused() -> None:
    appspec = load(HEAD + "files:\n  - source: gone/x\n    destination: /\n")
    instructions = plan_install(appspec, TREE, disk().__contains__)
    assert instructions.missing == ("gone/x",)
    assert instructions.steps == (Copy("gone/x", "/x"),)


def test_the_root_of_the_bundle() -> None:
    appspec = load(HEAD + "files:\n  - source: /\n    destination: /\n")
    assert Copy("appspec.yml", "/appspec.yml") in plan(appspec)


def test_a_line_break_in_a_name_is_refused() -> None:
    tree = MemoryTree([("web/a\n/etc/passwd", "file")])
    with pytest.raises(PlanError, match="line break"):
        plan_install(WEB, tree, disk().__contains__)


def test_a_destination_that_is_a_file_is_made_a_directory_and_fails_later() -> None:
    present = disk("/srv", "/srv/app")
    planned = plan_install(WEB, TREE, present.__contains__, is_directory=lambda path: path != "/srv/app")
    assert planned.steps[0] == Mkdir("/srv/app")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/again").symlink_to(".")
    planned = plan_install(WEB, DiskTree(tmp_path), disk().__contains__)
    assert len(planned.steps) < 100
