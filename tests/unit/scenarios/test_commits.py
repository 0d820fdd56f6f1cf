"""Revisions that are commits of a local git repository: what is archived, what is kept, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from scenarios import commits
from scenarios.commits import CommitError, archive_of, commit_id, is_kept, split, whole
from scenarios.loader import ScenarioError, load, warnings
from simulator.control.rehearse import virtual
from tests.support.rehearsals import BUNDLES


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def git(repository: Path, *words: str) -> str:
    who = {f"GIT_{role}_{what}": "a@b.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-C", str(repository), *words], check=True, capture_output=True, text=True, env={**os.environ, **who}
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits: web-v1, and web-v2 in its place; the second is `main`."""
    path = tmp_path / "shop"
    path.mkdir()
    git(path, "init", "--quiet", "--initial-branch=main")
    for number, bundle in enumerate(("web-v1", "web-v2"), start=1):
        for file in (BUNDLES / bundle).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                to = path / file.relative_to(BUNDLES / bundle)
                to.parent.mkdir(parents=True, exist_ok=True)
                to.write_bytes(file.read_bytes())
                to.chmod(file.stat().st_mode)
        git(path, "add", "--all")
        git(path, "commit", "--quiet", "--message", f"v{number}")
        git(path, "tag", f"v{number}")
    return path


def test_a_commit_is_archived_once_whatever_it_is_called(repository: Path) -> None:
    archive = archive_of(repository, "v1")
    before = archive.stat()
    assert archive.name == f"{git(repository, 'rev-parse', 'v1')}.tgz"
    assert archive_of(repository, git(repository, "rev-parse", "v1")[:8]) == archive
    assert archive.stat() == before
    with tarfile.open(archive) as found:
        names = found.getnames()
        page = found.extractfile("site/index.html")
        assert page is not None
        assert b"This is v1" in page.read()
        assert found.getmember("scripts/run_process.sh").mode & 0o111
    assert "appspec.yml" in names
    assert not any(name.startswith(".git") for name in names)


def test_what_is_not_committed_is_not_deployed(repository: Path) -> None:
    (repository / "site" / "index.html").write_text("half a thought")
    with tarfile.open(archive_of(repository, "main")) as found:
        page = found.extractfile("site/index.html")
        assert page is not None
        assert b"half a thought" not in page.read()


@pytest.mark.parametrize(
    ("commit", "message", "remedy"),
    [
        ("v9", "has no commit v9", "log --oneline"),
        ("", "nothing is no commit", "a tag or a branch"),
        ("--all", "--all is no commit", "a tag or a branch"),
        ("v1:site/index.html", "has no commit", "log --oneline"),
    ],
)
def test_a_commit_that_is_none(repository: Path, commit: str, message: str, remedy: str) -> None:
    with pytest.raises(CommitError) as caught:
        commit_id(repository, commit)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_repository_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(CommitError, match="is no git repository"):
        commit_id(tmp_path, "main")
    with pytest.raises(CommitError, match="there is no directory"):
        commit_id(tmp_path / "nowhere", "main")


def test_a_directory_of_a_repository_is_no_repository(repository: Path, tmp_path: Path) -> None:
    (repository / "app").mkdir()
    with pytest.raises(CommitError, match="is the directory app of the repository") as caught:
        archive_of(repository / "app", "v1")
    assert str(repository) in caught.value.remedy
    with tarfile.open(archive_of(repository, "v1")) as found:
        assert "appspec.yml" in found.getnames()
    with pytest.raises(ScenarioError) as told:
        load(written(tmp_path, repository="shop/site", commit="v1"))
    assert any("is the directory site of the repository" in problem.message for problem in told.value.problems)


def test_a_bare_repository_will_do(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "bare.git")
    with tarfile.open(archive_of(tmp_path / "bare.git", "v1")) as found:
        assert "appspec.yml" in found.getnames()


