"""The sentences in which the core explains a failure: what was expected, what was found, where."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from simulator.rollout import lifecycle, rollback
from simulator.rollout.deployment import Deployment, Limits
from simulator.rollout.events import AgentRefused, HealthCheckReported
from simulator.rollout.health import HealthBudget
from simulator.rollout.host import NEVER, Host
from simulator.rollout.statuses import Label, TargetStatus
from strategies.configuration import ComputePlatform
from strategies.plan import HOST, Approve, Bake, Part, Stage
from strategies.plan import duration as duration

SIDES = (Label.NONE, Label.GREEN, Label.BLUE)
"""The order in which the hosts of a blue/green deployment are told: what is new first."""
FAILURES_NAMED_MAX = 3
"""A deployment's message names so many failed hosts; the others are counted."""


class Failure(NamedTuple):
    """A host that failed: at which lifecycle event, and why."""

    host: str
    event: str
    message: str


def of_hosts(number: int, hosts: int) -> str:
    """`3 of 4 hosts`, `1 of 1 host`."""
    return f"{number} of {hosts} host{'s' * (hosts != 1)}"


def count(number: int, side: Label = Label.NONE) -> str:
    """`4 hosts`, `1 host`; of a side of a blue/green deployment `4 green hosts`."""
    return f"{number:,} {f'{side.lower()} ' if side else ''}host{'s' * (number != 1)}"


def begins(deployment: Deployment, hosts: Iterable[Host]) -> str:
    """What a deployment is going to do, in a line."""
    if service := target(deployment):
        return f"deploy {deployment.revision} to {service}, {deployment.strategy}, {deployment.config.name}"
    sides = Counter(host.label for host in hosts)
    blue, green = count(sides[Label.BLUE], Label.BLUE), count(sides[Label.GREEN], Label.GREEN)
    what = {
        rollback.BLUE_GREEN: f"deploy {deployment.revision} to {green}, beside {blue}",
        rollback.BACK_TO_BLUE: f"give the traffic back to {blue} with {deployment.revision}",
    }.get(deployment.strategy, f"deploy {deployment.revision} to {count(len(deployment.targets))}")
    return f"{what}, {deployment.strategy}, {deployment.config.name}"


def succeeded(deployment: Deployment, hosts: Iterable[Host]) -> str:
    """How many hosts succeeded: `4 of 4 hosts`; of a blue/green deployment, the green and the blue ones apart.

    On ECS and Lambda: who has the traffic. Of a way back while the old hosts stand: what became of whom.
    """
    if service := target(deployment):
        return f"{deployment.revision} has all of the traffic of {service}"
    if deployment.strategy == rollback.BACK_TO_BLUE:
        return _went_back(hosts)
    total, well = Counter[Label](), Counter[Label]()
    for host in hosts:
        total[host.label] += 1
        well[host.label] += host.status is TargetStatus.SUCCEEDED
    sides = [f"{well[side]} of {count(total[side], side)}" for side in SIDES if total[side]]
    return f"{' and '.join(sides)} succeeded"


_BACK = {
    Label.BLUE: {
        TargetStatus.SKIPPED: "kept the traffic",
        TargetStatus.SUCCEEDED: "let in again",
        TargetStatus.FAILED: "failed",
    },
    Label.GREEN: {
        TargetStatus.SUCCEEDED: "taken out of traffic",
        TargetStatus.SKIPPED: "stayed out of traffic",
        TargetStatus.FAILED: "failed",
    },
}
"""What each outcome is on the way back, on which a host that has the traffic still goes through nothing."""
_GONE = "terminated"


def _went_back(hosts: Iterable[Host]) -> str:
    """What the way back made of each side: `5 blue hosts kept the traffic, 5 green hosts terminated`."""
    made = Counter[tuple[Label, str]]()
    for host in hosts:
        side = host.label or Label.BLUE  # the sides are not told apart where no new host is left
        made[side, _GONE if host.gone or host.ended_ms != NEVER else _BACK[side][host.status]] += 1
    told = [(side, fate) for side, fates in _BACK.items() for fate in (*fates.values(), _GONE)]
    return ", ".join(f"{count(made[side, fate], side)} {fate}" for side, fate in told if made[side, fate])


def no_instances(deployment: Deployment) -> str:
    """Why a deployment has nothing to deploy to."""
    return f"{deployment.nobody or 'the group has no hosts'}: nothing to deploy to"


def alarms_before(deployment: Deployment) -> str:
    """Why a deployment is stopped before it begins: its alarms, those that could not be asked apart."""
    unasked = deployment.unasked_alarms
    told = {
        "active before the deployment began": [name for name in deployment.active_alarms if name not in unasked],
        "could not be asked before the deployment began, which counts as active": unasked,
    }
    active = "; ".join(f"{words}: {', '.join(names)}" for words, names in told.items() if names)
    return f"{active}. {rollback.untouched(deployment).capitalize()}"


