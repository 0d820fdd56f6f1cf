"""The question at an approval, on a real terminal: asked below the tree, answered by a key, and gone with the wait."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.operating import APPROVAL, GATED, LIMIT_S, environments_scenario
from tests.cli.program import PROGRAM, drydeploy, environment, small_scenario

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
QUESTION = "v2 waits for your yes: [c]ontinue, [a]bort"


class Terminal:
    """A program that has a terminal of its own, and somebody who reads it and presses keys."""

    def __init__(self, process: subprocess.Popen[bytes], leader: int) -> None:
        self.process = process
        self._leader = leader
        self._raw = b""

    @property
    def text(self) -> str:
        """What was on the screen, one thing after the other."""
        return ESCAPE.sub("", self._raw.decode("utf-8", "replace"))

    def until(self, words: str) -> None:
        """Read on until these words came, within a limit."""
        end_s = time.monotonic() + LIMIT_S
        while words not in self.text:
            assert time.monotonic() < end_s, f"{words!r} did not come: {self.text[-2000:]}"
            assert self._read() or words in self.text, f"the program has ended: {self.text[-2000:]}"

    def press(self, keys: str) -> None:
        os.write(self._leader, keys.encode())

    def echoes(self) -> bool:
        """Whether the terminal is as a shell wants it: keys are shown, and come line by line."""
        return bool(termios.tcgetattr(self._leader)[3] & (termios.ECHO | termios.ICANON))

    def end(self) -> int:
        """The exit code, once the program has ended and everything was read."""
        end_s = time.monotonic() + LIMIT_S
        while self.process.poll() is None:
            assert time.monotonic() < end_s, self.text[-2000:]
            self._read()
        while self._read():
            pass
        return self.process.returncode

    def _read(self) -> bool:
        ready, _, _ = select.select([self._leader], [], [], 0.1)
        if not ready:
            return self.process.poll() is None
        try:
            chunk = os.read(self._leader, 65536)
        except OSError:  # the other side has hung up
            return False
        self._raw += chunk
        return bool(chunk)


@contextmanager
def terminal(state: Path, *words: str, stdin: int | None = None, **more: str) -> Iterator[Terminal]:
    """A command line on a terminal of 100 columns, which is its controlling one."""
    leader, follower = pty.openpty()
    env = environment(state, TERM="xterm-256color", COLUMNS="100", LINES="50", LOGNAME="alice", **more)

    def control() -> None:
        fcntl.ioctl(1, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [PROGRAM, *words],
        stdin=follower if stdin is None else stdin,
        stdout=follower,
        stderr=follower,
        env=env,
        cwd=state,
        start_new_session=True,
        preexec_fn=control,
    )
    try:
        yield Terminal(process, leader)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=LIMIT_S)
        os.close(follower)
        os.close(leader)


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A scenario that waits for a yes."""
    path = small_scenario(tmp_path)
    path.write_text(path.read_text().replace("  strategy: rolling\n", APPROVAL))
    return path.name


@pytest.mark.parametrize(("keys", "code", "spoken"), [("xc", 0, "alice said continue"), ("A", 3, "alice said abort")])
def test_a_key_answers_below_the_tree(tmp_path: Path, small: str, keys: str, code: int, spoken: str) -> None:
    with terminal(tmp_path, "run", small, "--speed", "10") as screen:
        screen.until(QUESTION)
        assert "├── ॥ d-" in screen.text or "└── ॥ d-" in screen.text
        screen.press(keys)
        assert screen.end() == code
        assert screen.echoes()
        verdict = screen.text[screen.text.rindex("What happened") :]
        assert spoken in verdict
        assert QUESTION not in verdict


def test_the_question_goes_when_somebody_else_has_answered(tmp_path: Path, small: str) -> None:
    with terminal(tmp_path, "run", small, "--speed", "10") as screen:
        screen.until(QUESTION)
        assert drydeploy("continue", state=tmp_path, LOGNAME="bob").returncode == 0
        assert screen.end() == 0
        assert screen.echoes()
        last = screen.text.rindex(QUESTION)
        assert "bob said continue" in screen.text[last:]


