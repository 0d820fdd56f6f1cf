"""How long an attempt may take by the wall clock. urllib3's own limits are for each piece of an answer by itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from urllib3 import PoolManager


class Limit:
    """Hangs up on whoever has not answered in time. For one attempt at a time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._line: socket.socket | None = None
        self.over = False
        """Whether the attempt that is under way, or was the last, has run out of time."""

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """The time of one attempt."""
        self.over = False
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()  # so that it never ends the next one

    def connected(self, line: socket.socket) -> None:
        """There is a new connection, which is the only one."""
        with self._lock:
            self._line = line
            if self.over:
                self._hang_up()

    def _end(self) -> None:
        with self._lock:
            self.over = True
            self._hang_up()

    def _hang_up(self) -> None:
        """Whoever reads from it reads its end."""
        if self._line is not None:
            with suppress(OSError):
                socket.socket.shutdown(self._line, socket.SHUT_RDWR)  # not TLS's own, which would wait for the other


def pool(limit: Limit, seconds: float) -> PoolManager:
    """One connection, that is kept; no redirect, no repetition; the limit knows of it."""
    import urllib3
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        def connect(self) -> None:
            super().connect()
            limit.connected(self.sock)

    class Secure(HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            limit.connected(self.sock)

    class PlainPool(urllib3.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(urllib3.HTTPSConnectionPool):
        ConnectionCls = Secure

    manager = urllib3.PoolManager(maxsize=1, retries=False, timeout=urllib3.Timeout(total=seconds))
    manager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
    return manager
