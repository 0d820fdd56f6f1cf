"""The sentences in which the core explains a failure: what was expected, what was found, where."""

from __future__ import annotations

from typing import NamedTuple

from simulator.rollout import lifecycle
from simulator.rollout.deployment import Deployment, Limits
from simulator.rollout.events import HealthCheckReported
from simulator.rollout.health import HealthBudget
from simulator.rollout.host import NEVER, Host
from strategies.plan import Bake, Stage

FAILURES_NAMED_MAX = 3
"""A deployment's message names so many failed hosts; the others are counted."""


class Failure(NamedTuple):
    """A host that failed: at which lifecycle event, and why."""

    host: str
    event: str
    message: str


def duration(ms: int) -> str:
    """Milliseconds as a person writes them: `800ms`, `12s`, `1.5s`, `5m`, `1h 10m`."""
    if ms < 1000:
        return f"{ms}ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f}s".replace(".0s", "s")
    hours, rest = divmod(round(ms / 1000), 3600)
    minutes, seconds = divmod(rest, 60)
    return " ".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n)


def of_hosts(number: int, hosts: int) -> str:
    """`3 of 4 hosts`, `1 of 1 host`."""
    return f"{number} of {hosts} host{'s' * (hosts != 1)}"


def no_instances(deployment: Deployment) -> str:
    """Why a deployment has nothing to deploy to."""
    return f"{deployment.nobody or 'the group has no hosts'}: nothing to deploy to"


def timed_out(host: Host, limits: Limits, now_ms: int) -> str:
    """Why a lifecycle event ran into its limit."""
    waited = duration(now_ms - (host.sent_ms if host.started_ms == NEVER else host.started_ms))
    if host.event == lifecycle.ALLOW_TRAFFIC:
        health = host.health
        if health is None:
            return f"the balancer's health check reported nothing for {waited}"
        return f"{_seen(health)}; not healthy within {waited}"
    if host.event == lifecycle.BLOCK_TRAFFIC:
        return f"the balancer did not let go of the host within {waited}: requests were still under way"
    if host.started_ms == NEVER:
        return (
            f"the agent did not begin {host.event} within {waited}, and no script ran: the agent is not running, or it "
            "cannot reach the service. Look at the agent, not at the scripts"
        )
    return (
        f"{host.event} had begun and did not end within {duration(limits.event_ms)}: the agent or the host went "
        "away in the middle of it, or a script ran on"
    )


def too_many_failed(budget: HealthBudget, failures: list[Failure], sick: list[HealthCheckReported]) -> str:
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


def never_came(stage: Stage, hosts: list[str], limits: Limits) -> str:
    """The message where hosts were not provisioned or terminated, or traffic not shifted, in time."""
    which = (
        f" ({', '.join(hosts[:FAILURES_NAMED_MAX])}{', …' * (len(hosts) > FAILURES_NAMED_MAX)})" if any(hosts) else ""
    )
    return f"“{stage}” did not end within {duration(limits.event_ms)}{which}"


def turned_sick(health: HealthCheckReported, stage: Bake) -> str:
    """The message where a host turned unhealthy in a bake."""
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
