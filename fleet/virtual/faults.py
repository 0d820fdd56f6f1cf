"""Faults on virtual hosts: what each kind of fault changes of a host, and how that is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, cast

from fleet.virtual import outages, service_faults
from fleet.virtual.host import VirtualHost
from fleet.virtual.ward import Answering, Strike, Ward
from scenarios.model import Effect, HealthFault

_RESTART_MS = 1_000


def inject(ward: Ward, name: str, effect: Effect, hosts: Sequence[str], event: str | None) -> None:
    """Make a fault real at these hosts. A fault may outlive its host: at one that is not there nothing is done."""
    if effect.at_no_host:
        service_faults.inject(ward, name, effect)
        return
    _each(ward, hosts, _KINDS[effect.case].strikes, Strike(name, effect, event))


def heal(ward: Ward, name: str, effect: Effect, hosts: Sequence[str]) -> None:
    """Undo `inject`."""
    if effect.at_no_host:
        service_faults.heal(ward, name, effect)
        return
    _each(ward, hosts, _KINDS[effect.case].heals, Strike(name, effect, None))


def _each(ward: Ward, hosts: Sequence[str], act: _Act, strike: Strike) -> None:
    for name in hosts:
        if name in ward.hosts:
            act(ward, ward.hosts[name], strike)


def _health(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    strike_health(ward, host, strike.name, cast(HealthFault, strike.effect.health))


def strike_health(ward: Answering, host: VirtualHost, name: str, fault: HealthFault) -> None:
    """Have the health check see this fault, until it is taken out of `host.health_faults`."""
    _turn(ward, host, name, fault, strikes=True)


def _turn(ward: Answering, host: VirtualHost, name: str, fault: HealthFault, *, strikes: bool) -> None:
    state = host.health_faults[name] = (fault, strikes)
    ward.answers_changed(host)
    if fault.flapping is None:
        return

    def turn(_: int, now_ms: int) -> None:
        if host.health_faults.get(name) is state:  # else it was healed, and may have struck again, with turns anew
            ward.at(now_ms)
            _turn(ward, host, name, fault, strikes=not strikes)

    ward.schedule(ward.now_ms + (fault.flapping.down if strikes else fault.flapping.up), turn)


def _health_again(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    host.health_faults.pop(strike.name, None)
    ward.answers_changed(host)


def _lasts(_ward: Ward, host: VirtualHost, strike: Strike) -> None:
    """It is there as long as the fault lasts, or another of its case. An agent that stops ends what it has in hand."""
    host.lasting[strike.name] = strike.effect.case


def _is_over(_ward: Ward, host: VirtualHost, strike: Strike) -> None:
    host.relieved(strike.name)


def _restart_agent(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    """It gives up what it has in hand. On a host that is down or stands still there is nobody to restart it."""
    if not host.alive or host.paused:
        return
    _lasts(ward, host, strike)
    host.drop()

    def back(_: int, now_ms: int) -> None:
        ward.at(now_ms)
        _start_agent(ward, host, strike)

    ward.schedule(ward.now_ms + _RESTART_MS, back)


def _start_agent(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    if host.relieved(strike.name):
        ward.wake(host)


def _crash(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    """It ends a pause: nothing is left to stand still."""
    _lasts(ward, host, strike)
    for fault in [name for name, case in host.lasting.items() if case == "host pause"]:
        del host.lasting[fault]
    ward.crash(host)


def _boot(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    if host.relieved(strike.name) and not host.gone:
        host.alive = True
        ward.answers_changed(host)
        ward.wake(host)


def _pause(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    if not host.alive:
        return
    if not host.paused:
        host.paused, host.paused_ms = True, ward.now_ms
        ward.answers_changed(host)
    _lasts(ward, host, strike)


def _resume(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    if host.relieved(strike.name):
        host.paused = False
        ward.answers_changed(host)
        ward.resume(host)


def _script(_ward: Ward, host: VirtualHost, strike: Strike) -> None:
    assert strike.effect.script is not None
    host.script_faults[cast(str, strike.event)] = strike.effect.script


def _file(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    assert strike.effect.file is not None
    path = strike.effect.file.path
    ward.book.ignored.add(path)
    host.disk = ward.disks.disk((*host.disk.strangers, path), host.disk.owned)


def _no_file(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    assert strike.effect.file is not None
    host.disk = ward.disks.disk(host.disk.strangers - {strike.effect.file.path}, host.disk.owned)


def _slow_start(_ward: Ward, host: VirtualHost, strike: Strike) -> None:
    service_faults.slow_start(host, strike.name, strike.effect)


def _start_again(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    service_faults.start_again(ward, host, strike.name)


def _leak(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    service_faults.leak(ward, host, strike.name, strike.effect)


def _leak_no_more(ward: Ward, host: VirtualHost, strike: Strike) -> None:
    service_faults.leak_no_more(ward, host, strike.name)


_Act = Callable[[Ward, VirtualHost, Strike], None]


class _Kind(NamedTuple):
    """What a kind of fault does to a host, and how it is undone."""

    strikes: _Act
    heals: _Act


def _over(_ward: Ward, _host: VirtualHost, _strike: Strike) -> None:
    """Nothing is left to undo: it strikes once, and what it does is over by itself."""


_KINDS: Final[dict[str, _Kind]] = {
    "health": _Kind(_health, _health_again),
    "script": _Kind(_script, _over),
    "agent stop": _Kind(_lasts, _start_agent),
    "agent restart": _Kind(_restart_agent, _over),
    "host crash": _Kind(_crash, _boot),
    "host pause": _Kind(_pause, _resume),
    **{f"bundle {word}": _Kind(_lasts, _is_over) for word in ("missing", "corrupt", "access-denied")},
    "host terminate": _Kind(outages.terminate, _over),
    **dict.fromkeys(("network cut", "network latency", "network loss"), _Kind(outages.network, outages.network_again)),
    "disk": _Kind(_lasts, _is_over),
    "clock": _Kind(outages.clock, outages.clock_again),
    "file": _Kind(_file, _no_file),
    "slow_start": _Kind(_slow_start, _start_again),
    "memory": _Kind(_leak, _leak_no_more),
}
"""By `Effect.case`."""
