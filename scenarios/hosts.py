"""The hosts of a scenario, as they stand before the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, NamedTuple, Protocol, Self

from pydantic import Discriminator, Field, Tag, model_validator

from scenarios.words import HOST_NAME, HOSTS_MAX, Model, RuleError


class Host(Model):
    """One host by name."""

    name: str = Field(pattern=HOST_NAME)
    zone: str = Field("", description="The availability zone that it stands in.")
    tags: dict[str, str] = Field({}, description="Its tags, beside the fleet's.")
    files: dict[str, str] = Field({}, description="Files on this host's disk before the run, beside the fleet's.")
    on_premises: bool = Field(False, description="Not an EC2 instance: a server of your own, registered by name.")


class NamedHost(NamedTuple):
    """One host as the run has it: complete, and small, because there may be a hundred thousand."""

    name: str
    zone: str
    tags: Mapping[str, str]
    files: Mapping[str, str]
    on_premises: bool = False
    pool: str = ""
    """The pool that has launched it; `""` where none has."""


class Tagged(Protocol):
    """A host, as far as its belonging to a group is spoken of."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def tags(self) -> Mapping[str, str]: ...  # noqa: D102


NAMED_MAX: Final = 3
"""So many hosts are named of those that belong to no group, and so many tags of theirs."""


def of_no_group(hosts: Sequence[Tagged], *, balanced: bool) -> str:
    """That these hosts, at least one, belong to no group, in words. `balanced`: there is traffic to go without."""
    named, one = hosts[:NAMED_MAX], len(hosts) == 1
    tags = list(dict.fromkeys(f"{key}={value}" for host in named for key, value in host.tags.items()))
    verb, whose, them = ("belongs", "its", "it") if one else ("belong", "their", "them")
    asked = f"{whose} tags: {_first(tags)}" if tags else "without a tag"
    traffic = f", and {'it gets' if one else 'they get'} no traffic" if balanced else ""
    return f"{_first([host.name for host in hosts])} {verb} to no group ({asked}): nobody deploys to {them}{traffic}"


def _first(words: Sequence[str]) -> str:
    more = len(words) - NAMED_MAX
    return ", ".join(words[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")


class Fleet(Model):
    """The hosts, and what they are before the run."""

    hosts: Annotated[
        Annotated[int, Field(ge=0, le=HOSTS_MAX), Tag("<number>")]
        | Annotated[tuple[Host, ...], Field(max_length=HOSTS_MAX), Tag("<list>")],
        Discriminator(lambda value: "<list>" if isinstance(value, list | tuple) else "<number>"),
    ] = Field(
        0,
        description="How many hosts (named h1, h2, …), or the hosts one by one. Left out: those of the pools alone. On "
        "ECS: how many tasks a task set has; on Lambda: 1.",
    )
    zones: tuple[str, ...] = Field((), description="Hosts given as a number are spread over these in turn.")
    tags: dict[str, str] = Field({}, description="Tags that every host has.")
    running: str | None = Field(
        None,
        description="The revision that every host was deployed to with success before. None: new hosts.",
    )
    files: dict[str, str] = Field({}, description="Files (path: content) that a stranger put on every host's disk.")
    users: tuple[str, ...] = Field(("ec2-user",), description="Users that exist on the hosts beside the system's own.")

    def named_hosts(self) -> tuple[NamedHost, ...]:
        """Every host but the pools', whichever way the fleet was written, with its zone, tags and files complete."""
        hosts = self.hosts
        if isinstance(hosts, int):
            zones = self.zones or ("",)
            return tuple(NamedHost(f"h{i + 1}", zones[i % len(zones)], self.tags, self.files) for i in range(hosts))
        return tuple(
            NamedHost(host.name, host.zone, {**self.tags, **host.tags}, {**self.files, **host.files}, host.on_premises)
            for host in hosts
        )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        if not isinstance(self.hosts, int):
            names = Counter(host.name for host in self.hosts)
            if twice := sorted(name for name, count in names.items() if count > 1):
                raise RuleError(f"every host needs a name of its own; found more than one {', '.join(twice)}")
        return self
