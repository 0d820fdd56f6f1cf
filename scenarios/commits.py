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

GIT_S = 60
"""A git that takes longer has met something that is no local repository."""
FULL_ID = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")
"""A commit's whole id: a name such as `main` means something else tomorrow."""


class CommitError(Exception):
    """There is no such commit, or no way to get at it: what is wrong, and what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message}; {remedy}")
        self.message, self.remedy = message, remedy


def commit_id(repository: Path, commit: str) -> str:
    """The whole id of a commit. Raises CommitError where the repository has none of this name."""
    if not repository.is_dir():
        raise CommitError(f"there is no directory {repository}", "give the path of a git repository")
    if not commit or commit.startswith("-"):
        raise CommitError(f"{commit or 'nothing'} is no commit", "give a commit's id, a tag or a branch")
    done = _git(repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}")
    if done.returncode == 0:
        return done.stdout.decode().strip()
    if _git(repository, "rev-parse", "--git-dir").returncode != 0:
        raise CommitError(f"{repository} is no git repository", "give the path of one")
    remedy = f"`git -C {repository} log --oneline --all` lists those that there are"
    raise CommitError(f"{repository} has no commit {commit}", remedy)


def archive_of(repository: Path, commit: str) -> Path:
    """An archive (tgz) of everything in a commit, named by its id. Raises CommitError."""
    identity = commit_id(repository, commit)
    kept = _cache() / f"{identity}.tgz"
    if not kept.is_file():
        done = _git(repository, "archive", "--format=tar.gz", identity)
        if done.returncode != 0:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise CommitError(f"git could not archive {commit}: {said}", "look at the repository with `git fsck`")
        _keep(kept, done.stdout)
    return kept


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "drydeploy" / "commits"


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
    git = shutil.which("git")
    if git is None:
        raise CommitError("a revision is a commit, and git is not installed", "install git, or give a bundle")
    try:
        return subprocess.run([git, "-C", str(repository), *words], capture_output=True, timeout=GIT_S, check=False)
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
