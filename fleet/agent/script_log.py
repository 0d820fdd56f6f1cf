"""What scripts say: into the deployment's log, into the log of all deployments, and as a tail for the
service.

The forms of the lines are the open-source agent's: ``2026-01-31 12:00:00 [stdout]line``, preceded by a
line for the event and one for each script (aws-codedeploy-agent, hook_executor.rb).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TextIO

TAIL_MAX_CHARS = 2048
_all_deployments = Lock()


class ScriptLog:
    """The log of one event. ``tail`` is the end of it, whole lines where they fit."""

    def __init__(self, own: TextIO, shared: TextIO | None, deployment: str) -> None:
        self._own = own
        self._shared = shared
        self._deployment = deployment
        self._tail: deque[str] = deque()
        self._tail_chars = 0

    def write(self, line: str) -> None:
        """Log one line, without its end. Raises OSError, as when the disk is full."""
        entry = line + "\n"
        self._tail.append(entry)
        self._tail_chars += len(entry)
        while self._tail_chars > TAIL_MAX_CHARS and len(self._tail) > 1:
            self._tail_chars -= len(self._tail.popleft())
        now = time.time()
        self._own.write(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(now))} {entry}")
        self._own.flush()
        if self._shared is not None:
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
            with _all_deployments:
                self._shared.write(f"[{stamp}.{int(now * 1000) % 1000:03d}] [{self._deployment}]{entry}")
                self._shared.flush()

    @property
    def tail(self) -> str:
        """The last lines, at most 2048 characters; of a single longer line its end."""
        return "".join(self._tail)[-TAIL_MAX_CHARS:]


@contextmanager
def open_log(own: Path, shared: Path | None, deployment: str) -> Iterator[ScriptLog]:
    """Open the log of a deployment, and that of all deployments unless ``shared`` is None.

    Both are added to.
    """
    own.parent.mkdir(parents=True, exist_ok=True)
    with own.open("a", encoding="utf-8", errors="replace") as own_file:
        if shared is None:
            yield ScriptLog(own_file, None, deployment)
            return
        shared.parent.mkdir(parents=True, exist_ok=True)
        with shared.open("a", encoding="utf-8", errors="replace") as shared_file:
            yield ScriptLog(own_file, shared_file, deployment)
