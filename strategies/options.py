"""What a strategy can be told beside its deployment configuration. Every strategy reads the part that is its own."""

from __future__ import annotations

from dataclasses import dataclass

from strategies.configuration import MinimumHealthyHosts


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a fleet: a number of hosts, or a percentage of them. Exactly one."""

    hosts: int | None = None
    percent: int | None = None

    def __str__(self) -> str:
        """As it is written: `2 hosts`, `10 %`."""
        return f"{self.percent} %" if self.hosts is None else f"{self.hosts} host{'s' * (self.hosts != 1)}"

    def of(self, fleet: int) -> int:
        """How many of `fleet` hosts; a percentage is never exceeded, but by the one host that takes part at least."""
        if self.hosts is not None:
            return min(self.hosts, fleet)
        assert self.percent is not None, "a share is a number or a percentage"
        return max(1, self.percent * fleet // 100)


@dataclass(frozen=True, slots=True)
class Analysis:
    """An analysis that the scenario names, and how long it lasts."""

    name: str
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a list of steps. Exactly one of `share` (deploy until this much is done), `pause` and `analysis`.

    `pause` with `lasts_ms` None waits for a person, and bakes with a duration. An analysis lasts `lasts_ms`.
    """

    share: Share | None = None
    pause: bool = False
    lasts_ms: int | None = None
    analysis: str | None = None


@dataclass(frozen=True, slots=True)
class BlueGreen:
    """A blue/green deployment (`BlueGreenDeploymentConfiguration`), or the way back from one.

    `green`: the replacement hosts where they exist already (DISCOVER_EXISTING); empty: they are provisioned.
    `waits`: whether the deployment stands Ready until somebody continues it (STOP_DEPLOYMENT), `ready_wait_ms` long.
    `shift`: shares of the traffic in percent, rising, each followed by a bake; empty: rerouted at once.
    `terminate_after_ms`: the wait before the original hosts are terminated; None: they are kept alive.
    `held_out`: (the way back) original hosts that are out of traffic. `let_in`: replacement hosts that are in it.
    """

    green: tuple[str, ...] = ()
    waits: bool = False
    ready_wait_ms: int | None = None
    shift: tuple[int, ...] = ()
    terminate_after_ms: int | None = 0
    held_out: tuple[str, ...] = ()
    let_in: tuple[str, ...] = ()
    doomed: tuple[str, ...] = ()
    """(the way back) Replacement hosts that are to be terminated."""
    generation: int = 2
    """The least generation that new hosts belong to: those below are taken, by hosts that may still stand."""


@dataclass(frozen=True, slots=True)
class Options:
    """Durations are milliseconds.

    canary: `share` first, then `bake_ms`, then the rest.
    linear: `share` every `bake_ms`.
    zonal: `minimum_per_zone`, and `first_bake_ms` after the first zone, `bake_ms` after the others.
    steps: `steps`.
    blue-green: `blue_green`, and `bake_ms` after each shift.
    canary, linear, blue-green: `analysis` after each bake.
    """

    share: Share | None = None
    bake_ms: int = 0
    first_bake_ms: int | None = None
    minimum_per_zone: MinimumHealthyHosts | None = None
    steps: tuple[Step, ...] = ()
    blue_green: BlueGreen | None = None
    analysis: Analysis | None = None


NONE = Options()
"""No options."""
