"""The journal: what is written can be read, what was cut off is `interrupted`, what was edited is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from simulator.control import journal as journal_module
from simulator.control.journal import FORMAT, Header, Journal, JournalError, from_dict, read, state_directory, to_dict
from simulator.control.replay import replay
from simulator.control.result import Outcome, RunStatus
from simulator.rollout.events import (
    EVENTS,
    AgentBusy,
    AgentRefused,
    AlarmChanged,
    AnalysisEnded,
    DeploymentCreated,
    DeploymentNotCreated,
    DisksCompared,
    Event,
    FaultChanged,
    GateAnswered,
    GateTimerFired,
    HealthCheckReported,
    HostEnded,
    HostLaunched,
    HostLost,
    HostProvisioned,
    HostTerminated,
    LaunchTimedOut,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    OperatorSpoke,
    PoolChanged,
    PromotionRequested,
    Residue,
    RevisionRefused,
    StopRequested,
    TimerFired,
    TrafficMeasured,
    TrafficShifted,
)
from simulator.rollout.statuses import AlarmState, AnalysisOutcome, ErrorCode, EventStatus, OperatorVerb
from strategies.options import BlueGreen, Options, Share
from tests.support.rehearsals import Watcher, run, scenario
from tests.support.rollouts import FAILED, deployment

HEADER = Header("0", FORMAT, "virtual", 1, "", "", {})
FAULT = {"when": {"event": "ApplicationStart", "nth": 2, "deployment": 1}, "do": {"script": {"exit": 9}}}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The journal of a run that fails at its second host and rolls back."""
    path = tmp_path_factory.mktemp("journal") / "journal"
    assert run(scenario(faults=[FAULT]), 1, path).outcome is Outcome.ROLLED_BACK
    return path.read_bytes()


def lines_of(written: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in written.splitlines()]


