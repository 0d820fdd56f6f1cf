"""Errors of the core, each with the story that led to it."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.rollout.events import Event
from simulator.rollout.host import Host

STORY_EVENTS_MAX = 32
"""So many of the last events of a deployment are kept for its story."""


class RolloutError(Exception):
    """An event that cannot have happened. This is a defect of a driver or of the core, never of a scenario.

    `story` has the last events of the deployment, and of the host that is concerned, oldest first.
    """

    def __init__(self, problem: str, events: Iterable[Event], host: Host | None = None) -> None:
        self.problem = problem
        lines = [
            f"  {type(event).__name__} #{event.id} at {event.at_ms} ms, caused by {event.cause or 'nothing'}"
            for event in events
        ]
        self.story: tuple[str, ...] = ("the deployment's last events:", *lines)
        if host is not None:
            records = [f"  {r.name} {r.status}, ended at {r.ended_ms} ms" for r in host.records]
            at_hand = f"  now: {host.status}, {host.event or 'between events'}, command {host.command or 'none'}"
            self.story += (f"{host.name}'s story:", *records, at_hand)
        super().__init__("\n".join((problem, *self.story)))
