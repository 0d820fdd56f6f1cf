"""The desk: where people from outside the process reach a run. It listens on a Unix socket, in a thread of its own.

Only the user whose run it is can open the socket (its directory and its mode see to that), and where the system tells
who is at the other end, the desk looks. What it is told is bounded in size, in time and in number.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from simulator.control import operator_runs as runs
from simulator.control import operator_words as words
from simulator.control.operator import Operations

CONNECTIONS_MAX = 32
"""So many people at once; one more is turned away."""
REQUEST_S = 5
"""A connection on which no request comes within this time is closed."""
BACKLOG_LINES_MAX = 10_000
"""A watcher that is so far behind is left behind."""
_GOODBYE_S = 2
"""So long those who watch have to take the last lines."""

Answers = asyncio.Queue[words.Answer]


class Desk:
    """The desk of one run, as a context. Raises OSError where it cannot listen."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations
        self._connections: set[asyncio.Task[None]] = set()
        self._turned: set[asyncio.Task[None]] = set()
        """Those who are just being turned away: they take nobody's place."""
        self._watchers: list[Answers] = []
        self._farewell: words.Answer = words.Mistaken("the run has ended")
        self._ready = threading.Event()
        self._broken: BaseException | None = None
        """What kept the desk from opening."""
        self._thread = threading.Thread(target=self._run, name="desk", daemon=True)

    def __enter__(self) -> Self:
        self._socket, self._path = runs.listen(runs.own_directory(), self._operations.run_id)
        self._thread.start()
        self._ready.wait()
        if self._broken is not None:
            self._thread.join()
            self._path.unlink(missing_ok=True)
            self._socket.close()
            raise OSError(f"nobody can be heard: {self._broken}") from self._broken
        return self

    @property
    def path(self) -> Path:
        """Where it listens."""
        return self._path

    def farewell(self, ended: words.Ended) -> None:
        """What those who watch are told at the end."""
        self._farewell = ended

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    # -- in the desk's thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            asyncio.run(self._open())
        except Exception as error:
            if self._ready.is_set():
                raise
            self._broken = error
            self._ready.set()

    async def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._closing = asyncio.Event()
        server = await asyncio.start_unix_server(self._accept, sock=self._socket, limit=words.REQUEST_MAX_BYTES)
        self._ready.set()
        await self._closing.wait()
        server.close()
        for watcher in self._watchers:
            watcher.put_nowait(self._farewell)
        if self._connections:
            await asyncio.wait(self._connections, timeout=_GOODBYE_S)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        crowded = len(self._connections) >= CONNECTIONS_MAX
        task = asyncio.ensure_future(self._attend(reader, writer, crowded=crowded))
        people = self._turned if crowded else self._connections
        people.add(task)
        task.add_done_callback(people.discard)

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, crowded: bool) -> None:
        async def tell(answer: words.Answer) -> None:
            writer.write(words.line(answer))
            await writer.drain()

        try:
            refused = _turned_away(writer, crowded=crowded)
            request = refused or await _read(reader)
            if isinstance(request, words.Mistaken):
                await tell(request)
            elif isinstance(request, words.Watch):
                await self._watch(request, reader, tell)
            else:
                await self._answer(request, tell)
        except ConnectionError:
            pass  # whoever asked has gone
        finally:
            writer.close()

    async def _answer(self, request: words.Request, tell: Callable[[words.Answer], Awaitable[None]]) -> None:
        answered: asyncio.Future[words.Answer] = self._loop.create_future()

        def settle(answer: words.Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        self._operations.ask(request, lambda answer: self._hand_over(settle, answer))
        await tell(await answered)

    async def _watch(
        self, request: words.Watch, reader: asyncio.StreamReader, tell: Callable[[words.Answer], Awaitable[None]]
    ) -> None:
        queue: Answers = asyncio.Queue()

        def put(answer: words.Answer) -> None:
            if queue.qsize() < BACKLOG_LINES_MAX:
                queue.put_nowait(answer)
            elif queue.qsize() == BACKLOG_LINES_MAX:
                queue.put_nowait(words.Mistaken("you read too slowly, and were left behind; ask for the status again"))

        def pushed(answer: words.Answer) -> None:
            self._hand_over(put, answer)

        gone = asyncio.ensure_future(reader.read(1))  # it is told nothing more: this ends when the watcher leaves
        self._watchers.append(queue)
        self._operations.ask(request, pushed)
        try:
            while True:
                following = asyncio.ensure_future(queue.get())
                await asyncio.wait((following, gone), return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    following.cancel()
                    return
                answer = following.result()
                await tell(answer)
                if isinstance(answer, words.Ended | words.Mistaken):
                    return
        finally:
            gone.cancel()
            self._watchers.remove(queue)
            self._operations.forget(pushed)

    def _hand_over(self, take: Callable[[words.Answer], None], answer: words.Answer) -> None:
        """From the driver's thread to this one. The loop may have closed: then nobody listens any more."""
        if not self._closing.is_set():
            self._loop.call_soon_threadsafe(take, answer)


def _turned_away(writer: asyncio.StreamWriter, *, crowded: bool) -> words.Mistaken | None:
    if crowded:
        return words.Mistaken(f"{CONNECTIONS_MAX} people are at this run already; try again")
    user = peer(writer.get_extra_info("socket"))
    if user is not None and user != os.geteuid():
        return words.Mistaken("this run belongs to another user")
    return None


def peer(connection: socket.socket) -> int | None:
    """The number of the user at the other end; None where the system does not tell."""
    if sys.platform != "linux":
        return None
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return int(user)


async def _read(reader: asyncio.StreamReader) -> words.Request | words.Mistaken:
    """The request that a connection begins with, or what is wrong with it."""
    try:
        text = await asyncio.wait_for(reader.readline(), REQUEST_S)
        return words.request(text)
    except TimeoutError:
        return words.Mistaken(f"no request came within {REQUEST_S} s")
    except ValueError as error:  # too long for the reader, or none that can be decoded
        return words.Mistaken(f"this is no request of at most {words.REQUEST_MAX_BYTES} bytes: {error}")
