"""What befell a run by ways of CodeDeploy that few expect, told in sentences: a flag each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from scenarios.fault_names import names_of
from scenarios.hosts import of_no_group
from scenarios.model import Scenario
from simulator.rollout import lifecycle
from simulator.rollout.deployment import Target
from simulator.rollout.events import FaultChanged
from simulator.rollout.host import Host, Record
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import count, duration
from simulator.rollout.statuses import Creator, EventStatus

_NAMED_MAX = 3


def traps(scenario: Scenario, rollouts: Sequence[Rollout], faults: Sequence[FaultChanged]) -> Iterator[str]:
    """A sentence for each, in the order of the run. `faults`: those that began and were healed."""
    for rollout in rollouts:
        yield from _poisoned(rollout)
        yield from _good_ones_taken(rollout)
    if outside := scenario.outside():
        yield of_no_group(outside, balanced=scenario.balancer is not None)
    yield from _began_anew(scenario, faults)


def _poisoned(rollout: Rollout) -> Iterator[str]:
    """Hosts that failed in a script of the revision that they had, and not of the one that was to come."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for host in rollout.hosts.values():
        for record in host.records:
            script = record.diagnostics.script_name if record.diagnostics is not None else ""
            before = host.target.revision
            if record.name in lifecycle.FORGIVEN_WITH_APPLICATION_STOP and _failed(record) and script and before:
                found.setdefault((record.name, script, before), []).append(host.name)
    forgiven = rollout.deployment.ignore_application_stop_failures
    for (event, script, revision), hosts in found.items():
        yield (
            f"{rollout.deployment_id}: {script}, which failed at {event} on {_named(hosts)}, is a script of "
            f"{revision}, the revision that was there before: {_FORGIVEN if forgiven else _POISON}"
        )


_FORGIVEN = "ignore_application_stop_failures forgave that, and the next deployment runs this one's script"
_POISON = (
    "if it always does, it fails whatever is deployed there, until a deployment says "
    "ignore_application_stop_failures: true"
)


def _failed(record: Record) -> bool:
    return record.status is EventStatus.FAILED


def _good_ones_taken(rollout: Rollout) -> Iterator[str]:
    """A rollback that had most of the group out of traffic at one moment, hosts that were well and had it already."""
    deployment = rollout.deployment
    if deployment.creator is not Creator.ROLLBACK or not deployment.with_balancer:
        return
    good = [rollout.hosts[target.name] for target in deployment.targets if _well_on(target, deployment.revision)]
    most = _most_away(good)
    if 2 * most > len(deployment.targets) > 1:
        yield (
            f"{deployment.deployment_id} had {most} of the group's {count(len(deployment.targets))} out of traffic at "
            f"once that were well and had {deployment.revision} all along: a rollback is a deployment to the whole "
            f"group, and {deployment.config.name} allows that"
        )


def _well_on(target: Target, revision: str) -> bool:
    return target.healthy and target.revision == revision


def _most_away(hosts: Iterable[Host]) -> int:
    """How many of the hosts were out of traffic at one moment, at most."""
    steps: list[tuple[int, int]] = []
    for host in hosts:
        ended = {record.name: record.ended_ms for record in host.records if record.status is EventStatus.SUCCEEDED}
        if lifecycle.BLOCK_TRAFFIC in ended:
            steps.append((ended[lifecycle.BLOCK_TRAFFIC], 1))
            if lifecycle.ALLOW_TRAFFIC in ended:
                steps.append((ended[lifecycle.ALLOW_TRAFFIC], -1))
    return max(accumulate(step for _, step in sorted(steps)), default=0)


def _began_anew(scenario: Scenario, faults: Sequence[FaultChanged]) -> Iterator[str]:
    """The controller's crashes: what it knew afterwards, it knew from its journal."""
    crashes = {
        name
        for name, fault in zip(names_of(scenario.faults), scenario.faults, strict=True)
        if fault.do.controller is not None
    }
    keep_it_down: set[str] = set()
    for change in faults:
        if change.fault not in crashes:
            continue
        was_down, when = bool(keep_it_down), duration(change.at_ms)
        keep_it_down = keep_it_down | {change.fault} if change.active else keep_it_down - {change.fault}
        if bool(keep_it_down) is not was_down:
            yield (
                f"the controller died at {when}, and forgot everything"
                if change.active
                else f"the controller began anew at {when}: it knew from its journal what was under way, and went on"
            )


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
