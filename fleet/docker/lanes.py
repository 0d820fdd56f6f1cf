"""One lane a host: what is to be done at a host is done in the order in which it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Job = Callable[[], Awaitable[None]]


class Lanes:
    """Jobs by host. A job that fails breaks the whole run: `broken` is told, once."""

    def __init__(self, broken: Callable[[BaseException], None]) -> None:
        self._queues: dict[str, asyncio.Queue[Job]] = {}
        self._broken = broken
        self._tasks: list[asyncio.Task[None]] = []
        self._beside: set[asyncio.Task[None]] = set()

    def put(self, host: str, job: Job) -> None:
        """Do this at a host after everything that was asked for there before."""
        queue = self._queues.get(host)
        if queue is None:
            queue = self._queues[host] = asyncio.Queue()
            self._tasks.append(asyncio.create_task(self._work(queue)))
        queue.put_nowait(job)

    def beside(self, job: Job) -> None:
        """Do this without keeping a lane busy."""
        task = asyncio.ensure_future(self._guarded(job))
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _work(self, queue: asyncio.Queue[Job]) -> None:
        while True:
            await self._guarded(await queue.get())

    async def _guarded(self, job: Job) -> None:
        try:
            await job()
        except Exception as error:  # noqa: BLE001 - it is handed on to whoever watches the fleet
            self._broken(error)

    async def close(self) -> None:
        """Do nothing more."""
        tasks = [*self._tasks, *self._beside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
