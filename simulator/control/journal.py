"""The journal: the list of events of a run, one JSON object a line after a header.

A run is a fold over its events, so the journal is all that is needed to see the run again. The header bears the
scenario itself, the seed and the version: a journal needs no other file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import msgspec

from simulator.rollout.events import EVENTS, Event

FORMAT = 1
JOURNAL_MAX_BYTES = 4 * 1024**3
"""A journal that grows beyond this ends the run: something repeats itself for ever."""
HEADER_MAX_BYTES = 256 * 1024**2
"""A first line that is longer than this is no journal's: it bears a scenario."""
SUFFIX = ".journal.jsonl"
"""How the names of journals end."""
UNDELIVERED_SUFFIX = ".undelivered.jsonl"
"""How the name of the file ends in which a run's notifications are kept that were not delivered."""
_BATCH_EVENTS = 256
"""So many events are turned to text at once, and wait for it where the journal is not durable."""


class JournalError(Exception):
    """A journal cannot be written or read: which, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a journal's first line says of its run."""

    drydeploy: str
    format: int
    fleet: str
    seed: int
    scenario_sha256: str
    replay: str
    scenario: dict[str, Any]


class Book(Protocol):
    """Where a run's events are recorded."""

    def write(self, event: Event) -> None:
        """Record one event."""

    def told(self) -> Iterator[Event]:
        """Every event that was recorded so far."""


def state_directory() -> Path:
    """Where journals are kept unless the user says otherwise: `$XDG_STATE_HOME/drydeploy`."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "drydeploy"


def beside(journal: Path, suffix: str) -> Path:
    """The file of the same run that lies beside its journal under another ending."""
    stem = journal.name.removesuffix(SUFFIX) if journal.name.endswith(SUFFIX) else journal.stem
    return journal.with_name(stem + suffix)


class Journal:
    """Writes events as they come, and keeps their SHA-256; `path` None keeps only that.

    `durable` hands every event to the operating system before its commands are carried out, so that a run that is
    killed has told all; without it the last 256 events may be missing after a kill. One that `keeps` its lines can give
    its events back while it is written.
    """

    def __init__(self, header: Header, path: Path | None, *, durable: bool = False, keeps: bool = False) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._sha256 = hashlib.sha256()
        self._batch = 1 if durable else _BATCH_EVENTS
        self._pending: list[Event] = []
        self._kept: list[bytes] | None = [] if keeps else None
        self._written_bytes = 0
        self._written_events = 0
        self.path = path
        self._file: IO[bytes] | None = None
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = path.open("wb")
            except OSError as error:
                raise _unwritable(path, error) from error
        self._names = {kind: b'{"event":"%s",' % name.encode() for name, kind in EVENTS.items()}
        self._put(self._encode(header) + b"\n")

    @property
    def events(self) -> int:
        """How many events were recorded."""
        return self._written_events + len(self._pending)

    def write(self, event: Event) -> None:
        """Record one event. O(its size), amortised."""
        self._pending.append(event)
        if len(self._pending) >= self._batch:
            self.flush()

    def told(self) -> Iterator[Event]:
        """Every event that was recorded so far, read back from what was written."""
        assert self._kept is not None, "asked only of a journal that keeps its lines"
        self.flush()
        return (from_dict(msgspec.json.decode(line)) for line in self._kept)

    def flush(self) -> None:
        """Hand what was recorded to the operating system."""
        names, encode = self._names, self._encode
        lines = [names[type(event)] + encode(event)[1:] for event in self._pending]
        if lines:
            self._written_events += len(lines)
            self._pending.clear()
            if self._kept is not None:
                self._kept += lines
            self._put(b"\n".join(lines) + b"\n")

    def _put(self, block: bytes) -> None:
        self._written_bytes += len(block)
        if self._written_bytes > JOURNAL_MAX_BYTES:
            raise JournalError(f"the journal grew beyond {JOURNAL_MAX_BYTES:,} bytes; the run repeats itself")
        self._sha256.update(block)
        if self._file is not None:
            try:
                self._file.write(block)
                self._file.flush()
            except OSError as error:
                raise _unwritable(self.path, error) from error

    def close(self) -> str:
        """Flush, close, and give the SHA-256 of the whole journal in hexadecimal."""
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None
        return self._sha256.hexdigest()


def _unwritable(path: Path | None, error: OSError) -> JournalError:
    return JournalError(f"the journal cannot be written to {path}: {error.strerror}. Name another place with --journal")


def read(path: Path) -> tuple[Header, Iterator[Event]]:
    """A journal's header, and its events one by one. A half-written last line, as a kill leaves it, is passed over."""
    try:
        lines = path.open("rb")
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be read: {error.strerror}") from error
    try:
        first = lines.readline(HEADER_MAX_BYTES)
        header = msgspec.json.decode(first, type=Header)
    except (OSError, msgspec.DecodeError) as error:
        lines.close()
        if isinstance(error, OSError):
            raise JournalError(f"the journal {path} cannot be read: {error.strerror}") from error
        raise JournalError(f"{path}:1: expected a journal of drydeploy; this is {_kind(first, error)}") from error
    if header.format != FORMAT:
        lines.close()
        raise JournalError(
            f"{path}:1: this journal has format {header.format}, and drydeploy reads {FORMAT}; it was written by "
            f"drydeploy {header.drydeploy}"
        )
    return header, _events(path, lines)


def _kind(first: bytes, error: Exception) -> str:
    """What a file is that is no journal, by its first line."""
    if not first:
        return "an empty file"
    start = first.lstrip(b"\xef\xbb\xbf \t\r\n")
    if start.lower().startswith((b"<!doctype html", b"<html")):
        return "an HTML page; `--report` writes those, and `--journal` writes journals"
    if start.startswith(b"<"):
        return "XML; `--junit` writes that, and `--journal` writes journals"
    if start.startswith((b'{"event":', b'{"decision":')):
        return "what `-o ndjson` prints, which has the decisions too and no header; `--journal` writes journals"
    if start.rstrip() == b"{":
        return "a JSON object of several lines, as `-o json` prints it; `--journal` writes journals"
    return f"something else: {error}"


def _events(path: Path, lines: IO[bytes]) -> Iterator[Event]:
    with lines:
        for number, line in enumerate(lines, start=2):
            if not line.endswith(b"\n"):
                return
            try:
                fields = msgspec.json.decode(line)
                yield from_dict(fields)
            except (msgspec.DecodeError, msgspec.ValidationError, KeyError, TypeError) as error:
                raise JournalError(f"{path}:{number}: expected an event of drydeploy: {error}") from error


def to_dict(event: Event) -> dict[str, Any]:
    """An event as plain data, as the journal has it."""
    fields: dict[str, Any] = msgspec.to_builtins(event)
    return {"event": type(event).__name__, **fields}


def from_dict(fields: dict[str, Any]) -> Event:
    """The event that `to_dict` gave. Raises KeyError or msgspec.ValidationError for anything else."""
    kind = EVENTS[fields["event"]]
    rest = {name: value for name, value in fields.items() if name != "event"}
    return msgspec.convert(rest, kind)
