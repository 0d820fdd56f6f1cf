"""The sample bundles: in one shape, differing only in what each is there to show, and read by the agent as meant."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.agent.appspec import examine
from fleet.platforms.revision import read_revision
from scenarios import library
from scenarios.bundle import APPSPEC_NAMES, appspec_text, is_bundle, script_locations

BUNDLES = Path(library.__file__).parent.parent / "bundles"
ALL = sorted(path.name for path in BUNDLES.iterdir() if path.is_dir() and path.name != "functions")
OF_PLATFORMS = [name for name in ALL if name.startswith(("ecs-", "lambda-"))]
OURS = [name for name in ALL if name != "as-people-write-it" and name not in OF_PLATFORMS]
WORKERS = {"worker-v1", "worker-v2-with-a-page"}
"""A second application, which serves nothing."""
BYTES_MAX = 8_000

DIFFERENT = {
    "web-code-only": {"appspec.yml", "scripts/run_process.sh", "site/index.html"},
    "web-v1-poisoned-stop": {"scripts/kill_process.sh", "scripts/run_process.sh"},
    "web-v2": {"site/index.html", "site/news.html"},
    "web-v2-errors": {"site/index.html", "site/news.html", "server.py"},
    "web-v2-leaves-a-file": {
        *("site/index.html", "site/news.html", "appspec.yml"),
        *("scripts/migrate.sh", "scripts/run_process.sh"),
    },
    "web-v2-broken-start": {"site/index.html", "site/news.html", "scripts/run_process.sh"},
    "web-v2-empty": {"site/index.html", "site/.gitkeep"},
    "web-v2-hangs": {"site/index.html", "site/news.html", "scripts/run_process.sh", "appspec.yml"},
    "web-v2-keeps-output-open": {"site/index.html", "site/news.html", "scripts/run_process.sh", "appspec.yml"},
}


def files(name: str) -> dict[str, bytes]:
    root = BUNDLES / name
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_bundle_is_known_here() -> None:
    assert set(OURS) == {"web-v1", *DIFFERENT, *WORKERS}


@pytest.mark.parametrize("name", OF_PLATFORMS)
def test_the_service_takes_those_for_ecs_and_lambda(name: str) -> None:
    platform = {"ecs": "ECS", "lambda": "Lambda"}[name.split("-")[0]]
    found = read_revision(name, BUNDLES / name, platform)
    assert found.problem == ""
    assert found.appspec is not None
    assert found.appspec.platform == platform


@pytest.mark.parametrize(("name", "different"), DIFFERENT.items())
def test_it_differs_from_v1_only_where_it_should(name: str, different: set[str]) -> None:
    first, other = files("web-v1"), files(name)
    assert {path for path in first.keys() | other.keys() if first.get(path) != other.get(path)} == different


@pytest.mark.parametrize("name", ALL)
def test_it_is_small_and_complete(name: str) -> None:
    written = files(name)
    assert sum(map(len, written.values())) <= BYTES_MAX
    assert any(appspec in written for appspec in APPSPEC_NAMES)
    for path, content in written.items():
        if path.endswith(".sh"):
            assert content.startswith(b"#!/bin/bash\n")
            assert (BUNDLES / name / path).stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("name", OURS)
def test_the_agent_finds_nothing_to_say(name: str) -> None:
    text = appspec_text(BUNDLES / name)
    assert text is not None
    spec, problems = examine(text, bundle=BUNDLES / name, name="appspec.yml")
    assert problems == ()
    assert spec is not None
    locations = {script.location for scripts in spec.hooks.values() for script in scripts}
    assert locations == script_locations(BUNDLES / name)
    for script in (script for scripts in spec.hooks.values() for script in scripts):
        assert (script.runas is None) == (script.location.endswith("migrate.sh") or name in WORKERS)


def test_the_second_worker_differs_only_in_the_page_that_it_brings() -> None:
    first, other = files("worker-v1"), files("worker-v2-with-a-page")
    different = {path for path in first.keys() | other.keys() if first.get(path) != other.get(path)}
    assert different == {"appspec.yml", "site/index.html"}


def test_the_one_that_people_write_is_read_with_warnings() -> None:
    bundle = BUNDLES / "as-people-write-it"
    text = appspec_text(bundle)
    assert text is not None
    spec, problems = examine(text, bundle=bundle, name="appspec.yml")
    assert spec is not None
    told = " | ".join(f"{problem.message}; {problem.remedy}" for problem in problems)
    for word in ("permissions", "overwrite", "file_exists_behavior", "kill_process.sh", "run_process.sh"):
        assert word in told


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here to read the scripts")
@pytest.mark.parametrize("name", ALL)
def test_bash_can_read_the_scripts(name: str) -> None:
    for script in sorted((BUNDLES / name / "scripts").glob("*.sh")):
        subprocess.run(["bash", "-n", str(script)], check=True)


def test_revisions_can_be_told_apart() -> None:
    for version in ("v1", "v2"):
        page = (BUNDLES / f"web-{version}" / "site" / "index.html").read_text()
        assert re.findall(r"v\d", page) == [version]


def test_what_is_a_bundle(tmp_path: Path) -> None:
    for name in ("a.zip", "a.tar", "a.tgz", "a.tar.gz", "a.txt"):
        (tmp_path / name).touch()
    assert is_bundle(tmp_path)
    assert is_bundle(tmp_path / "a.tgz")
    assert is_bundle(tmp_path / "a.tar.gz")
    assert not is_bundle(tmp_path / "a.txt")
    assert not is_bundle(tmp_path / "b.zip")


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar"])
@pytest.mark.parametrize("within", ["", "release"])
def test_an_appspec_is_found_in_an_archive(tmp_path: Path, kind: str, within: str) -> None:
    root = tmp_path / "tree"
    shutil.copytree(BUNDLES / "web-v1", root / within if within else root)
    archive = Path(shutil.make_archive(str(tmp_path / "bundle"), kind, root))
    assert appspec_text(archive) == appspec_text(BUNDLES / "web-v1")


@pytest.mark.parametrize("name", ["a.zip", "a.tgz", "a.tar"])
def test_a_broken_archive_has_no_appspec(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 cut short")
    assert appspec_text(tmp_path / name) is None
    assert script_locations(tmp_path / name) is None


def test_a_directory_without_one_has_none(tmp_path: Path) -> None:
    assert appspec_text(tmp_path) is None
    shutil.make_archive(str(tmp_path / "empty"), "zip", BUNDLES / "web-v1" / "site")
    assert appspec_text(tmp_path / "empty.zip") is None
