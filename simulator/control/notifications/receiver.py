"""What an outbox needs of a target: one message sent, or why not."""

from __future__ import annotations

from abc import ABC, abstractmethod

from simulator.control.notifications.message import Message


class NotificationError(Exception):
    """Notifications cannot be delivered as the scenario has it: which, why, and what to do. Raised before the run."""


class Refused(Exception):
    """The receiver will not have this message; it is not sent again. The text says why."""


class Unreached(Exception):
    """The receiver could not be reached, or cannot take the message now; it is worth another attempt.

    `after_s`: no sooner than after so many seconds, where the receiver said so.
    """

    def __init__(self, why: str, after_s: float = 0) -> None:
        super().__init__(why)
        self.after_s = after_s


class Receiver(ABC):
    """A target, as it is written to. It is made before the run, and used in the thread of its outbox alone."""

    where: str
    """What a person calls it."""
    timeout_s: float
    """The longest that one attempt takes."""
    retry_for_s: float
    """How long after the run's end delivery goes on."""
    remembers = True
    """Whether it may know a message's id from an earlier run, and take the message for one that it has."""

    @abstractmethod
    def send(self, message: Message) -> None:
        """One attempt to deliver. Raises Refused or Unreached."""

    def close(self) -> None:  # noqa: B027  most have nothing to do
        """Nothing more will be sent. Raises Refused where what was sent is not safe after all."""


def retried(status: int) -> bool:
    """Whether an HTTP status says that the same request may do later: 408, 429 and everything from 500 on."""
    return status in (408, 429) or status >= 500
