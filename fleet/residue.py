"""What a rollback leaves otherwise than the deployment found it: the same question to every fleet's disks.

Only files are looked at, and only below the directories that a revision of the run installs to. Files that the last
install owns do not count: the next one removes them. So what is left is what scripts and the application wrote there,
and what an install took away that was not its own (a stranger's file under OVERWRITE).
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fleet.agent.appspec import AppSpec
from simulator.rollout.events import Residue

LEFT, GONE, REPLACED = "left", "gone", "replaced"
PATHS_MAX: Final = 1000
"""More different findings than this are not told one by one."""
DEPTH_MIN: Final = 2
"""A directory nearer to the root (`/`, `/etc`) belongs to the system, and is not looked through."""


@dataclass(frozen=True, slots=True)
class Listing:
    """What stands on one disk. `strangers`: what is in each file that no install owns; `owned`: the paths of others."""

    strangers: Mapping[str, str]
    owned: Collection[str]


def directories(appspecs: Iterable[AppSpec]) -> tuple[str, ...]:
    """Where these revisions install to, without directories within others and without the system's own."""
    wanted = {posixpath.normpath(entry.destination) for appspec in appspecs for entry in appspec.files}
    deep = sorted(path for path in wanted if path.startswith("/") and path.count("/") >= DEPTH_MIN)
    return tuple(path for path in deep if not any(path.startswith(f"{other}/") for other in deep))


def within(path: str, where: Collection[str]) -> bool:
    """Whether a path is below one of these directories."""
    return any(path.startswith(f"{directory}/") for directory in where)


def differences(before: Listing, after: Listing, ignored: Collection[str] = ()) -> dict[str, str]:
    """What is otherwise than it was, by path. `ignored`: files that the scenario itself has put there meanwhile."""
    found: dict[str, str] = {}
    for path in {**before.strangers, **after.strangers}:
        if path in ignored:
            continue
        was, now = before.strangers.get(path), after.strangers.get(path)
        if was is None:
            # A file of the last install that an install no longer owns is a stranger's from then on.
            found[path] = LEFT
        elif now is None:
            found[path] = REPLACED if path in after.owned else GONE
        elif was != now:
            found[path] = REPLACED
    return found


def gather(by_host: Iterable[tuple[str, Mapping[str, str]]]) -> tuple[Residue, ...]:
    """The differences of all hosts, alike ones together, in the order of the paths."""
    hosts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for host, found in by_host:
        for path, was in found.items():
            hosts[path, was].append(host)
    listed = sorted(hosts)[:PATHS_MAX]
    return tuple(Residue(path, was, tuple(hosts[path, was])) for path, was in listed)
