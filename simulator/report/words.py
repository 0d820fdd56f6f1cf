"""The words and signs that all reports share, so that a status looks the same wherever it is shown."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from simulator.control.result import Outcome, RunResult, RunStatus, Traffic
from simulator.rollout.events import DeploymentNotCreated, FaultChanged
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import duration
from simulator.rollout.statuses import Creator, DeploymentStatus

SUCCEEDED: Final = "✔"
FAILED: Final = "✖"
RUNNING: Final = "◌"
STOPPED: Final = "॥"
WARNING: Final = "⚠"
WAITING: Final = "·"
SKIPPED: Final = "–"

SIGNS: Final[dict[str, str]] = {
    "Succeeded": SUCCEEDED,
    "Failed": FAILED,
    "InProgress": RUNNING,
    "Baking": RUNNING,
    "Ready": STOPPED,
    "Stopped": STOPPED,
    "Pending": WAITING,
    "Created": WAITING,
    "Queued": WAITING,
    "Skipped": SKIPPED,
    "Unknown": WARNING,
}
"""The sign of a status of a deployment, a host or a lifecycle event."""

STYLES: Final[dict[str, str]] = {
    SUCCEEDED: "green",
    FAILED: "red",
    RUNNING: "cyan",
    STOPPED: "yellow",
    WARNING: "yellow",
    WAITING: "dim",
    SKIPPED: "dim",
}
"""The colour of a sign, in rich's words."""

_OUTCOMES: Final[dict[Outcome, tuple[str, str]]] = {
    Outcome.SUCCEEDED: (SUCCEEDED, "{revision} was deployed"),
    Outcome.FAILED: (FAILED, "{revision} failed"),
    Outcome.STOPPED: (STOPPED, "{revision} was stopped"),
    Outcome.ROLLED_BACK: (FAILED, "{revision} {ended} and was rolled back to {back}"),
    Outcome.ROLLBACK_FAILED: (FAILED, "{revision} {ended}, and {undone}"),
    Outcome.INCONCLUSIVE: (WARNING, "inconclusive"),
}
"""The sign and the sentence for what became of the last deployment that was asked for."""
_BY_POOLS: Final[dict[Outcome, str]] = {
    Outcome.SUCCEEDED: "nobody deployed anything, and what the pools did went well",
    Outcome.FAILED: "nobody deployed anything, and what the pools did failed",
    Outcome.INCONCLUSIVE: "nobody deployed anything, and neither did a pool",
}
"""The sentence where nobody has asked for a deployment."""


_CONTROLS: Final = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if code != 0x09}


def printable(text: str) -> str:
    """The text without characters that steer a terminal; letter for letter, so that places in it stay the same."""
    return text.translate(_CONTROLS)


