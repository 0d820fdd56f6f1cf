"""One target's messages on their way, in order, in a thread beside the run.

The guarantee, and how it is kept:

* In order: the thread takes the first message that waits, and touches no other before that one is settled.
* Nothing lost: a message leaves the queue when it was delivered, or with a reason why not.
* Nothing twice by our doing: what the receiver has accepted is never sent again. Where no answer came (a time limit, a
  connection that broke) nobody can know whether it was taken; it is sent again with the same id.
* A receiver that fails for a while is tried for as long as the run goes on, and after its end for a time with a limit.
  The waits between attempts double up to a limit, without chance.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from simulator.control.notifications.message import Message
from simulator.control.notifications.receiver import Receiver, Refused, Unreached

if TYPE_CHECKING:
    from tenacity import RetryCallState

FIRST_WAIT_S: Final = 0.25
"""After a first attempt that failed; each wait is twice the one before."""
LONGEST_WAIT_S: Final = 10.0
"""No wait between two attempts is longer, but for one that the receiver asks for."""
RETRY_AFTER_MAX_S: Final = 60.0
"""Of the wait that a receiver asks for (`Retry-After`) no more is granted."""
WAITING_MAX: Final = 1_000_000
"""More messages than this do not wait for one target; those that come then are told as not delivered."""


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one target's messages. `reason` is empty where all were delivered."""

    where: str
    total: int
    undelivered: tuple[Message, ...]
    reason: str

    def __str__(self) -> str:
        missing, many = len(self.undelivered), f"{self.total:,} notification{'s' * (self.total != 1)}"
        if missing:
            were = "was" if missing == 1 else "were"
            return f"{missing:,} of {many} {were} not delivered to {self.where}: {self.reason}"
        return f"{many} delivered to {self.where}{f', but {self.reason}' if self.reason else ''}"


class Outbox:
    """The messages of one target. `put` never waits for the receiver."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._waiting: deque[Message] = deque()
        self._change = threading.Condition()
        self._begun = self._closed = False
        self._given_up = threading.Event()
        self._total = 0
        self._lost: list[Message] = []
        self._reason = ""
        """Why the first message that was lost was lost."""
        self._trouble = ""
        """Why the message in hand could not be delivered yet."""
        self._attempts = 0
        self._since_s = 0.0
        self._thread = threading.Thread(target=self._work, name=f"outbox {receiver.where}", daemon=True)

    # -- the run's side -----------------------------------------------------------------------------------------

    def put(self, message: Message) -> None:
        """One more message, after all that are here. May be called in any one thread."""
        with self._change:
            self._total += 1
            if len(self._waiting) >= WAITING_MAX:
                self._lose(message, f"{WAITING_MAX:,} were waiting already")
                return
            self._waiting.append(message)
            self._change.notify()
        if not self._begun:
            self._begun = True
            self._thread.start()

    def close(self) -> None:
        """No more will come."""
        with self._change:
            self._closed = True
            self._change.notify()

    def finished(self, wait_s: float) -> bool:
        """Whether everything is settled, within so many seconds. After `close`."""
        if self._thread.is_alive():
            self._thread.join(max(wait_s, 0))
        return not self._thread.is_alive()

    def give_up(self) -> None:
        """Try no further: the attempt that is under way is the last one."""
        self._given_up.set()
        with self._change:
            self._change.notify()

    @property
    def waiting(self) -> tuple[int, str]:
        """How many messages are still to be delivered, and what is in the way of the first one."""
        with self._change:
            return len(self._waiting), self._trouble

    def report(self) -> Report:
        """What became of the messages, after they are settled or given up. What still waits then is lost."""
        with self._change:
            left = tuple(self._waiting)
            reason = self._reason or (self._tried() if left else "")
            return Report(self.receiver.where, self._total, (*self._lost, *left), reason)

    def _tried(self) -> str:
        if not self._attempts:
            return "the time was up before they were tried; `retry_for` gives more"
        if not self._trouble:
            return f"an attempt was still without an answer after {time.monotonic() - self._since_s:.0f} s"
        tries = f"{self._attempts} attempt{'s' * (self._attempts != 1)}"
        return f"{self._trouble} ({tries} in {time.monotonic() - self._since_s:.0f} s)"

    # -- the thread ---------------------------------------------------------------------------------------------

    def _work(self) -> None:
        with suppress(_GivenUp):
            while (message := self._next()) is not None:
                reason = self._deliver(message)
                with self._change:
                    self._waiting.popleft()
                    self._attempts, self._trouble = 0, ""
                    if reason:
                        self._lose(message, reason)
        try:
            self.receiver.close()
        except Refused as error:
            with self._change:
                self._reason = self._reason or str(error)

    def _next(self) -> Message | None:
        """The first message that waits, which stays in its place; None: there will be none."""
        with self._change:
            self._change.wait_for(lambda: self._waiting or self._closed or self._given_up.is_set())
            return self._waiting[0] if self._waiting and not self._given_up.is_set() else None

    def _deliver(self, message: Message) -> str:
        """Try until it is settled: `""` where it was delivered, else why the receiver will not have it."""
        from tenacity import Retrying, retry_if_exception_type

        self._attempts, self._since_s, self._trouble = 0, time.monotonic(), ""
        again = Retrying(retry=retry_if_exception_type(Unreached), wait=_wait_s, sleep=self._pause)
        try:
            again(self._attempt, message)
        except Refused as error:
            return str(error)
        except _GivenUp:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, the messages after this one have their turn
            return f"{type(error).__name__}: {error}"
        return ""

    def _attempt(self, message: Message) -> None:
        self._attempts += 1
        try:
            self.receiver.send(message)
        except Unreached as error:
            self._trouble = str(error)
            raise

    def _pause(self, seconds: float) -> None:
        """Wait for the next attempt. Raises _GivenUp where there will be none."""
        if self._given_up.wait(seconds):
            raise _GivenUp

    def _lose(self, message: Message, reason: str) -> None:
        self._lost.append(message)
        self._reason = self._reason or reason


class _GivenUp(Exception):
    """No further attempt is wanted."""


def _wait_s(state: RetryCallState) -> float:
    """How long to wait after the attempt that has just failed."""
    from tenacity import wait_exponential

    assert state.outcome is not None, "asked after an attempt"
    error = state.outcome.exception()
    asked_s = min(error.after_s, RETRY_AFTER_MAX_S) if isinstance(error, Unreached) else 0
    return max(wait_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S)(state), asked_s)
