"""What a strategy can be told beside its deployment configuration. Every strategy reads the part that is its own."""

from __future__ import annotations

from dataclasses import dataclass

from strategies.configuration import MinimumHealthyHosts


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a fleet: a number of hosts, or a percentage of them. Exactly one."""

    hosts: int | None = None
    percent: int | None = None

    def of(self, fleet: int) -> int:
        """How many of `fleet` hosts; a percentage is rounded to the nearest, and at least one host takes part."""
        if self.hosts is not None:
            return min(self.hosts, fleet)
        assert self.percent is not None, "a share is a number or a percentage"
        return max(1, min(fleet, (self.percent * fleet + 50) // 100))


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a list of steps. Exactly one of `share` (deploy until this much is done) and `pause`.

    `pause` with `lasts_ms` None waits for a person; `bakes` with a duration.
    """

    share: Share | None = None
    pause: bool = False
    lasts_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """Durations are milliseconds.

    canary: `share` first, then `bake_ms`, then the rest.
    linear: `share` every `bake_ms`.
    zonal: `minimum_per_zone`, and `first_bake_ms` after the first zone, `bake_ms` after the others.
    steps: `steps`.
    """

    share: Share | None = None
    bake_ms: int = 0
    first_bake_ms: int | None = None
    minimum_per_zone: MinimumHealthyHosts | None = None
    steps: tuple[Step, ...] = ()


NONE = Options()
"""No options."""
