"""Why a deployment did not succeed, in one look: the failed hosts, alike ones together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from simulator.report.words import named
from simulator.rollout.commands import Error
from simulator.rollout.events import Diagnostics
from simulator.rollout.host import NEVER, Host, Record
from simulator.rollout.lifecycle import FORGIVEN_WITH_APPLICATION_STOP
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import ErrorCode, EventStatus, LifecycleErrorCode, TargetStatus

LOG_LINES_MAX: Final = 12
"""A report shows so many of the last lines of a script's output."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Hosts that failed at the same event for the same reason. `log` is the first host's script output."""

    hosts: tuple[str, ...]
    failure: str
    script: str
    log: tuple[str, ...]

    def __str__(self) -> str:
        return f"{named(list(self.hosts))} {self.failure}"


def failed_record(host: Host, rollout: Rollout) -> Record | None:
    """The event at which a host failed: the last that did and was not forgiven, or the one before which it stopped."""
    forgiven = FORGIVEN_WITH_APPLICATION_STOP if rollout.deployment.ignore_application_stop_failures else ()
    failed = [record for record in host.records if record.status is EventStatus.FAILED and record.name not in forgiven]
    skipped = (record for record in host.records if record.status is EventStatus.SKIPPED)
    return failed[-1] if failed else next(skipped, None)


def failure(record: Record) -> str:
    """`failed at Install: no disk`, as whoever carried it out says.

    Of a host that was under way as its deployment was stopped: `failed: stopped before Install`, which never began.
    """
    if record.started_ms is None:
        return f"failed: stopped before {record.name}"
    return f"failed at {record.name}: {record.diagnostics.message if record.diagnostics else 'no reason was given'}"


def waited_since_ms(host: Host, record: Record) -> int | None:
    """When an event was handed out that its host never began, before it failed; None where it was begun."""
    if record.status is not EventStatus.FAILED or record.started_ms is None or record.started_ms < record.ended_ms:
        return None
    place = host.records.index(record)
    since_ms = host.records[place - 1].ended_ms if place else host.sent_ms
    return since_ms if NEVER < since_ms < record.ended_ms else None


def log_lines(diagnostics: Diagnostics | None) -> tuple[str, ...]:
    """The end of a failing script's output, bounded; nothing where no script failed."""
    if diagnostics is None or diagnostics.error_code is LifecycleErrorCode.SUCCESS:
        return ()
    lines = diagnostics.log_tail.rstrip().splitlines()
    cut = len(lines) - LOG_LINES_MAX
    return (f"… {cut} lines before", *lines[cut:]) if cut > 0 else tuple(lines)


def rule(error: Error, *, told: bool) -> str:
    """An error's message, without the failed hosts where those have been `told` already."""
    if told and error.code is ErrorCode.HEALTH_CONSTRAINTS:
        return error.message.rpartition("). ")[2]
    return error.message


def alike(rollouts: Sequence[Rollout]) -> list[list[Rollout]]:
    """The deployments in their order, those together that pools have had and that failed for the same reasons."""
    groups: dict[tuple[object, ...], list[Rollout]] = {}
    for rollout in rollouts:
        own: tuple[object, ...] = (rollout.deployment_id,)
        if rollout.deployment.creator.beside and rollout.error is not None:
            failures = _failures(rollout)
            error = rollout.error.code, rule(rollout.error, told=bool(failures))
            own = rollout.deployment.creator, rollout.deployment.group, rollout.status, *error, *failures
        groups.setdefault(own, []).append(rollout)
    return list(groups.values())


def _failures(rollout: Rollout) -> dict[str, list[tuple[Host, Record]]]:
    """The failed hosts, by their event and their reason.

    A sentence that names its host is alike for all hosts but for the name.
    """
    groups: dict[str, list[tuple[Host, Record]]] = {}
    for host in rollout.hosts.values():
        if host.status is TargetStatus.FAILED and (record := failed_record(host, rollout)) is not None:
            groups.setdefault(failure(record).replace(host.name, "\0"), []).append((host, record))
    return groups


def causes(*rollouts: Rollout) -> tuple[Cause, ...]:
    """The causes of the deployments' failed hosts, in the order of the hosts. Alike failures are one cause."""
    groups: dict[str, list[tuple[Host, Record]]] = {}
    for rollout in rollouts:
        for alike, hosts in _failures(rollout).items():
            groups.setdefault(alike, []).extend(hosts)
    found = []
    for hosts in groups.values():
        _, record = hosts[0]
        diagnostics = record.diagnostics
        found.append(
            Cause(
                tuple(host.name for host, _ in hosts),
                failure(record),
                diagnostics.script_name if diagnostics else "",
                log_lines(diagnostics),
            )
        )
    return tuple(found)