def write(path: Path, lines: list[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    return path


# -- writing and reading ----------------------------------------------------------------------------------------------


def test_every_event_of_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    watcher = Watcher()
    run(scenario(faults=[FAULT]), 1, tmp_path / "journal", observers=[watcher])
    header, events = read(tmp_path / "journal")
    assert list(events) == [event for event, _ in watcher.seen]
    assert (header.seed, header.format, header.fleet) == (1, FORMAT, "virtual")


SAMPLES: list[Event] = [
    DeploymentCreated(1, 0, "", deployment(2, options=Options(share=Share(percent=10), blue_green=BlueGreen(("g",))))),
    RevisionRefused(2, 0, "", deployment(1, strategy="ecs"), ErrorCode.INVALID_REVISION, "no TaskDefinition"),
    DeploymentNotCreated(2, 5, "", "web", "production", "v2", "d-1", True),
    PromotionRequested(2, 5, "", "v2"),
    GateTimerFired(2, 5, "1.0", "prod"),
    GateAnswered(2, 5, "", "prod", "somebody", True),
    LifecycleEventStarted(2, 5, "1.2", "d-1", "h1", "Install"),
    LifecycleEventCompleted(3, 9, "1.2", "d-1", "h1", "Install", EventStatus.FAILED, 5, FAILED),
    AgentRefused(4, 30, "3.0", "d-1", "h1", "InvalidSignatureException", -600_000),
    AgentBusy(4, 30, "3.0", "d-1", "h1", "d-2", None),
    HealthCheckReported(4, 9, "", "h1", False, "/", "200", "404"),
    TimerFired(5, 9, "1.3", "d-1", "host:h1"),
    StopRequested(6, 9, "", "d-1", "somebody", True),
    OperatorSpoke(7, 9, "", "d-1", OperatorVerb.PROMOTE_FULL, "somebody"),
    HostProvisioned(8, 9, "1.4", "d-1", "h1-g2"),
    HostTerminated(9, 9, "1.5", "d-1", "h1"),
    PoolChanged(10, 9, "", "web", 4, ("Launch",)),
    HostLaunched(10, 9, "1.6", "web", "web-4", 3),
    HostEnded(10, 9, "1.7", "web", "web-1"),
    HostLost(10, 9, "", "web", "web-1"),
    LaunchTimedOut(10, 9, "1.6", "web", "web-4"),
    TrafficShifted(10, 9, "1.6", "d-1"),
    AlarmChanged(11, 9, "", "too-slow", AlarmState.UNKNOWN, "nobody answers"),
    AnalysisEnded(12, 9, "1.7", "d-1", AnalysisOutcome.INCONCLUSIVE, "no traffic"),
    FaultChanged(13, 9, "", "host crash", ("h1", "h2"), True),
    DisksCompared(14, 9, "", "d-1", (Residue("/srv/app/x", "left", ("h1", "h2")),), ("/srv/app",), ("h3",)),
    TrafficMeasured(15, 9, "", 100, 2, (("v1", 60), ("v2", 40)), 3, 0),
]


def test_there_is_a_sample_of_every_kind_of_event() -> None:
    assert [type(event) for event in SAMPLES] == list(EVENTS.values())


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_kind_of_event_comes_back_as_it_was(event: Event) -> None:
    line = msgspec.json.decode(msgspec.json.encode(to_dict(event)))
    assert from_dict(line) == event


def test_an_event_as_plain_data_and_back() -> None:
    event: Event = TimerFired(3, 5, "1.2", "d-1", "host:h1")
    assert to_dict(event) == {
        "event": "TimerFired",
        "id": 3,
        "at_ms": 5,
        "cause": "1.2",
        "deployment_id": "d-1",
        "timer": "host:h1",
    }
    assert from_dict(to_dict(event)) == event


def test_the_digest_is_that_of_the_file_and_needs_none(tmp_path: Path) -> None:
    with_file, without = Journal(HEADER, tmp_path / "new" / "journal"), Journal(HEADER, None)
    for book in (with_file, without):
        book.write(TimerFired(1, 0, "", "d-1", "deployment"))
        assert book.events == 1
    assert with_file.close() == without.close()
    assert hashlib.sha256((tmp_path / "new" / "journal").read_bytes()).hexdigest() == without.close()


def test_a_durable_journal_has_every_event_at_once_and_another_has_not(tmp_path: Path) -> None:
    durable, buffered = Journal(HEADER, tmp_path / "a", durable=True), Journal(HEADER, tmp_path / "b")
    for book in (durable, buffered):
        book.write(TimerFired(1, 0, "", "d-1", "deployment"))
    assert len((tmp_path / "a").read_bytes().splitlines()) == 2
    assert len((tmp_path / "b").read_bytes().splitlines()) < 2
    for book in (durable, buffered):
        book.close()
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_journal_that_grows_for_ever_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "JOURNAL_MAX_BYTES", 300)
    book = Journal(HEADER, None, durable=True)
    with pytest.raises(JournalError, match="grew beyond 300 bytes"):
        for number in range(1, 10):
            book.write(TimerFired(number, 0, "", "d-1", "deployment"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"cannot be written to .*Name another place with --journal"):
        Journal(HEADER, tmp_path / "file" / "journal")


def test_where_journals_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert state_directory() == tmp_path / "drydeploy"
    monkeypatch.setenv("XDG_STATE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert state_directory() == tmp_path / ".local" / "state" / "drydeploy"


# -- what is no journal -----------------------------------------------------------------------------------------------


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be read: No such file"):
        replay(tmp_path / "none")


@pytest.mark.parametrize("text", ["", "name: a-scenario\n", '{"seed": 7}\n', "[]\n"])
def test_a_file_that_is_no_journal(text: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(text)
    with pytest.raises(JournalError, match="file:1: expected a journal of drydeploy"):
        replay(tmp_path / "file")


def test_a_journal_of_another_format(written: bytes, tmp_path: Path) -> None:
    lines = lines_of(written)
    lines[0]["format"] = FORMAT + 1
    with pytest.raises(JournalError, match=rf"has format {FORMAT + 1}, and drydeploy reads {FORMAT}"):
        replay(write(tmp_path / "journal", lines))


def test_a_header_whose_scenario_is_none(written: bytes, tmp_path: Path) -> None:
    lines = lines_of(written)
    lines[0]["scenario"]["fleet"]["hosts"] = "many"
    with pytest.raises(JournalError, match="journal:1: the scenario in this journal"):
        replay(write(tmp_path / "journal", lines))


@pytest.mark.parametrize("line", [b"{", b"{}", b'{"event":"Lunch"}', b'{"event":"TimerFired","id":"one"}', b"[1]"])
def test_a_line_that_is_no_event(line: bytes, written: bytes, tmp_path: Path) -> None:
    head = written.splitlines(keepends=True)[:5]
    (tmp_path / "journal").write_bytes(b"".join(head) + line + b"\n")
    with pytest.raises(JournalError, match="journal:6: expected an event of drydeploy"):
        replay(tmp_path / "journal")


# -- cut off, and edited ----------------------------------------------------------------------------------------------


def test_a_truncated_journal_is_interrupted_wherever_it_breaks_off(written: bytes, tmp_path: Path) -> None:
    lines = written.splitlines(keepends=True)
    for kept in range(1, len(lines)):
        (tmp_path / "journal").write_bytes(b"".join(lines[:kept]) + lines[kept][: len(lines[kept]) // 2])
        result = replay(tmp_path / "journal")
        assert result.status is RunStatus.INTERRUPTED, f"{kept} of {len(lines)} lines"
        assert result.outcome is Outcome.INCONCLUSIVE
        assert result.events == kept - 1


def test_a_truncated_journal_without_a_balancer_is_interrupted_too(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    run(scenario(balancer=None, fleet={"hosts": 2}, deploy=[{"revision": "v1"}, {"revision": "v2"}]), 0, path)
    lines = path.read_bytes().splitlines(keepends=True)
    assert replay(path).status is RunStatus.COMPLETED
    for kept in range(1, len(lines)):
        path.write_bytes(b"".join(lines[:kept]))
        assert replay(path).status is RunStatus.INTERRUPTED, f"{kept} of {len(lines)} lines"


def swap(lines: list[dict[str, Any]]) -> None:
    lines[6], lines[7] = lines[7], lines[6]


def drop(lines: list[dict[str, Any]]) -> None:
    del lines[6]


def repeat(lines: list[dict[str, Any]]) -> None:
    lines.insert(7, lines[6])


def go_back_in_time(lines: list[dict[str, Any]]) -> None:
    lines[9]["at_ms"] = 0


def rename_a_host(lines: list[dict[str, Any]]) -> None:
    _first(lines, "LifecycleEventCompleted")["host"] = "h77"


def rename_an_event(lines: list[dict[str, Any]]) -> None:
    _first(lines, "LifecycleEventCompleted")["name"] = "Install"


def rename_a_deployment(lines: list[dict[str, Any]]) -> None:
    _first(lines, "LifecycleEventCompleted")["deployment_id"] = "d-NOBODYS00"


def invent_a_cause(lines: list[dict[str, Any]]) -> None:
    _first(lines, "LifecycleEventCompleted")["cause"] = "1.99"


def invent_a_word(lines: list[dict[str, Any]]) -> None:
    _first(lines, "LifecycleEventCompleted")["cause"] = "lunch"


def turn_a_failure_into_a_success(lines: list[dict[str, Any]]) -> None:
    line = next(line for line in lines if line.get("status") == "Failed")
    line["status"], line["diagnostics"] = "Succeeded", None


def turn_a_success_into_a_failure(lines: list[dict[str, Any]]) -> None:
    _first(lines, "LifecycleEventCompleted")["status"] = "Failed"


def forget_the_deployment(lines: list[dict[str, Any]]) -> None:
    line = _first(lines, "DeploymentCreated")
    line["deployment"]["strategy"] = "in-place"


def _first(lines: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(line for line in lines if line.get("event") == kind)


@pytest.mark.parametrize(
    "edit",
    [
        swap,
        drop,
        repeat,
        go_back_in_time,
        rename_a_host,
        rename_an_event,
        rename_a_deployment,
        invent_a_cause,
        invent_a_word,
        turn_a_failure_into_a_success,
        turn_a_success_into_a_failure,
        forget_the_deployment,
    ],
    ids=lambda edit: edit.__name__,
)
def test_an_edited_journal_is_refused_at_its_line(
    edit: Callable[[list[dict[str, Any]]], None], written: bytes, tmp_path: Path
) -> None:
    lines = lines_of(written)
    edit(lines)
    with pytest.raises(JournalError, match=r"journal:\d+: this event cannot follow upon those before it.*edited"):
        replay(write(tmp_path / "journal", lines))


def test_observers_of_a_replay_see_what_those_of_the_run_saw(tmp_path: Path) -> None:
    live, past = Watcher(), Watcher()
    run(scenario(faults=[FAULT]), 5, tmp_path / "journal", observers=[live])
    replay(tmp_path / "journal", [past])
    assert live.seen == past.seen


def test_a_rollback_without_a_balancer_is_replayed_to_its_end(tmp_path: Path) -> None:
    """Its last event is the comparison of the disks: nobody measures any traffic."""
    path = tmp_path / "journal"
    fault = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 3}}}
    result = run(scenario(balancer=None, faults=[fault]), 0, path)
    assert (result.status, replay(path).status) == (RunStatus.COMPLETED, RunStatus.COMPLETED)
