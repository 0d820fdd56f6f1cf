"""Running one script: a process group of its own, its output line by line, one deadline for all of it.

The deadline covers the process and then its outputs: a child that stays behind and keeps them open uses up
the rest of it (aws-codedeploy-agent, hook_executor.rb and thread_joiner.rb). At the deadline the group gets
SIGTERM, and after five seconds SIGKILL, as with the Rust agent.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

KILL_GRACE_S = 5.0
LINE_MAX_BYTES = 64 * 1024
_READ_BYTES = 64 * 1024
_POLL_S = 0.02
_ENOEXEC = 8

Sink = Callable[[str], None]
End = Literal["exited", "timed out", "output left open"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a script ended.

    ``status`` is its exit status, negative for a signal; ``holders`` who keeps outputs open.
    """

    end: End
    status: int
    open_streams: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()


def command_line(path: Path, runas: str | None, sudo: bool) -> list[str]:
    """The command for a script, with ``runas`` and ``sudo`` as in the open-source agent (linux_util.rb)."""
    if runas is not None:
        prefix = ["sudo"] if sudo else []
        return [*prefix, "su", runas, "-c", shlex.quote(str(path))]
    return ["sudo", str(path)] if sudo else [str(path)]


def run(command: list[str], environment: Mapping[str, str], timeout_s: float, sink: Sink) -> Outcome:
    """Run ``command`` from ``/`` without input; ``sink`` gets each line as ``[stdout]…`` or ``[stderr]…``.

    A script without a first line that names its interpreter is run by ``/bin/sh``. Raises OSError where it
    cannot be started, and whatever ``sink`` raises, the group being killed first.
    """
    deadline = time.monotonic() + timeout_s
    process = _start(command, environment)
    try:
        return _Watch(process, sink, deadline).until_end()
    except BaseException:
        _signal(process, signal.SIGKILL)
        process.wait()
        raise
    finally:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _start(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    def popen(line: list[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            line,
            cwd="/",
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
        )

    try:
        return popen(command)
    except OSError as error:
        if error.errno != _ENOEXEC:
            raise
        return popen(["/bin/sh", *command])


class _Stream:
    """One output of the script, cut into lines."""

    def __init__(self, name: str, file: IO[bytes], sink: Sink) -> None:
        self.name = name
        self.file = file
        self._sink = sink
        self._rest = b""

    def read(self) -> bool:
        """Take what there is; False at the end."""
        data = os.read(self.file.fileno(), _READ_BYTES)
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if self._rest and (not data or len(self._rest) > LINE_MAX_BYTES):
            lines.append(self._rest)
            self._rest = b""
        for line in lines:
            self._sink(f"[{self.name}]{line.decode('utf-8', 'replace')}")
        return bool(data)

    def flush(self) -> None:
        """Log a line that has begun and will not end."""
        if self._rest:
            self._sink(f"[{self.name}]{self._rest.decode('utf-8', 'replace')}")
            self._rest = b""


class _Watch:
    """Reads a process's outputs until it and they have ended, or the deadline has passed."""

    def __init__(self, process: subprocess.Popen[bytes], sink: Sink, deadline: float) -> None:
        self._process = process
        self._deadline = deadline
        self._selector = selectors.DefaultSelector()
        self._open: dict[str, _Stream] = {}
        for name, file in (("stdout", process.stdout), ("stderr", process.stderr)):
            if file is not None:
                stream = _Stream(name, file, sink)
                self._open[name] = stream
                self._selector.register(file, selectors.EVENT_READ, stream)
        self._pidfd = _open_pidfd(process.pid)
        if self._pidfd is not None:
            self._selector.register(self._pidfd, selectors.EVENT_READ, None)

    def until_end(self) -> Outcome:
        try:
            if self._read_until(self._deadline):
                return Outcome("exited", self._process.returncode)
            if self._process.returncode is None:
                return self._stop()
            for stream in self._open.values():
                stream.flush()
            holders = find_holders([stream.file.fileno() for stream in self._open.values()])
            return Outcome("output left open", self._process.returncode, tuple(self._open), holders)
        finally:
            self._selector.close()
            if self._pidfd is not None:
                os.close(self._pidfd)

    def _stop(self) -> Outcome:
        grace_ends = time.monotonic() + KILL_GRACE_S
        alive = _signal(self._process, signal.SIGTERM)
        self._read_until(grace_ends)
        # Children whose output goes elsewhere have what is left of the grace as well.
        while alive and time.monotonic() < grace_ends:
            alive = _signal(self._process, 0)
            time.sleep(_POLL_S)
        _signal(self._process, signal.SIGKILL)
        self._process.wait()
        for stream in self._open.values():
            stream.flush()
        return Outcome("timed out", self._process.returncode)

    def _read_until(self, deadline: float) -> bool:
        """Read until all has ended (True) or until ``deadline`` (False)."""
        while self._process.poll() is None or self._open:
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            for key, _ in self._selector.select(left_s if self._pidfd is not None else min(left_s, _POLL_S)):
                stream = key.data
                if stream is None:
                    self._process.poll()
                    self._selector.unregister(key.fileobj)
                elif not stream.read():
                    self._selector.unregister(stream.file)
                    del self._open[stream.name]
        return True


def _open_pidfd(pid: int) -> int | None:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _signal(process: subprocess.Popen[bytes], number: int) -> bool:
    """Send a signal to the script's group; False where nobody is left in it."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def find_holders(descriptors: list[int]) -> tuple[str, ...]:
    """The processes, other than this one, that have the other end of a pipe open, as ``name (pid)``.

    Best effort.
    """
    own = _links(Path("/proc/self/fd"))
    wanted = {target for link, target in own.items() if int(link) in descriptors}
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) != os.getpid() and not wanted.isdisjoint(_links(entry / "fd").values()):
            found.append(f"{_name(entry)} ({entry.name})")
    return tuple(sorted(found))


def _links(folder: Path) -> dict[str, str]:
    """What a process's descriptors are, by their numbers; nothing where that cannot be read."""
    found = {}
    try:
        for link in folder.iterdir():
            found[link.name] = str(link.readlink())
    except OSError:
        return found
    return found


def _name(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "a process"
    return b" ".join(word for word in words if word).decode("utf-8", "replace")[:200] or "a process"
