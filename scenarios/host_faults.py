"""Faults of a host's network and of its clock."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from scenarios.words import DURATION_PATTERN, Model, RuleError, SomeTime, duration_text, exactly_one, some_time_ms

NETWORK_EFFECTS: Final = ("cut", "latency", "loss")
SKEW_MAX_MS: Final = 5 * 60 * 1000
"""AWS refuses a request that was signed by a clock which differs from its own by more than this, in milliseconds.

Source: "Troubleshooting Signature Version 4", IAM user guide.
"""


class NetworkFault(Model):
    """What is wrong with the host's network. Exactly one."""

    model_config = ConfigDict(json_schema_extra=exactly_one(NETWORK_EFFECTS))

    cut: Literal["balancer", "controller", "both"] | None = Field(
        None,
        description="Nothing gets through between the host and the balancer, or the service that its agent asks for "
        "work, or both.",
    )
    latency: SomeTime | None = Field(None, description="Every request to the host's application takes so much longer.")
    loss: int | None = Field(
        None, ge=1, le=99, description="So many percent of the packets from the balancer to the host are lost."
    )

    @property
    def kind(self) -> str:
        """Which of them it is."""
        return next(name for name in NETWORK_EFFECTS if getattr(self, name) is not None)

    def cuts(self, side: str) -> bool:
        """Whether the host is cut off from the `balancer`, or from the `controller`."""
        return self.cut in (side, "both")

    @property
    def only_controller(self) -> bool:
        """Whether the balancer meets nothing of it."""
        return self.cut == "controller"

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        if self.cut is not None:
            return f"cut {self.cut}"
        return f"latency {duration_text(self.latency)}" if self.latency is not None else f"loss {self.loss}%"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, name) is not None for name in NETWORK_EFFECTS) != 1:
            raise RuleError(f"expected exactly one of {', '.join(NETWORK_EFFECTS)}")
        return self


def offset_ms(value: object) -> object:
    """`"2h"` and `"-10m"` as integer milliseconds: ahead, or behind."""
    behind = isinstance(value, str) and value.strip().startswith("-")
    found: Any = some_time_ms(value.strip()[1:] if isinstance(value, str) and behind else value)
    return -found if behind else found


Offset = Annotated[
    int,
    BeforeValidator(offset_ms, json_schema_input_type=str),
    PlainSerializer(lambda ms: f"{ms}ms", return_type=str, when_used="json"),
    Field(json_schema_extra={"pattern": DURATION_PATTERN.replace("^", "^-?"), "examples": ["2h", "-10m"]}),
]
"""A duration that is more than nothing, with a sign."""


class ClockFault(Model):
    """The host's clock is wrong, for its agent and for the scripts that this runs."""

    offset: Offset = Field(
        description="So much ahead of the right time, or behind it (`-10m`). Beyond five minutes the service believes "
        "nothing that the agent says."
    )

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        return f"offset {'-' * (self.offset < 0)}{duration_text(abs(self.offset))}"
