"""Rules of limits.event: that it leaves time for what is no script, the balancer's checks and new hosts' launches.

Both are warnings: a limit that ends them may be just what is rehearsed.
"""

from __future__ import annotations

from scenarios.checks_strategy import Planned, duration_of
from scenarios.facts import Facts
from scenarios.model import HealthCheck, Limits
from scenarios.platforms import SERVER
from scenarios.pools import BOOTS_MS, UserDataBehaves
from scenarios.tree import Report
from scenarios.words import duration_text
from strategies.plan import Provision

_EVENT_OF = {SERVER: ("AllowTraffic", "no host can ever be let in"), "ECS": ("Install", "no task set ever gets steady")}
"""By the platform, the lifecycle event that waits for the health check, and what becomes of it in too short a time."""


def check_limits(facts: Facts, planned: tuple[Planned, ...] | None, warn: Report) -> None:
    """Warn of what limits.event is too short for. `planned` None: some deployment's plan is unknown."""
    written = facts.tree.get("limits", "event")
    if written is None:
        return
    event_ms = duration_of(facts.tree.get("limits"), "event", Limits().event)
    if _waits_for_checks(facts):
        _checks(facts, event_ms, warn)
    if any(isinstance(stage, Provision) for plan in planned or () for stage in plan.plan):
        longest_ms = max((_launch_ms(facts, pool) for pool in {host.pool for host in facts.hosts}), default=0)
        if longest_ms > event_ms:
            message = (
                f"limits.event ({duration_text(event_ms)}) also ends the provisioning of new hosts, and a launch may "
                f"last {duration_text(longest_ms)}"
            )
            warn(written.place, message, f"write {duration_text(longest_ms)} or more")


def _waits_for_checks(facts: Facts) -> bool:
    """Whether any group waits for the health check: those WITHOUT_TRAFFIC_CONTROL and Lambda do not."""
    if not facts.balancer or facts.platform not in _EVENT_OF:
        return False
    options = [group.get("deployment_option") for group in facts.groups] or [None]
    return any(option is None or option.text != "WITHOUT_TRAFFIC_CONTROL" for option in options)


def _checks(facts: Facts, event_ms: int, warn: Report) -> None:
    check, default = facts.tree.get("balancer", "health_check"), HealthCheck()
    interval = duration_of(check, "interval", default.interval)
    written = check.get("rise") if check is not None else None
    rise = written.number if written is not None and written.number is not None else default.rise
    least_ms = rise * interval
    if least_ms > event_ms:
        event, outcome = _EVENT_OF[facts.platform]
        message = (
            f"limits.event ({duration_text(event_ms)}) ends {event} before the health check can pass (rise {rise} × "
            f"interval {duration_text(interval)} = {duration_text(least_ms)}): {outcome}"
        )
        node = facts.tree.get("limits", "event")
        assert node is not None, "that is what is too short"
        warn(node.place, message, "shorten balancer.health_check.interval or rise, or raise limits.event")


def _launch_ms(facts: Facts, pool: str) -> int:
    """How long a launch may last, of a pool's host or, `""`, of another one: its boot, and its user data."""
    image = facts.pools[pool].get("image") if pool in facts.pools else None
    script = image.get("user_data") if image is not None else None
    behaves = script.get("behaves") if script is not None else None
    lasts_ms = duration_of(behaves, "lasts", UserDataBehaves().lasts) if script is not None else 0
    return duration_of(image, "boots", BOOTS_MS[1]) + lasts_ms