def count(number: int, noun: str) -> str:
    """`1 host`, `1,000 hosts`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def named(names: list[str], shown: int = 3) -> str:
    """`h1`, `h1 and h2`, `h1, h2, h3 and 5 more`."""
    rest = len(names) - shown
    parts = names[:shown] + ([f"{rest} more"] if rest > 0 else [])
    return " and ".join(filter(None, (", ".join(parts[:-1]), parts[-1]))) if parts else "none"


def clock(ms: int) -> str:
    """A moment of the run, as its lines begin with: `0.000s`, `12.500s`, `1:02:05.000`."""
    seconds, rest = divmod(ms, 1000)
    if seconds < 60:
        return f"{seconds}.{rest:03}s"
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    return f"{hours}:{minutes:02}:{seconds:02}.{rest:03}" if hours else f"{minutes}:{seconds:02}.{rest:03}"


def took(ms: int) -> str:
    """A duration that may be nothing."""
    return duration(ms) or "0ms"


def percent(share: float) -> str:
    """A share as a percentage of two decimals that never rounds a failure away: 1 is `100 %`, 0.999999 `99.99 %`."""
    shown = share * 100 if share in (0, 1) else min(max(round(share * 100, 2), 0.01), 99.99)
    return f"{shown:.2f}".rstrip("0").rstrip(".") + " %"


def fault(change: FaultChanged) -> tuple[str, str]:
    """The sign and the sentence for a fault that begins or is healed."""
    where = f" at {named(list(change.hosts))}" if change.hosts else ""
    return (
        (WARNING, f"{change.fault} begins{where}") if change.active else (SUCCEEDED, f"{change.fault} is healed{where}")
    )


def not_created(event: DeploymentNotCreated) -> str:
    """The sentence for a deployment that was asked for while its group had one under way."""
    what = ", ".join(filter(None, (event.application, event.group, event.revision)))
    why = event.why or f"{event.active} is under way, and a group has one deployment at a time"
    if event.queued:
        return f"{what} waits in the queue: {why}"
    return f"{what} is refused{'' if event.why else ' (DeploymentLimitExceededException)'}: {why}"


def faults_over(faults: Sequence[FaultChanged]) -> Iterator[tuple[FaultChanged, int | None]]:
    """Each fault that began, and when it was healed: None where it never was."""
    for place, change in enumerate(faults):
        if change.active:
            healed = (
                later.at_ms
                for later in faults[place + 1 :]
                if later.fault == change.fault and not later.active and set(change.hosts) <= set(later.hosts)
            )
            yield change, next(healed, None)


def passages(result: RunResult) -> Iterator[tuple[str, str, str, str]]:
    """How each revision fared on its way: sign, environment, revision, and the passage with its reason."""
    for promotion in result.promotions:
        for name, passage in promotion.passage.items():
            why = f": {promotion.why[name]}" if name in promotion.why else ""
            yield SIGNS.get(passage, WAITING), name, promotion.revision, f"{passage}{why}"


def in_service(result: RunResult) -> str | None:
    """The least number of hosts in service, in a phrase; None where there is no balancer, or nobody knows.

    Of new hosts none is in service at first, so their count begins when all of them have been.
    """
    if result.in_service_min is None:
        return None
    once = " once all were first in service" if result.begins_empty else ""
    wanted = f", {required(result.in_service_required)}" if result.in_service_required is not None else ""
    return f"never fewer than {result.in_service_min:,}{once}{wanted}"


def required(hosts: int) -> str:
    """How many hosts a configuration wants in service: `3 required`."""
    return f"{hosts:,} required" if hosts else "none required"


BY_HAND: Final = "people had a part in this run: without them it goes otherwise"


def again(result: RunResult, journal: Path | None) -> tuple[str, str]:
    """How a run is seen once more, and by which command: where people had a part, only its journal tells it."""
    if result.by_hand and journal is not None:
        return "play it again", f"drydeploy replay {shlex.quote(str(journal))}"
    return "run again", result.replay


def nobody_yet(result: RunResult) -> str | None:
    """How long, with new hosts, no host was in service, and about how many requests came then; else None."""
    balancer, traffic = result.scenario.balancer, result.traffic
    if not result.begins_empty or balancer is None or traffic is None or not traffic.total:
        return None
    until_ms = result.first_in_service_ms
    if until_ms is None:
        return "no host was ever in service"
    came = min(round(balancer.traffic.rate * until_ms / 1000), traffic.total)
    return f"no host was in service for the first {took(until_ms)}, in which about {count(came, 'request')} came"


def requests(traffic: Traffic | None) -> str:
    """What the users of the service saw, in a phrase."""
    if traffic is None:
        return "no balancer, so no requests"
    if not traffic.total:
        return "no requests"
    by_revision = ", ".join(f"{revision or 'nobody'} {number:,}" for revision, number in traffic.by_revision)
    answered = f"; answered by {by_revision}" if by_revision else ""
    return f"{traffic.failed:,} of {traffic.total:,} requests failed{answered}"


def _ended(rollouts: Sequence[Rollout]) -> str:
    """How a deployment that did not succeed has ended."""
    return "was stopped" if rollouts and rollouts[-1].status is DeploymentStatus.STOPPED else "failed"


def _spoken_of(result: RunResult, asked: Sequence[Rollout]) -> str:
    """The revision that the headline is about: of what was `asked` for the last, or what was shut out on its way."""
    sent = result.promotions[-1] if result.promotions else None
    if result.outcome is Outcome.STOPPED and sent is not None and sent.shut_out:
        return sent.revision
    return asked[-1].deployment.revision if asked else "nothing"


def headline(result: RunResult) -> tuple[str, str]:
    """The sign and the sentence that say what a run came to."""
    if result.status is RunStatus.INTERRUPTED:
        return WARNING, "interrupted before it had ended"
    if result.status is RunStatus.ABORTED:
        return WARNING, f"given up after {took(result.duration_ms)}, before it had ended"
    if result.status is RunStatus.STALLED:
        return WARNING, f"inconclusive: nothing more was to come after {took(result.duration_ms)}, and it had not ended"
    sign, sentence = _OUTCOMES[result.outcome]
    asked = [rollout for rollout in result.rollouts if rollout.deployment.creator is Creator.USER]
    if not asked:
        sentence = _BY_POOLS.get(result.outcome, sentence)
    back = result.rollouts[-1].deployment.revision if result.rollouts else "nothing"
    ended, undone = _ended(asked[-1:]), _ended(result.rollouts[-1:])
    likewise = {"failed": "so did", "was stopped": "so was"}[ended]
    words = sentence.format(
        revision=_spoken_of(result, asked),
        back=back,
        ended=ended,
        undone=f"{likewise} the rollback to {back}" if ended == undone else f"the rollback to {back} {undone}",
    )
    if any(not finding.held for finding in result.invariants):
        return FAILED, f"{words}; a safety rule was violated"
    if result.rollback_failed_unexpectedly and result.outcome is not Outcome.ROLLBACK_FAILED:
        return FAILED, f"{words}; a rollback before that failed"
    if not result.expectations or (result.unexpectedly_inconclusive and result.as_expected):
        return sign, words
    if result.as_expected:
        return SUCCEEDED, f"{words}, as expected"
    return FAILED, f"{words}: not as expected"
