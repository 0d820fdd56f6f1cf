"""What a virtual host answers: its revision, as its ills leave it."""

from __future__ import annotations

from fleet.balancer.virtual import SILENT, Answer, timed_out
from fleet.virtual.host import VirtualHost
from scenarios.model import Balancer

_USER_TIMEOUT_MS = 10_000
"""A user who waits longer than this for an answer has none."""


def answer_of(host: VirtualHost, balancer: Balancer) -> Answer:
    """What the host answers now, to the health check and to users."""
    check, user_path = balancer.health_check, balancer.traffic.path
    if not host.alive or host.paused or (host.network and host.cut_off("balancer")):
        return Answer(timed_out(check.timeout), False, None, False)
    far_ms, lost = _network(host) if host.network else (0, 0)
    if host.serves is None:
        return SILENT._replace(lost=lost)
    striking = [fault for fault, strikes in host.health_faults.values() if strikes]
    same = check.path == user_path
    check_ms = far_ms + sum(fault.slow or 0 for fault in striking)
    users_ms = check_ms if same else far_ms
    late = check_ms > check.timeout
    serves, answers_ms = host.serves.name, max(host.serves.behaves.latency + far_ms, users_ms)
    if host.ills is not None and host.ills.answers:
        status, well = next(iter(host.ills.answers.values())), False
    else:
        has = host.disk.has
        status = host.serves.answers(check.path, has)
        for fault in striking:
            status = (fault.flapping.status if fault.flapping else fault.status) or status
        well = (status if same else host.serves.answers(user_path, has)) < 400
    well = well and users_ms <= _USER_TIMEOUT_MS
    if late:
        return Answer(timed_out(check.timeout), False, serves, well, answers_ms, lost)
    return Answer(str(status), status == check.status, serves, well, answers_ms, lost)


def _network(host: VirtualHost) -> tuple[int, int]:
    """By how much every answer is late, in milliseconds, and how many percent of the packets are lost."""
    faults = host.network.values()
    return sum(fault.latency or 0 for fault in faults), max(fault.loss or 0 for fault in faults)
