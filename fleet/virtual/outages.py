"""Faults of a virtual host's network, disk and clock, and its end: see `fleet.virtual.faults`."""

from __future__ import annotations

from fleet.virtual.host import VirtualHost
from fleet.virtual.ward import Strike, Ward
from scenarios.host_faults import SKEW_MAX_MS


def network(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    """The host is cut off, or far away."""
    assert strike.effect.network is not None
    host.network[strike.name] = strike.effect.network
    _changed(ward, host)


def network_again(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    """It can be reached again, unless another fault is in the way."""
    host.network.pop(strike.name, None)
    _changed(ward, host)


def clock(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    """The clock is wrong."""
    assert strike.effect.clock is not None
    host.clock[strike.name] = strike.effect.clock.offset
    _changed(ward, host)


def clock_again(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    """The clock is right again, as far as this fault goes."""
    host.clock.pop(strike.name, None)
    _changed(ward, host)


def _changed(ward: Ward, host: VirtualHost) -> None:
    """What the balancer sees of the host, and whether the service hears its agent."""
    ward.answers_changed(host)
    reached = host.reaches
    host.reaches = not host.cut_off("controller") and abs(sum(host.clock.values())) <= SKEW_MAX_MS
    if host.reaches and not reached:
        ward.wake(host)


def terminate(ward: Ward, host: VirtualHost, _: Strike) -> None:
    """The host is no more. The balancer is not told: it finds out."""
    ward.crash(host)
    host.gone = True
