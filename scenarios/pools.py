"""Pools of hosts (EC2 Auto Scaling groups): how many, from which machine image, and what somebody does with them."""

from __future__ import annotations

import re
from collections.abc import Container
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from scenarios.words import Duration, Model, RuleError, SomeTime

PROCESSES_TO_SUSPEND_MAX = 4
"""So many processes a group may have suspended (botocore, `AutoScalingGroupProcessesToSuspend`)."""
POOL_NAME = r"^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,38}[a-zA-Z0-9])?$"
"""Short enough for its hosts' names, which end in a number."""
POOL_HOSTS_MAX = 10_000
BOOTS_MS = (5_000, 20_000)
"""What the virtual fleet takes a launch to last of which nothing is written, at the least and at most."""
POOLS_MAX = 10
"""So many a deployment group may have (user guide, "CodeDeploy quotas")."""
GROUP_NAME_TAG = "aws:autoscaling:groupName"
"""The tag that EC2 Auto Scaling gives its instances."""

Process = Literal["Launch", "Terminate", "AZRebalance", "InstanceRefresh", "ScheduledActions"]
"""What a scaling group does by itself (EC2 Auto Scaling, SuspendProcesses)."""
ProcessToSuspend = Literal["Terminate", "AZRebalance", "InstanceRefresh", "ScheduledActions"]
"""Those of them that CodeDeploy suspends for the length of a deployment."""
_HOST = re.compile(r"^(?P<pool>.+)-(?P<number>\d+)(?:-g\d+)?$")


class UserDataBehaves(Model):
    """What the virtual fleet takes the user data script to do. On Docker the script itself runs."""

    exit: int = Field(0, ge=0, le=255, description="Its exit code. Nobody at AWS acts on it.")
    lasts: Duration = Field(1_000, description="How long it takes; the agent runs after it.")
    hangs: bool = Field(False, description="It never ends, so the agent never runs.")
    leaves: tuple[Annotated[str, Field(pattern=r"^/.+")], ...] = Field(
        (), description="Files that it writes, by their absolute paths."
    )

    @field_validator("leaves", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        """A short form makes Python's data of JSON's, and those have lists where a tuple is wanted."""
        return tuple(value) if isinstance(value, list) else value


class UserData(Model):
    """The script that every host runs at its launch, before its agent."""

    script: Path = Field(description="Relative to the scenario file.")
    behaves: UserDataBehaves = UserDataBehaves()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"script": value} if isinstance(value, str) else value


class Image(Model):
    """The machine image from which a pool launches its hosts."""

    files: dict[str, str] = Field({}, description="Files (path: content) that are on the disk at launch.")
    boots: SomeTime | None = Field(
        None,
        description="What the virtual fleet takes a launch to last, from the request until the user data is run. Left "
        "out: 5 to 20 seconds, drawn by the seed. On Docker it lasts as long as it lasts.",
    )
    user_data: UserData | None = Field(None, description="A script that runs at launch, as root, before the agent.")


class Pool(Model):
    """A scaling group. Its hosts are named NAME-1, NAME-2, …"""

    min: int = Field(0, ge=0, le=POOL_HOSTS_MAX, description="It is never scaled in below this.")
    desired: int = Field(ge=0, le=POOL_HOSTS_MAX, description="How many hosts it has at the beginning.")
    max: int = Field(ge=0, le=POOL_HOSTS_MAX, description="It never launches beyond this.")
    zones: tuple[str, ...] = Field((), description="Its availability zones; the one with the fewest hosts is next.")
    tags: dict[str, str] = Field({}, description=f"Tags that each of its hosts has, beside {GROUP_NAME_TAG}.")
    image: Image = Image()
    suspended: tuple[Process, ...] = Field(
        (), description="Processes that stand still. `Launch` and `Terminate` hold what they say; the others, nothing."
    )
    termination_hook: bool = Field(
        False, description="Whether a host that is to go has a termination deployment first (terminationHookEnabled)."
    )

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        if not self.min <= self.desired <= self.max:
            raise RuleError(f"a pool's sizes rise: min {self.min}, desired {self.desired}, max {self.max}")
        return self

    def with_user_data(self, directory: Path) -> Self:
        """The same, its user data script by an absolute path."""
        written = self.image.user_data
        if written is None:
            return self
        user_data = written.model_copy(update={"script": (directory / written.script).resolve()})
        return self.model_copy(update={"image": self.image.model_copy(update={"user_data": user_data})})

    @property
    def all_zones(self) -> tuple[str, ...]:
        """Its zones; a nameless one where it has none."""
        return self.zones or ("",)


class PoolChange(Model):
    """What somebody does with a pool, once: scales it, suspends or resumes processes of it."""

    name: str = Field(description="The pool.")
    desired: int | None = Field(None, ge=0, description="How many hosts it is to have from now on (scale out, or in).")
    suspend: tuple[Process, ...] = Field((), description="Processes that stand still from now on.")
    resume: tuple[Process, ...] = Field((), description="Processes that go on; what was held is done.")
    replacement: bool = Field(
        False,
        description="Not the pool itself, but the copy of it that a blue/green deployment has made "
        "(COPY_AUTO_SCALING_GROUP), until that deployment has ended.",
    )

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called: `web desired 3`, `web's replacement suspend Launch`."""
        desired = () if self.desired is None else (str(self.desired),)
        changes = {"desired": desired, "suspend": self.suspend, "resume": self.resume}
        told = ", ".join(f"{what} {' and '.join(values)}" for what, values in changes.items() if values)
        return f"{self.name}'s replacement {told}" if self.replacement else f"{self.name} {told}"

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.desired is None and not self.suspend and not self.resume:
            raise RuleError("expected any of desired, suspend, resume")
        return self


def pool_of(host: str, pools: Container[str]) -> str | None:
    """The pool to which a host belongs by its name: `web-2` and `web-2-g2` to `web`. None where there is none."""
    match = _HOST.match(host)
    return match["pool"] if match and match["pool"] in pools else None
