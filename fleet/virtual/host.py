"""The state of one virtual host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from fleet.virtual.disk import Disk
from fleet.virtual.draws import stream
from fleet.virtual.revision import VirtualRevision
from scenarios.model import HealthFault, ScriptExit
from simulator.rollout.commands import RunLifecycleEvent
from simulator.rollout.events import Diagnostics


class Outcome(NamedTuple):
    """What a command comes to: why it fails, if it does; `disk` is the disk after an Install."""

    diagnostics: Diagnostics | None = None
    disk: Disk | None = None
    leaves: tuple[str, ...] = ()


WELL = Outcome()
"""What nearly every command comes to."""


class VirtualHost:
    """A host: its agent, its disk, its application, and what is wrong with it."""

    __slots__ = (
        "agent_runs",
        "alive",
        "bundle_fault",
        "command",
        "disk",
        "draws",
        "frozen",
        "generation",
        "health_faults",
        "installed",
        "name",
        "paused",
        "paused_ms",
        "script_faults",
        "serves",
        "taken_up",
    )

    def __init__(
        self, name: str, seed: int, disk: Disk, installed: Mapping[str, VirtualRevision], serves: VirtualRevision | None
    ) -> None:
        self.name = name
        self.draws = stream(seed, name)
        """This host's own stream of draws."""
        self.disk = disk
        self.installed: dict[str, VirtualRevision] = dict(installed)
        """The revision of each group's last successful Install: its scripts stop the application the next time."""
        self.serves = serves
        """The revision that the application serves; None while it does not run."""
        self.alive = True
        self.paused = False
        self.agent_runs = True
        self.command: RunLifecycleEvent | None = None
        """The command in hand, taken up or not."""
        self.taken_up = False
        self.generation = 0
        """Counts what makes pending completions void: a crash, a restart, a pause."""
        self.paused_ms = 0
        """When the pause began."""
        self.frozen: list[tuple[RunLifecycleEvent, int, int, Outcome]] = []
        """While paused: the commands that were begun, when, how long each still had to go, and what it comes to."""
        self.script_faults: dict[str, str | ScriptExit] = {}
        self.bundle_fault: str | None = None
        self.health_faults: dict[str, tuple[HealthFault, bool]] = {}
        """By the fault's name: the fault, and whether it strikes now (a flapping one comes and goes)."""

    @property
    def works(self) -> bool:
        """Whether the agent takes up commands."""
        return self.alive and self.agent_runs and not self.paused
