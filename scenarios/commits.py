"""Revisions that are commits of a local git repository: an archive of each, made once and kept by the commit's id.

CodeDeploy deploys from GitHub by repository and commit, and takes the whole repository as the bundle (user guide,
"Integrating CodeDeploy with GitHub"). Here the repository is one on this machine, and nothing is fetched.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

GIT_S = 60
"""A git that takes longer has met something that is no local repository."""
FULL_ID = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")
"""A commit's whole id: a name such as `main` means something else tomorrow."""


_ALONE: Final = {
    # A partial clone gets what it has not from elsewhere, unasked; git before 2.39.4 knows only the second word for no.
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_TERMINAL_PROMPT": "0",
}


class CommitError(Exception):
    """There is no such commit, or no way to get at it: what is wrong, and what to do.

    `of_commit`: the repository is as it should be.
    """

    def __init__(self, message: str, remedy: str, *, of_commit: bool = False) -> None:
        super().__init__(f"{message}; {remedy}")
        self.message, self.remedy, self.of_commit = message, remedy, of_commit


def commit_id(repository: Path, commit: str) -> str:
    """The whole id of a commit. Raises CommitError where the repository has none of this name."""
    if not repository.is_dir():
        raise CommitError(f"there is no directory {repository}", "give the path of a git repository")
    if not commit or commit.startswith("-"):
        remedy = "give a commit's id, a tag or a branch"
        raise CommitError(f"{commit or 'nothing'} is no commit", remedy, of_commit=True)
    _look_at(repository)
    done = _git(repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if done.returncode == 0:
        return done.stdout.decode().strip()
    remedy = f"`git -C {repository} log --oneline --all` lists those that there are"
    raise CommitError(f"{repository} has no commit {commit}", remedy, of_commit=True)


def _look_at(repository: Path) -> None:
    """Raises CommitError for what is no repository, or only a part of one: CodeDeploy takes a repository whole."""
    inside = _git(repository, "rev-parse", "--show-prefix")
    if inside.returncode != 0:
        raise CommitError(f"{repository} is no git repository", "give the path of one")
    if part := inside.stdout.decode("utf-8", "replace").strip().rstrip("/"):
        top = _git(repository, "rev-parse", "--show-toplevel").stdout.decode("utf-8", "replace").strip()
        message = f"{repository} is the directory {part} of the repository {top}, and a revision is a whole repository"
        command = f"git -C {top} archive -o {Path(part).name}.tgz COMMIT:{part}"
        raise CommitError(message, f"give {top}, or an archive as a bundle: `{command}`")


def archive_of(repository: Path, commit: str) -> Path:
    """An archive (tgz) of everything in a commit, named by its id. Raises CommitError."""
    identity = commit_id(repository, commit)
    kept = _cache() / f"{identity}.tgz"
    if not kept.is_file():
        done = _git(repository, "archive", "--format=tar.gz", identity)
        if done.returncode != 0:
            raise _not_archived(repository, commit, identity, " ".join(done.stderr.decode("utf-8", "replace").split()))
        _keep(kept, done.stdout)
    return kept


def _not_archived(repository: Path, commit: str, identity: str, said: str) -> CommitError:
    partial = _git(repository, "config", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$")
    if partial.returncode == 0:
        message = f"{repository} is a partial clone that has not all of {commit}, and nothing is fetched"
        return CommitError(message, f"get it: `git -C {repository} archive {identity} >/dev/null`", of_commit=True)
    remedy = f"look at the repository with `git -C {repository} fsck`"
    return CommitError(f"git could not archive {commit}: {said}", remedy, of_commit=True)


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "drydeploy" / "whole-commits"


def _keep(path: Path, content: bytes) -> None:
    """Write it whole or not at all: two runs may do so at once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)
    except OSError as error:
        message = f"the archive of a commit cannot be kept in {path.parent}: {error.strerror}"
        raise CommitError(message, "name another place with XDG_CACHE_HOME") from error


def _git(repository: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """Ask this repository, and no other: in its hooks git names one in the environment, which would win."""
    git = shutil.which("git")
    if git is None:
        raise CommitError("a revision is a commit, and git is not installed", "install git, or give a bundle")
    outside = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        return subprocess.run(
            [git, "-C", str(repository), *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=GIT_S,
            check=False,
            env=outside | _ALONE,
        )
    except subprocess.TimeoutExpired as error:
        raise CommitError(f"git did not answer within {GIT_S} s", f"look at {repository}") from error


def split(word: str) -> tuple[Path, str] | None:
    """`REPOSITORY@COMMIT` in its two parts; None for a word that names a file or directory, or has no @."""
    path, at, commit = word.rpartition("@")
    if not at or not path or Path(word).expanduser().exists():
        return None
    return Path(path).expanduser(), commit


def whole(word: str, archive: Path) -> str:
    """`REPOSITORY@COMMIT` with the commit's whole id, so that it means the same tomorrow; any other word as it is."""
    return f"{word.rpartition('@')[0]}@{archive.name.removesuffix('.tgz')}" if is_kept(archive) else word


def short(archive: Path) -> str:
    """The name of a revision that is a commit: the beginning of its id."""
    return archive.name[:12]


def is_kept(bundle: Path) -> bool:
    """Whether a bundle is the archive of a commit."""
    return bundle.parent == _cache() and FULL_ID.match(bundle.name.removesuffix(".tgz")) is not None
