"""Applications' deployment groups: which hosts belong to one, and what its deployments have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from scenarios.faults import When
from scenarios.notifications import TRIGGERS_MAX, TriggerConfig
from scenarios.platforms import SERVER, ComputePlatform
from scenarios.pools import POOLS_MAX, PROCESSES_TO_SUSPEND_MAX, ProcessToSuspend
from scenarios.signals import ALARMS_MAX
from scenarios.strategies import TRAFFIC, MinimumHealthyHosts, ShiftedTraffic, Strategy
from scenarios.words import RESOURCE_NAME, Model, RuleError

TAG_FILTERS_MAX = 10
"""Filters in one list (user guide, "Tagging instances for deployment groups")."""
TAG_SETS_MAX = 3
"""Lists in a set of them."""
EC2_FILTERS = ("ec2_tag_filters", "ec2_tag_set")
ON_PREMISES_FILTERS = ("on_premises_tag_filters", "on_premises_tag_set")

DeploymentConfig = Annotated[
    Annotated[str, Tag("<name>")]
    | Annotated[MinimumHealthyHosts, Tag("<minimum>")]
    | Annotated[ShiftedTraffic, Tag("<traffic>")],
    Discriminator(lambda value: _kind_of_config(value)),
]
"""The name of a predefined configuration, or a minimum of one's own; for ECS and Lambda, how the traffic goes."""


def _kind_of_config(value: object) -> str:
    if isinstance(value, ShiftedTraffic) or (isinstance(value, dict) and not value.keys().isdisjoint(TRAFFIC)):
        return "<traffic>"
    return "<minimum>" if isinstance(value, dict | MinimumHealthyHosts) else "<name>"


