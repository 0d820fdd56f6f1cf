"""Rolling: a few hosts at a time, as many as the minimum of healthy hosts leaves free, until all are done."""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig
from strategies.plan import Deploy, Plan


def rolling(hosts: Sequence[str], config: DeploymentConfig = ONE_AT_A_TIME) -> Plan:
    """One stage that walks the fleet within the configuration's minimum."""
    return Plan.chain(Deploy("deploy", tuple(hosts), config.minimum_healthy_hosts))
