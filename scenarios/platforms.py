"""ECS and Lambda in a scenario: what a task runs, what a version's handler is, and the functions that are hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from scenarios.words import Duration, Model, RuleError

ComputePlatform = Literal["Server", "ECS", "Lambda"]
SERVER: Final = "Server"
"""The platform that has hosts."""
RESOURCES: Final = {"AWS::ECS::Service": "ECS", "AWS::Lambda::Function": "Lambda"}
"""The platform of a resource in an AppSpec, by its type."""
STRATEGIES: Final = {"ECS": "ecs", "Lambda": "lambda"}
"""The strategy of a platform that has only one: what differs is how the traffic goes."""
EVENTS: Final = {
    "ECS": (
        *("BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic"),
        *("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"),
    ),
    "Lambda": ("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"),
}
"""The lifecycle events of a platform that has no hosts."""
OF_A_REPORT: Final = frozenset({"reports", "lasts"})
"""What is said of a function that reports."""
FUNCTIONS_MAX: Final = 100
FUNCTION_NAME: Final = r"^[A-Za-z0-9_-]{1,64}$"
"""Lambda's own rule for the name of a function."""


class Function(Model):
    """A function that an AppSpec names as a hook. It has to report Succeeded or Failed within `limits.event`.

    What it does on the virtual fleet is said here; on Docker its handler says it.
    """

    reports: Literal["Succeeded", "Failed"] = Field("Succeeded", description="What it reports on the virtual fleet.")
    lasts: Duration | None = Field(None, description="How long it takes. Left out: drawn by the seed.")
    never: bool = Field(
        False, description="It ends, and never reports: then there is nothing of `reports` and `lasts` to say."
    )
    handler: Path | None = Field(
        None, description="A Python file with `handler(event, context)`, relative to the scenario file: Docker runs it."
    )

    @model_validator(mode="after")
    def _nothing_of_what_never_comes(self) -> Self:
        if self.never and self.model_fields_set & OF_A_REPORT:
            raise RuleError("a function that never reports has no report, and no time for it")
        return self


class Task(Model):
    """What a task of an ECS service runs on Docker: the virtual fleet runs nothing."""

    command: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="A program and its arguments, run within the unpacked bundle; it has to listen on balancer.port."
    )

    @field_validator("command", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        """A revision's short form makes Python's data of JSON's, and those have lists where a tuple is wanted."""
        return tuple(value) if isinstance(value, list) else value
