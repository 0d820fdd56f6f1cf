"""What reaches the hosts, whichever deployment sends it: a book of its own, from what is seen to go in and come out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.rollout.commands import Command, EndHost, Finish, HostCommand, RunLifecycleEvent, StartTimer
from simulator.rollout.events import Event, HostTerminated, LifecycleEventCompleted, TimerFired
from simulator.rollout.machine import Rollout
from simulator.rollout.walk import HOST_TIMER

ONE_COMMAND = "a host is given one command at a time"
ENDED = "a terminated host is given no command"


class _Inside(NamedTuple):
    """A command that a host's agent is at, and its deployment."""

    command: str
    deployment: str


class AtHosts:
    """Who is at each host's agent, and which hosts are gone."""

    def __init__(self) -> None:
        self._inside: dict[str, _Inside] = {}
        self._gone: dict[str, str] = {}
        """Hosts that were terminated, and by whom."""

    def hear(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """One event was handled, and answered with these commands, which are not carried out yet. O(commands)."""
        kind = type(event)
        if kind is LifecycleEventCompleted:
            assert isinstance(event, LifecycleEventCompleted)
            inside = self._inside.get(event.host)
            if inside is not None and inside.command == event.cause:
                del self._inside[event.host]
        elif kind is TimerFired:
            assert isinstance(event, TimerFired)
            self._timed_out(event, commands)
        elif kind is HostTerminated and rollout is not None and rollout.terminates:
            assert isinstance(event, HostTerminated)
            self._gone[event.host] = event.deployment_id
        for command in commands:
            if type(command) is EndHost:
                self._gone[command.host] = command.pool
            elif type(command) is Finish and rollout is not None:
                self._leave(rollout)

    def _timed_out(self, event: TimerFired, commands: Sequence[Command]) -> None:
        """A deployment gives up what a host is at, unless it only sets the timer anew."""
        host = event.timer.removeprefix(HOST_TIMER)
        inside = self._inside.get(host)
        if inside is None or inside.deployment != event.deployment_id:
            return
        again = any(isinstance(each, StartTimer) and each.timer == event.timer for each in commands)
        if not again or any(isinstance(each, HostCommand) and each.host == host for each in commands):
            del self._inside[host]

    def _leave(self, rollout: Rollout) -> None:
        """A deployment has ended, and waits for no host any more."""
        for host in rollout.hosts:
            inside = self._inside.get(host)
            if inside is not None and inside.deployment == rollout.deployment_id:
                del self._inside[host]

    def reached(self, command: Command) -> Iterator[tuple[str, str]]:
        """A command is about to reach a host: the rules that this breaks, each with the reason."""
        if not isinstance(command, HostCommand):
            return
        host = command.host
        if host in self._gone:
            yield ENDED, f"{host} was given {command.id} after {self._gone[host]} had terminated it"
        if isinstance(command, RunLifecycleEvent):
            before = self._inside.get(host)
            if before is not None and before.deployment != command.deployment_id:
                why = f"{command.id} of {command.deployment_id} while it was at {before.command} of {before.deployment}"
                yield ONE_COMMAND, f"{host} was given {why}"
            self._inside[host] = _Inside(command.id, command.deployment_id)
