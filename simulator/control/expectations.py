"""Whether a run was as its scenario expects. Each expectation is one finding: its text, whether it held, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from scenarios.model import Expect, ExpectDeployment, ExpectEvent
from simulator.control.result import Finding, Outcome, Traffic
from simulator.rollout.commands import Notify
from simulator.rollout.host import Record
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import TargetStatus

_NOWHERE: Mapping[str, str] = MappingProxyType({})


def judge(
    expect: Expect,
    outcome: Outcome,
    rollouts: Sequence[Rollout],
    notifications: Sequence[Notify],
    traffic: Traffic | None,
    in_service_min: int | None,
    *,
    ended: Mapping[str, tuple[str, ...]],
    refused: Sequence[str] = (),
    environments: Mapping[str, str] = _NOWHERE,
) -> tuple[Finding, ...]:
    """Every expectation of a scenario, judged.

    `ended`: the revisions on which every host ended, one of each group that has it. `refused`: the revisions that
    were not deployed because the group had a deployment under way. `environments`: how the last revision on its way
    through them fared in each.
    """
    return (
        *_outcome(expect, outcome),
        *_deployments(expect, rollouts),
        *_refused(expect, refused),
        *_environments(expect, environments),
        *_revisions(expect, ended),
        *_events(expect, rollouts),
        *_service(expect, traffic, in_service_min),
        *_notifications(expect, notifications),
        *(every_host_succeeded(rollouts) if expect.every_host_succeeds else ()),
    )


def _outcome(expect: Expect, outcome: Outcome) -> Iterator[Finding]:
    if expect.outcome is not None:
        yield Finding(f"outcome is {expect.outcome}", outcome == expect.outcome, f"it is {outcome}")


def _deployments(expect: Expect, rollouts: Sequence[Rollout]) -> Iterator[Finding]:
    if expect.deployments is None:
        return
    wanted = len(expect.deployments)
    yield Finding(
        f"{wanted} deployment{'s' * (wanted != 1)}", len(rollouts) == wanted, _there(len(rollouts), "was", "were")
    )
    for number, (expected, rollout) in enumerate(zip(expect.deployments, rollouts, strict=False), start=1):
        yield from _deployment(f"deployment {number}", expected, rollout)


def _deployment(which: str, expected: ExpectDeployment, rollout: Rollout) -> Iterator[Finding]:
    error = rollout.error
    found = {
        "revision": rollout.deployment.revision,
        "group": rollout.deployment.group,
        "status": rollout.status,
        "creator": rollout.deployment.creator,
        "error": error.code if error else None,
    }
    for name, value in found.items():
        wanted = getattr(expected, name)
        if wanted is not None:
            yield Finding(f"{which}: {name} {wanted}", value == wanted, f"it is {value or 'none'}")
    if expected.message is not None:
        message = error.message if error else "there is no error"
        yield Finding(f"{which}: the error says “{expected.message}”", expected.message in message, message)
    for status, count in expected.hosts.items():
        there = rollout.counts[TargetStatus(status)]
        yield Finding(
            f"{which}: {count} {_host(count)} {status}",
            there == count,
            _there(there, "is", "are"),
        )


def _host(number: int) -> str:
    return "host" if number == 1 else "hosts"


def _there(number: int, one: str, several: str) -> str:
    return f"there {one if number == 1 else several} {number}"


def _environments(expect: Expect, found: Mapping[str, str]) -> Iterator[Finding]:
    for name, wanted in expect.environments.items():
        passage = found.get(name, "nothing: no revision set out")
        yield Finding(f"{name}: {wanted}", passage == wanted, f"it is {passage}")


def _refused(expect: Expect, refused: Sequence[str]) -> Iterator[Finding]:
    if expect.refused is not None:
        wanted = ", ".join(expect.refused) or "nothing"
        found = ", ".join(refused) or "nothing"
        yield Finding(f"refused: {wanted}", tuple(refused) == expect.refused, f"refused was {found}")


def _revisions(expect: Expect, ended: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    if expect.revisions is None and not expect.hosts:
        return
    counts = Counter(revision for revisions in ended.values() for revision in revisions)
    for revision, wanted in (expect.revisions or {}).items():
        ends = "end" if wanted != 1 else "ends"
        expected = f"{wanted} {_host(wanted)} {ends} on {revision}"
        yield Finding(expected, counts[revision] == wanted, f"hosts end on {_counts(counts)}")
    for host, revision in expect.hosts.items():
        there = ended.get(host, ())
        why = f"it ends on {' and '.join(there)}" if there else "it is in no group at the end"
        yield Finding(f"{host} ends on {revision}", revision in there, why)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{name}: {counts[name]}" for name in sorted(counts)) or "nothing"


def _events(expect: Expect, rollouts: Sequence[Rollout]) -> Iterator[Finding]:
    """The expected events, found in this order; each must come at or after the one before it."""
    if not expect.events:
        return
    happened = [
        (record.ended_ms, number, step, host.name, record)
        for number, rollout in enumerate(rollouts, start=1)
        for host in rollout.hosts.values()
        for step, record in enumerate(host.records)
    ]
    happened.sort(key=lambda entry: entry[:4])
    rest = iter(happened)
    after = "the beginning"
    for expected in expect.events:
        text = _event_text(expected)
        match = next((entry for entry in rest if _is(expected, entry[1], entry[3], entry[4])), None)
        if match is None:
            yield Finding(text, False, f"there is none after {after}")
            return
        after = f"{match[3]} {match[4].name} {match[4].status} at {match[0]} ms"
        yield Finding(text, True, f"{after}{_because(match[4])}")


def _event_text(expected: ExpectEvent) -> str:
    host = expected.host or "a host"
    where = f" in deployment {expected.deployment}" if expected.deployment else ""
    words = f", saying “{expected.message}”" if expected.message else ""
    return f"{host}: {expected.event} {expected.status}{where}{words}"


def _is(expected: ExpectEvent, deployment: int, host: str, record: Record) -> bool:
    return (
        record.name == expected.event
        and record.status == expected.status
        and (expected.host is None or expected.host == host)
        and (expected.deployment is None or expected.deployment == deployment)
        and (
            expected.message is None
            or (record.diagnostics is not None and expected.message in record.diagnostics.message)
        )
    )


def _because(record: Record) -> str:
    return f": {record.diagnostics.message}" if record.diagnostics else ""


def _service(expect: Expect, traffic: Traffic | None, in_service_min: int | None) -> Iterator[Finding]:
    if expect.in_service_min is not None:
        held = in_service_min is not None and in_service_min >= expect.in_service_min
        found = "never were all hosts in service" if in_service_min is None else f"the least was {in_service_min}"
        yield Finding(f"at least {expect.in_service_min} in service", held, found)
    if expect.availability is not None:
        availability = traffic.availability if traffic else None
        held = availability is not None and availability >= expect.availability
        found = "no request was made" if availability is None else f"it was {availability:.2%}"
        yield Finding(f"availability at least {expect.availability:.2%}", held, found)


def _notifications(expect: Expect, notifications: Sequence[Notify]) -> Iterator[Finding]:
    rest = iter(notifications)
    for wanted in expect.notifications:
        match = next((notification for notification in rest if notification.trigger == wanted), None)
        yield Finding(
            f"notification {wanted}",
            match is not None,
            match.why if match else "it was not sent, or not in this order",
        )


def every_host_succeeded(rollouts: Sequence[Rollout]) -> Iterator[Finding]:
    """The strict expectation: CodeDeploy is content with its minimum, this one is not."""
    failed = [
        host.name for rollout in rollouts for host in rollout.hosts.values() if host.status is TargetStatus.FAILED
    ]
    why = f"{len(failed)} failed: {', '.join(failed[:3])}{', …' * (len(failed) > 3)}" if failed else "none failed"
    yield Finding("every host of every deployment succeeds", not failed, why)
