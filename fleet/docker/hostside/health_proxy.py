"""A proxy before a host's application: it answers the health check's path as a fault demands, or makes all wait.

    python3 -m hostside.health_proxy PORT STATE_FILE

Connections to the application's port are redirected here by the host's own netfilter; everything but the
health check's path is handed on to where it was meant to go. The state file is read for every request::

    {"path": "/", "faults": {"name": {"status": 404, "slow_ms": 0, "up_ms": 0, "down_ms": 0, "since":
    1700000000.0}, "other": {"latency_ms": 300}}}

A request for any path waits for every `latency_ms`.
A flapping fault has `down_ms` and `up_ms`: it fails for the one, from `since` on, then passes for the other. One that
strikes `everywhere` strikes other paths too; one with `until` is over then; one with `after` begins once so many
requests of users have been handed on since `since` (a time in seconds, which tells one count from another).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
import struct
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

SO_ORIGINAL_DST = 80
HEAD_MAX_BYTES = 64 * 1024
CHUNK_BYTES = 64 * 1024
CONNECT_S = 5
HEALTH_CHECK = b"\r\nhost: health-check.drydeploy\r\n"
"""Of a request's head that is the balancer's own, and no user's; see `fleet.balancer.haproxy_config`."""

Served = Counter[tuple[str, float]]
"""How many requests of users were handed on, by the fault and its `since`."""


def verdict(state: dict[str, Any], target: str, now_s: float, served: Served) -> tuple[int | None, float]:
    """What a request for `target` meets: a status code instead of an answer or None, and seconds of delay."""
    checked = state["path"] in (target, target.partition("?")[0])
    status, delay_s = None, sum(fault.get("latency_ms", 0) for fault in state["faults"].values()) / 1000
    for name, fault in state["faults"].items():
        if not (checked or fault.get("everywhere")) or not strikes(name, fault, now_s, served):
            continue
        delay_s += fault.get("slow_ms", 0) / 1000
        status = fault.get("status") or status
    return status, delay_s


def strikes(name: str, fault: dict[str, Any], now_s: float, served: Served) -> bool:
    """Whether a fault strikes now: one may come and go, be over, or wait until so many users have been served."""
    down_ms, up_ms = fault.get("down_ms", 0), fault.get("up_ms", 0)
    if down_ms and (now_s - fault["since"]) * 1000 % (down_ms + up_ms) >= down_ms:
        return False
    if now_s >= fault.get("until", math.inf):
        return False
    return "after" not in fault or served[name, fault["since"]] >= fault["after"]


def count(state: dict[str, Any], served: Served) -> None:
    """A user is going to be answered by the application."""
    for name, fault in state["faults"].items():
        if "after" in fault:
            served[name, fault["since"]] += 1


def original_destination(connection: socket.socket) -> tuple[str, int]:
    """Where a redirected connection was meant to go."""
    raw = connection.getsockopt(socket.SOL_IP, SO_ORIGINAL_DST, 16)
    port, address = struct.unpack("!2xH4s8x", raw)
    return socket.inet_ntoa(address), port


def closing(head: bytes) -> bytes:
    """A request's head, asking to close the connection after it, so that each request is seen here."""
    lines = head.split(b"\r\n")
    lower = [line.lower() for line in lines]
    if any(line.startswith(b"upgrade:") for line in lower):
        return head
    kept = [line for line, low in zip(lines, lower, strict=True) if not low.startswith(b"connection:")]
    return b"\r\n".join([kept[0], b"Connection: close", *kept[1:]])


class Proxy:
    """Serves redirected connections."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._served: Served = Counter()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            try:
                await self._serve(reader, writer)
            finally:
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        destination = original_destination(writer.get_extra_info("socket"))
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return
        words = head.split(b" ", 2)
        target = words[1].decode("latin-1") if len(words) == 3 else ""
        state = json.loads(self._state.read_text())
        status, delay_s = verdict(state, target, time.time(), self._served)
        if status is None and HEALTH_CHECK not in head.lower():
            count(state, self._served)
        await asyncio.sleep(delay_s)
        if status is not None:
            writer.write(b"HTTP/1.1 %d Fault\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status)
            await writer.drain()
            return
        app_reader, app_writer = await asyncio.wait_for(asyncio.open_connection(*destination), CONNECT_S)
        app_writer.write(closing(head))
        try:
            await asyncio.gather(pipe(reader, app_writer), pipe(app_reader, writer, last=True))
        finally:
            app_writer.close()


async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, last: bool = False) -> None:
    """Hand on everything until the sender ends. `last`: then the connection is over."""
    while chunk := await reader.read(CHUNK_BYTES):
        writer.write(chunk)
        await writer.drain()
    if last:
        writer.close()
    elif writer.can_write_eof():
        writer.write_eof()


async def main(port: int, state: Path) -> None:
    """Serve for ever."""
    server = await asyncio.start_server(Proxy(state).serve, "0.0.0.0", port, limit=HEAD_MAX_BYTES)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
