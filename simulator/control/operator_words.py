"""What is said between a run and the people who operate it: one JSON object a line, over the run's own socket.

A connection begins with one request. A run answers it with one line, or with one line after the other where it is
watched. The same types are `-o json` of `drydeploy ps` and `drydeploy status`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

REQUEST_MAX_BYTES = 4096
"""A longer request is none of ours."""
ANSWER_MAX_BYTES = 4 * 1024**2
"""Room for a run of many deployments. A longer answer is none of ours."""


class Word(StrEnum):
    """What a person can say to a run."""

    CONTINUE = "continue"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    PROMOTE_FULL = "promote-full"
    SKIP_WAIT = "skip-wait"
    ABORT = "abort"
    STOP = "stop"
    RETRY = "retry"
    UNDO = "undo"
    END = "end"


class Describe(Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="describe"):
    """How does it stand?"""


class Watch(Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="watch"):
    """What happens from now on, until the end?"""


class Say(Struct, frozen=True, forbid_unknown_fields=True, tag_field="ask", tag="say"):
    """A person's word. `rollback` goes with stop (None: as the group is configured), `revision` with undo.

    `group`: to the deployment of this group that is under way. None: to the newest.
    """

    word: Word
    by: Annotated[str, Meta(min_length=1, max_length=64)]
    rollback: bool | None = None
    revision: Annotated[str, Meta(max_length=255)] | None = None
    group: Annotated[str, Meta(max_length=100)] | None = None


Request = Describe | Watch | Say


class Wait(Struct, frozen=True):
    """What a deployment waits for: `approval`, `bake`, `analysis`, `termination`, or `resume` where it is paused.

    `why` is the stage in words. `left_ms` is the time until the wait ends by itself, if only by the deployment's own
    limit. `scripted` is what the scenario itself is going to say to it, in words; `""` where it says nothing.
    """

    kind: str
    why: str
    left_ms: int | None
    scripted: str = ""


class Stage(Struct, frozen=True):
    """Where a deployment is in its plan: the `number`-th of `of` stages, in words."""

    number: int
    of: int
    words: str


class InService(Struct, frozen=True):
    """Hosts that the balancer sends requests to, of how many that stand, and how many the configurations want."""

    now: int
    hosts: int
    required: int


class Deployment(Struct, frozen=True):
    """One deployment of a run. `hosts` counts them by status."""

    deployment_id: str
    group: str
    revision: str
    strategy: str
    deployment_config: str
    creator: str
    status: str
    error: str | None
    paused: bool
    stage: Stage | None
    waits_for: Wait | None
    hosts: dict[str, int]


class Run(Struct, frozen=True):
    """A run that goes on.

    `state` is preparing, running, or staying (for what a person may want next); `at_ms` is the run's own time;
    `possible` are the words that would not be refused now, said to the newest deployment under way.
    """

    run: str
    scenario: str
    title: str
    fleet: str
    seed: int
    pid: int
    version: str
    state: str
    at_ms: int
    in_service: InService | None
    deployments: list[Deployment]
    possible: list[Word]
    gates: list[str] = []
    """The environments before which a person is asked."""


class Described(Struct, frozen=True, tag_field="answer", tag="described"):
    """How it stands."""

    run: Run


class Done(Struct, frozen=True, tag_field="answer", tag="done"):
    """The word was heard. `said` tells what came of it, and `run` how it stands now."""

    said: str
    run: Run


class Refused(Struct, frozen=True, tag_field="answer", tag="refused"):
    """The word is impossible now, and has changed nothing."""

    why: str
    run: Run


class Mistaken(Struct, frozen=True, tag_field="answer", tag="mistaken"):
    """The request was none, or nobody could answer it."""

    why: str


class Happened(Struct, frozen=True, tag_field="answer", tag="happened"):
    """To a watcher: one event as the journal has it, and the lines that a person reads."""

    event: dict[str, Any]
    lines: list[str]


class Ended(Struct, frozen=True, tag_field="answer", tag="ended"):
    """To a watcher: the run has ended. `status` and `outcome` are the result's; `words` its headline."""

    status: str
    outcome: str
    words: str


Answer = Described | Done | Refused | Mistaken | Happened | Ended

_encode = msgspec.json.Encoder().encode
_requests: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_answers: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)


def line(message: Request | Answer) -> bytes:
    """A message as one line."""
    return _encode(message) + b"\n"


def request(text: bytes) -> Request:
    """The request in a line. Raises msgspec.DecodeError (a ValueError) that says what is wrong."""
    return _requests.decode(text)


def answer(text: bytes) -> Answer:
    """The answer in a line. Raises msgspec.DecodeError (a ValueError) that says what is wrong."""
    return _answers.decode(text)
