"""Install, then clean up: whatever bundle and disk, the disk is as it was, but for what is documented."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fleet.agent.appspec import AppSpec, FileEntry
from fleet.agent.cleanup import clean_up
from fleet.agent.errors import AgentError
from fleet.agent.install import install, plan_install
from fleet.agent.instructions import FileConflict, PlanError
from fleet.agent.layout import Layout
from fleet.agent.tree import DiskTree, MemoryTree, clean

NAMES = st.sampled_from(["a", "b", "c", " d ", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FILES = st.dictionaries(PATHS, st.binary(max_size=4), max_size=6)


@contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder).resolve()


def write(root: Path, files: dict[str, bytes]) -> None:
    """Write what fits: a path below a file, or a file where there is a directory, is left out."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue


def snapshot(root: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes() for path in sorted(root.rglob("*"))
    }


def whole(disk: Path) -> AppSpec:
    return AppSpec(0.0, "linux", (FileEntry("/", str(disk / "x/app")),))


def touched_by_overwriting(appspec: AppSpec, archive: Path, disk: Path, behaviour: str) -> set[str]:
    """What is documented not to come back: files that OVERWRITE replaced, or copied into a directory of their name.

    The latter are recorded by the directory's name (aws-codedeploy-agent, install_instruction.rb).
    """
    if behaviour != "OVERWRITE":
        return set()
    plan = plan_install(appspec, DiskTree(archive), os.path.exists, behaviour, is_directory=os.path.isdir)
    paths = [Path(path).relative_to(disk) for path in plan.overwritten]
    return {str(path) for path in paths} | {str(path / path.name) for path in paths}


@given(bundle=FILES, before=FILES, behaviour=st.sampled_from(["DISALLOW", "OVERWRITE", "RETAIN"]))
def test_clean_up_restores_the_disk(bundle: dict[str, bytes], before: dict[str, bytes], behaviour: str) -> None:
    with temporary() as folder:
        layout = Layout(folder / "root")
        place, disk = layout.place("g", "d-1"), folder / "disk"
        write(place.archive, bundle)
        disk.mkdir()
        write(disk / "x/app", before)
        old = snapshot(disk)
        touched = touched_by_overwriting(whole(disk), place.archive, disk, behaviour)
        try:
            install(whole(disk), place, layout, "g", behaviour)
        except FileConflict:
            assert behaviour == "DISALLOW"
            assert snapshot(disk) == old
            return
        except AgentError:
            # A directory is wanted where a stranger has a file: what was made until then is in the clean-up file.
            assert any(old[name] is not None for name in old)
        clean_up(layout.cleanup_file("g"))
        now = snapshot(disk)
        assert {name: now[name] for name in now if name not in touched} == {
            name: old[name] for name in old if name not in touched
        }


@given(bundle=FILES, before=FILES)
def test_a_second_deployment_never_meets_the_first(bundle: dict[str, bytes], before: dict[str, bytes]) -> None:
    with temporary() as folder:
        layout, disk = Layout(folder / "root"), folder / "disk"
        disk.mkdir()
        for deployment, files in (("d-1", before), ("d-2", bundle)):
            place = layout.place("g", deployment)
            write(place.archive, files)
            install(whole(disk), place, layout, "g", "DISALLOW")
        assert snapshot(disk / "x/app") == snapshot(layout.place("g", "d-2").archive)


@given(bundle=FILES, before=FILES, behaviour=st.sampled_from(["DISALLOW", "OVERWRITE", "RETAIN"]))
def test_a_plan_in_memory_is_the_plan_on_disk(
    bundle: dict[str, bytes], before: dict[str, bytes], behaviour: str
) -> None:
    def outcome(tree: MemoryTree | DiskTree, disk: Path) -> object:
        try:
            return plan_install(whole(disk), tree, os.path.exists, behaviour, is_directory=os.path.isdir)
        except PlanError as error:
            return str(error)

    with temporary() as folder:
        write(folder / "bundle", bundle)
        write(folder / "disk/x/app", before)
        listing = [
            (str(path.relative_to(folder / "bundle")), "directory" if path.is_dir() else "file")
            for path in (folder / "bundle").rglob("*")
        ]
        memory = MemoryTree(listing)  # type: ignore[arg-type]
        assert outcome(memory, folder / "disk") == outcome(DiskTree(folder / "bundle"), folder / "disk")


@given(st.text(alphabet="ab./", max_size=12))
def test_cleaning_a_path_is_idempotent(path: str) -> None:
    assert clean(clean(path)) == clean(path)
    assert not clean(path).startswith("/")