@pytest.mark.parametrize("options", [("-o", "json"), ("-q",)])
def test_where_there_is_no_tree_it_is_asked_in_a_line(tmp_path: Path, small: str, options: tuple[str, ...]) -> None:
    with terminal(tmp_path, "run", small, "--speed", "10", *options) as screen:
        screen.until(f"drydeploy: {QUESTION}")
        screen.press("c")
        assert screen.end() == 0
        assert screen.text.count(QUESTION) == 1


def test_events_on_standard_output_are_not_disturbed(tmp_path: Path, small: str) -> None:
    with terminal(tmp_path, "run", small, "--speed", "10", "-o", "ndjson") as screen:
        screen.until(QUESTION)
        screen.press("c")
        assert screen.end() == 0
        others = [line for line in screen.text.splitlines() if not line.startswith("{")]
        assert others == [f"drydeploy: {QUESTION}"]


def test_ctrl_c_at_the_question_leaves_the_terminal_as_it_was(tmp_path: Path, small: str) -> None:
    with terminal(tmp_path, "run", small, "--speed", "10") as screen:
        screen.until(QUESTION)
        screen.press("\x03")
        assert screen.end() == 130
        assert screen.echoes()


def test_without_a_keyboard_it_is_said_how_to_answer(tmp_path: Path, small: str) -> None:
    with (
        Path(os.devnull).open() as nothing,
        terminal(tmp_path, "run", small, "--speed", "10", stdin=nothing.fileno()) as screen,
    ):
        screen.until("v2 waits for a yes: drydeploy continue ")
        assert drydeploy("continue", state=tmp_path).returncode == 0
        assert screen.end() == 0


def test_a_scripted_answer_is_waited_for_without_a_question(tmp_path: Path, small: str) -> None:
    path = tmp_path / small
    path.write_text(path.read_text() + "operator:\n  - {when: {status: Ready}, do: continue}\n")
    with terminal(tmp_path, "run", small, "--speed", "10") as screen:
        assert screen.end() == 0
        assert "waits for" not in screen.text


def test_a_gate_asks_at_the_keyboard_too(tmp_path: Path) -> None:
    path = environments_scenario(tmp_path)
    with terminal(tmp_path, "run", path.name, "--speed", "50") as screen:
        screen.until("v2 waits for your yes to enter prod: [c]ontinue, [s]top")
        screen.press("c")
        assert screen.end() == 0
        assert screen.echoes()
        assert re.search(r"prod +v2 +Succeeded", screen.text)


def test_two_that_wait_are_asked_about_one_after_the_other(tmp_path: Path) -> None:
    path = environments_scenario(tmp_path)
    path.write_text(path.read_text().replace("after: [test]", "after: []").replace("test: {}", f"test: {GATED}"))
    with terminal(tmp_path, "run", path.name, "--speed", "50") as screen:
        screen.until("v2 waits for your yes to enter ")
        screen.press("c")
        screen.until("to enter test")
        screen.until("to enter prod")
        screen.press("as")  # abort is no word for a gate
        assert screen.end() == 1, "stopped"
        assert screen.echoes()
        assert re.search(r"prod +v2 +Succeeded", screen.text) and "Stopped: alice said no" in screen.text


def test_at_a_gate_without_a_keyboard_it_is_said_how_to_answer(tmp_path: Path) -> None:
    path = environments_scenario(tmp_path)
    with (
        Path(os.devnull).open() as nothing,
        terminal(tmp_path, "run", path.name, "--speed", "50", stdin=nothing.fileno()) as screen,
    ):
        screen.until("v2 waits for a yes to enter prod: drydeploy continue ")
        screen.until(" --group prod")
        assert drydeploy("continue", "--group", "prod", state=tmp_path).returncode == 0
        assert screen.end() == 0
