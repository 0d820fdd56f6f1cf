"""The health budget: which host may be deployed to next, and when no other may.

CodeDeploy's algorithm (user guide, "Instance health" and "Minimum number of healthy instances"):

1. The minimum is fixed at the start. If it is no less than the fleet, nothing is deployed at all (`Deploy.unfit`).
2. Hosts that are not healthy come first: deploying to them costs no health.
3. Then healthy ones, as long as taking one more out leaves at least the minimum healthy.
4. Where healthy hosts wait, none is under way and none may be taken out, the deployment stops; whichever stage is
   theirs.
5. It has succeeded if as many hosts as the minimum, and at least one, have been deployed to with success.

What the documentation leaves open, and what is chosen here (docs/decisions/0003):

* No more than `hosts - minimum` are under way at once, in step 2 as well: OneAtATime is one at a
  time on new hosts too.
* Step 4 never stops a fleet in which nothing was healthy to begin with; there the deployment stops as soon as 5
  can no longer be reached.

Every question is answered from counters: O(1), however large the fleet.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Standing(NamedTuple):
    """The rest of the fleet as a stage begins: `hosts` that are not the stage's, and how they stand."""

    hosts: int = 0
    healthy: int = 0
    succeeded: int = 0
    failed: int = 0


class HealthBudget:
    """The counters of one stage, and of the fleet that it is a part of.

    `unhealthy` and `healthy` are the stage's hosts, in the order in which they are taken. `minimum` holds in the whole
    fleet (`others` being the rest of it), `own_minimum` among the stage's hosts alone.
    """

    __slots__ = (
        "_healthy_next",
        "_order",
        "_phase_a",
        "failed",
        "forgiven",
        "healthy",
        "hosts",
        "in_flight",
        "minimum",
        "must_succeed",
        "others",
        "own_minimum",
        "succeeded",
    )

    def __init__(
        self,
        unhealthy: Iterable[str],
        healthy: Iterable[str],
        minimum: int,
        *,
        own_minimum: int = 0,
        must_succeed: int | None = None,
        forgiven: bool = False,
        others: Standing | None = None,
    ) -> None:
        self._order = list(unhealthy)
        self._phase_a = len(self._order)
        self._order.extend(healthy)
        self._healthy_next = 0
        self.hosts = len(self._order)
        """Hosts of the stage."""
        self.minimum = minimum
        self.own_minimum = own_minimum
        self.must_succeed = must_succeed
        self.forgiven = forgiven
        """Whether a failure fails nothing."""
        self.others = others or Standing()
        self.healthy = self.hosts - self._phase_a
        """Hosts of the stage that are healthy and not taken out."""
        self.in_flight = 0
        self.succeeded = 0
        self.failed = 0

    @property
    def fleet(self) -> int:
        """Hosts of the whole fleet."""
        return self.hosts + self.others.hosts

    @property
    def fleet_healthy(self) -> int:
        """Hosts of the whole fleet that are healthy and not taken out."""
        return self.healthy + self.others.healthy

    @property
    def fleet_failed(self) -> int:
        """Hosts of the whole fleet to which this deployment has failed."""
        return self.failed + self.others.failed

    @property
    def fleet_succeeded(self) -> int:
        """Hosts of the whole fleet to which this deployment has succeeded."""
        return self.succeeded + self.others.succeeded

    @property
    def needed(self) -> int:
        """How many hosts of the fleet must succeed."""
        return max(self.minimum, 1)

    @property
    def own_needed(self) -> int:
        """How many hosts of the stage must succeed."""
        return max(self.own_minimum, 1) if self.must_succeed is None else self.must_succeed

    @property
    def waiting(self) -> int:
        """Hosts that have not been taken yet."""
        return self.hosts - self._healthy_next

    @property
    def hopeless(self) -> bool:
        """Whether so many have failed that the rest cannot make up for it."""
        if self.forgiven:
            return False
        return self.failed + self.others.failed > self.fleet - self.needed or self.failed > self.hosts - self.own_needed

    def take(self) -> tuple[str, str] | None:
        """The next host and the reason why it may be taken now; None while none may. O(1)."""
        index = self._healthy_next
        if index == self.hosts or self.hopeless:
            return None
        if self.in_flight >= self.fleet - self.minimum or self.in_flight >= self.hosts - self.own_minimum:
            return None
        if index < self._phase_a:
            why = "not healthy, so deploying to it costs no health"
        elif index - self._phase_a == 0 and self.in_flight:
            return None  # the unhealthy ones come first, to their end
        elif self.fleet_healthy - 1 < self.minimum or self.healthy - 1 < self.own_minimum:
            return None
        else:
            why = f"{self.fleet_healthy} of {self.fleet} healthy and {self.minimum} needed, so one may be taken out"
            self.healthy -= 1
        self._healthy_next = index + 1
        self.in_flight += 1
        return self._order[index], why

    def give_back(self, *, succeeded: bool) -> None:
        """A host that was taken has ended."""
        self.in_flight -= 1
        if succeeded:
            self.succeeded += 1
            self.healthy += 1
        else:
            self.failed += 1

    @property
    def ended(self) -> bool:
        """Whether nothing is under way. Asked after `take` gave None: then nothing more will be."""
        return self.in_flight == 0

    @property
    def stranded(self) -> bool:
        """Whether healthy hosts wait for later stages, and none of them could ever be taken out."""
        others = self.others
        wait = others.succeeded + others.failed < others.hosts
        all_healthy = others.healthy + others.failed == others.hosts
        return wait and all_healthy and self.fleet_healthy <= self.minimum

    @property
    def success(self) -> bool:
        """Whether the stage, once ended, has succeeded."""
        return self.waiting == 0 and not self.hopeless and not self.stranded

    def rest(self) -> list[str]:
        """The hosts that were never taken."""
        return self._order[self._healthy_next :]

    def copy(self) -> HealthBudget:
        """The same counters, apart."""
        twin = HealthBudget.__new__(HealthBudget)
        for name in HealthBudget.__slots__:
            setattr(twin, name, getattr(self, name))
        return twin

    def key(self) -> tuple[int, ...]:
        """The counters, without names: equal for budgets that decide alike."""
        return (
            self.minimum,
            self.healthy,
            self.in_flight,
            self.succeeded,
            self.failed,
            self._healthy_next,
            self._phase_a,
            self.own_minimum,
            self.own_needed,
            self.forgiven,
            *self.others,
        )
