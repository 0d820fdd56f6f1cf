"""The virtual loop: time is a heap of milliseconds, and a run takes as long as its decisions take.

Actions of the same millisecond are taken in the order in which they were put there, so nothing depends on hashing,
on threads, or on the machine.
"""

from __future__ import annotations

import gc
import heapq
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from fleet.base import MakeEvent
from fleet.virtual.fleet import VirtualFleet
from fleet.virtual.services import VirtualServices
from scenarios.model import Scenario
from simulator.control import verdict
from simulator.control.analysis import require
from simulator.control.crash import crashes
from simulator.control.journal import FORMAT, Header, Journal
from simulator.control.platforms import ground_of, targets_of, virtual_fleet
from simulator.control.rehearsal import Rehearsal
from simulator.control.result import Observer, RunResult, RunStatus
from simulator.version import VERSION

if TYPE_CHECKING:
    from simulator.control.operator import Operations

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
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._began_s = 0.0
        self._deadline_s = math.inf

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
        self,
        rehearsal: Rehearsal,
        fleet: VirtualFleet | VirtualServices,
        *,
        deadline_s: float | None,
        speed: float | None,
    ) -> RunStatus:
        """Play to the end. `deadline_s`: a limit by the monotonic clock; `speed`: virtual seconds for each real one."""
        handle, crash, event_id, steps = rehearsal.handle, rehearsal.crash, 0, 0
        self._began_s = time.monotonic()
        self._deadline_s = math.inf if deadline_s is None else deadline_s
        while not rehearsal.done:
            if not self._heap and not rehearsal.staying:
                return RunStatus.STALLED
            if speed is not None and not self._wait(rehearsal, speed):
                return RunStatus.ABORTED
            self._now_ms = now_ms = heapq.heappop(self._heap)
            fleet.at(now_ms)
            for make in self._due[now_ms]:  # it grows meanwhile: what is wanted at once comes last
                steps += 1  # one that makes no event may put the next one there for ever
                if steps % _STEPS_UNWATCHED == 0 and (
                    steps > STEPS_MAX or (deadline_s is not None and time.monotonic() > deadline_s)
                ):
                    return RunStatus.ABORTED
                event = make(event_id + 1, now_ms)
                if event is None or (crash is not None and crash.holds(event)):
                    continue
                event_id += 1
                handle(event)
                if rehearsal.done:
                    break
            del self._due[now_ms]
        return RunStatus.COMPLETED

    def forget(self) -> None:
        """Drop what is still to come: it points back at the run, which could not be freed at its end."""
        self._due.clear()
        self._heap.clear()

    def post(self, call: Callable[[], None]) -> None:
        """Have something called between two events, in a run with a speed. May be called in any thread."""
        self._inbox.put(call)

    def _catch_up(self, speed: float) -> None:
        """The time since the last event has passed, though nothing has happened in it."""
        now_ms = int((time.monotonic() - self._began_s) * 1000 * speed)
        self._now_ms = max(self._now_ms, min(now_ms, self._heap[0]) if self._heap else now_ms)

    def _wait(self, rehearsal: Rehearsal, speed: float) -> bool:
        """Let real time pass until the next thing is due, and hear what is posted. False: the limit came first.

        To a run that only stays, the limit and Ctrl-C are an end as good as any.
        """
        while True:
            due_s = self._began_s + self._heap[0] / 1000 / speed if self._heap else math.inf
            try:
                if self._listen(min(due_s, self._deadline_s) - time.monotonic(), speed):
                    continue
                if due_s <= self._deadline_s:
                    return True
                if not rehearsal.staying:
                    self._catch_up(speed)
                    return False
            except KeyboardInterrupt:
                if not rehearsal.staying:
                    self._catch_up(speed)
                    raise
            self._deadline_s = math.inf
            rehearsal.end()

    def _listen(self, seconds: float, speed: float) -> bool:
        """Wait so long for something that is posted, and call it then. Whether there was something."""
        try:
            call = self._inbox.get(timeout=None if seconds == math.inf else max(seconds, 0))
        except Empty:
            return False
        self._catch_up(speed)
        call()
        return True


def header_of(scenario: Scenario, fleet: str, seed: int, scenario_sha256: str, replay: str) -> Header:
    """The first line of a run's journal."""
    return Header(VERSION, FORMAT, fleet, seed, scenario_sha256, replay, _plain(scenario))


def _plain(scenario: Scenario) -> dict[str, Any]:
    data: dict[str, Any] = scenario.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for revision in data["revisions"].values():
        revision["bundle"] = Path(revision["bundle"]).name  # a journal is the same on every machine
        revision.pop("repository", None)
    for pool in data.get("pools", {}).values():
        if (user_data := pool.get("image", {}).get("user_data")) is not None:
            user_data["script"] = Path(user_data["script"]).name
    for function in data.get("functions", {}).values():
        if function.get("handler"):
            function["handler"] = Path(function["handler"]).name
    return data


class Prepared:
    """A scenario that was made ready for the virtual fleet: for one that is rehearsed again and again, by seed.

    Its bundles were read when it was made; what happens to them later is not seen.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.ground = ground_of(scenario)
        self.hosts = targets_of(self.ground)
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
    operations: Operations | None = None,
) -> RunResult:
    """Rehearse a scenario on the virtual fleet. The same scenario and seed give the same journal, to the byte.

    For many runs of one scenario, prepare it once: `Prepared(scenario)`.
    `time_limit_ms` is real time; beyond it the result's status is `aborted`. KeyboardInterrupt gives `interrupted`.
    `operations` lets people speak to a run with a `speed`. Raises FleetError where the scenario needs what is not
    installed.
    """
    deadline_s = None if time_limit_ms is None else time.monotonic() + time_limit_ms / 1000
    with _without_collector() if speed is None else nullcontext():
        prepared = scenario if isinstance(scenario, Prepared) else Prepared(scenario)
        scenario = prepared.scenario
        require(scenario)
        header = Header(VERSION, FORMAT, VirtualFleet.name, seed, scenario_sha256, replay, prepared.plain)
        book = Journal(header, journal, keeps=crashes(scenario))
        loop = VirtualLoop()
        fleet = virtual_fleet(scenario, seed, loop, prepared.ground)
        if operations is not None:
            observers = (*observers, operations)
        stays = operations is not None and operations.stay
        rehearsal = Rehearsal(scenario, seed, fleet, loop, book, observers, prepared.hosts, stays=stays)
        if operations is not None:
            operations.attach(rehearsal, loop, loop.post)
        try:
            rehearsal.begin()
            status = loop.run(rehearsal, fleet, deadline_s=deadline_s, speed=speed)
        except KeyboardInterrupt:
            status = RunStatus.INTERRUPTED
        finally:
            if operations is not None:
                operations.detach()
            sha256 = book.close()
            loop.forget()
        if status is not RunStatus.COMPLETED:
            fleet.at(loop.now_ms())
            verdict.break_off(rehearsal, fleet, loop.now_ms())
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
