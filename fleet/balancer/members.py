"""Hosts as the balancer of a Docker fleet has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from fleet.balancer.weights import ALONE


class Membership(Enum):
    """Where a host stands with the balancer."""

    GONE = "gone"
    OUT = "out"
    INITIAL = "initial"
    IN_SERVICE = "in service"
    DRAINING = "draining"


@dataclass(slots=True)
class Member:
    """A host as the balancer has it.

    `before`: the last check before it was registered, `since_s`: when it was.
    """

    membership: Membership = Membership.OUT
    before: tuple[str, str, str, str] | None = None
    since_s: float = 0.0
    reported: tuple[bool, str] | None = None
    up: bool = False
    cause: str = ""
    waiting: dict[str, str] = field(default_factory=dict)
    """Who has registered it, by group, and has not heard yet that it is healthy."""
    out_since_s: float | None = None
    """Since when it may get no new request, by the event loop's clock; None while it may."""
    weight: int = ALONE
    weightless_since_s: float | None = None
    """Since when its share is nothing, by the event loop's clock; None while it has one."""

    @property
    def registered(self) -> bool:
        """Whether it is checked, and has requests or will."""
        return self.membership in (Membership.INITIAL, Membership.IN_SERVICE)

    def hearers(self, *, healthy: bool) -> tuple[str, ...]:
        """The causes under which its health is told: that it is healthy, to each group that waits for it."""
        if not healthy or not self.waiting:
            return (self.cause,)
        waiting, self.waiting = tuple(self.waiting.values()), {}
        return waiting