def test_what_git_says_of_itself_in_its_hooks_is_not_heard(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert commit_id(repository, "v1") != commit_id(repository, "v2")


def test_of_a_partial_clone_nothing_is_fetched(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", f"file://{repository}", str(clone))
    packs = set((clone / ".git" / "objects" / "pack").iterdir())
    with pytest.raises(
        CommitError, match="is a partial clone that has not all of v1, and nothing is fetched"
    ) as caught:
        archive_of(clone, "v1")
    assert set((clone / ".git" / "objects" / "pack").iterdir()) == packs
    _, command, _ = caught.value.remedy.split("`")
    subprocess.run(["sh", "-c", command], check=True)
    assert archive_of(clone, "v1").is_file()


def test_a_repository_that_is_broken(repository: Path) -> None:
    blob = git(repository, "rev-parse", "v1:appspec.yml")
    (repository / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(CommitError, match=r"git could not archive v1: .* fsck"):
        archive_of(repository, "v1")


def test_a_machine_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CommitError, match="git is not installed; install git"):
        commit_id(repository, "main")


def test_a_cache_that_cannot_be_written(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(CommitError, match="XDG_CACHE_HOME"):
        archive_of(repository, "main")


def test_a_word_that_names_a_commit(repository: Path) -> None:
    assert split(f"{repository}@v1") == (repository, "v1")
    assert split(str(repository)) is None
    assert split("@v1") is None
    (repository.parent / "a@b").mkdir()
    assert split(str(repository.parent / "a@b")) is None
    archive = archive_of(repository, "v1")
    assert is_kept(archive)
    assert whole(f"{repository}@v1", archive) == f"{repository}@{archive.name.removesuffix('.tgz')}"
    assert whole("shop", repository) == "shop"


def written(tmp_path: Path, **revision: Any) -> Path:
    data = {
        "name": "a-test",
        "fleet": {"hosts": 2, "running": "v1"},
        "balancer": {},
        "revisions": {"v1": {"repository": "shop", "commit": "v1"}, "v2": revision},
        "deploy": [{"revision": "v2"}],
    }
    file = tmp_path / "a-test.yml"
    file.write_text(json.dumps(data))
    return file


def test_commits_are_deployed(repository: Path, tmp_path: Path) -> None:
    identity = git(repository, "rev-parse", "main")
    file = written(tmp_path, repository="shop", commit=identity)
    scenario = load(file)
    assert scenario.revisions["v2"].bundle.name == f"{identity}.tgz"
    result = virtual(scenario, seed=0, scenario_sha256="", replay="", journal=tmp_path / "journal")
    assert result.outcome == "succeeded"
    journal = (tmp_path / "journal").read_text()
    assert identity in journal
    assert str(tmp_path) not in journal
    assert '"repository"' not in journal


def test_a_name_that_may_move_is_warned_of(repository: Path, tmp_path: Path) -> None:
    identity = git(repository, "rev-parse", "main")
    told = warnings(written(tmp_path, repository="shop", commit="main"))
    assert any("may mean another commit tomorrow" in each.message and identity in each.remedy for each in told)


@pytest.mark.parametrize(
    ("revision", "message", "remedy"),
    [
        ({"repository": "shop"}, "repository goes with commit, which is not written", "add commit"),
        ({"commit": "v1"}, "commit goes with repository, which is not written", "add repository"),
        ({"bundle": "shop", "repository": "shop", "commit": "v1"}, "exclude each other", "keep one of"),
        ({"behaves": {}}, "none of bundle or repository is written", "write one of"),
        ({"repository": "shop", "commit": "v9"}, "has no commit v9", "log --oneline"),
        ({"repository": "shpo", "commit": "v1"}, "there is no directory", "git repository"),
    ],
)
@pytest.mark.usefixtures("repository")
def test_a_mistake_is_told(tmp_path: Path, revision: dict[str, Any], message: str, remedy: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        load(written(tmp_path, **revision))
    told = [(problem.message, problem.remedy) for problem in caught.value.problems]
    assert any(message in found and remedy in hint for found, hint in told), told


def test_git_that_hangs_is_given_up(repository: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(commits, "GIT_S", 0.2)
    with pytest.raises(CommitError, match="did not answer"):
        commit_id(repository, "main")
