"""Zone by zone: one availability zone after the other, each within a minimum of its own as well as the fleet's.

Source: botocore's service model, `ZonalConfig`: the minimum per zone is 0 percent unless it is given, the wait after
the first zone is that after the others unless it is given, and that is nothing unless it is given.

So without a minimum of its own a zone may fail altogether, as long as the fleet's minimum holds: that at least one
host succeeds is asked of the deployment. Of a zone of one host, a share is that host (docs/decisions/0003).
"""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig
from strategies.options import NONE, Options
from strategies.plan import NO_MINIMUM, Bake, Deploy, Member, Plan, Stage


def zonal(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """A stage a zone, by the zones' names, with a bake after each but the last. ValueError without zones."""
    zones = sorted({member.zone for member in members})
    if "" in zones:
        homeless = next(member.name for member in members if not member.zone)
        raise ValueError(f"zone by zone needs a zone for every host; {homeless} has none")
    everybody = tuple(member.name for member in members)
    minimum = options.minimum_per_zone or NO_MINIMUM
    stages: list[Stage] = []
    for number, zone in enumerate(zones, start=1):
        names = tuple(member.name for member in members if member.zone == zone)
        needed = max(minimum.required(len(names)), min(minimum.value, 1))
        name = f"{number:02} {zone}"
        stages.append(Deploy(name, names, config.minimum_healthy_hosts, everybody, minimum, must_succeed=needed))
        bake_ms = options.first_bake_ms if number == 1 and options.first_bake_ms is not None else options.bake_ms
        if bake_ms and number < len(zones):
            stages.append(Bake(f"{number:02} {zone} bakes", bake_ms))
    return Plan.chain(*stages)
