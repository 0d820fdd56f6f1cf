"""What a pool has deployed: to the host that it has launched, and to the one that it is about to terminate.

Source: AWS CodeDeploy user guide, "Integrating CodeDeploy with Amazon EC2 Auto Scaling" and "AppSpec 'hooks' section".
No scenario asks for these by name; a scaling group's lifecycle hooks do.
"""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ALL_AT_ONCE, DeploymentConfig
from strategies.options import NONE, Options
from strategies.plan import NO_MINIMUM, Deploy, Member, Part, Plan


def launch(members: Sequence[Member], config: DeploymentConfig = ALL_AT_ONCE, options: Options = NONE) -> Plan:
    """Everything but the block phase: a new host has no traffic to block."""
    del config, options
    return _every("launch", members, Part.LAUNCH)


def termination(members: Sequence[Member], config: DeploymentConfig = ALL_AT_ONCE, options: Options = NONE) -> Plan:
    """Out of the traffic, and ApplicationStop: the host's last deployment."""
    del config, options
    return _every("termination", members, Part.TERMINATION)


def _every(name: str, members: Sequence[Member], part: Part) -> Plan:
    names = tuple(member.name for member in members)
    return Plan.chain(Deploy(name, names, NO_MINIMUM, names, part=part, must_succeed=len(names)))
