"""A deployment's hosts in words: in which order, how many came out how, and what became of those that are gone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from simulator.rollout import messages
from simulator.rollout.host import Host
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Label, TargetStatus
from strategies.plan import Terminate

TERMINATED: Final = "terminated"
LEFT: Final = "has left the group, and runs on"

_COUNTED: Final = {
    TargetStatus.SUCCEEDED: "succeeded",
    TargetStatus.FAILED: "failed",
    TargetStatus.IN_PROGRESS: "under way",
    TargetStatus.READY: "ready",
    TargetStatus.PENDING: "pending",
    TargetStatus.SKIPPED: "skipped",
}
_ORDER: Final = (*_COUNTED.values(), "never provisioned", TERMINATED, "left the group")


def fate(rollout: Rollout, name: str) -> str:
    """What became of a host that the deployment ended, or sent out of the group; `""` where it is still there."""
    host = rollout.hosts.get(name)
    if host is None or not host.gone or rollout.course:  # a service stays: a task set of it has ended
        return ""
    ends = (stage for stage in rollout.stages if isinstance(stage, Terminate) and name in stage.hosts)
    return LEFT if any(stage.keep for stage in ends) else TERMINATED


def counted(rollout: Rollout) -> str:
    """`3 of 4 hosts succeeded, 1 failed`; of a blue/green deployment, the green hosts and then the blue ones.

    On ECS and Lambda `the service web succeeded`.
    """
    if service := messages.target(rollout.deployment):
        return f"{service} {' '.join(_COUNTED[host.status] for host in rollout.hosts.values())}"
    if all(host.label is Label.NONE for host in rollout.hosts.values()):  # a large fleet is not counted again
        return _side(Label.NONE, Counter({word: rollout.counts[status] for status, word in _COUNTED.items()}))
    sides = {side: Counter[str]() for side in messages.SIDES}
    for host in rollout.hosts.values():
        sides[host.label][_came_out(rollout, host)] += 1
    return "; ".join(filter(None, (_side(side, numbers) for side, numbers in sides.items())))


def _came_out(rollout: Rollout, host: Host) -> str:
    if (left := fate(rollout, host.name)) and host.status is not TargetStatus.FAILED:
        return TERMINATED if left == TERMINATED else "left the group"
    if host.unborn and rollout.ended:
        return "never provisioned"
    return _COUNTED[host.status]


def _side(side: Label, numbers: Counter[str]) -> str:
    told = [(numbers[word], word) for word in _ORDER if numbers[word]]
    return ", ".join(
        f"{number:,} of {messages.count(numbers.total(), side)} {word}" if place == 0 else f"{number:,} {word}"
        for place, (number, word) in enumerate(told)
    )


def in_order(rollout: Rollout) -> list[Host]:
    """The hosts as a person would list them: by their names, the tenth after the ninth."""
    return sorted(rollout.hosts.values(), key=lambda host: [*_parts(host.name)])


def _parts(name: str) -> Iterator[tuple[str, int]]:
    """A name in its letters and numbers, so that `h10` comes after `h9` and `h1-g2` after `h1`."""
    for letters, digits in re.findall(r"(\D*)(\d*)", name):
        yield letters, int(digits or 0)
