"""Rolling: a few hosts at a time, as many as the minimum of healthy hosts leaves free, until all are done."""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig
from strategies.options import NONE, Options
from strategies.plan import Deploy, Member, Plan


def rolling(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """One stage that walks the fleet within the configuration's minimum."""
    del options
    names = tuple(member.name for member in members)
    return Plan.chain(Deploy("deploy", names, config.minimum_healthy_hosts, names))
