"""What a run came to: the outcome, what deserves a word, and the result that reports are made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet.base import Fleet
from scenarios.model import Scenario
from simulator.control import residue
from simulator.control.expectations import every_host_succeeded, judge
from simulator.control.journal import Header
from simulator.control.operator_picture import of_groups
from simulator.control.rehearsal import Rehearsal
from simulator.control.result import Outcome, RunResult, RunStatus, Traffic
from simulator.control.sides import fleet_of
from simulator.control.traps import traps
from simulator.control.worth_knowing import flags
from simulator.rollout.events import TrafficMeasured
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Promotion
from simulator.rollout.statuses import AnalysisOutcome, Creator, DeploymentStatus

_OUTCOMES = {
    DeploymentStatus.SUCCEEDED: Outcome.SUCCEEDED,
    DeploymentStatus.FAILED: Outcome.FAILED,
    DeploymentStatus.STOPPED: Outcome.STOPPED,
}
_OF_ROLLBACK = {
    DeploymentStatus.SUCCEEDED: Outcome.ROLLED_BACK,
    DeploymentStatus.FAILED: Outcome.ROLLBACK_FAILED,
    DeploymentStatus.STOPPED: Outcome.ROLLBACK_FAILED,
}


_WORST_FIRST = (
    Outcome.ROLLBACK_FAILED,
    Outcome.FAILED,
    Outcome.INCONCLUSIVE,
    Outcome.STOPPED,
    Outcome.ROLLED_BACK,
    Outcome.SUCCEEDED,
)


def outcome(rollouts: Sequence[Rollout], promotion: Promotion | None = None) -> Outcome:
    """What became of the last deployment of a run, its rollback included; of several groups' last ones, of the one
    that fared worst. What shut the last revision on its way through the environments out has stopped it.

    Where an analysis ended it without an answer, that is inconclusive (docs/explanation/alarms-and-analysis.md). What
    pools have deployed by themselves counts where nothing else was deployed.
    """
    own = [rollout for rollout in rollouts if not rollout.deployment.creator.beside] or rollouts
    by_group: dict[str, list[Rollout]] = {}
    for rollout in own:
        by_group.setdefault(rollout.deployment.group, []).append(rollout)
    outcomes = [_outcome(group) for group in by_group.values()]
    if promotion is not None and promotion.shut_out:
        outcomes.append(Outcome.STOPPED)
    return min(outcomes, key=_WORST_FIRST.index, default=Outcome.INCONCLUSIVE)


def _outcome(rollouts: Sequence[Rollout]) -> Outcome:
    """What became of one group's last deployment."""
    last = rollouts[-1]
    asked = next((rollout for rollout in reversed(rollouts) if rollout.deployment.creator is Creator.USER), last)
    if _ended_inconclusive(asked):
        return Outcome.INCONCLUSIVE
    outcomes = _OF_ROLLBACK if last.deployment.creator is Creator.ROLLBACK else _OUTCOMES
    return outcomes.get(last.status, Outcome.INCONCLUSIVE)


def _ended_inconclusive(rollout: Rollout) -> bool:
    """Whether nobody and nothing but an analysis without an answer has ended the deployment."""
    judged = rollout.judged
    return (
        judged is not None
        and judged.outcome is AnalysisOutcome.INCONCLUSIVE
        and rollout.stop is None
        and not rollout.alarm
    )


def break_off(rehearsal: Rehearsal, fleet: Fleet, at_ms: int) -> None:
    """Measure the traffic of a run that breaks off now. It is not journalled: that journal would seem complete."""
    if rehearsal.rollouts and (make := fleet.measure()) is not None:
        measured = make(0, at_ms)
        if isinstance(measured, TrafficMeasured):
            rehearsal.traffic = measured


