"""The asyncio driver: the same rehearsal, with real hosts and real time.

Events come from the fleet and from timers into one queue, and are handled one after the other: the core never sees
two at once. Before time 0 the revision that the scenario says is running is really deployed, by the same machine.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine, Sequence
from pathlib import Path

from fleet.base import MakeEvent, cannot_run
from fleet.docker.fleet import DockerFleet
from fleet.docker.mailbox import HostCommands
from scenarios.model import Deploy, Group, Scenario
from simulator.control import verdict
from simulator.control.journal import Journal
from simulator.control.rehearsal import Rehearsal
from simulator.control.rehearse import header_of
from simulator.control.result import Observer, RunResult, RunStatus
from simulator.rollout.events import DeploymentEvent
from simulator.rollout.statuses import DeploymentStatus, TargetStatus

_BEFORE = "-before"


class RealClock:
    """Real milliseconds, and the queue of what is to be handled."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._queue: asyncio.Queue[MakeEvent] = asyncio.Queue()

    def restart(self) -> None:
        """Now is time 0."""
        self._began_s = self._loop.time()

    def now_ms(self) -> int:
        """Milliseconds since time 0."""
        return int((self._loop.time() - self._began_s) * 1000)

    def at(self, at_ms: int, make: MakeEvent) -> None:
        """Handle this event at that time."""
        delay_s = self._began_s + at_ms / 1000 - self._loop.time()
        if delay_s <= 0:
            self._queue.put_nowait(make)
        else:
            self._loop.call_later(delay_s, self._queue.put_nowait, make)

    def emit(self, make: MakeEvent) -> None:
        """Handle this event as soon as may be."""
        self._queue.put_nowait(make)

    async def play(self, rehearsal: Rehearsal, past: frozenset[str] = frozenset()) -> None:
        """Handle events until the rehearsal is done. Events of deployments in `past` come too late, and are dropped."""
        rehearsal.begin()
        event_id = 0
        while not rehearsal.done:
            make = await self._queue.get()
            event = make(event_id + 1, self.now_ms())
            if event is None or (isinstance(event, DeploymentEvent) and event.deployment_id in past):
                continue
            event_id += 1
            rehearsal.handle(event)


class _Run:
    """One run on Docker, from the first container to the last."""

    def __init__(self, scenario: Scenario, seed: int, commands: HostCommands, journal: Journal) -> None:
        self._scenario = scenario
        self._seed = seed
        self._fleet = DockerFleet(commands)
        self._journal = journal
        self._past: frozenset[str] = frozenset()
        self.rehearsal: Rehearsal | None = None
        self.duration_ms = 0

    async def play(self, observers: Sequence[Observer], time_limit_ms: int | None) -> RunStatus:
        """Play to the end, and leave nothing behind, however it ends."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _this_task().cancel)
        clock = RealClock()
        self.rehearsal = Rehearsal(self._scenario, self._seed, self._fleet, clock, self._journal, observers)
        limit_s = None if time_limit_ms is None else time_limit_ms / 1000
        try:
            async with asyncio.timeout(limit_s):
                await self._fleet.start(self._scenario, clock.emit, self._seed)
                await self._before(clock)
                clock.restart()
                self._fleet.open()
                await self._guarded(clock.play(self.rehearsal, self._past))
            return RunStatus.COMPLETED
        except TimeoutError:
            return RunStatus.ABORTED
        except asyncio.CancelledError:
            return RunStatus.INTERRUPTED
        finally:
            self.duration_ms = clock.now_ms()
            await self._fleet.close()

    async def _before(self, clock: RealClock) -> None:
        """Deploy what is to be running before time 0. Raises FleetError if that fails."""
        running = self._scenario.fleet.running
        if running is None:
            return
        scenario = self._scenario.model_copy(
            update={
                "name": self._scenario.name + _BEFORE,
                "fleet": self._scenario.fleet.model_copy(update={"running": None}),
                "group": Group(name=self._scenario.group.name, strategy="in-place"),
                "deploy": (Deploy(revision=running, strategy="in-place", file_exists_behavior="OVERWRITE"),),
                "faults": (),
                "operator": (),
                "expect": None,
            }
        )
        journal = Journal(header_of(scenario, self._fleet.name, self._seed, "", ""), None)
        rehearsal = Rehearsal(scenario, self._seed, self._fleet, clock, journal)
        await self._guarded(clock.play(rehearsal))
        rollout = rehearsal.rollouts[-1]
        if rollout.status is not DeploymentStatus.SUCCEEDED or rollout.counts[TargetStatus.FAILED]:
            reason = rollout.error.message if rollout.error else rollout.failures[0].message
            raise cannot_run(running, reason)
        self._past = frozenset(rollout.deployment_id for rollout in rehearsal.rollouts)

    async def _guarded(self, playing: Coroutine[object, object, None]) -> None:
        """Play, unless the fleet breaks meanwhile: then raise what broke it."""
        play, watch = asyncio.ensure_future(playing), asyncio.ensure_future(self._fleet.watch())
        try:
            done, _ = await asyncio.wait((play, watch), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (play, watch):
                task.cancel()
            await asyncio.gather(play, watch, return_exceptions=True)


def _this_task() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None, "called from a coroutine that asyncio runs"
    return task


def docker(
    scenario: Scenario,
    *,
    commands: HostCommands,
    seed: int,
    scenario_sha256: str,
    replay: str,
    journal: Path | None = None,
    observers: Sequence[Observer] = (),
    time_limit_ms: int | None = None,
    strict: bool = False,
) -> RunResult:
    """Rehearse a scenario on containers, in real time. `commands` is the endpoint to which the agents speak.

    Ctrl-C (and SIGTERM) removes the containers and gives a result whose status is `interrupted`; the journal stays.
    Raises FleetError where the engine, the image or the scenario does not allow it; then nothing is left behind.
    """
    header = header_of(scenario, DockerFleet.name, seed, scenario_sha256, replay)
    book = Journal(header, journal, durable=True)
    run = _Run(scenario, seed, commands, book)
    try:
        status = asyncio.run(run.play(observers, time_limit_ms))
    finally:
        sha256 = book.close()
    assert run.rehearsal is not None, "play() makes it before anything else"
    return verdict.result(
        header,
        scenario,
        run.rehearsal,
        status,
        ended_ms=run.duration_ms,
        strict=strict,
        sha256=sha256,
        events=book.events,
    )