RollbackEvent = Literal["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
FileExistsBehavior = Literal["DISALLOW", "OVERWRITE", "RETAIN"]


class TagFilter(Model):
    """A tag that a host may have: a key with a value, a key with any value, or any key with this value."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    key: str | None = Field(None, description="The tag's key; left out: any (VALUE_ONLY).")
    value: str | None = Field(None, description="The tag's value; left out: any (KEY_ONLY).")
    type: Literal["KEY_ONLY", "VALUE_ONLY", "KEY_AND_VALUE"] | None = Field(
        None, description="Which of the two counts. Left out: what is written."
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        by_key, by_value = self._by
        if not (by_key or by_value) or (by_key and self.key is None) or (by_value and self.value is None):
            raise RuleError(f"a filter of type {self.type or 'any'} needs what it asks for: key, value, or both")
        return self

    @property
    def _by(self) -> tuple[bool, bool]:
        kind = self.type
        if kind is None:
            return self.key is not None, self.value is not None
        return kind != "VALUE_ONLY", kind != "KEY_ONLY"

    def matches(self, tags: Mapping[str, str]) -> bool:
        """Whether a host with these tags is meant."""
        by_key, by_value = self._by
        return any(
            (not by_key or key == self.key) and (not by_value or value == self.value) for key, value in tags.items()
        )

    def __str__(self) -> str:
        by_key, by_value = self._by
        return f"{self.key if by_key else '*'}={self.value if by_value else '*'}"


TagList = Annotated[tuple[TagFilter, ...], Field(min_length=1, max_length=TAG_FILTERS_MAX)]
"""Hosts that match any of these."""
TagSet = Annotated[tuple[TagList, ...], Field(min_length=1, max_length=TAG_SETS_MAX)]
"""Hosts that match every one of these lists."""


class Group(Model):
    """The deployment group: which hosts belong to it, and what its deployments have in common.

    Filters in a list are alternatives; the lists of a set must all match; a list and a set exclude each other (user
    guide, "Tagging instances for deployment groups in CodeDeploy"). A group with neither filters nor pools has every
    host that is in no pool.
    """

    name: str = Field("production", pattern=RESOURCE_NAME)
    application: str | None = Field(None, pattern=RESOURCE_NAME, description="Left out: the scenario's application.")
    compute_platform: ComputePlatform = Field(
        SERVER, description="What is deployed to: hosts, a service of ECS, or a function of Lambda."
    )
    ec2_tag_filters: TagList | None = Field(None, description="EC2 hosts that match any of these.")
    ec2_tag_set: TagSet | None = Field(None, description="EC2 hosts that match every one of these lists.")
    on_premises_tag_filters: TagList | None = Field(None, description="On-premises hosts that match any of these.")
    on_premises_tag_set: TagSet | None = Field(
        None, description="On-premises hosts that match every one of these lists."
    )
    pools: tuple[str, ...] = Field(
        (),
        max_length=POOLS_MAX,
        description="The scenario's pools whose hosts belong to it (autoScalingGroups), beside what its filters match.",
    )
    outdated_instances_strategy: Literal["UPDATE", "IGNORE"] = Field(
        "UPDATE", description="Whether hosts that were launched during a deployment get a follow-on deployment."
    )
    auto_scaling_group_processes_to_suspend: tuple[ProcessToSuspend, ...] = Field(
        (),
        max_length=PROCESSES_TO_SUSPEND_MAX,
        description="What its pools do not do while a deployment is under way; not of a blue/green one.",
    )
    running: str | None = Field(
        None, description="The revision that its hosts were deployed to before. Left out: as `fleet.running` says."
    )
    deployment_option: Literal["WITH_TRAFFIC_CONTROL", "WITHOUT_TRAFFIC_CONTROL"] | None = Field(
        None,
        description="Whether its hosts are behind the balancer. Left out: where the scenario has one, they are.",
    )
    strategy: Strategy = Field("rolling", description="A strategy's name, or its name and what it is told.")
    deployment_config: DeploymentConfig | None = Field(
        None,
        description="How much of the fleet must stay healthy meanwhile; on ECS and Lambda, how the traffic goes. Left "
        "out: CodeDeployDefault.OneAtATime, or …AllAtOnce in place, …ECSAllAtOnce, …LambdaAllAtOnce.",
    )
    auto_rollback: tuple[RollbackEvent, ...] = Field((), description="What makes the group roll back by itself.")
    alarms: tuple[str, ...] = Field(
        (), max_length=ALARMS_MAX, description="The scenario's alarms that stop a deployment of this group."
    )
    ignore_poll_alarm_failure: bool = Field(False, description="Whether to go on where an alarm cannot be asked.")
    triggers: tuple[TriggerConfig, ...] = Field(
        (), max_length=TRIGGERS_MAX, description="Who is told of this group's deployments."
    )

    @model_validator(mode="after")
    def _list_or_set(self) -> Self:
        for one, other in (EC2_FILTERS, ON_PREMISES_FILTERS):
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise RuleError(f"{one} and {other} exclude each other")
        return self

    @property
    def filters(self) -> str:
        """What it asks of its hosts, in words; `""` where it has every host."""
        return "; ".join(
            f"{name} {_in_words(written)}"
            for name in (*EC2_FILTERS, *ON_PREMISES_FILTERS)
            if (written := getattr(self, name)) is not None
        )

    @property
    def has_filters(self) -> bool:
        """Whether it asks anything of its hosts by their tags."""
        return any(getattr(self, name) is not None for name in (*EC2_FILTERS, *ON_PREMISES_FILTERS))

    def has(self, pool: str, tags: Mapping[str, str], *, on_premises: bool) -> bool:
        """Whether a host with these tags, of this pool or of none (`""`), belongs to the group."""
        if pool and pool in self.pools:
            return True
        if not self.has_filters:
            return not pool and not self.pools
        return self.selects(tags, on_premises=on_premises)

    def selects(self, tags: Mapping[str, str], *, on_premises: bool) -> bool:
        """Whether a host with these tags belongs to the group."""
        if not self.has_filters:
            return True
        any_of, all_of = ON_PREMISES_FILTERS if on_premises else EC2_FILTERS
        lists: tuple[TagList, ...] = getattr(self, all_of) or ()
        if (alone := getattr(self, any_of)) is not None:
            lists = (alone,)
        return bool(lists) and all(any(each.matches(tags) for each in filters) for filters in lists)


def _in_words(written: tuple[TagFilter | TagList, ...]) -> str:
    """`a=1 or b=2` of a list; `(a=1 or b=2) and (c=*)` of a set."""
    lists = [f"({_in_words(part)})" for part in written if isinstance(part, tuple)]
    return " and ".join(lists) if lists else " or ".join(map(str, written))


class Deploy(Model):
    """One deployment. What is left out is the group's."""

    revision: str
    group: str | None = Field(None, description="The group's name, where there are several.")
    when: When | None = Field(
        None,
        description="When it is asked for. Left out: when the one before it in the list has ended.",
    )
    if_active: Literal["refuse", "queue"] = Field(
        "refuse",
        description="What becomes of it where a deployment of the group is under way: a group has one at a time.",
    )
    strategy: Strategy | None = Field(None, description="Left out: the group's.")
    deployment_config: DeploymentConfig | None = Field(
        None,
        description="Left out: the group's, also with a strategy of its own; only `in-place` has no minimum, whatever "
        "the group's is.",
    )
    file_exists_behavior: FileExistsBehavior = Field(
        "DISALLOW", description="What Install does where a file that it did not put there already stands."
    )
    ignore_application_stop_failures: bool = Field(
        False,
        description="Go on where the previous revision's scripts (ApplicationStop, Before- and "
        "AfterBlockTraffic) fail.",
    )
    description: str = Field("", max_length=256)
