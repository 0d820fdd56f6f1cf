"""Random rehearsals: whatever is asked for, and whatever goes wrong, a run ends, keeps its promises and can be told."""

from __future__ import annotations

import os
import tempfile
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scenarios.model import Scenario
from simulator.control.operator import Operations
from simulator.control.operator_words import Answer, Done, Refused, Say, Word
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.report.lines import Lines
from simulator.rollout.commands import Command
from simulator.rollout.events import Event
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import DeploymentStatus, TargetStatus
from tests.support.census import EXPECTED, OPERATED, Census
from tests.support.promises import Promises, check_reports
from tests.support.random_scenarios import REVISIONS, rehearsals
from tests.support.rehearsals import Watcher, broken, run

SOAK = int(os.environ.get("DRYDEPLOY_SOAK", "0"))
"""So many random rehearsals (`make soak`), and not the usual number."""
RARELY = 5000
"""In so many rehearsals everything is expected to come once; in 1,000 nearly everything does."""
SPEED = 1e9
"""Virtual seconds for a real one: nobody waits, and whoever speaks does so before the next event."""
many = settings(max_examples=SOAK or settings().max_examples)


@pytest.fixture(scope="module")
def census() -> Census:
    return Census(EXPECTED)


@pytest.fixture(scope="module")
def operated() -> Census:
    return Census(OPERATED)


def check(result: RunResult, promises: Promises) -> None:
    """What holds of every run that has ended."""
    event(f"{result.status}, {result.outcome}")
    assert result.status is RunStatus.COMPLETED
    assert broken(result) == []
    assert all(rollout.status.terminal for rollout in result.rollouts)
    assert all(not rollout.counts[TargetStatus.IN_PROGRESS] for rollout in result.rollouts)
    if result.traffic:
        assert 0 <= result.traffic.failed <= result.traffic.total
    promises.check(result)
    check_reports(result)


def assert_same(replayed: RunResult, result: RunResult) -> None:
    """A replay gives all that the run gave."""
    for name in ("status", "outcome", "notifications", "traffic", "in_service_min", "events", "flags"):
        assert getattr(replayed, name) == getattr(result, name), name
    assert replayed.invariants == result.invariants
    assert replayed.expectations == result.expectations
    assert replayed.journal_sha256 == result.journal_sha256
    assert [rollout.key() for rollout in replayed.rollouts] == [rollout.key() for rollout in result.rollouts]


@many
@given(asked=rehearsals(), seed=st.integers(0, 2**32))
def test_every_run_ends_and_keeps_every_invariant(asked: Scenario, seed: int, census: Census) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch) / "first", Path(scratch) / "second"
        promises, lines = Promises(), list[str]()
        observers = (Watcher(), promises, Lines(lines.append, every=True))
        result = run(asked, seed, first, observers=observers, time_limit_ms=60_000)
        census.count(asked, result)
        assert len(lines) >= len(result.rollouts)

        again = run(asked, seed, second)
        assert second.read_bytes() == first.read_bytes()
        assert again.journal_sha256 == result.journal_sha256

        assert_same(replay(first), result)
        check(result, promises)


# -- people at the run ------------------------------------------------------------------------------------------------


SOON = 60
"""Events, at most, that a word waits for."""
AT_A_WAIT = 1_000_000
"""So many events never come: this word is said as the deployment begins to wait, or has ended."""


class Person:
    """Says one word after the other to a run that goes on, each after so many of its events, and `end` at the last.

    It speaks in the driver's own thread, so that the same words come at the same moments every time.
    """

    def __init__(self, operations: Operations, script: Sequence[tuple[int, Say]]) -> None:
        self._operations = operations
        self._script = deque((*script, (0, Say(Word.END, "ann"))))
        self._waits = self._script[0][0]
        self._asking = False
        self.answers: list[tuple[Word, Answer]] = []

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """An event was handled. Where a deployment has ended it is time to speak: no other event may come."""
        self._waits -= 1
        if self._waits <= 0 or (rollout is not None and (rollout.ended or self._waits_with(rollout))):
            self._speak()

    def _waits_with(self, rollout: Rollout) -> bool:
        waits = rollout.status in (DeploymentStatus.READY, DeploymentStatus.BAKING) or rollout.waits_to_terminate
        return (waits or rollout.paused) and self._waits > SOON

    def _speak(self) -> None:
        if self._script and not self._asking:
            _, say = self._script.popleft()
            self._asking = True
            self._operations.ask(say, lambda answer: self._answered(say.word, answer))

    def _answered(self, word: Word, answer: Answer) -> None:
        self.answers.append((word, answer))
        self._asking = False
        self._waits = self._script[0][0] if self._script else 0
        deployments = answer.run.deployments if isinstance(answer, Done | Refused) else []
        if deployments:
            waits = deployments[-1].waits_for is not None and self._waits > SOON
            if waits or DeploymentStatus(deployments[-1].status).terminal:
                self._speak()


def words(*among: Word) -> st.SearchStrategy[Say]:
    return st.builds(
        lambda word, rollback, revision: Say(
            word, "ann", rollback if word is Word.STOP else None, revision if word is Word.UNDO else None
        ),
        st.sampled_from(among),
        st.sampled_from([None, True, False]),
        st.sampled_from([None, None, *REVISIONS]),
    )


ANY = words(*(word for word in Word if word is not Word.END))
CUT_SHORT = words(Word.CONTINUE, Word.SKIP_WAIT, Word.PROMOTE, Word.PROMOTE_FULL, Word.PAUSE, Word.RESUME)
scripts = st.lists(
    st.one_of(st.tuples(st.integers(0, SOON), ANY), st.tuples(st.just(AT_A_WAIT), CUT_SHORT)), max_size=12
)


@many
@given(asked=rehearsals(ticking=True), seed=st.integers(0, 2**32), script=scripts)
def test_every_run_that_people_operate_does_so_too(
    asked: Scenario, seed: int, script: list[tuple[int, Say]], operated: Census
) -> None:
    operations = Operations(asked, fleet="virtual", seed=seed, tell=lambda *_: [], stay=True)
    promises, person = Promises(), Person(operations, script)
    operations.asking = person
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journal"
        observers = (Watcher(), promises)
        result = run(
            asked, seed, journal, observers=observers, operations=operations, speed=SPEED, time_limit_ms=60_000
        )
        assert_same(replay(journal), result)
        check(result, promises)
    assert len(person.answers) == len(script) + 1
    said = {f"said: {word} {type(answer).__name__.lower()}" for word, answer in person.answers}
    operated.count(asked, result, *said)


# -- what it all came to ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(SOAK < RARELY, reason="among a few rehearsals the rare is missing")
def test_every_run_together_leaves_nothing_untried(
    census: Census, operated: Census, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{census.table()}\n\noperated, {operated.table()}")
    assert census.missing(RARELY) == []
    assert operated.missing(RARELY) == []
