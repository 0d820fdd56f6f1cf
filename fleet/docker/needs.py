"""What a scenario's faults need of the hosts' containers beyond what every host has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from fleet.agent.layout import ROOT_DIR
from scenarios.model import Effect, Scenario

DISK_BYTES: Final = 16 << 20
"""Where a disk is to be full, the agent's deployment root is a file system of this size, and of `DISK_TIMES` the
bundles' sizes more: in memory, so that nothing else is ever filled."""
DISK_TIMES: Final = 20
DISKS_MAX_BYTES: Final = 1 << 30
"""All the disks that one run can fill take no more memory than this."""


REDIRECTED: Final = frozenset({"health", "slow_start", "memory"})
"""Effects that stand between the application and whoever asks it."""


@dataclass(frozen=True, slots=True)
class Needs:
    """`network`: the host's network is tampered with; `clock`: its clock is, by libfaketime, which `sitecustomize` in
    `hostside` makes bearable to Python; `disk_bytes`: so large is the disk of the
    agent's deployment root, 0 where that is a directory like any other."""

    network: bool = False
    clock: bool = False
    disk_bytes: int = 0

    @classmethod
    def of(cls, scenario: Scenario, bundle_bytes: Iterable[int]) -> Self:
        """What this scenario needs, with bundles of these sizes."""
        effects: list[Effect] = [fault.do for fault in scenario.faults]
        full = any(effect.disk is not None for effect in effects)
        return cls(
            network=any(effect.kind in (*REDIRECTED, "network") for effect in effects),
            clock=any(effect.clock is not None for effect in effects),
            disk_bytes=DISK_BYTES + DISK_TIMES * sum(bundle_bytes) if full else 0,
        )

    @property
    def tmpfs(self) -> dict[str, str]:
        """The file systems in memory, as the engine wants to hear of them. Scripts are run from there."""
        return {ROOT_DIR: f"size={self.disk_bytes},mode=755,exec"} if self.disk_bytes else {}
