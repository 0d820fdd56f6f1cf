"""Random rehearsals: whatever is asked for, and whatever goes wrong, a run ends, keeps its promises and can be told."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from scenarios.model import Scenario
from simulator.control.operator import Operations
from simulator.control.operator_words import Say
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.report.lines import Lines
from simulator.rollout.statuses import TargetStatus
from tests.support.census import EXPECTED, OPERATED, Census
from tests.support.person import Person
from tests.support.promises import Promises
from tests.support.promises_kept import check_kept, check_reports
from tests.support.random_people import scripts
from tests.support.random_scenarios import rehearsals
from tests.support.rehearsals import Watcher, broken, run

SOAK = int(os.environ.get("DRYDEPLOY_SOAK", "0"))
"""So many random rehearsals (`make soak`), and not the usual number."""
RARELY = int(os.environ.get("DRYDEPLOY_RARELY", "5000"))
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
    check_kept(result, promises)
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
        watcher = Watcher()
        observers = (watcher, promises, Lines(lines.append, every=True))
        result = run(asked, seed, first, observers=observers, time_limit_ms=60_000)
        census.count(asked, result, watcher.seen)
        assert len(lines) >= len(result.rollouts)

        again = run(asked, seed, second)
        assert second.read_bytes() == first.read_bytes()
        assert again.journal_sha256 == result.journal_sha256

        assert_same(replay(first), result)
        check(result, promises)


# -- people at the run ------------------------------------------------------------------------------------------------


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
        watcher = Watcher()
        observers = (watcher, promises)
        result = run(
            asked, seed, journal, observers=observers, operations=operations, speed=SPEED, time_limit_ms=60_000
        )
        assert_same(replay(journal), result)
        check(result, promises)
    assert len(person.answers) == len(script) + 1
    said = {f"said: {word} {type(answer).__name__.lower()}" for word, answer in person.answers}
    operated.count(asked, result, watcher.seen, *said)


# -- what it all came to ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(SOAK < RARELY, reason="among a few rehearsals the rare is missing")
def test_every_run_together_leaves_nothing_untried(
    census: Census, operated: Census, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print(f"\n{census.table()}\n\noperated, {operated.table()}")
    assert census.missing(RARELY) == []
    assert operated.missing(RARELY) == []