def timed_out(host: Host, deployment: Deployment, now_ms: int) -> str:
    """Why a lifecycle event ran into its limit."""
    limits = deployment.limits
    waited = duration(now_ms - (host.sent_ms if host.started_ms == NEVER else host.started_ms))
    if host.ended_ms != NEVER:
        return (
            f"{host.ended_by} terminated the host at {duration(host.ended_ms) or '0ms'}; no deployment is told, and "
            f"this one waited {waited} for {host.event}"
        )
    if host.event == lifecycle.ALLOW_TRAFFIC:
        health = host.health
        if (too_short := _no_time_for_checks(health, deployment)) is not None:
            return too_short
        if health is None:
            return f"the balancer's health check reported nothing for {waited}"
        return f"{_seen(health)}; not healthy within {waited}"
    if host.event == lifecycle.BLOCK_TRAFFIC:
        return f"the balancer did not let go of the host within {waited}: requests were still under way"
    if (refused := host.not_believed) is not None:
        return _not_believed(host, refused, waited)
    if host.started_ms == NEVER:
        return (
            f"the agent did not begin {host.event} within {waited}, and no script ran: the agent is not running, or it "
            "cannot reach the service. Look at the agent, not at the scripts"
        )
    return (
        f"{host.event} had begun and did not end within {duration(limits.event_ms)}: the agent or the host went "
        "away in the middle of it, or a script ran on"
    )


def _no_time_for_checks(health: HealthCheckReported | None, deployment: Deployment) -> str | None:
    """Why a host was not let in that has failed no check, or answers as it should; None where it was no want of time.

    A balancer reports an answer that is not the wanted one at once, and a host as healthy after `rise` of them.
    """
    checks, event_ms = deployment.checks, deployment.limits.event_ms
    if checks is None or (health is not None and health.seen != health.wanted):
        return None
    if health is None and checks.least_ms <= event_ms:
        return None
    seen = f"GET {checks.path} failed no check" if health is None else f"GET {health.path} answers {health.seen}"
    apart = duration(checks.interval_ms)
    wanted = f"{checks.rise} checks in a row, {apart} apart, are" if checks.rise > 1 else f"1 check, every {apart}, is"
    return f"{seen}, but {wanted} wanted, and limits.event is {duration(event_ms)}"


def _not_believed(host: Host, refused: AgentRefused, waited: str) -> str:
    """Why nothing was heard of a host whose clock is wrong."""
    wrong = f"{duration(_whole_minutes(abs(refused.ahead_ms)))} {'ahead' if refused.ahead_ms > 0 else 'behind'}"
    what = f"{host.event} did not begin" if host.started_ms == NEVER else f"nobody heard of the end of {host.event}"
    return (
        f"the host's clock is {wrong}, and a signature is good for five minutes: the service refuses what the agent "
        f"says ({refused.code}), so {what} within {waited}. Set the clock; no script is to blame"
    )


def _whole_minutes(ms: int) -> int:
    return round(ms / 60_000) * 60_000


def target_timed_out(host: Host, deployment: Deployment, now_ms: int) -> str:
    """The same of a target that is no host: a service of ECS, or a function."""
    waited = duration(now_ms - (host.sent_ms if host.started_ms == NEVER else host.started_ms))
    if host.event == lifecycle.INSTALL:
        health = host.health
        if (too_short := _no_time_for_checks(health, deployment)) is not None:
            return f"the replacement task set did not become steady: {too_short}"
        seen = "no task of it answered" if health is None or health.healthy else _seen(health)
        return f"the replacement task set did not become steady within {waited}: {seen}"
    if host.event == lifecycle.ALLOW_TEST_TRAFFIC:
        return f"the test listener was not pointed at the replacement task set within {waited}"
    return (
        f"the function of {host.event} reported neither Succeeded nor Failed within {waited}; it "
        "has to call PutLifecycleEventHookExecutionStatus, on every way out of it"
    )


def target(deployment: Deployment) -> str:
    """What an ECS or Lambda deployment is of: `the service web`, `the function web`; `""` where it is of hosts."""
    noun = _NOUNS.get(deployment.compute_platform)
    return f"the {noun} {deployment.targets[0].name}" if noun else ""


_NOUNS = {ComputePlatform.ECS: "service", ComputePlatform.LAMBDA: "function"}


