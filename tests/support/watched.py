"""Rollouts that the invariants watch, and what the core would never have done: said to have been done."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.control.invariants import Invariants
from simulator.rollout.commands import (
    BlockTraffic,
    Command,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import Event
from strategies.options import BlueGreen, Options, Share
from tests.support.rollouts import Hand, deployment

MINUTE_MS = 60_000


class Watched(Hand):
    """A hand whose every event is watched by the invariants too."""

    def __init__(self, asked: Deployment, watch: Invariants | None = None) -> None:
        super().__init__(asked)
        self.watch = watch or Invariants()
        self.watch.begin(asked)

    def feed(self, event: Event) -> tuple[Command, ...]:
        commands = super().feed(event)
        self.watch.check(event, commands, self.rollout)
        assert self.broken() == []
        return commands

    def all(self) -> None:
        """All goes well on every host that is under way, until none is."""
        while self.busy:
            self.walk(self.busy[0])

    def pretend(self, *commands: Command) -> dict[str, str]:
        """The core is said to have answered the last event with these as well. The rules that this breaks, and why."""
        self.watch.check(self.events[-1], commands, self.rollout)
        return {finding.name: finding.why for finding in self.watch.findings() if not finding.held}

    def broken(self) -> list[str]:
        return [f"{finding.name}: {finding.why}" for finding in self.watch.findings() if not finding.held]

    def run_on(self, host: str, name: str = "Install") -> Command:
        return RunLifecycleEvent(f"{self.events[-1].id}.9", "d-1", "why", host, name)

    def block(self, host: str) -> Command:
        return BlockTraffic(f"{self.events[-1].id}.9", "d-1", "why", host)

    def end_of(self, host: str) -> Command:
        return TerminateHost(f"{self.events[-1].id}.9", "d-1", "why", host, False)

    def shift_to(self, percent: int, hosts: Sequence[str]) -> Command:
        return ShiftTraffic(f"{self.events[-1].id}.9", "d-1", "why", tuple(hosts), percent)


def canary() -> Watched:
    options = Options(share=Share(hosts=1), bake_ms=MINUTE_MS)
    hand = Watched(deployment(4, "AllAtOnce", strategy="canary", options=options))
    hand.create()
    return hand


def blue_green(count: int = 2, minimum: str = "AllAtOnce", **told: object) -> Watched:
    options = Options(blue_green=BlueGreen(**told), bake_ms=MINUTE_MS)  # type: ignore[arg-type]
    hand = Watched(deployment(count, minimum, strategy="blue-green", options=options, balancer=True))
    hand.create()
    for name in greens(hand):
        hand.answer(name)
    return hand


def greens(hand: Hand) -> list[str]:
    return [command.host for command in hand.commands if isinstance(command, ProvisionHost)]


def only(found: dict[str, str], name: str) -> str:
    """The reason of the rule that was broken, which is the only one."""
    assert list(found) == [name], found
    return found[name]
