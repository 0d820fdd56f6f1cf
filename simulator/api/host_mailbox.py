"""One host's mailbox: the command that it is to carry out, and what became of the ones before.

A host has one outstanding command. It is handed out at a poll, and once more after `AGAIN_S` if it was not
acknowledged: an agent may die between the two (and agents drop what they already have in hand).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fleet.docker.mailbox import HostCommand, host_identifier

AGAIN_S: Final = 5.0


class CommandStatus(StrEnum):
    """What the service says of a command, in the protocol's words."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(slots=True)
class Slip:
    """A command and its state. `given_up`: the deployment went on without it."""

    command: HostCommand
    identifier: str
    status: CommandStatus = CommandStatus.PENDING
    given_up: bool = False
    handed_out_s: float = -math.inf
    """When it was last handed out, on the event loop's clock."""

    @property
    def acknowledged(self) -> bool:
        """Whether an agent said that it begins it (or that it ended)."""
        return self.status is not CommandStatus.PENDING

    @property
    def ended(self) -> bool:
        """Whether an agent said how it ended."""
        return self.status in (CommandStatus.SUCCEEDED, CommandStatus.FAILED)


@dataclass(slots=True)
class Mailbox:
    """What one host is to do."""

    host: str
    slips: dict[str, Slip] = field(default_factory=dict)
    """Every command of the run by its HostCommandIdentifier."""
    outstanding: Slip | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, command: HostCommand) -> None:
        """Make this the outstanding command; the one before it is given up if it has not ended.

        Raises ValueError for a command that this host was given before.
        """
        identifier = _identifier(command, len(self.slips))
        if any(slip.command == command for slip in self.slips.values()):
            raise ValueError(
                f"{command.host} was already given command {command.command_id} of {command.deployment_id}"
            )
        if self.outstanding is not None and not self.outstanding.ended:
            self.outstanding.given_up = True
        self.outstanding = self.slips[identifier] = Slip(command, identifier)
        self._changed.set()

    async def wait(self, limit_s: float) -> Slip | None:
        """The outstanding command, at once or as soon as there is one; None after `limit_s` seconds."""
        clock = asyncio.get_running_loop().time
        end_s = clock() + limit_s
        while (now_s := clock()) < end_s:
            slip = self.outstanding
            wake_s = end_s
            if slip is not None and not slip.acknowledged:
                wake_s = slip.handed_out_s + AGAIN_S
                if wake_s <= now_s:
                    slip.handed_out_s = now_s
                    return slip
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), min(wake_s, end_s) - now_s)
        return None


def _identifier(command: HostCommand, index: int) -> str:
    """A HostCommandIdentifier.

    Opaque to an agent; the same shape as the service's, base64 of a JSON object.
    """
    content = {
        "deploymentId": f"{command.deployment_id}",
        "hostId": host_identifier(command.host),
        "commandId": command.command_id,
        "commandName": command.name,
        "commandIndex": index,
        "attemptIndex": 1,
    }
    return base64.b64encode(json.dumps(content).encode()).decode("ascii")
