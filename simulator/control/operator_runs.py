"""Where runs can be spoken to: a socket for each, in a directory that only its user may enter.

`$XDG_RUNTIME_DIR/drydeploy/runs`, or `runs` in the state directory where there is no such place. Whoever looks for
runs looks in both: a run may have been begun from another session than the one from which it is operated.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from simulator.control.journal import state_directory

SUFFIX = ".sock"
ENDED_SUFFIX = ".ended"
ENDED_MAX = 20
"""Of so many runs that have ended it is known how, for who asks for them a little late."""
_UNBORN = ".unborn"
_ADDRESS_MAX_BYTES = 100
"""Operating systems take 104 or 108 bytes for the path of a socket."""
_BACKLOG = 32


class Unreachable(Exception):
    """Nobody answers at a socket: its run has ended."""


def directories() -> list[Path]:
    """Where sockets may be, the best first; they need not exist."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    found = [Path(runtime) / "drydeploy" / "runs"] if runtime and Path(runtime).is_dir() else []
    return [*found, state_directory() / "runs"]


def own_directory() -> Path:
    """The best directory for a socket, made where it is not there. Raises OSError where none can be trusted."""
    problem: OSError | None = None
    for directory in directories():
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_mine(directory):
                directory.chmod(0o700)
                return directory
            problem = PermissionError(f"{directory} belongs to somebody else")
        except OSError as error:
            problem = error
    assert problem is not None, "there is always a state directory"
    raise problem


def listen(directory: Path, run: str) -> tuple[socket.socket, Path]:
    """A socket that listens, and its path, mode 0600. It is seen only once it listens. Raises OSError."""
    path, unborn = directory / f"{run}{SUFFIX}", directory / f"{run}{_UNBORN}"
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(unborn) as address:
            listening.bind(address)
        unborn.chmod(0o600)
        listening.listen(_BACKLOG)
        unborn.rename(path)
    except OSError:
        listening.close()
        unborn.unlink(missing_ok=True)
        raise
    return listening, path


def connect(path: Path, timeout_s: float) -> socket.socket:
    """A connection to a run. Raises Unreachable where its run has ended; what it left there is removed."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        with _address(path) as address:
            connection.connect(address)
    except (ConnectionRefusedError, FileNotFoundError):
        connection.close()
        path.unlink(missing_ok=True)
        raise Unreachable(path.stem) from None
    except OSError:
        connection.close()
        raise
    return connection


def remember(socket_path: Path, told: str) -> None:
    """Leave a word where a run's socket was: how it has ended. The oldest ones are forgotten. Raises OSError."""
    socket_path.with_suffix(ENDED_SUFFIX).write_text(told, encoding="utf-8")
    kept = sorted(socket_path.parent.glob(f"*{ENDED_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-ENDED_MAX]:
        path.unlink(missing_ok=True)


def ended(run: str) -> str | None:
    """How the run of this id, or of one that begins so, has ended; None where that is not known of just one."""
    found = [
        path
        for directory in directories()
        if directory.is_dir() and _is_mine(directory)
        for path in directory.glob(f"*{ENDED_SUFFIX}")
        if path.stem.startswith(run)
    ]
    return f"{found[0].stem} has ended: {found[0].read_text(encoding='utf-8')}" if len(found) == 1 else None


def sockets() -> list[Path]:
    """The sockets of this user's runs, by name; some may be of runs that were killed."""
    return sorted(
        path
        for directory in directories()
        if directory.is_dir() and _is_mine(directory)
        for path in directory.glob(f"*{SUFFIX}")
        if _is_socket(path)
    )


def _is_socket(path: Path) -> bool:
    try:
        return stat.S_ISSOCK(path.lstat().st_mode)
    except FileNotFoundError:
        return False  # its run has just ended


def _is_mine(directory: Path) -> bool:
    """Whether this user alone says what is in it: it is no link to elsewhere, and belongs to nobody else."""
    found = directory.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """The path as an address that is short enough; Linux knows an open directory by its number."""
    if len(os.fsencode(path)) <= _ADDRESS_MAX_BYTES:
        yield str(path)
        return
    number = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not Path(f"/proc/self/fd/{number}").exists():
            raise OSError(f"{path} is too long for a socket; set XDG_RUNTIME_DIR to a shorter directory")
        yield f"/proc/self/fd/{number}/{path.name}"
    finally:
        os.close(number)
