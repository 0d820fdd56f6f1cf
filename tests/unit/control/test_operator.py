"""The parts of operating a run: what is offered and refused, the desk and its bounds, the sockets and their places."""

from __future__ import annotations

import contextlib
import os
import queue
import socket
import stat
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.control import operator_again, operator_client, operator_desk, operator_runs
from simulator.control import operator_words as words
from simulator.control.operator import Operations
from simulator.control.operator_desk import Desk
from simulator.control.request import Standing
from simulator.control.result import RunResult
from simulator.rollout.rollback import BACK_TO_BLUE
from tests.support import rehearsals
from tests.support.rehearsals import scenario

LIMIT_S = 20
GATES = {"steps": [{"setHosts": 1}, {"pause": {}}]}


class Played:
    """A run in a thread of its own, as `drydeploy run --speed` plays it."""

    def __init__(self, **parts: object) -> None:
        group = {"strategy": GATES, "auto_rollback": ["DEPLOYMENT_FAILURE"]}
        self.scenario = scenario(**{"group": group, **parts})
        self.operations = Operations(self.scenario, fleet="virtual", seed=0, tell=lambda *_: ["told"], stay=True)
        self.result: RunResult | None = None
        self._thread = threading.Thread(target=self._play, daemon=True)

    def _play(self) -> None:
        self.result = rehearsals.run(self.scenario, speed=1000.0, operations=self.operations)

    def begin(self) -> None:
        self._thread.start()

    def ask(self, request: words.Request) -> words.Answer:
        """One request; the answer must come within a limit."""
        answers: queue.SimpleQueue[words.Answer] = queue.SimpleQueue()
        self.operations.ask(request, answers.put)
        return answers.get(timeout=LIMIT_S)

    def say(self, word: words.Word, **more: object) -> words.Answer:
        return self.ask(words.Say(word, "ann", **more))  # type: ignore[arg-type]

    def until(self, status: str, deployments: int = 1) -> words.Run:
        """Watch until the n-th deployment has this status."""
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            answer = self.ask(words.Describe())
            if isinstance(answer, words.Described):
                run = answer.run
                if len(run.deployments) == deployments and run.deployments[-1].status == status:
                    return run
        raise AssertionError(f"never {status}")

    def until_all(self, statuses: dict[str, str]) -> words.Run:
        """Watch until the last deployment of each group has the status that is told for it."""
        end_s = time.monotonic() + LIMIT_S
        while time.monotonic() < end_s:
            answer = self.ask(words.Describe())
            run = answer.run if isinstance(answer, words.Described) else None
            if run is not None and {each.group: each.status for each in run.deployments} == statuses:
                return run
        raise AssertionError(f"never {statuses}")

    def end(self) -> RunResult:
        answer = self.say(words.Word.END)
        assert isinstance(answer, words.Done)
        self._thread.join(LIMIT_S)
        assert self.result is not None
        return self.result


@pytest.fixture
def played() -> Iterator[Played]:
    """A run that has come to its approval."""
    run = Played()
    run.begin()
    run.until("Ready")
    yield run


# -- what is offered --------------------------------------------------------------------------------------------------


def test_what_is_possible_is_what_is_not_refused(played: Played) -> None:
    run = played.until("Ready")
    said = {word: played.say(word) for word in words.Word if word not in run.possible}
    assert said
    assert all(isinstance(answer, words.Refused) for answer in said.values()), said
    assert played.until("Ready").possible == run.possible
    assert isinstance(played.say(words.Word.CONTINUE), words.Done)
    played.until("Succeeded")
    assert played.end().as_expected


def test_before_the_first_deployment_the_hosts_are_prepared() -> None:
    operations = Played().operations
    assert operations.refusal(words.Say(words.Word.CONTINUE, "ann")) == (
        "no deployment has begun: the hosts are being prepared"
    )
    drawn = operations.picture.draw(None, 5, [])
    assert (drawn.state, drawn.at_ms, drawn.in_service, drawn.deployments) == ("preparing", 0, None, [])


def test_before_and_after_the_run_nobody_answers(played: Played) -> None:
    early = Played()
    for run in (early, played):
        if run is played:
            played.say(words.Word.STOP)
            played.until("Stopped")
            played.end()
        answer = run.ask(words.Describe())
        assert isinstance(answer, words.Mistaken)
        assert answer.why == "the run is about to begin, or has just ended"


def test_who_has_no_answer_when_the_run_ends_is_told_so() -> None:
    operations = Played().operations
    kept: list[object] = []
    operations.attach(None, None, kept.append)  # type: ignore[arg-type]
    answers: list[words.Answer] = []
    operations.ask(words.Describe(), answers.append)
    assert (len(kept), answers) == (1, [])
    operations.detach()
    assert isinstance(answers[0], words.Mistaken)


def test_a_word_that_ends_the_run_is_answered_all_the_same() -> None:
    played = Played(balancer=None)
    played.begin()
    played.until("Ready")
    played.say(words.Word.END)
    answer = played.say(words.Word.STOP, rollback=False)
    assert isinstance(answer, words.Done)
    assert answer.run.deployments[-1].status == "Stopped"


