"""The other end of the desk: finding the runs of this user, asking them, speaking to them, watching them."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from simulator.control import operator_runs as runs
from simulator.control import operator_words as words

ANSWER_S = 5
"""A run that does not answer within this time is silent: stopped by Ctrl-Z, perhaps."""


class ClientError(Exception):
    """A run cannot be asked: which, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """A run at a socket. `run` is None where it does not answer."""

    path: Path
    run: words.Run | None

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.stem


def all_runs() -> list[Found]:
    """Every run of this user that goes on, by how it stands, in the order of their ids. The dead are removed."""
    found = []
    for path in runs.sockets():
        try:
            answer = ask(path, words.Describe())
        except runs.Unreachable:
            continue
        except (ClientError, OSError):
            found.append(Found(path, None))
            continue
        if isinstance(answer, words.Described):
            found.append(Found(path, answer.run))
    return found


def ask(path: Path, request: words.Request) -> words.Answer:
    """One request, and its answer. Raises Unreachable, ClientError or OSError."""
    with _asked(path, request) as (_, answers):
        return _next(path, answers)


def watch(path: Path) -> Iterator[words.Answer]:
    """A description, then what happens, and last `Ended`. Raises Unreachable, ClientError or OSError."""
    with _asked(path, words.Watch()) as (connection, answers):
        while True:
            answer = _next(path, answers)
            connection.settimeout(None)  # it has answered, so it is there: what comes next may take its time
            yield answer
            if isinstance(answer, words.Ended | words.Mistaken):
                return


@contextlib.contextmanager
def _asked(path: Path, request: words.Request) -> Iterator[tuple[socket.socket, IO[bytes]]]:
    with runs.connect(path, ANSWER_S) as connection:
        with contextlib.suppress(BrokenPipeError):  # it turns us away unheard: its answer says why
            connection.sendall(words.line(request))
        with connection.makefile("rb") as answers:
            yield connection, answers


def _next(path: Path, answers: IO[bytes]) -> words.Answer:
    try:
        text = answers.readline(words.ANSWER_MAX_BYTES)
    except TimeoutError:
        raise ClientError(f"the run {path.stem} does not answer; was it stopped by Ctrl-Z?") from None
    except ConnectionError:
        text = b""
    if not text.endswith(b"\n"):
        raise ClientError(f"the run {path.stem} has ended without a word")
    try:
        return words.answer(text)
    except ValueError as error:
        raise ClientError(
            f"the run {path.stem} answers what this drydeploy does not know; was it begun by another version? {error}"
        ) from error
