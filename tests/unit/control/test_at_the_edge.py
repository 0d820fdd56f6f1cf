"""Where a run meets an edge, or somebody who speaks to it: a crowd, a desk that cannot open, a run that breaks off."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios import library
from scenarios.loader import load
from simulator.control import operator_client, operator_desk, operator_runs
from simulator.control import operator_words as words
from simulator.control.operator_desk import Desk
from simulator.control.result import RunStatus
from simulator.report.verdict import verdict
from tests.support.rehearsals import run, scenario
from tests.unit.control.test_operator import GATES, LIMIT_S, Played

STAY = {"when": {"event": "Install"}, "do": "stop"}


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Played]:
    """A run at its approval, whose sockets are in a place of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    played = Played()
    played.begin()
    played.until("Ready")
    yield played
    played.say(words.Word.ABORT)
    played.end()


def test_a_desk_that_cannot_open_says_so_and_leaves_nothing(waiting: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no more descriptors")

    monkeypatch.setattr(asyncio, "start_unix_server", broken)
    with pytest.raises(OSError, match="nobody can be heard: no more descriptors"), Desk(waiting.operations):
        pass
    assert operator_runs.sockets() == []


def test_of_a_crowd_as_many_are_served_as_there_is_room_for(waiting: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_desk, "CONNECTIONS_MAX", 4)
    answers: list[words.Answer] = []
    with Desk(waiting.operations) as desk:
        crowd = [
            threading.Thread(target=lambda: answers.append(operator_client.ask(desk.path, words.Describe())))
            for _ in range(12)
        ]
        for each in crowd:
            each.start()
        for each in crowd:
            each.join(LIMIT_S)
    assert len(answers) == 12
    assert sum(isinstance(answer, words.Described) for answer in answers) >= 4


def test_a_watcher_of_a_run_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_client, "ANSWER_S", 0.1)
    silent, path = operator_runs.listen(tmp_path, "r")
    with silent, pytest.raises(operator_client.ClientError, match="was it stopped by Ctrl-Z"):
        next(operator_client.watch(path))


def test_a_socket_that_goes_while_it_is_looked_at_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    directory = operator_runs.own_directory()
    listening, path = operator_runs.listen(directory, "r")
    listening.close()
    looked = Path.lstat

    def gone(self: Path) -> os.stat_result:
        if self == path:
            path.unlink(missing_ok=True)
        return looked(self)

    monkeypatch.setattr(Path, "lstat", gone)
    assert operator_runs.sockets() == []


def test_a_run_that_breaks_off_has_lasted_until_then() -> None:
    """A thousand seconds pass in each: the wait, of which nothing is heard, has lasted for minutes."""
    result = run(scenario(group={"strategy": GATES}), speed=1000.0, time_limit_ms=400)
    assert result.status is RunStatus.ABORTED
    assert result.duration_ms > 200_000
    told = "\n".join(text.plain for _, text in verdict(result))
    assert "step 02 waits 0ms" not in told
    assert "step 02 waits " in told
    assert result.traffic is not None
    assert result.traffic.total == pytest.approx(result.duration_ms * 20 / 1000, abs=1)


def test_whoever_stopped_a_deployment_is_the_first_cause() -> None:
    result = run(scenario(operator=[STAY], group={}))
    lines = [text.plain.strip() for _, text in verdict(result)]
    why = lines[lines.index("Why") + 1 :]
    assert "MANUAL_STOP: stopped by the operator" in why[0]
    assert "failed: stopped before" in why[1]


@pytest.mark.parametrize(
    ("both", "headline"),
    [
        (True, "v2 was stopped, and so was the rollback to v1"),
        (False, "v2 failed, and the rollback to v1 was stopped"),
    ],
)
def test_how_a_rollback_has_ended_is_told_apart_from_what_it_undoes(both: bool, headline: str) -> None:
    stop = {"when": {"event": "Install", "deployment": 2}, "do": "stop"}
    first = {"when": {"event": "Install", "deployment": 1}, "do": "abort"}
    fails = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 1}}}
    result = run(scenario(operator=[first, stop] if both else [stop], faults=[] if both else [fails]))
    assert headline in next(iter(verdict(result)))[1].plain


@pytest.mark.parametrize("seed", range(5))
def test_a_version_that_alone_fails_answers_no_fewer_than_have_failed(seed: int) -> None:
    traffic = run(load(library.path_of("canary-bad")), seed).traffic
    assert traffic is not None
    answered = dict(traffic.by_revision)
    assert 0 < traffic.failed <= answered["v2"]
    assert sum(answered.values()) == traffic.total


@pytest.mark.parametrize(
    ("strategy", "operator", "why"),
    [
        (GATES, [], "it waited for somebody to say continue, and nobody did"),
        ("rolling", [{"when": {"at": "1s"}, "do": "pause"}], "it was paused, and nobody said resume"),
    ],
)
def test_a_deployment_that_runs_out_of_time_says_for_whom_it_waited(
    strategy: object, operator: list[object], why: str
) -> None:
    limits = {"start": "5s", "event": "10s", "deployment": "1m"}
    (rollout,) = run(scenario(group={"strategy": strategy}, operator=operator, limits=limits)).rollouts
    assert rollout.error is not None
    assert rollout.error.message == f"the deployment did not end within 1m: {why}"