# -- once more, and back ----------------------------------------------------------------------------------------------


def test_an_undo_goes_to_what_succeeded_before_and_waits_for_nobody(played: Played) -> None:
    played.say(words.Word.CONTINUE)
    played.until("Succeeded")
    answer = played.say(words.Word.UNDO)
    assert isinstance(answer, words.Done)
    assert "to v1, deployed by before-the-run" in answer.said
    assert played.until("Succeeded", 2).deployments[-1].strategy == "rolling"
    refused = played.say(words.Word.UNDO, revision="v1")
    assert isinstance(refused, words.Refused)
    assert refused.why == "v1 is what was deployed last; there is v2 to go back to"
    result = played.end()
    assert [rollout.deployment.revision for rollout in result.rollouts] == ["v2", "v1"]
    assert not rehearsals.broken(result)


def test_an_undo_is_refused_where_the_revision_is_known_to_be_bad() -> None:
    fault = {"when": {"event": "ApplicationStart", "deployment": 2}, "do": {"script": {"exit": 3}}}
    played = Played(deploy=[{"revision": "v2"}, {"revision": "v2"}], faults=[fault], group={"strategy": "rolling"})
    played.begin()
    played.until("Failed", 2)
    assert isinstance(played.say(words.Word.UNDO), words.Done)
    before = played.until("Succeeded", 3)
    refused = played.say(words.Word.UNDO, revision="v2")
    assert isinstance(refused, words.Refused)
    failed = before.deployments[1].deployment_id
    assert refused.why.startswith(f"v2 is known to be bad: {failed} Failed, HEALTH_CONSTRAINTS: ")
    assert refused.why.endswith("; there is no other revision to go back to")
    assert refused.run.deployments == before.deployments
    # And so there is nothing at all to undo.
    assert words.Word.UNDO not in refused.run.possible
    assert len(played.end().rollouts) == 3


def test_a_retry_is_the_same_deployment_on_the_hosts_as_they_are_now(played: Played) -> None:
    played.say(words.Word.ABORT)
    played.until("Succeeded", 2)
    assert isinstance(played.say(words.Word.RETRY), words.Done)
    assert played.until("Ready", 3).deployments[-1].strategy == "steps"
    played.say(words.Word.CONTINUE)
    played.until("Succeeded", 3)
    first, back, again = played.end().rollouts
    assert again.deployment.targets == back.aftermath
    assert again.deployment.options == first.deployment.options
    assert len({rollout.deployment_id for rollout in (first, back, again)}) == 3


def test_two_who_want_it_again_get_one_deployment(played: Played) -> None:
    played.say(words.Word.STOP, rollback=False)
    played.until("Stopped")
    first, second = played.say(words.Word.RETRY), played.say(words.Word.UNDO)
    assert isinstance(first, words.Done)
    assert isinstance(second, words.Refused)


def test_there_is_nothing_to_go_back_to_on_new_hosts() -> None:
    played = Played(fleet={"hosts": 2})
    played.begin()
    played.until("Ready")
    played.say(words.Word.CONTINUE)
    played.until("Succeeded")
    refused = played.say(words.Word.UNDO)
    assert isinstance(refused, words.Refused)
    assert refused.why.endswith("was of v2; there is no other revision to go back to")
    played.end()


def test_before_any_deployment_nothing_is_done_again() -> None:
    with pytest.raises(operator_again.ImpossibleError, match="nobody has asked for a deployment yet"):
        operator_again.retry([], Standing((), {}, None))


def test_the_deployments_of_a_run_are_bounded(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_again, "DEPLOYMENTS_AGAIN_MAX", 1)
    played.say(words.Word.STOP, rollback=False)
    played.until("Stopped")
    refused = played.say(words.Word.RETRY)
    assert isinstance(refused, words.Refused)
    assert refused.why == "a run has at most 1 deployments"
    played.end()


def test_a_blue_green_deployment_is_undone_while_the_old_hosts_stand() -> None:
    blue_green = {"terminate_blue": {"action": "TERMINATE", "wait_time": "1h"}}
    played = Played(group={"strategy": {"blue-green": blue_green}}, limits={"event": "10m"})
    played.begin()
    end_s = time.monotonic() + LIMIT_S
    while words.Word.SKIP_WAIT not in (run := played.until("InProgress")).possible:
        assert time.monotonic() < end_s, "the wait never began"
    wait = run.deployments[-1].waits_for
    assert wait is not None
    assert wait.kind == "termination"
    assert isinstance(played.say(words.Word.STOP, rollback=False), words.Done)
    played.until("Stopped")
    back = played.say(words.Word.UNDO)
    assert isinstance(back, words.Done)
    played.until("Succeeded", 2)
    refused = played.say(words.Word.UNDO, revision="v2")
    assert isinstance(refused, words.Refused)
    first, undone = played.end().rollouts
    assert undone.deployment.strategy == BACK_TO_BLUE
    assert {target.name for target in undone.aftermath} == {target.name for target in first.deployment.targets}


