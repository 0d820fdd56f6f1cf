"""The asyncio driver: the same rehearsal, with real hosts and real time.

Events come from the fleet and from timers into one queue, and are handled one after the other: the core never sees
two at once. Before time 0 the revision that the scenario says is running is really deployed, by the same machine.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.base import MakeEvent, cannot_run
from fleet.docker.fleet import DockerFleet
from fleet.docker.mailbox import HostCommands
from fleet.docker.services import DockerServices
from scenarios.model import Deploy, Scenario
from scenarios.platforms import SERVER
from simulator.control import verdict
from simulator.control.analysis import require
from simulator.control.crash import crashes
from simulator.control.journal import Journal
from simulator.control.rehearsal import Rehearsal
from simulator.control.rehearse import header_of
from simulator.control.result import Observer, RunResult, RunStatus
from simulator.rollout.events import DeploymentEvent
from simulator.rollout.statuses import DeploymentStatus, TargetStatus

if TYPE_CHECKING:
    from simulator.control.operator import Operations

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

    def post(self, call: Callable[[], None]) -> None:
        """Have something called between two events. May be called in any thread."""
        self._loop.call_soon_threadsafe(call)

    async def play(self, rehearsal: Rehearsal, past: frozenset[str] = frozenset()) -> None:
        """Handle events until the rehearsal is done. Events of deployments in `past` come too late, and are dropped."""
        rehearsal.begin()
        crash, event_id = rehearsal.crash, 0
        while not rehearsal.done:
            make = await self._queue.get()
            event = make(event_id + 1, self.now_ms())
            if event is None or (isinstance(event, DeploymentEvent) and event.deployment_id in past):
                continue
            if crash is not None and crash.holds(event):
                continue
            event_id += 1
            rehearsal.handle(event)


class _Run:
    """One run on Docker, from the first container to the last."""

    def __init__(
        self, scenario: Scenario, seed: int, commands: HostCommands, journal: Journal, operations: Operations | None
    ) -> None:
        self._scenario = scenario
        self._seed = seed
        server = scenario.compute_platform == SERVER
        self._fleet = DockerFleet(commands) if server else DockerServices(commands)
        self._operations = operations
        if operations is not None:
            self._fleet.run = replace(self._fleet.run, id=operations.run_id)
        self._left: RunStatus | None = None
        self._journal = journal
        self._past: frozenset[str] = frozenset()
        self.rehearsal: Rehearsal | None = None
        self.duration_ms = 0

    async def play(self, observers: Sequence[Observer], time_limit_ms: int | None) -> RunStatus:
        """Play to the end, and leave nothing behind, however it ends."""
        clock = RealClock()
        self.rehearsal = self._rehearsal(clock, observers)
        self._listen(_this_task(), time_limit_ms)
        try:
            await self._fleet.start(self._scenario, clock.emit, self._seed)
            await self._before(clock)
            clock.restart()
            self._fleet.open()
            await self._guarded(clock.play(self.rehearsal, self._past))
            return RunStatus.COMPLETED
        except asyncio.CancelledError:
            verdict.break_off(self.rehearsal, self._fleet, clock.now_ms())
            return self._left or RunStatus.INTERRUPTED
        finally:
            self._left = self._left or RunStatus.COMPLETED
            self.duration_ms = clock.now_ms()
            if self._operations is not None:
                self._operations.detach()
            await self._fleet.close()

    def _rehearsal(self, clock: RealClock, observers: Sequence[Observer]) -> Rehearsal:
        operations = self._operations
        if operations is not None:
            observers = (*observers, operations)
        stays = operations is not None and operations.stay
        made = Rehearsal(self._scenario, self._seed, self._fleet, clock, self._journal, observers, stays=stays)
        if operations is not None:
            operations.attach(made, clock, clock.post)
        return made

    def _listen(self, task: asyncio.Task[object], time_limit_ms: int | None) -> None:
        """Ctrl-C, a closed terminal and the like break the run off, once, as the time limit does.

        A run that only stays they end well.
        """
        loop = asyncio.get_running_loop()

        def leave(why: RunStatus) -> None:
            assert self.rehearsal is not None, "it is made before anybody can leave"
            if self._left is None and self.rehearsal.staying:
                self.rehearsal.end()
                return
            loop.remove_signal_handler(signal.SIGINT)  # a second Ctrl-C does not wait for the end
            if self._left is None:
                self._left = why
                task.cancel()

        below_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        for sign in (signal.SIGINT, signal.SIGTERM, *(() if below_nohup else (signal.SIGHUP,))):
            loop.add_signal_handler(sign, leave, RunStatus.INTERRUPTED)
        if time_limit_ms is not None:
            loop.call_later(time_limit_ms / 1000, leave, RunStatus.ABORTED)

    async def _before(self, clock: RealClock) -> None:
        """Deploy what is to be running before time 0. Raises FleetError if that fails."""
        scenario = self._scenario
        before = {
            group.name: running
            for group in scenario.all_groups
            if (running := scenario.running_in(group)) and scenario.members(group)
        }
        if not before or isinstance(self._fleet, DockerServices):
            return  # what has the traffic of a service before is there as soon as the fleet has started
        plain = {"strategy": "in-place", "deployment_config": None, "auto_rollback": (), "alarms": (), "running": None}
        groups = tuple(group.model_copy(update=plain) for group in scenario.all_groups)
        scenario = scenario.model_copy(
            update={
                "name": scenario.name + _BEFORE,
                "fleet": scenario.fleet.model_copy(update={"running": None}),
                "groups": groups,
                "deploy": tuple(
                    Deploy(revision=running, group=group, file_exists_behavior="OVERWRITE")
                    for group, running in before.items()
                ),
                "alarms": {},
                "faults": (),
                "operator": (),
                "expect": None,
            }
        )
        journal = Journal(header_of(scenario, self._fleet.name, self._seed, "", ""), None)
        standing_by = self._scenario.standing_by()
        hosts = [host for host in scenario.named_hosts() if host.name not in standing_by]
        rehearsal = Rehearsal(scenario, self._seed, self._fleet, clock, journal, hosts=hosts)
        await self._guarded(clock.play(rehearsal))
        for rollout in rehearsal.rollouts:
            if rollout.status is not DeploymentStatus.SUCCEEDED or rollout.counts[TargetStatus.FAILED]:
                reason = rollout.error.message if rollout.error else rollout.failures[0].message
                raise cannot_run(rollout.deployment.revision, reason)
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
    operations: Operations | None = None,
) -> RunResult:
    """Rehearse a scenario on containers, in real time. `commands` is the endpoint to which the agents speak.

    Ctrl-C (and SIGTERM, and a closed terminal's SIGHUP) removes the containers and gives a result whose status is
    `interrupted`; the journal stays.
    Raises FleetError where the engine, the image or the scenario does not allow it; then nothing is left behind.
    """
    require(scenario)
    header = header_of(scenario, DockerFleet.name, seed, scenario_sha256, replay)
    book = Journal(header, journal, durable=True, keeps=crashes(scenario))
    run = _Run(scenario, seed, commands, book, operations)
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
