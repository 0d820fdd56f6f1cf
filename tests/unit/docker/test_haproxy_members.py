"""Who is told what of a host, by a real HAProxy that needs no container."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from fleet.balancer.haproxy import HaproxyBalancer
from fleet.balancer.haproxy_config import CONTROL_PORT, USERS_PORT, render
from scenarios.model import Balancer
from tests.support.demanded import lacking

HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
LIMIT_S = 20

Told = tuple[str, bool, str, str]


@pytest.fixture(autouse=True)
def haproxy_is_there() -> None:
    if HAPROXY is None:
        lacking("HAProxy", "who is told of a host", "install the package haproxy")


class Process:
    """HAProxy's place, as a container has it."""

    def __init__(self) -> None:
        self.control_port, self.users_port = free_port(), free_port()


class Host:
    """A host that answers the health check with a status, or with nothing before it is `up`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.status = 503

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {self.status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def balancing(tmp_path: Path) -> AsyncIterator[tuple[HaproxyBalancer, Host, list[Told]]]:
    """A balancer before one host, h1, which answers 503 at first; and what is told of it."""
    host, process, told = Host(), Process(), list[Told]()
    check = {"path": "/", "interval": "100ms", "timeout": "2s", "rise": 3, "fall": 2}
    spec = Balancer.model_validate({"port": host.port, "health_check": check})
    balancer = HaproxyBalancer(spec, {"h1": "127.0.0.1"}, lambda *what: told.append(what))
    balancer._container = process  # type: ignore[assignment]
    config = tmp_path / "haproxy.cfg"
    config.write_text(
        render(spec, {"h1": "127.0.0.1"})
        .replace(f"0.0.0.0:{CONTROL_PORT}", f"127.0.0.1:{process.control_port}")
        .replace(f"0.0.0.0:{USERS_PORT}", f"127.0.0.1:{process.users_port}")
    )
    haproxy = await asyncio.create_subprocess_exec(str(HAPROXY), "-db", "-f", str(config))
    server = await asyncio.start_server(host.serve, "127.0.0.1", host.port)
    try:
        await balancer.connect()
        watch = asyncio.create_task(balancer.watch())
        yield balancer, host, told
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
    finally:
        haproxy.terminate()
        await haproxy.wait()
        server.close()


async def until(wanted: Callable[[], Any]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not wanted():
            await asyncio.sleep(0.02)


def healthy(told: list[Told]) -> list[str]:
    """Who was told that h1 is healthy."""
    return [cause for host, up, seen, cause in told if (host, up, seen) == ("h1", True, "200")]


def test_everybody_who_waits_for_a_host_hears_that_it_is_healthy(tmp_path: Path) -> None:
    async def play() -> None:
        async with balancing(tmp_path) as (balancer, host, told):
            await balancer.register("h1", "1.0", "one")
            await balancer.register("h1", "2.0", "two")
            await until(lambda: told)
            assert not healthy(told)
            host.status = 200
            await until(lambda: len(healthy(told)) == 2)
            assert healthy(told) == ["1.0", "2.0"]
            host.status = 503
            await until(lambda: told[-1] == ("h1", False, "503", "2.0"))
            host.status = 200
            await until(lambda: balancer.in_service and told[-1][1])
            assert healthy(told) == ["1.0", "2.0", "2.0"], "nobody waits any more: the last one is named"

    asyncio.run(play())


def test_a_group_that_registers_a_host_anew_does_not_wait_for_its_first_time_any_more(tmp_path: Path) -> None:
    async def play() -> None:
        async with balancing(tmp_path) as (balancer, host, told):
            for cause in ("1.0", "2.0"):
                await balancer.register("h1", cause, "one")
                await balancer.deregister("h1")
            await balancer.register("h1", "3.0", "one")
            host.status = 200
            await until(lambda: balancer.in_service)
            assert healthy(told) == ["3.0"]

    asyncio.run(play())


def test_a_host_that_is_healthy_stays_in_service_where_another_group_registers_it(tmp_path: Path) -> None:
    async def play() -> None:
        async with balancing(tmp_path) as (balancer, host, told):
            host.status = 200
            await balancer.register("h1", "1.0", "one")
            await until(lambda: balancer.in_service)
            await balancer.register("h1", "2.0", "two")
            assert balancer.in_service
            await until(lambda: len(healthy(told)) == 2 or not balancer.in_service)
            assert healthy(told) == ["1.0", "2.0"]

    asyncio.run(play())


def test_a_host_that_has_gone_is_registered_no_more(tmp_path: Path) -> None:
    async def play() -> None:
        async with balancing(tmp_path) as (balancer, _, told):
            await balancer.remove("h1")
            assert await balancer.register("h1", "1.0", "one") is None
            await balancer._poll()
            assert told == []

    asyncio.run(play())
