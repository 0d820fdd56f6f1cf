"""Faults of what stands around the hosts and of the application as a whole: balancer, controller, start, memory."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from scenarios.words import Model, SomeTime, duration_text


class SlowToDrain(Model):
    """The balancer takes this long to let go of a host, whatever it has under way (deregistration delay)."""

    draining: SomeTime = Field(description="How long BlockTraffic takes.")

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        return f"draining {duration_text(self.draining)}"


class MemoryLeak(Model):
    """The application answers so many of its users' requests after its start, and 500 to everything from then on."""

    leak_after: int = Field(ge=1, description="How many requests it answers. The next start begins anew.")

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        return f"leak after {self.leak_after} requests"


BalancerFault = Annotated[
    Annotated[Literal["refuses-registration", "restart"], Tag("<word>")] | Annotated[SlowToDrain, Tag("<draining>")],
    Discriminator(lambda value: "<draining>" if isinstance(value, dict | SlowToDrain) else "<word>"),
]
"""What is wrong with the balancer itself."""
