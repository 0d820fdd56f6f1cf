"""Faults: which strike, when, and where. The same on every fleet; a fleet only makes them real.

A fault waits for its trigger. One without `where.revision` then strikes the hosts that it selects; one with it
strikes a host while the host carries that revision: from the revision's DownloadBundle to the next one's.
A fault whose trigger is a lifecycle event strikes each host as it enters the event: before the host is given it,
or, where a host or an agent goes down, once the host has begun it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fleet.base import Fleet
from fleet.virtual.draws import stream
from scenarios.model import NO_REVISION, Fault, NamedHost, PoolChange
from simulator.control.alarms import Alarms
from simulator.control.triggers import Trigger
from simulator.rollout import lifecycle
from simulator.rollout.events import FaultChanged
from simulator.rollout.lifecycle import CARRIED_OUT_BY, CarriedOutBy

Later = Callable[[int, Callable[[], None]], None]
"""Call this so many milliseconds from now."""


class ChangePool(Protocol):
    """Somebody does something with a pool, at a time or as something happens."""

    def __call__(self, change: PoolChange, *, by_time: bool) -> None:
        """Do it now."""
        ...


def _no_pool(change: PoolChange, *, by_time: bool) -> None:
    raise ValueError(f"there is no pool {change.name}; the scenario's loader tells that beforehand ({by_time=})")


@dataclass(slots=True)
class _Scripted:
    """One fault of the scenario in the course of a run."""

    name: str
    fault: Fault
    trigger: Trigger
    selected: frozenset[str]
    due: bool = False
    done: bool = False
    """Whether somebody has done what he does with a pool: once, however often its moment comes."""
    struck: set[str] = field(default_factory=set)

    @property
    def in_the_midst(self) -> bool:
        """Whether it strikes a host that has begun the lifecycle event of its trigger, not one that is given it."""
        event, effect = self.trigger.event, self.fault.do
        if effect.nowhere:
            return False
        by_agent = event is not None and CARRIED_OUT_BY[event] is not CarriedOutBy.BALANCER
        return by_agent and (effect.host is not None or effect.agent == "restart")

    def selects(self, host: str, revision: str) -> bool:
        """Whether the fault is for a host that carries this revision."""
        wanted = self.fault.where.revision
        return host in self.selected and (wanted is None or wanted == revision)


class Faults:
    """The faults of a run. `emit` journals FaultChanged; `later` sets a timer."""

    def __init__(
        self,
        faults: Sequence[Fault],
        hosts: Sequence[NamedHost],
        running: str | None,
        seed: int,
        fleet: Fleet,
        alarms: Alarms,
        emit: Callable[[Callable[[int, int], FaultChanged]], None],
        later: Later,
        change_pool: ChangePool | None = None,
    ) -> None:
        self._change_pool = change_pool or _no_pool
        self._fleet = fleet
        self._alarms = alarms
        self._emit = emit
        self._later = later
        self._carries: dict[str, str] = {host.name: running or NO_REVISION for host in hosts} if faults else {}
        self._scripted = [
            _Scripted(name_of(fault), fault, Trigger(fault.when), _select(fault, hosts, seed, number))
            for number, fault in enumerate(faults)
        ]
        self._by_revision = any(fault.where.revision is not None for fault in faults)
        events = {False: set[str](), True: set[str]()}
        for scripted in self._scripted:
            if scripted.trigger.event is not None:
                events[scripted.in_the_midst].add(scripted.trigger.event)
        if self._by_revision:
            events[False].add(lifecycle.DOWNLOAD_BUNDLE)
        self.watched = frozenset(events[False])
        """The lifecycle events of which `entering` wants to hear."""
        self.watched_starts = frozenset(events[True])
        """The lifecycle events of which `begun` wants to hear."""

    def left(self, host: str) -> None:
        """A host is gone: nothing strikes it any more."""
        self._carries.pop(host, None)

    def joined(self, new: NamedHost) -> None:
        """A new host is there: a fault that selects by zone or tag, or everything, selects it too."""
        if not self._scripted:
            return
        self._carries[new.name] = NO_REVISION
        for scripted in self._scripted:
            if scripted.fault.where.random is None:
                scripted.selected |= _select(scripted.fault, [new], 0, 0)

    def begin_alarms(self) -> None:
        """Before the first deployment: the alarms that are active from the start."""
        for scripted in self._scripted:
            if scripted.trigger.at_ms == 0 and scripted.fault.do.alarm is not None:
                self._due(scripted)

    def begin(self) -> None:
        """The run begins: what is due from the start strikes, what is due at a time gets its timer."""
        for scripted in self._scripted:
            if scripted.trigger.at_ms == 0:
                if scripted.fault.do.alarm is None:
                    self._due(scripted)
            elif scripted.trigger.at_ms is not None:
                self._later(scripted.trigger.at_ms, lambda scripted=scripted: self._due(scripted))  # type: ignore[misc]

    def entering(self, host: str, event: str, revision: str, deployment: int) -> None:
        """A host is about to be given this lifecycle event of a deployment (the n-th) of this revision."""
        if event == lifecycle.DOWNLOAD_BUNDLE and self._by_revision:
            self._carry(host, revision)
        self._strike_at(event, host, deployment, in_the_midst=False)

    def begun(self, host: str, event: str, deployment: int) -> None:
        """A host has begun this lifecycle event of the n-th deployment."""
        self._strike_at(event, host, deployment, in_the_midst=True)

    def _strike_at(self, event: str, host: str, deployment: int, *, in_the_midst: bool) -> None:
        for scripted in self._scripted:
            if (
                scripted.in_the_midst == in_the_midst
                and scripted.trigger.on_event(event, host, deployment)
                and scripted.selects(host, self._carries[host])
            ):
                self._strike(scripted, [host], event=event)

    def reached(self, status: str, deployment: int) -> None:
        """The n-th deployment has reached this status."""
        for scripted in self._scripted:
            if scripted.trigger.on_status(status, deployment):
                self._due(scripted)

    def launched(self, pool: str) -> None:
        """A host that this pool has launched is there."""
        for scripted in self._scripted:
            if scripted.trigger.on_launch(pool):
                self._due(scripted)

    def _carry(self, host: str, revision: str) -> None:
        before, self._carries[host] = self._carries[host], revision
        if before == revision:
            return
        for scripted in self._scripted:
            if scripted.fault.where.revision == before and host in scripted.struck:
                self._heal(scripted, [host])
            if scripted.due and scripted.fault.where.revision == revision and scripted.selects(host, revision):
                self._strike(scripted, [host])

    def _due(self, scripted: _Scripted) -> None:
        scripted.due = True
        hosts = [host for host, revision in self._carries.items() if scripted.selects(host, revision)]
        if hosts or scripted.fault.do.nowhere:
            self._strike(scripted, hosts)

    def _strike(self, scripted: _Scripted, hosts: Sequence[str], *, event: str | None = None) -> None:
        effect = scripted.fault.do
        if scripted.done:
            return
        scripted.done = effect.pool is not None
        scripted.struck.update(hosts)
        self._tell(scripted, [] if effect.nowhere else hosts, active=True)
        if effect.alarm is not None:
            self._alarms.strike(scripted.name, effect.alarm)
        elif effect.pool is not None:
            self._change_pool(effect.pool, by_time=scripted.trigger.at_ms is not None)
        else:
            self._fleet.inject(scripted.name, scripted.fault.do, hosts, event=event)
        if scripted.fault.lasts is not None:
            self._later(scripted.fault.lasts, lambda: self._heal(scripted, [h for h in hosts if h in scripted.struck]))

    def _heal(self, scripted: _Scripted, hosts: Sequence[str]) -> None:
        if not hosts:
            return
        scripted.struck.difference_update(hosts)
        alarm = scripted.fault.do.alarm
        self._tell(scripted, [] if alarm else hosts, active=False)
        if alarm is not None:
            self._alarms.heal(scripted.name, alarm)
        else:
            self._fleet.heal(scripted.name, scripted.fault.do, hosts)

    def _tell(self, scripted: _Scripted, hosts: Iterable[str], *, active: bool) -> None:
        told = tuple(hosts)
        self._emit(lambda event_id, at_ms: FaultChanged(event_id, at_ms, "", scripted.name, told, active))


def _select(fault: Fault, hosts: Sequence[NamedHost], seed: int, number: int) -> frozenset[str]:
    """The hosts that a fault selects, but for what they carry."""
    where = fault.where
    names = [
        host.name
        for host in hosts
        if (where.hosts is None or host.name in where.hosts)
        and (where.zone is None or host.zone == where.zone)
        and (where.tag is None or where.tag.items() <= host.tags.items())
    ]
    if where.random is not None:
        names = sorted(names, key=lambda name: stream(seed, "fault", number, name))[: where.random]
    return frozenset(names)


def name_of(fault: Fault) -> str:
    """A fault's own name, or one from its effect: `health 404`, `script hang`, `host crash`."""
    if fault.name:
        return fault.name
    effect = fault.do
    value = getattr(effect, effect.kind)
    if not isinstance(value, str):
        parts = [
            f"{key} {part}" if key != "status" else str(part)
            for key, part in value.model_dump(exclude_none=True).items()
        ]
        value = " ".join(parts) if effect.kind != "file" else value.path
    return f"{effect.kind} {value}"