# -- the desk ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """A desk at that run."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with Desk(played.operations) as opened:
        yield opened


def raw(desk: Desk, text: bytes) -> words.Answer:
    """What is answered to these bytes."""
    with operator_runs.connect(desk.path, LIMIT_S) as connection:
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(text)
        with connection.makefile("rb") as answers:
            return words.answer(answers.readline())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"\n", "this is no request"),
        (b"hello\n", "this is no request"),
        (b"[]\n", "this is no request"),
        (b'{"ask":"everything"}\n', "Invalid value 'everything'"),
        (b'{"ask":"describe","more":1}\n', "unknown field `more`"),
        (b'{"ask":"say","word":"explode","by":"ann"}\n', "Invalid enum value 'explode'"),
        (b'{"ask":"say","word":"pause","by":""}\n', "length >= 1"),
        (b'{"ask":"say","word":"pause","by":"' + b"a" * 65 + b'"}\n', "length <= 64"),
        (b'{"ask":"say","word":"undo","by":"ann","revision":"' + b"a" * 300 + b'"}\n', "length <= 255"),
        (b"a" * (words.REQUEST_MAX_BYTES * 3), "this is no request of at most 4096 bytes"),
        (b"\xff\xfe\n", "this is no request"),
    ],
)
def test_what_is_no_request_is_refused_in_words(desk: Desk, text: bytes, why: str) -> None:
    answer = raw(desk, text)
    assert isinstance(answer, words.Mistaken)
    assert why in answer.why
    assert isinstance(raw(desk, words.line(words.Describe())), words.Described)


def test_another_user_is_turned_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_desk, "peer", lambda _: os.geteuid() + 1)
    for _ in range(20):  # whether it is heard before it is turned away is a matter of chance
        answer = operator_client.ask(desk.path, words.Describe())
        assert isinstance(answer, words.Mistaken)
        assert answer.why == "this run belongs to another user"


def test_the_system_tells_who_is_at_the_other_end() -> None:
    one, two = socket.socketpair()
    with one, two:
        assert operator_desk.peer(one) in (os.geteuid(), None)


def test_so_many_people_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_desk, "CONNECTIONS_MAX", 1)
    with operator_runs.connect(desk.path, LIMIT_S):
        for _ in range(1000):  # until the desk has seen the first one
            answer = raw(desk, words.line(words.Describe()))
            if isinstance(answer, words.Mistaken):
                break
        assert isinstance(answer, words.Mistaken)
        assert "1 people are at this run already" in answer.why


def test_who_says_nothing_is_not_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operator_desk, "REQUEST_S", 0.05)
    answer = raw(desk, b"")
    assert isinstance(answer, words.Mistaken)
    assert "no request came within" in answer.why


def test_a_watcher_that_reads_too_slowly_is_left_behind(
    played: Played, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operator_desk, "BACKLOG_LINES_MAX", 1)
    played.operations._tell = lambda *_: ["x" * 1_000_000]
    following = operator_client.watch(desk.path)
    assert isinstance(next(following), words.Described)
    played.say(words.Word.CONTINUE)
    played.until("Succeeded")
    assert isinstance(list(following)[-1], words.Mistaken)


def test_an_answer_of_another_version_is_put_into_words(tmp_path: Path) -> None:
    listening, path = operator_runs.listen(tmp_path, "r")
    with listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b'{"answer":"poem"}\n')

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(operator_client.ClientError, match="was it begun by another version"):
            operator_client.ask(path, words.Describe())
        thread.join()


# -- sockets and their places -----------------------------------------------------------------------------------------


def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    directory = tmp_path / ("a" * 60) / ("b" * 60)
    directory.mkdir(parents=True)
    listening, path = operator_runs.listen(directory, "run")
    with listening, operator_runs.connect(path, LIMIT_S):
        assert path.exists()
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600


def test_a_directory_of_somebody_else_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs, mine = tmp_path / "theirs", tmp_path / "mine"
    (theirs / "drydeploy").mkdir(parents=True)
    mine.mkdir()
    (theirs / "drydeploy" / "runs").symlink_to(mine)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(theirs))
    monkeypatch.setenv("XDG_STATE_HOME", str(mine))
    assert operator_runs.own_directory() == mine / "drydeploy" / "runs"
    (mine / "drydeploy" / "runs").rmdir()
    (mine / "drydeploy" / "runs").symlink_to(theirs)
    with pytest.raises(OSError, match="belongs to somebody else"):
        operator_runs.own_directory()
    assert operator_runs.sockets() == []


def test_only_sockets_are_taken_for_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    directory = operator_runs.own_directory()
    (directory / "notes.sock").write_text("mine")
    assert operator_client.all_runs() == []
    assert (directory / "notes.sock").exists()
    operator_runs.listen(directory, "dead")[0].close()
    assert [path.stem for path in operator_runs.sockets()] == ["dead"]
    assert operator_client.all_runs() == []
    assert operator_runs.sockets() == []
