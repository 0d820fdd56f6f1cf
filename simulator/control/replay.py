"""A journal, folded again: the run is seen once more, without a fleet, a clock or a scenario file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from scenarios.model import Scenario
from simulator.control import verdict
from simulator.control.journal import Journal, JournalError, read
from simulator.control.past import Past
from simulator.control.rehearsal import Rehearsal
from simulator.control.result import Observer, RunResult, RunStatus
from simulator.rollout.commands import Command
from simulator.rollout.events import Event, HealthCheckReported
from simulator.rollout.machine import Rollout
from simulator.rollout.story import RolloutError
from simulator.version import VERSION


class _Chain:
    """How the events of a journal hang together: numbered in their order, never back in time, caused by commands."""

    def __init__(self) -> None:
        self._commands = [0]
        """How many commands each event was answered with, by the event's id."""
        self._at_ms = 0

    def follows(self, event: Event) -> None:
        """Raises ValueError where the event cannot come now."""
        if event.id != len(self._commands):
            raise ValueError(f"It is numbered {event.id}, and {len(self._commands)} is the next.")
        if event.at_ms < self._at_ms:
            raise ValueError(f"It came at {event.at_ms} ms, before the last one at {self._at_ms} ms.")
        self._at_ms = event.at_ms
        # A balancer's opinion may be due to what was done before the run; whatever else has a cause has it here.
        if event.cause and not isinstance(event, HealthCheckReported):
            number, _, place = event.cause.partition(".")
            if not 0 < int(number) < event.id or not 0 <= int(place) < self._commands[int(number)]:
                raise ValueError(f"It was caused by command {event.cause}, which was never given.")

    def answered(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:  # noqa: ARG002
        """An observer: so many commands came of the event, in one deployment or several."""
        self._commands += [0] * (event.id + 1 - len(self._commands))
        self._commands[event.id] += len(commands)


def replay(path: Path, observers: Sequence[Observer] = ()) -> RunResult:
    """Fold a journal again and judge it again. A journal that breaks off gives the status `interrupted`.

    Raises JournalError where the file is no journal, or where its events cannot follow upon one another, as in a
    journal that was edited, or written by a core that decided otherwise.
    """
    header, events = read(path)
    try:
        scenario = Scenario.model_validate(header.scenario)
    except ValidationError as error:
        raise JournalError(f"{path}:1: the scenario in this journal is none that can be read: {error}") from error
    past = Past(header.fleet, scenario)
    book = Journal(header, None)
    chain = _Chain()
    rehearsal = Rehearsal(scenario, header.seed, past, past, book, (chain.answered, *observers))
    for event in events:
        try:
            chain.follows(event)
            past.ms = event.at_ms
            rehearsal.handle(event)
        except (RolloutError, KeyError, ValueError) as error:
            raise JournalError(
                f"{path}:{event.id + 1}: this event cannot follow upon those before it. The journal was written by "
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
