"""Faults of the service on the virtual fleet: the balancer, an application that starts slowly, one that leaks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from fleet.balancer.virtual import Schedule, VirtualBalancer
from fleet.virtual.host import AppIlls, VirtualHost
from scenarios.model import Effect, SlowToDrain

WARMING: Final = 503
"""What an application answers that has not started yet."""
OUT_OF_MEMORY: Final = 500
_BALANCER_RESTART_MS: Final = 700
"""From the end of a balancer to its next beginning: measured on containers."""


class Ward(Protocol):
    """The fleet, as far as these faults need it; see `fleet.virtual.fleet.VirtualFleet`."""

    now_ms: int
    hosts: dict[str, VirtualHost]
    schedule: Schedule
    balancer: VirtualBalancer | None
    service: ServiceIlls

    def at(self, now_ms: int) -> None:
        """The loop's time is now this."""

    def answers_changed(self, host: VirtualHost) -> None:
        """Tell the balancer what the host answers now."""


@dataclass(slots=True)
class ServiceIlls:
    """What is wrong with the balancer, by the fault's name. `draining`: how long it takes to let go, milliseconds."""

    refuses: set[str] = field(default_factory=set)
    draining: dict[str, int] = field(default_factory=dict)

    def draining_ms(self) -> int | None:
        """How long it takes to let go of a host; None: as long as requests are under way."""
        return max(self.draining.values(), default=None)


# -- at no host in particular ---------------------------------------------------------------------------------------


def inject(ward: Ward, name: str, effect: Effect) -> None:
    """Make a fault real that strikes no host in particular."""
    _KINDS[effect.case][0](ward, name, effect)


def heal(ward: Ward, name: str, effect: Effect) -> None:
    """Undo `inject`."""
    _KINDS[effect.case][1](ward, name, effect)


def _refuse(ward: Ward, name: str, _: Effect) -> None:
    ward.service.refuses.add(name)


def _refuse_no_more(ward: Ward, name: str, _: Effect) -> None:
    ward.service.refuses.discard(name)


def _drain_slowly(ward: Ward, name: str, effect: Effect) -> None:
    assert isinstance(effect.balancer, SlowToDrain)
    ward.service.draining[name] = effect.balancer.draining


def _drain_again(ward: Ward, name: str, _: Effect) -> None:
    ward.service.draining.pop(name, None)


def _restart(ward: Ward, _name: str, _: Effect) -> None:
    assert ward.balancer is not None, "a fault of a balancer that is not there is refused"
    ward.balancer.restart(ward.now_ms, _BALANCER_RESTART_MS)


def _nothing(_ward: Ward, _name: str, _: Effect) -> None:
    """Nothing to do: it is over by itself, or what it changes is not the hosts'."""


_Act = Callable[[Ward, str, Effect], None]
_KINDS: Final[dict[str, tuple[_Act, _Act]]] = {
    "balancer refuses-registration": (_refuse, _refuse_no_more),
    "balancer draining": (_drain_slowly, _drain_again),
    "balancer restart": (_restart, _nothing),
    "controller": (_nothing, _nothing),
}
"""How a fault begins and how it is undone, by `Effect.case`."""


# -- at a host's application ----------------------------------------------------------------------------------------


def slow_start(host: VirtualHost, name: str, effect: Effect) -> None:
    """From its next start on the application answers only after so long."""
    assert effect.slow_start is not None
    _ills(host).slow[name] = effect.slow_start


def start_again(ward: Ward, host: VirtualHost, name: str) -> None:
    """The application starts as it should; one that is at it answers at once."""
    ills = _ills(host)
    ills.slow.pop(name, None)
    ills.answers.pop(name, None)
    ward.answers_changed(host)


def leak(ward: Ward, host: VirtualHost, name: str, effect: Effect) -> None:
    """The application leaks: what it has answered before does not count."""
    assert effect.memory is not None
    _ills(host).leaks[name] = effect.memory.leak_after
    if host.serves is not None:
        _measure(ward, host, name)


def leak_no_more(ward: Ward, host: VirtualHost, name: str) -> None:
    """The application has all the memory that it wants."""
    ills = _ills(host)
    ills.leaks.pop(name, None)
    ills.answers.pop(name, None)
    if ward.balancer is not None:
        ward.balancer.unmeter((host.name, name), host.name)
    ward.answers_changed(host)


def started(ward: Ward, host: VirtualHost) -> None:
    """The application of a host that has such faults has started: it warms up, with all of its memory."""
    ills = _ills(host)
    ills.starts += 1
    ills.answers.clear()
    for name, lasts_ms in ills.slow.items():
        ills.answers[name] = WARMING
        ward.schedule(ward.now_ms + lasts_ms, _warm(ward, host, name, ills.starts))
    for name in ills.leaks:
        _measure(ward, host, name)


def _warm(ward: Ward, host: VirtualHost, name: str, start: int) -> Callable[[int, int], None]:
    def warm(_: int, now_ms: int) -> None:
        ills = _ills(host)
        if ills.starts == start and ills.answers.pop(name, None) is not None and ward.hosts.get(host.name) is host:
            ward.at(now_ms)
            ward.answers_changed(host)

    return warm


def _measure(ward: Ward, host: VirtualHost, name: str) -> None:
    assert ward.balancer is not None, "a leak where nobody makes requests is refused"
    key = (host.name, name)

    def full() -> None:
        if ward.hosts.get(host.name) is host:
            _ills(host).answers[name] = OUT_OF_MEMORY
            ward.answers_changed(host)

    ward.balancer.unmeter(key, host.name)
    ward.balancer.meter(key, host.name, _ills(host).leaks[name], ward.now_ms, full)


def _ills(host: VirtualHost) -> AppIlls:
    if host.ills is None:
        host.ills = AppIlls()
    return host.ills
