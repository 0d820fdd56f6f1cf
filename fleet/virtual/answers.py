"""What a virtual host answers: its revision, as its ills leave it."""

from __future__ import annotations

from fleet.balancer.virtual import SILENT, Answer
from fleet.virtual.host import VirtualHost
from scenarios.model import Balancer
from simulator.rollout.messages import duration

_USER_TIMEOUT_MS = 10_000
"""A user who waits longer than this for an answer has none."""


def answer_of(host: VirtualHost, balancer: Balancer) -> Answer:
    """What the host answers now, to the health check and to users."""
    check, user_path = balancer.health_check, balancer.traffic.path
    if not host.alive or host.serves is None:
        return SILENT
    if host.paused:
        return Answer(_timed_out(check.timeout), False, None, False)
    serves, answers_ms = host.serves.name, host.serves.behaves.latency
    has = host.disk.has
    status, well = host.serves.answers(check.path, has), host.serves.answers(user_path, has) < 400
    for fault, strikes in host.health_faults.values():
        if not strikes:
            continue
        if fault.slow is not None:
            if check.path == user_path:
                answers_ms = max(answers_ms, fault.slow)
                well = well and fault.slow <= _USER_TIMEOUT_MS
            if fault.slow > check.timeout:
                return Answer(_timed_out(check.timeout), False, serves, well, answers_ms)
        else:
            status = fault.status or (fault.flapping.status if fault.flapping else status)
            if check.path == user_path:
                well = status < 400
    return Answer(str(status), status == check.status, serves, well, answers_ms)


def _timed_out(timeout_ms: int) -> str:
    return f"timed out after {duration(timeout_ms)}"
