"""Canary and linear: a share of the hosts first, watched for a while, before the others follow.

In place, a host is in or out of the new version, so the share of the users who see it is the share of the hosts.
"""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig
from strategies.options import NONE, Options, Share
from strategies.plan import Analyse, Bake, Deploy, Member, Plan, Stage

_NEEDS_SHARE = "a {} needs a share of the fleet: hosts, or percent"


def canary(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """The canary, a bake, and then the rest. A canary that is the whole fleet is no canary: ValueError."""
    share = options.share or Share(hosts=1)
    first = share.of(len(members))
    if first >= len(members):
        raise ValueError(
            f"a canary of {share} is the whole fleet of {len(members)}, and leaves nobody to compare it with; take a "
            "smaller share"
        )
    return Plan.chain(*_waves(members, config, [first, len(members)], options))


def linear(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """The same share again and again, with a bake between."""
    if options.share is None:
        raise ValueError(_NEEDS_SHARE.format("linear deployment"))
    each = options.share.of(len(members))
    ends = [*range(each, len(members), each), len(members)]
    return Plan.chain(*_waves(members, config, ends, options))


def _waves(members: Sequence[Member], config: DeploymentConfig, ends: Sequence[int], options: Options) -> list[Stage]:
    """A stage for each wave; `ends` are how many hosts are done after it."""
    everybody = tuple(member.name for member in members)
    stages: list[Stage] = []
    done = 0
    for number, end in enumerate(ends, start=1):
        stages.append(Deploy(f"wave {number:02}", everybody[done:end], config.minimum_healthy_hosts, everybody))
        if options.bake_ms and end < len(members):
            stages.append(Bake(f"wave {number:02} bakes", options.bake_ms))
        if options.analysis and end < len(members):
            stages.append(Analyse(f"wave {number:02} is analysed", options.analysis.name, options.analysis.lasts_ms))
        done = end
    return stages
