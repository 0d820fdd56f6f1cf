"""One command at a time for each host's agent, where deployments of several groups are under way at once.

A deployment gives a host one command at a time by itself. What a second one has for the same host waits here until
the agent is through with the first one's; that wait is none of the time that an agent has to begin. (The real service
hands both out, and the agent runs them side by side: aws-codedeploy-agent#348.)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from simulator.rollout.commands import Command, RunLifecycleEvent
from simulator.rollout.events import Event
from simulator.rollout.machine import Rollout
from simulator.rollout.walk import HOST_TIMER


class Turnstile:
    """Who is at an agent, and who waits for it."""

    def __init__(self) -> None:
        self._inside: dict[str, tuple[RunLifecycleEvent, Rollout]] = {}
        self._waiting: dict[str, deque[tuple[RunLifecycleEvent, Rollout]]] = {}

    def enter(self, command: Command, rollout: Rollout) -> bool:
        """Whether the command may be given now; otherwise `leave` gives it when its turn has come."""
        if not isinstance(command, RunLifecycleEvent):
            return True
        if command.host in self._inside:
            self._waiting.setdefault(command.host, deque()).append((command, rollout))
            return False
        self._inside[command.host] = command, rollout
        return True

    def at(self, host: str) -> str:
        """The deployment whose command a host's agent is at."""
        return self._inside[host][1].deployment_id

    def leave(self, hosts: Iterator[str]) -> Iterator[RunLifecycleEvent]:
        """What may be given now that something was handled which concerned these hosts."""
        for host in hosts:
            inside = self._inside.get(host)
            if inside is None or _at_it(*inside):
                continue
            del self._inside[host]
            waiting = self._waiting.get(host)
            while waiting:
                command, rollout = waiting.popleft()
                if _at_it(command, rollout):  # a deployment may have given it up while it waited
                    self._inside[host] = command, rollout
                    yield command
                    break


def _at_it(command: RunLifecycleEvent, rollout: Rollout) -> bool:
    """Whether a deployment still waits for the end of its command."""
    return not rollout.ended and rollout.hosts[command.host].command == command.id


def concerned(event: Event, rollout: Rollout) -> Iterator[str]:
    """The hosts whose agent may be free now that this was handled."""
    if rollout.ended and rollout.ended_ms == event.at_ms:
        return iter(rollout.hosts)
    host = getattr(event, "host", None) or getattr(event, "timer", "").removeprefix(HOST_TIMER)
    return iter((host,))