def _waits_for(rehearsal: Rehearsal) -> Iterator[str]:
    """What a run waits for in which nothing more is to come, in words."""
    if rehearsal.crash is not None and rehearsal.crash.is_down:
        yield "the controller is down, and nothing brings it back"
    for each in rehearsal.rollouts:
        if not each.ended:
            yield f"{each.deployment_id} ({each.deployment.group}, {each.deployment.revision}) is {each.status}"
    if (why := rehearsal.promotions.under_way) is not None:
        yield why
    yield from rehearsal.requests.waiting()


def result(
    header: Header,
    scenario: Scenario,
    rehearsal: Rehearsal,
    status: RunStatus,
    *,
    ended_ms: int,
    strict: bool,
    sha256: str,
    events: int,
) -> RunResult:
    """The result of a run that is over, however it ended."""
    rollouts, promotion = tuple(rehearsal.rollouts), rehearsal.promotions.last
    came_to = outcome(rollouts, promotion) if status is RunStatus.COMPLETED else Outcome.INCONCLUSIVE
    measured, pools = rehearsal.traffic, rehearsal.pools
    traffic = Traffic(measured.total, measured.failed, measured.by_revision) if measured else None
    in_service_min = measured.in_service_min if measured else None
    expectations = (
        judge(
            *(scenario.expect, came_to, rollouts, rehearsal.notifications, traffic, in_service_min),
            ended=rehearsal.groups.revisions() if rollouts else {},
            environments=promotion.passage if promotion else {},
            refused=[event.revision for event in rehearsal.not_created if not event.queued],
        )
        if scenario.expect
        else ()
    )
    if scenario.expect:
        expectations += tuple(residue.judge(scenario.expect.residue, rehearsal.disks))
        expectations += tuple(pools.judge(scenario.expect)) if pools else ()
    if strict and not (scenario.expect and scenario.expect.every_host_succeeds):
        expectations += tuple(every_host_succeeded(rollouts))
    late = tuple(rehearsal.invariants.late.told(rollouts))
    missed = (*rehearsal.happened.missed(), *rehearsal.requests.never()) if status is RunStatus.COMPLETED else ()
    if status is RunStatus.STALLED:
        missed = (f"nothing more was to come, and the run waited: {'; '.join(_waits_for(rehearsal))}",)
    return RunResult(
        scenario=scenario,
        scenario_sha256=header.scenario_sha256,
        fleet=header.fleet,
        seed=header.seed,
        version=header.drydeploy,
        status=status,
        outcome=came_to,
        rollouts=rollouts,
        notifications=tuple(rehearsal.notifications),
        traffic=traffic,
        in_service_min=in_service_min,
        in_service_required=_required(scenario, rollouts),
        duration_ms=ended_ms,
        expectations=expectations,
        invariants=(*rehearsal.invariants.findings(), *(pools.findings() if pools else ())),
        flags=(
            *(*flags(rollouts), *traps(scenario, rollouts, rehearsal.happened.faults), *late),
            *(*(pools.told() if pools else ()), *residue.told(rehearsal.disks, rollouts), *missed),
        ),
        events=events,
        journal_sha256=sha256,
        replay=header.replay,
        loops=pools.loops if pools else {},
        not_created=tuple(rehearsal.not_created),
        promotions=tuple(rehearsal.promotions.all),
        faults=tuple(rehearsal.happened.faults),
        first_in_service_ms=rehearsal.first_in_service_ms,
    )


def _required(scenario: Scenario, rollouts: Sequence[Rollout]) -> int | None:
    """The most that a deployment to a whole group required while it was under way, summed over the groups.

    None without a balancer to be in service of.
    """
    if scenario.balancer is None:
        return None
    by_group: dict[str, int] = {}
    for each in (rollout.deployment for rollout in of_groups(rollouts) if rollout.deployment.with_balancer):
        hosts = fleet_of(each)
        required = min(each.config.minimum_healthy_hosts.required(hosts), hosts)
        by_group[each.group] = max(by_group.get(each.group, 0), required)
    return sum(by_group.values()) if by_group else None
