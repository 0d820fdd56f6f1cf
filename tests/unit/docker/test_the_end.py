"""The end of a run on Docker: what still works in a thread is waited for, and everything is closed. No engine."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any, cast

import pytest

from fleet.base import FleetError
from fleet.docker import fleet as docker_fleet
from fleet.docker.fleet import DockerFleet
from fleet.docker.lanes import Lanes
from fleet.threads import in_thread
from scenarios.model import Effect

LIMIT_S = 10


class Slow:
    """What a fault does at a host, which takes until it may end."""

    def __init__(self) -> None:
        self.begun, self.may_end, self.ended = threading.Event(), threading.Event(), False

    def inject(self, *_: Any) -> None:
        self.begun.set()
        self.ended = self.may_end.wait(LIMIT_S)

    heal = inject


class Closing:
    """Somebody who is closed."""

    closed = False

    async def close(self) -> None:
        self.closed = True


class Client:
    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("how", ["inject", "heal"])
def test_a_fault_that_is_being_made_real_is_waited_for(how: str) -> None:
    async def play() -> None:
        fleet, slow, commands = DockerFleet(cast(Any, Closing())), Slow(), Closing()
        fleet._commands, fleet._faults = cast(Any, commands), cast(Any, slow)
        fleet._lanes = Lanes(lambda error: pytest.fail(str(error)))
        effect = Effect.model_validate({"host": "crash"})
        if how == "inject":
            fleet.inject("fault", effect, ["h1"], event=None)
        else:
            fleet.heal("fault", effect, ["h1"])
        assert await in_thread(partial(slow.begun.wait, LIMIT_S))
        closing = asyncio.create_task(fleet.close())
        done, _ = await asyncio.wait([closing], timeout=0.2)
        assert not done
        assert not commands.closed
        slow.may_end.set()
        await asyncio.wait_for(closing, LIMIT_S)
        assert slow.ended
        assert commands.closed

    asyncio.run(play())


def test_who_speaks_to_agents_is_closed_where_containers_will_not_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def will_not_go(*_: Any) -> None:
        raise FleetError("they stay")

    monkeypatch.setattr(docker_fleet, "remove_run", will_not_go)
    commands, client = Closing(), Client()

    async def play() -> None:
        fleet = DockerFleet(cast(Any, commands))
        fleet._client = cast(Any, client)
        with pytest.raises(FleetError, match="they stay"):
            await fleet.close()

    asyncio.run(play())
    assert commands.closed
    assert client.closed


def test_what_a_thread_answers_or_raises_is_handed_on() -> None:
    def raises() -> None:
        raise FleetError("no")

    assert asyncio.run(in_thread(lambda: 7)) == 7
    with pytest.raises(FleetError, match="no"):
        asyncio.run(in_thread(raises))
