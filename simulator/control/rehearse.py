"""The virtual loop: time is a heap of milliseconds, and a run takes as long as its decisions take.

Actions of the same millisecond are taken in the order in which they were put there, so nothing depends on hashing,
on threads, or on the machine.
"""

from __future__ import annotations

import gc
import heapq
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fleet.base import MakeEvent
from fleet.virtual.fleet import VirtualFleet
from fleet.virtual.ground import Ground
from scenarios.model import Scenario
from simulator.control import verdict
from simulator.control.journal import FORMAT, Header, Journal
from simulator.control.rehearsal import Rehearsal
from simulator.control.result import Observer, RunResult, RunStatus
from simulator.version import VERSION

STEPS_MAX = 500_000_000
"""A run that takes more steps than this repeats itself for ever, and is aborted."""
_STEPS_UNWATCHED = 256
"""So many steps are taken from one look at the limits to the next."""


class VirtualLoop:
    """A clock that jumps: `run` takes what is due next, until nothing more is wanted."""

    def __init__(self) -> None:
        self._heap: list[int] = []
        self._due: dict[int, list[MakeEvent]] = {}
        """What is to be done at each millisecond of the heap, in order: a large fleet makes no larger heap."""
        self._now_ms = 0

    def now_ms(self) -> int:
        """Virtual milliseconds since the run began."""
        return self._now_ms

    def at(self, at_ms: int, make: MakeEvent) -> None:
        """Do this then, or now if that is past; O(log n), or O(1) where that millisecond has something to do."""
        due = self._due.get(at_ms)
        if due is not None:
            due.append(make)
        elif at_ms < self._now_ms:
            self.at(self._now_ms, make)
        else:
            self._due[at_ms] = [make]
            heapq.heappush(self._heap, at_ms)

    def run(
        self, rehearsal: Rehearsal, fleet: VirtualFleet, *, deadline_s: float | None, speed: float | None
    ) -> RunStatus:
        """Play to the end. `deadline_s`: a limit by the monotonic clock; `speed`: virtual seconds for each real one."""
        handle, event_id, began_s = rehearsal.handle, 0, time.monotonic()
        while not rehearsal.done:
            self._now_ms = now_ms = heapq.heappop(self._heap)
            fleet.at(now_ms)
            if speed is not None and not _slept_until(began_s + now_ms / 1000 / speed, deadline_s):
                return RunStatus.ABORTED
            for make in self._due[now_ms]:  # it grows meanwhile: what is wanted at once comes last
                event = make(event_id + 1, now_ms)
                if event is None:
                    continue
                event_id += 1
                handle(event)
                if event_id % _STEPS_UNWATCHED == 0 and (
                    event_id > STEPS_MAX or (deadline_s is not None and time.monotonic() > deadline_s)
                ):
                    return RunStatus.ABORTED
                if rehearsal.done:
                    break
            del self._due[now_ms]
        return RunStatus.COMPLETED


def _slept_until(at_s: float, deadline_s: float | None) -> bool:
    """Sleep until then, by the monotonic clock; False where the deadline comes first."""
    in_time = deadline_s is None or at_s <= deadline_s
    time.sleep(max((at_s if deadline_s is None else min(at_s, deadline_s)) - time.monotonic(), 0))
    return in_time


def header_of(scenario: Scenario, fleet: str, seed: int, scenario_sha256: str, replay: str) -> Header:
    """The first line of a run's journal."""
    return Header(VERSION, FORMAT, fleet, seed, scenario_sha256, replay, _plain(scenario))


def _plain(scenario: Scenario) -> dict[str, Any]:
    data: dict[str, Any] = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for revision in data["revisions"].values():
        revision["bundle"] = Path(revision["bundle"]).name  # a journal is the same on every machine
    return data


class Prepared:
    """A scenario that was made ready for the virtual fleet: for one that is rehearsed again and again, by seed.

    Its bundles were read when it was made; what happens to them later is not seen.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.ground = Ground(scenario)
        self.hosts = tuple(host for host, _ in self.ground.hosts)
        self.plain = _plain(scenario)
        """The scenario as the journal's header bears it."""


@contextmanager
def _without_collector() -> Iterator[None]:
    """No garbage collection meanwhile: a run makes no cycles, and a large one would be walked through over and over."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if not gc.get_freeze_count():  # else somebody else has frozen what he wants to stay so
            gc.freeze()  # these two make all that there is old, so that it is not walked through at once
            gc.unfreeze()
        if was_enabled:
            gc.enable()


def virtual(
    scenario: Scenario | Prepared,
    *,
    seed: int,
    scenario_sha256: str,
    replay: str,
    journal: Path | None = None,
    observers: Sequence[Observer] = (),
    time_limit_ms: int | None = None,
    speed: float | None = None,
    strict: bool = False,
) -> RunResult:
    """Rehearse a scenario on the virtual fleet. The same scenario and seed give the same journal, to the byte.

    For many runs of one scenario, prepare it once: `Prepared(scenario)`.
    `time_limit_ms` is real time; beyond it the result's status is `aborted`. KeyboardInterrupt gives `interrupted`.
    """
    deadline_s = None if time_limit_ms is None else time.monotonic() + time_limit_ms / 1000
    with _without_collector():
        prepared = scenario if isinstance(scenario, Prepared) else Prepared(scenario)
        scenario = prepared.scenario
        header = Header(VERSION, FORMAT, VirtualFleet.name, seed, scenario_sha256, replay, prepared.plain)
        book = Journal(header, journal)
        loop = VirtualLoop()
        fleet = VirtualFleet(scenario, seed, loop.at, prepared.ground)
        rehearsal = Rehearsal(scenario, seed, fleet, loop, book, observers, prepared.hosts)
        try:
            rehearsal.begin()
            status = loop.run(rehearsal, fleet, deadline_s=deadline_s, speed=speed)
        except KeyboardInterrupt:
            status = RunStatus.INTERRUPTED
        finally:
            sha256 = book.close()
        return verdict.result(
            header,
            scenario,
            rehearsal,
            status,
            ended_ms=loop.now_ms(),
            strict=strict,
            sha256=sha256,
            events=book.events,
        )
