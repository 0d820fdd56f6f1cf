"""The DownloadBundle event: make room, fetch the bundle, unpack it.

Sources, file names and pruning are the open-source agent's (aws-codedeploy-agent, command_executor.rb).
"""

from __future__ import annotations

import shutil
from pathlib import Path

from fleet.agent import messages
from fleet.agent.archive import Bounds, unpack
from fleet.agent.download import Sources
from fleet.agent.errors import AgentError
from fleet.agent.layout import Layout, Place
from fleet.agent.specification import GitHubRevision, LocalRevision, S3Revision, Specification

MAX_REVISIONS = 5


def download_bundle(
    spec: Specification,
    layout: Layout,
    sources: Sources,
    *,
    max_revisions: int = MAX_REVISIONS,
    bounds: Bounds | None = None,
) -> None:
    """Fetch and unpack the revision of ``spec``, and mark it as the group's most recent.

    ``max_revisions`` counts this revision too. Raises AgentError; there is then no unpacked archive.
    """
    place = layout.place(spec.group_id, spec.deployment_id)
    place.root.mkdir(parents=True, exist_ok=True)
    prune(layout, spec.group_id, place, max_revisions)
    _remove(place.archive)
    revision = spec.revision
    match revision:
        case LocalRevision(location=location, bundle_type="directory"):
            _copy_directory(Path(location), place)
        case LocalRevision(location=location):
            _link_file(Path(location), place)
        case S3Revision():
            sources.s3(revision, place.bundle)
        case GitHubRevision():
            sources.github(revision, spec.github_token, place.bundle)
    if revision.bundle_type != "directory":
        unpack(place.bundle, revision.bundle_type, place.archive, bounds)
    layout.mark_most_recent(spec.group_id, place)


def prune(layout: Layout, group: str, current: Place, max_revisions: int) -> tuple[Path, ...]:
    """Remove the group's oldest deployments, so that with ``current`` there are ``max_revisions``; what
    was removed.

    The last successful one is never removed, even where that leaves one too many.
    """
    others = [entry for entry in layout.group(group).iterdir() if entry != current.root]
    surplus = len(others) - max_revisions + 1
    if surplus <= 0:
        return ()
    keep = layout.last_successful(group)
    candidates = sorted(
        (entry for entry in others if entry != keep),
        key=lambda entry: (entry.lstat().st_mtime_ns, entry.name),
    )
    removed = tuple(candidates[:surplus])
    for entry in removed:
        _remove(entry)
    return removed


def _copy_directory(location: Path, place: Place) -> None:
    if not location.is_dir():
        raise AgentError(f"the revision is the directory {location}, which {_state(location)} on this host")
    staging = place.archive.with_name(place.archive.name + ".unpacking")
    _remove(staging)
    try:
        shutil.copytree(location, staging, symlinks=True)
        staging.rename(place.archive)
    except (OSError, shutil.Error) as error:
        raise AgentError(f"copying the revision from {location} failed: {error}") from error
    finally:
        _remove(staging)


def _link_file(location: Path, place: Place) -> None:
    if not location.is_file():
        raise AgentError(messages.bundle_missing(str(location), _state(location)))
    place.bundle.unlink(missing_ok=True)
    place.bundle.symlink_to(location)


def _state(location: Path) -> str:
    return "is something else" if location.exists() else "is not there"


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise AgentError(f"removing {path} failed: {error}") from error
