"""Notifications in a file: a JSON object a line."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO

from typing_extensions import override

from simulator.control.notifications.message import Message
from simulator.control.notifications.receiver import NotificationError, Receiver, Refused


class File(Receiver):
    """A file that is appended to, and is safely on the disk when it is closed. A disk is not tried again."""

    timeout_s = 10.0
    retry_for_s = 30.0
    remembers = False

    def __init__(self, path: Path) -> None:
        """Raises NotificationError where it cannot be written."""
        self.where = f"the file {path}"
        self._path = path
        self._file: IO[bytes] | None = None
        if not path.parent.is_dir():
            raise NotificationError(
                f"the notifications cannot be written to {path}: there is no directory {path.parent}; make it, or name "
                "a file in another"
            )
        if path.is_dir():
            raise NotificationError(f"the notifications cannot be written to {path}: it is a directory; name a file")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise NotificationError(
                f"the notifications cannot be written to {path}: permission denied; change its permissions or those "
                "of its directory, or name another file"
            )

    @override
    def send(self, message: Message) -> None:
        """Append one line."""
        try:
            if self._file is None:
                self._file = self._path.open("ab")
                self._end_broken_line()
            self._file.write(message.body().encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise Refused(f"it cannot be written: {error.strerror}") from error

    def _end_broken_line(self) -> None:
        """What was killed in the midst of a line must not swallow the next one."""
        assert self._file is not None, "called when it was opened"
        if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode) and self._file.tell():
            with self._path.open("rb") as written:
                written.seek(-1, os.SEEK_END)
                broken = written.read(1) != b"\n"
            if broken:
                self._file.write(b"\n")

    @override
    def close(self) -> None:
        """Have it all on the disk. Raises Refused where it is not."""
        if self._file is None:
            return
        try:
            with self._file:
                if stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
                    os.fsync(self._file.fileno())
        except OSError as error:
            raise Refused(f"what was written is not safely on the disk: {error.strerror}") from error
        finally:
            self._file = None
