"""HAProxy's runtime API: commands over TCP, one connection each.

Source: HAProxy 2.6, management guide, chapter 9.3: an answer ends with an empty line, so even a command that has
nothing to say is answered by one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from fleet.base import FleetError

ANSWER_S: Final = 5
"""A question to the balancer of a Docker fleet that has no answer within this time is asked again."""
LOST_S: Final = 30
"""The balancer of a Docker fleet is lost, and the run with it, where it has answered nothing for so long."""
AGAIN_MS: Final = 100
"""So long after one try the next is made."""
COMMANDS_MAX: Final = 50
"""So many commands at once are shorter than the line that HAProxy reads (16 KiB)."""

_THERE: Final = ("New server registered", "Already exists a server with the same name")


class Runtime:
    """Whoever speaks to HAProxy. `port` is where it listens now, on 127.0.0.1.

    What is unanswered is tried again: on a busy machine an answer may be late, or HAProxy not there yet. It may have
    been obeyed all the same, so everything said here may be said twice.
    """

    def __init__(self, port: Callable[[], int]) -> None:
        self._port = port

    async def ask(self, command: str) -> str:
        """What HAProxy answers. Raises FleetError where it has not answered for `LOST_S` seconds."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + LOST_S
        while True:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._once(command)
            except OSError as error:  # TimeoutError is one, and says nothing
                if loop.time() > end_s:
                    why = str(error) or f"no answer within {ANSWER_S} s"
                    raise FleetError(
                        f"the balancer was lost: HAProxy has not answered `{command}` for {LOST_S} s ({why}). "
                        "Its container has ended, or this machine is too busy for it"
                    ) from error
            await asyncio.sleep(AGAIN_MS / 1000)

    async def say(self, command: str) -> None:
        """Give a command that answers nothing when it is obeyed. Raises FleetError where it is not."""
        if answer := (await self.ask(command)).strip():
            raise FleetError(f"the balancer refuses `{command}`: {answer}")

    async def say_all(self, commands: list[str]) -> None:
        """Give commands, as many at once as may be."""
        for begin in range(0, len(commands), COMMANDS_MAX):
            await self.say("; ".join(commands[begin : begin + COMMANDS_MAX]))

    async def add(self, server: str, arguments: str) -> None:
        """Have a server, as `backend/name`, that the configuration does not know; one that is there is as good."""
        answer = (await self.ask(f"add server {server} {arguments}")).strip()
        if not answer.startswith(_THERE):
            raise FleetError(f"the balancer does not take {server} in: {answer or 'no answer'}")

    async def _once(self, command: str) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port())
        try:
            writer.write(command.encode() + b"\n")
            await writer.drain()
            answer = await reader.read()
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        if not answer.endswith(b"\n"):
            raise ConnectionError("it hung up")
        return answer.decode("utf-8", "replace")
