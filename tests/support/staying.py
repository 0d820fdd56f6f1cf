"""Runs that stay: people who want more once everything has come to rest, in the run's own time and thread."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from typing_extensions import override

from scenarios.model import Scenario
from simulator.control import operator_words as words
from simulator.control.agenda import Driver
from simulator.control.operator import Operations
from simulator.control.rehearsal import Rehearsal
from simulator.control.result import RunResult
from simulator.rollout.commands import Command, Finish
from simulator.rollout.events import DeploymentNotCreated, Event, HostEnded
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import DeploymentStatus
from tests.support.rehearsals import Watcher, run

WORDS_MAX = 20


class Afterwards(Operations):
    """Says one word after the other, each when nothing is under way any more, and then ends the run.

    `answers`: what was answered, in order. A wait that a word brings about and that nobody ends, it ends itself.
    """

    def __init__(self, scenario: Scenario, said: Sequence[words.Say | str]) -> None:
        super().__init__(scenario, fleet="virtual", seed=0, tell=lambda *_: [], stay=True)
        self._said = [words.Say(words.Word(each), "ann") if isinstance(each, str) else each for each in said]
        assert len(self._said) <= WORDS_MAX
        self.answers: list[words.Answer] = []
        self._at: Callable[[Callable[[], None]], None] = lambda _call: None

    @override
    def attach(self, rehearsal: Rehearsal, driver: Driver, post: Callable[[Callable[[], None]], None]) -> None:
        del post  # a run without a speed listens to nobody: what is said is put on its clock

        def at(call: Callable[[], None]) -> None:
            driver.at(driver.now_ms(), lambda _id, _at_ms: call())

        self._at = at
        super().attach(rehearsal, driver, at)

    @override
    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        super().__call__(event, commands, rollout)
        if isinstance(event, DeploymentNotCreated | HostEnded) or any(
            isinstance(command, Finish) for command in commands
        ):
            self._at(self._next)
        if rollout is not None and rollout.status is DeploymentStatus.READY and len(self.answers) > 0:
            self._at(lambda: self.ask(words.Say(words.Word.CONTINUE, "ann"), lambda _answer: None))

    def _next(self) -> None:
        assert self._rehearsal is not None, "attached"
        if self._rehearsal.staying:
            self.ask(self._said.pop(0) if self._said else words.Say(words.Word.END, "ann"), self._answered)

    def _answered(self, answer: words.Answer) -> None:
        self.answers.append(answer)
        if isinstance(answer, words.Refused):
            self._at(self._next)


def stay(
    scenario: Scenario, *said: words.Say | str, seed: int = 0, journal: Path | None = None
) -> tuple[RunResult, list[words.Answer]]:
    """Rehearse it, watched, and then say this. The result, and the answers without the end's."""
    people = Afterwards(scenario, said)
    result = run(scenario, seed, journal, observers=(Watcher(),), operations=people, time_limit_ms=60_000)
    return result, people.answers[: len(said)]