def too_many_failed(
    budget: HealthBudget, failures: list[Failure], sick: list[HealthCheckReported], part: Part = Part.WHOLE
) -> str:
    """The message of HEALTH_CONSTRAINTS: which hosts, at which event, why, and what the minimum was.

    `sick`: what was last seen of hosts that had succeeded and have turned unhealthy since.
    """
    named = "; ".join(f"{f.host} at {f.event}: {f.message}" for f in failures)
    failed = budget.fleet_failed
    more = failed - len(failures)
    named += f"; and {more} more" if more > 0 else ""
    hosts = budget.fleet
    if budget.failed > budget.hosts - budget.own_needed:
        rule = f"{budget.own_needed} of the stage's {budget.hosts} had to succeed and {budget.succeeded} did"
        if budget.hosts == hosts:
            rule = f"{max(budget.needed, budget.own_needed)} had to succeed and {budget.succeeded} did"
        if part is Part.BLOCK:
            rule += ": one host that cannot be taken out of traffic fails a blue/green deployment, whatever its minimum"
    elif budget.hopeless:
        rule = f"{budget.needed} had to succeed and {budget.fleet_succeeded} did"
    elif budget.fleet_healthy > budget.minimum:
        healthy = budget.healthy
        rule = (
            f"{healthy} of the stage's {budget.hosts} {_are(healthy)} healthy and {budget.own_minimum} must stay so, "
            "so no other may be taken out"
        )
    else:
        healthy = budget.fleet_healthy
        rule = f"{healthy} healthy {_are(healthy)} left and {budget.minimum} must stay so, so no other may be taken out"
    untouched = hosts - failed - budget.fleet_succeeded
    skipped = f"; {untouched} skipped" if untouched else ""
    what = [f"{of_hosts(failed, hosts)} failed ({named})"] if failures else []
    if sick:
        seen = "; ".join(f"{health.host}: {_seen(health)}" for health in sick[:FAILURES_NAMED_MAX])
        seen += f"; and {len(sick) - FAILURES_NAMED_MAX} more" if len(sick) > FAILURES_NAMED_MAX else ""
        what.append(f"{of_hosts(len(sick), hosts)} turned unhealthy after succeeding ({seen})")
    why = " and ".join(what) or f"{of_hosts(failed, hosts)} failed"
    return f"{why}. {rule[0].upper()}{rule[1:]}{skipped}"


_WHY_TAKEN = {
    (Part.INSTALL, Label.GREEN): "out of traffic, so nobody misses it",
    (Part.ALLOW, Label.GREEN): "installed and validated, so it may have traffic",
    (Part.BLOCK, Label.BLUE): "the new hosts are in traffic, so it may leave",
    (Part.ALLOW, Label.BLUE): "its revision is the one to go back to, so it gets its traffic again",
    (Part.BLOCK, Label.GREEN): "the old hosts have the traffic, so it may leave",
}
"""In blue/green nobody's health decides who is taken: a host's side does, and the part of the lifecycle."""


def taken(part: Part, label: Label, why: str) -> str:
    """Why a host is taken: by what its stage does to it, or, in place, as the health budget says (`why`)."""
    return _WHY_TAKEN.get((part, label), why)


def out_of_time(stage: Stage, limits: Limits, *, paused: bool) -> str:
    """The message of TIMEOUT where a deployment runs into its limit, and what it waited for where it did."""
    waited = ""
    if paused:
        waited = ": it was paused, and nobody said resume"
    elif isinstance(stage, Approve):
        waited = ": it waited for somebody to say continue, and nobody did"
    return f"the deployment did not end within {duration(limits.deployment_ms)}{waited}"


def never_came(stage: Stage, hosts: list[str], limits: Limits) -> str:
    """The message where hosts were not provisioned or terminated, or traffic not shifted, in time."""
    which = (
        f" ({', '.join(hosts[:FAILURES_NAMED_MAX])}{', …' * (len(hosts) > FAILURES_NAMED_MAX)})" if any(hosts) else ""
    )
    return f"“{stage}” did not end within limits.event, which is {duration(limits.event_ms)}{which}"


def turned_sick(health: HealthCheckReported, stage: Bake) -> str:
    """The message where a host turned unhealthy in a bake."""
    if stage.watched != HOST:
        return f"the replacement task set of {health.host} was steady and is unhealthy now: {_seen(health)}"
    return (
        f"{health.host} had passed every check and turned unhealthy later: {_seen(health)}. Without the bake "
        f"({stage.name}) nobody would have noticed"
    )


def _seen(health: HealthCheckReported) -> str:
    """What a health check saw: `GET / answered 404, wanted 200`."""
    seen = f" answered {health.seen}" if health.seen.isdigit() else f": {health.seen}"
    return f"GET {health.path}{seen}, wanted {health.wanted}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
