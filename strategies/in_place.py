"""In place: every host at once, where it stands. The service is down meanwhile; nothing is simpler or faster."""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ALL_AT_ONCE, DeploymentConfig
from strategies.options import NONE, Options
from strategies.plan import Deploy, Member, Plan


def in_place(members: Sequence[Member], config: DeploymentConfig = ALL_AT_ONCE, options: Options = NONE) -> Plan:
    """One stage without a minimum. A configuration that asks for one is a contradiction: ValueError."""
    del options
    if config.minimum_healthy_hosts.required(max(len(members), 2)) > 0:
        raise ValueError(
            f"in-place deploys to every host at once, and {config.name} keeps some healthy "
            f"({config.minimum_healthy_hosts}); take the strategy rolling, or the configuration {ALL_AT_ONCE.name}"
        )
    names = tuple(member.name for member in members)
    return Plan.chain(Deploy("deploy", names, config.minimum_healthy_hosts, names))
