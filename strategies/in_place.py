"""In place: every host at once, where it stands. The service is down meanwhile; nothing is simpler or faster."""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ALL_AT_ONCE, DeploymentConfig
from strategies.plan import Deploy, Plan


def in_place(hosts: Sequence[str], config: DeploymentConfig = ALL_AT_ONCE) -> Plan:
    """One stage without a minimum. A configuration that asks for one is a contradiction: ValueError."""
    if config.minimum_healthy_hosts.required(max(len(hosts), 2)) > 0:
        raise ValueError(
            f"in-place deploys to every host at once, and {config.name} keeps some healthy "
            f"({config.minimum_healthy_hosts}); take the strategy rolling, or the configuration {ALL_AT_ONCE.name}"
        )
    return Plan.chain(Deploy("deploy", tuple(hosts), config.minimum_healthy_hosts))
