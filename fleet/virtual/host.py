"""The state of one virtual host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from fleet.virtual.disk import Disk
from fleet.virtual.draws import stream
from fleet.virtual.revision import VirtualRevision
from scenarios.host_faults import SKEW_MAX_MS, NetworkFault
from scenarios.model import HealthFault, ScriptExit
from simulator.rollout.commands import RunLifecycleEvent
from simulator.rollout.events import Diagnostics


class Outcome(NamedTuple):
    """What a command comes to: why it fails, if it does; `disk` is the disk after an Install."""

    diagnostics: Diagnostics | None = None
    disk: Disk | None = None
    leaves: tuple[str, ...] = ()


class Unreported(NamedTuple):
    """A command that was carried out, with what came of it, and when it was begun."""

    command: RunLifecycleEvent
    outcome: Outcome
    began_ms: int


WELL = Outcome()
"""What nearly every command comes to."""


@dataclass(slots=True)
class AppIlls:
    """What is wrong with an application, by the fault's name.

    `slow`: how long it answers nobody after a start, milliseconds; `leaks`: how many requests it can answer; `answers`:
    the status code that it answers to everything now. `starts` counts its starts.
    """

    slow: dict[str, int] = field(default_factory=dict)
    leaks: dict[str, int] = field(default_factory=dict)
    answers: dict[str, int] = field(default_factory=dict)
    starts: int = 0


class VirtualHost:
    """A host: its agent, its disk, its application, and what is wrong with it."""

    __slots__ = (
        "alive",
        "clock",
        "command",
        "disk",
        "draws",
        "frozen",
        "generation",
        "gone",
        "health_faults",
        "ills",
        "installed",
        "lasting",
        "lost",
        "name",
        "network",
        "paused",
        "paused_ms",
        "reaches",
        "script_faults",
        "serves",
        "taken_up",
        "unreported",
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
        self.health_faults: dict[str, tuple[HealthFault, bool]] = {}
        """By the fault's name: the fault, and whether it strikes now (a flapping one comes and goes)."""
        self.ills: AppIlls | None = None
        """What is wrong with the application as a whole; None where nothing ever was."""
        self.network: dict[str, NetworkFault] = {}
        self.clock: dict[str, int] = {}
        """By the fault's name, how far it sets the clock ahead, in milliseconds."""
        self.lasting: dict[str, str] = {}
        """By the fault's name, what holds the host or its agent, fills the disk, spoils bundles: `Effect.case`."""
        self.gone = False
        """Whether the host was terminated: it never comes back."""
        self.reaches = True
        """Whether the service hears and believes the agent."""
        self.lost = False
        """Whether the agent died while it was at the command in hand, and will report that it did."""
        self.unreported: list[Unreported] = []
        """What the agent has done, and could not report yet."""

    def drop(self) -> None:
        """The agent dies: what it has in hand is not done, and what it has done is not reported."""
        self.generation += 1
        self.lost = self.command is not None and self.taken_up
        self.unreported.clear()

    def suffers(self, *cases: str) -> bool:
        """Whether a fault of one of these cases lasts here."""
        return bool(self.lasting) and any(case in cases for case in self.lasting.values())

    def relieved(self, fault: str) -> bool:
        """A fault is over: whether it lasted here, and no other of its case does."""
        case = self.lasting.pop(fault, None)
        return case is not None and not self.suffers(case)

    @property
    def agent_runs(self) -> bool:
        """Whether nothing keeps the agent from running, but for what holds the host."""
        return not self.suffers("agent stop", "agent restart")

    @property
    def bundle_fault(self) -> str | None:
        """What is wrong with the bundle that the host downloads: of several faults, what the newest one says."""
        cases = [case for case in self.lasting.values() if case.startswith("bundle ")]
        return cases[-1].removeprefix("bundle ") if cases else None

    @property
    def works(self) -> bool:
        """Whether the agent takes up commands."""
        return self.alive and self.agent_runs and self.reaches and not self.paused

    @property
    def not_believed(self) -> bool:
        """Whether the service hears the agent, and refuses what it says: its clock is too wrong."""
        return abs(sum(self.clock.values())) > SKEW_MAX_MS and not self.cut_off("controller")

    def cut_off(self, side: str) -> bool:
        """Whether nothing gets through between the host and the `balancer`, or the `controller`."""
        return any(fault.cuts(side) for fault in self.network.values())
