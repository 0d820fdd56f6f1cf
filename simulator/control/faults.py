"""Faults: which strike, when, and where. The same on every fleet; a fleet only makes them real.

A fault waits for its trigger. One without `where.revision` then strikes the hosts that it selects; one with it
strikes a host while the host carries that revision: from the revision's DownloadBundle to the next one's of its group.
A fault whose trigger is a lifecycle event strikes each host as it enters the event: before the host is given it,
or, where a host or an agent goes down, once the host has begun it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from fleet.base import Fleet
from fleet.virtual.draws import stream
from scenarios.fault_names import names_of
from scenarios.model import NO_REVISION, Effect, Fault, NamedHost, Where
from simulator.control.triggers import Trigger
from simulator.rollout import lifecycle
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import FaultChanged
from simulator.rollout.lifecycle import CARRIED_OUT_BY, CarriedOutBy
from simulator.rollout.machine import Rollout
from strategies.plan import Provision

Later = Callable[[int, Callable[[], None]], None]
"""Call this so many milliseconds from now."""
Carries = dict[str, dict[str, str]]
"""By the host, which revision each group has put there. A host on which none has put any carries NO_REVISION."""

_CERTAIN = 1 << 64
"""What a draw is always below."""
_THE_RUN = ""
"""Stands for a host where a fault strikes none, and pools have none yet."""


class Afflicted(Protocol):
    """Something of the controller's own that a fault can strike."""

    def strike(self, fault: str, effect: Effect) -> None:
        """The fault of this name begins."""

    def heal(self, fault: str, effect: Effect) -> None:
        """It is over."""


@dataclass(slots=True)
class _Scripted:
    """One fault of the scenario in the course of a run. `number`: its place among the faults, from 0."""

    number: int
    name: str
    fault: Fault
    trigger: Trigger
    selected: set[str]
    due: bool = False
    done: bool = False
    """Whether somebody has done what he does with a pool: once, however often its moment comes."""
    strikes: int = 0
    """How often it has struck."""
    struck: dict[str, int] = field(default_factory=dict)
    """The hosts that it strikes now, and by which of its strikes: the last one that came to each."""

    @property
    def in_the_midst(self) -> bool:
        """Whether it strikes a host that has begun the lifecycle event of its trigger, not one that is given it."""
        event, effect = self.trigger.event, self.fault.do
        by_agent = event is not None and CARRIED_OUT_BY.get(event) is not CarriedOutBy.BALANCER
        return by_agent and (effect.host is not None or effect.agent == "restart")

    def selects(self, host: str, revisions: Collection[str]) -> bool:
        """Whether the fault is for a host that carries these revisions."""
        wanted = self.fault.where.revision
        return host in self.selected and (wanted is None or wanted in revisions)


