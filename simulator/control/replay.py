"""A journal, folded again: the run is seen once more, without a fleet, a clock or a scenario file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from typing_extensions import override

from fleet.base import Fleet, MakeEvent
from scenarios.model import Effect, Scenario
from simulator.control import verdict
from simulator.control.journal import Journal, JournalError, read
from simulator.control.rehearsal import Rehearsal
from simulator.control.result import Observer, RunResult, RunStatus
from simulator.rollout.commands import Command
from simulator.rollout.deployment import Deployment
from simulator.rollout.story import RolloutError
from simulator.version import VERSION


class _Past(Fleet):
    """What was commanded has been done, and how it went stands in the journal. It is the driver as well."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.ms = 0

    @override
    def begin(self, deployment: Deployment) -> None: ...

    @override
    def watch_starts(self, events: frozenset[str]) -> None: ...

    @override
    def perform(self, command: Command) -> None: ...

    @override
    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None: ...

    @override
    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None: ...

    @override
    def measure(self) -> MakeEvent | None:
        return None

    def now_ms(self) -> int:
        return self.ms

    def at(self, at_ms: int, make: MakeEvent) -> None: ...


def replay(path: Path, observers: Sequence[Observer] = ()) -> RunResult:
    """Fold a journal again and judge it again. A journal that breaks off gives the status `interrupted`.

    Raises JournalError where the file is no journal, or where its events cannot follow upon one another, as in a
    journal that was edited, or written by a core that decided otherwise.
    """
    header, events = read(path)
    scenario = Scenario.model_validate(header.scenario)
    past = _Past(header.fleet)
    book = Journal(header, None)
    rehearsal = Rehearsal(scenario, header.seed, past, past, book, observers)
    for event in events:
        past.ms = event.at_ms
        try:
            rehearsal.handle(event)
        except (RolloutError, KeyError) as error:
            raise JournalError(
                f"{path}:{book.events + 1}: this event cannot follow upon those before it. The journal was written by "
                f"drydeploy {header.drydeploy}, and this is {VERSION}; or it was edited. {error}"
            ) from error
    status = RunStatus.COMPLETED if rehearsal.done else RunStatus.INTERRUPTED
    return verdict.result(
        header,
        scenario,
        rehearsal,
        status,
        ended_ms=past.ms,
        strict=False,
        sha256=book.close(),
        events=book.events,
    )
