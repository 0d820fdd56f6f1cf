"""What rollbacks left behind, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from simulator.control.result import Finding
from simulator.rollout.events import DisksCompared, Residue
from simulator.rollout.machine import Rollout

TOLD_MAX = 20
"""A run names so many files; the others are counted."""
_HOSTS_NAMED_MAX = 3

_WORDS = {
    "left": "was not there before {revision}, and the rollback left it",
    "gone": "was there before {revision}, and is gone: the rollback did not bring it back",
    "replaced": "is not what it was before {revision}: the rollback did not bring that back",
}


def told(compared: Sequence[DisksCompared], rollouts: Sequence[Rollout]) -> Iterator[str]:
    """A sentence for each file that a rollback left otherwise than it was, and for each host nobody could look at."""
    revisions = {rollout.deployment_id: rollout.deployment.revision for rollout in rollouts}
    for event in compared:
        revision = f"{revisions.get(event.undone, 'it')} ({event.undone})"
        for residue in event.residue[:TOLD_MAX]:
            yield f"residue: {_hosts(residue)}: {residue.path} {_WORDS[residue.was].format(revision=revision)}"
        if (more := len(event.residue) - TOLD_MAX) > 0:
            yield f"residue: {more} more files are not as they were before {revision}"
        if event.unseen:
            yield f"nobody could look for residue on {', '.join(event.unseen[:_HOSTS_NAMED_MAX])}: not reachable"


def judge(wanted: Mapping[str, str] | None, compared: Sequence[DisksCompared]) -> Iterator[Finding]:
    """What is expected of the residue: these files and no others. Nothing where nothing is expected."""
    if wanted is None:
        return
    found: dict[str, str] = {}
    for event in compared:
        found.update((residue.path, residue.was) for residue in event.residue)
    unseen = [host for event in compared for host in event.unseen]
    blind = f"; nobody could look at {', '.join(unseen)}" if unseen else "" if compared else "; no disks were compared"
    for path, was in wanted.items():
        yield Finding(
            f"residue: {path} is {was}", found.get(path) == was, f"it is {found.get(path, 'as it was')}{blind}"
        )
    others = [path for path in found if path not in wanted]
    why = f"otherwise than before: {', '.join(others[:TOLD_MAX])}" if others else f"none was found{blind}"
    yield Finding("no other residue", not others and not unseen and bool(compared), why)


def _hosts(residue: Residue) -> str:
    named = residue.hosts[:_HOSTS_NAMED_MAX]
    more = len(residue.hosts) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
