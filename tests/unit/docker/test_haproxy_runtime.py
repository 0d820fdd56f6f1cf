"""HAProxy's runtime API: what is unanswered is asked again, and what stays unanswered is told in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from fleet.balancer import haproxy_runtime
from fleet.balancer.haproxy_runtime import Runtime
from fleet.base import FleetError

SILENT = None
HANGS_UP = b""


class Service:
    """Somebody at a port who answers one question after the other as told, and the last answer from then on."""

    def __init__(self, *answers: bytes | None) -> None:
        self.heard: list[str] = []
        self._answers = [*answers]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append((await reader.readline()).decode().strip())
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is SILENT:
            await reader.read()  # until whoever asks gives up
        else:
            writer.write(answer)
        writer.close()


@asynccontextmanager
async def speaking_to(service: Service) -> AsyncIterator[Runtime]:
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    async with server:
        yield Runtime(lambda: int(server.sockets[0].getsockname()[1]))


@pytest.fixture(autouse=True)
def no_long_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(haproxy_runtime, "ANSWER_S", 0.2)
    monkeypatch.setattr(haproxy_runtime, "AGAIN_MS", 10)
    yield


@pytest.mark.parametrize("first", [SILENT, HANGS_UP, b"so it i"])
def test_one_answer_that_does_not_come_is_asked_for_again(first: bytes | None) -> None:
    async def play() -> None:
        service = Service(first, b"so it is\n\n")
        async with speaking_to(service) as runtime:
            assert await runtime.ask("show stat") == "so it is\n\n"
            assert service.heard == ["show stat", "show stat"]

    asyncio.run(play())


def test_a_server_that_the_first_try_added_is_there() -> None:
    async def play() -> None:
        service = Service(SILENT, b"Already exists a server with the same name in backend.\n\n")
        async with speaking_to(service) as runtime:
            await runtime.add("hosts/h1", "10.0.0.10:80")
            assert service.heard == ["add server hosts/h1 10.0.0.10:80"] * 2

    asyncio.run(play())


@pytest.mark.parametrize(("always", "why"), [(SILENT, "no answer within 0.2 s"), (HANGS_UP, "it hung up")])
def test_a_balancer_that_never_answers_is_lost_in_words(
    always: bytes | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(haproxy_runtime, "LOST_S", 1)

    async def play() -> None:
        service = Service(always)
        async with speaking_to(service) as runtime:
            with pytest.raises(FleetError, match=f"lost: HAProxy has not answered `show stat` for 1 s .{why}"):
                await runtime.ask("show stat")
            assert len(service.heard) > 1

    asyncio.run(play())


def test_a_port_at_which_nobody_listens_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy_runtime, "LOST_S", 0.1)

    async def play() -> None:
        async with speaking_to(Service(SILENT)) as runtime:
            port = runtime._port()
        with pytest.raises(FleetError, match=rf"lost: .*Connect call failed.*{port}"):
            await Runtime(lambda: port).ask("show stat")

    asyncio.run(play())


@pytest.mark.parametrize(
    ("answer", "words"),
    [(b"No such server.\n\n", "the balancer refuses `set server"), (b"\n", None)],
)
def test_a_command_is_obeyed_where_nothing_is_said(answer: bytes, words: str | None) -> None:
    async def play() -> None:
        async with speaking_to(Service(answer)) as runtime:
            if words is None:
                await runtime.say("set server hosts/h1 state drain")
                return
            with pytest.raises(FleetError, match=words):
                await runtime.say("set server hosts/h1 state drain")

    asyncio.run(play())


def test_what_is_refused_otherwise_is_no_server_that_is_there() -> None:
    async def play() -> None:
        async with speaking_to(Service(b"Require 'backend/server'.\n\n")) as runtime:
            with pytest.raises(FleetError, match="does not take hosts/h1 in: Require"):
                await runtime.add("hosts/h1", "")

    asyncio.run(play())