class Faults:
    """The faults of a run. `emit` journals FaultChanged; `later` sets a timer.

    `carries`: what is on the hosts as the run begins.
    `controllers`: who is struck by effects of this kind, where that is not the fleet.
    """

    def __init__(
        self,
        faults: Sequence[Fault],
        hosts: Sequence[NamedHost],
        carries: Carries,
        seed: int,
        fleet: Fleet,
        controllers: Mapping[str, Afflicted | None],
        emit: Callable[[Callable[[int, int], FaultChanged]], None],
        later: Later,
    ) -> None:
        self._seed = seed
        self._among_new: dict[str, list[frozenset[str]]] = {}
        """Which of a deployment's new hosts each fault selects, by the deployment's id."""
        self._fleet = fleet
        self._controllers = controllers
        self._emit = emit
        self._later = later
        self._carries = {host.name: carries.get(host.name, {}) for host in hosts} if faults else {}
        self._scripted = [
            _Scripted(number, name, fault, Trigger(fault.when), set(_select(fault, hosts, seed, number)))
            for number, (name, fault) in enumerate(zip(names_of(faults), faults, strict=True))
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

    def joined(self, host: str, rollout: Rollout, as_launched: Callable[[str, str], NamedHost]) -> None:
        """A new host is there: a fault that selects it selects it from now on.

        `random` draws as many of a deployment's new hosts as of those that were there before. `as_launched`: what a
        host of this name is in this zone.
        """
        if not self._scripted:
            return
        self._carries[host] = {}
        drawn = self._among_new.get(rollout.deployment_id)
        if drawn is None:
            stages = [stage for stage in rollout.stages if isinstance(stage, Provision)]
            new = [as_launched(member.name, member.zone) for stage in stages for member in stage.hosts]
            drawn = [_select(each.fault, new, self._seed, number) for number, each in enumerate(self._scripted)]
            self._among_new[rollout.deployment_id] = drawn
        for scripted, chosen in zip(self._scripted, drawn, strict=True):
            if host in chosen:
                scripted.selected.add(host)

    def launched(self, host: NamedHost) -> None:
        """A host that a pool has launched is there; `random` is not for such a one."""
        if not self._scripted:
            return
        self._carries[host.name] = {}
        for scripted in self._scripted:
            if scripted.fault.where.random is None:
                scripted.selected.update(_select(scripted.fault, [host], self._seed, scripted.number))
        for scripted in self._scripted:
            if scripted.trigger.on_launch(host.pool):
                self._due(scripted)

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
                self._later(scripted.trigger.at_ms, partial(self._due, scripted))
            elif scripted.trigger.request is not None:
                # Not at once: the users are counted outside the run's order of events.
                self._fleet.at_request(scripted.trigger.request, partial(self._later, 0, partial(self._due, scripted)))

    def entering(self, host: str, event: str, deployment: Deployment, number: int) -> None:
        """A host is about to be given this lifecycle event of a deployment, the run's n-th."""
        if event == lifecycle.DOWNLOAD_BUNDLE and self._by_revision:
            self._carry(host, deployment.group, deployment.revision)
        self._strike_at(event, host, number, in_the_midst=False)

    def begun(self, host: str, event: str, deployment: int) -> None:
        """A host has begun this lifecycle event of the n-th deployment."""
        self._strike_at(event, host, deployment, in_the_midst=True)

    def _strike_at(self, event: str, host: str, deployment: int, *, in_the_midst: bool) -> None:
        for scripted in self._scripted:
            if (
                scripted.in_the_midst == in_the_midst
                and scripted.trigger.on_event(event, host, deployment)
                and scripted.selects(host, self._carried(host))
            ):
                self._strike(scripted, [host], event=event, deployment=deployment)

    def shifted(self, percent: int, deployment: int) -> None:
        """The n-th deployment has this share of the traffic now."""
        for scripted in self._scripted:
            if scripted.trigger.on_weight(percent, deployment):
                self._due(scripted)

    def reached(self, status: str, deployment: int) -> None:
        """The n-th deployment has reached this status."""
        for scripted in self._scripted:
            if scripted.trigger.on_status(status, deployment):
                self._due(scripted)

    def asked(self, environment: str) -> None:
        """A person is asked whether a revision may enter an environment."""
        for scripted in self._scripted:
            if scripted.trigger.on_gate(environment):
                self._due(scripted)

    def _carry(self, host: str, group: str, revision: str) -> None:
        """A group puts a revision on a host, in the place of what it had there before."""
        before = self._carried(host)
        self._carries[host] = {**self._carries[host], group: revision}
        after = self._carried(host)
        gone, come = before - after, after - before
        for scripted in self._scripted:
            if scripted.fault.where.revision in gone and host in scripted.struck:
                self._heal(scripted, [host])
            if scripted.due and scripted.fault.where.revision in come and host in scripted.selected:
                self._strike(scripted, [host])

    def _carried(self, host: str) -> set[str]:
        return set(self._carries.get(host, {}).values()) or {NO_REVISION}

    def _due(self, scripted: _Scripted) -> None:
        if scripted.done:
            return
        scripted.due = True
        hosts = [host for host in self._carries if scripted.selects(host, self._carried(host))]
        if not hosts and scripted.fault.do.at_no_host and scripted.fault.where == Where():
            hosts = [_THE_RUN]
        if hosts:
            self._strike(scripted, hosts)

    def _strike(
        self, scripted: _Scripted, hosts: Sequence[str], *, event: str | None = None, deployment: int = 0
    ) -> None:
        """Strike those of the hosts for which the dice fall so. `deployment`: in which the event was entered."""
        hosts = self._drawn(scripted, hosts, deployment)
        if not hosts or scripted.done:
            return
        scripted.done = scripted.fault.do.pool is not None
        scripted.strikes = strike = scripted.strikes + 1
        scripted.struck |= dict.fromkeys(hosts, strike)
        effect = scripted.fault.do
        told = () if effect.at_no_host else hosts
        self._tell(scripted, told, active=True)
        if (afflicted := self._controllers.get(effect.kind)) is not None:
            afflicted.strike(scripted.name, effect)
        else:
            self._fleet.inject(scripted.name, effect, told, event=event)
        if scripted.fault.lasts is not None:
            self._later(scripted.fault.lasts, partial(self._ended, scripted, hosts, strike))

    def _ended(self, scripted: _Scripted, hosts: Sequence[str], strike: int) -> None:
        """A strike's time is up. A host that was healed since is spared, or struck again, which has its own time."""
        self._heal(scripted, [host for host in hosts if scripted.struck.get(host) == strike])

    def _drawn(self, scripted: _Scripted, hosts: Sequence[str], deployment: int) -> Sequence[str]:
        """A draw for each host, or one for the run; no draw moves another's, nor depends on the fleet."""
        least = scripted.fault.probability * _CERTAIN
        if least >= _CERTAIN:
            return hosts
        for_all = scripted.fault.do.at_no_host and not deployment
        names = dict.fromkeys(hosts, "") if for_all else {host: host for host in hosts}
        draws = ("probability", scripted.number, deployment)
        return [host for host, name in names.items() if stream(self._seed, *draws, name) < least]

    def _heal(self, scripted: _Scripted, hosts: Sequence[str]) -> None:
        if not hosts:
            return
        for host in hosts:
            del scripted.struck[host]
        effect = scripted.fault.do
        told = () if effect.at_no_host else hosts
        self._tell(scripted, told, active=False)
        if (afflicted := self._controllers.get(effect.kind)) is not None:
            afflicted.heal(scripted.name, effect)
        else:
            self._fleet.heal(scripted.name, effect, told)

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
