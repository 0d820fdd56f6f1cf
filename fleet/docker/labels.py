"""Labels: how everything that a run makes is found again, also after the run was killed.

Every container, network and volume bears the run's id and its owner: the process, told apart from a later
process with the same number by when it began, and the place where such numbers mean anything (a machine and
its boot, or a container's process namespace). What belongs to a live owner is never removed unasked, nor
what belongs to another place.
"""

from __future__ import annotations

import os
import platform
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

RUN: Final = "drydeploy.run"
HOST: Final = "drydeploy.host"
ROLE: Final = "drydeploy.role"
OWNER_PID: Final = "drydeploy.owner.pid"
OWNER_STARTED: Final = "drydeploy.owner.started"
OWNER_PLACE: Final = "drydeploy.owner.place"
IMAGE: Final = "drydeploy.image"
"""On images: their content's hash."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that a run belongs to."""

    pid: int
    started: str
    place: str

    @classmethod
    def current(cls) -> Self:
        """This process."""
        pid = os.getpid()
        return cls(pid, process_started(pid) or "", place())

    @classmethod
    def from_labels(cls, labels: dict[str, str]) -> Self | None:
        """The owner that labels name; None where they name none."""
        pid = labels.get(OWNER_PID, "")
        if not pid.isdigit():
            return None
        return cls(int(pid), labels.get(OWNER_STARTED, ""), labels.get(OWNER_PLACE, ""))

    @property
    def alive(self) -> bool | None:
        """Whether the process still runs; None where this cannot be known from here."""
        here = place()
        if self.place != here:
            machine, _, _ = self.place.partition("/")
            same_machine = machine == here.partition("/")[0]
            rebooted = same_machine and self.place.split("/")[1:2] != here.split("/")[1:2]
            return False if rebooted else None
        return process_started(self.pid) == self.started


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the fleet."""

    id: str
    owner: Owner

    @classmethod
    def new(cls) -> Self:
        """A run of this process, with an id of its own."""
        return cls(secrets.token_hex(4), Owner.current())

    def labels(self, role: str, host: str | None = None) -> dict[str, str]:
        """What everything of this run is labelled with. `role` is host, balancer or network."""
        labels = {
            RUN: self.id,
            ROLE: role,
            OWNER_PID: str(self.owner.pid),
            OWNER_STARTED: self.owner.started,
            OWNER_PLACE: self.owner.place,
        }
        return labels if host is None else {**labels, HOST: host}

    def name(self, what: str) -> str:
        """What a container or network of this run is called."""
        return f"drydeploy-{self.id}-{what}"


def place() -> str:
    """Where process numbers mean what they mean here: `machine/boot/namespace`."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    return "/".join(
        (
            _machine(),
            boot.read_text().strip() if boot.exists() else "boot",
            str(namespace.readlink()) if namespace.exists() else "all",
        )
    )


def _machine() -> str:
    """A machine's own number where it has one, else its name."""
    number = Path("/etc/machine-id")
    return (number.read_text().strip() if number.exists() else "") or platform.node()


def process_started(pid: int) -> str | None:
    """When a process began, as its system tells it (opaque); None where there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return None if fields[0] in "ZX" else fields[19]
    found = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return found or None
