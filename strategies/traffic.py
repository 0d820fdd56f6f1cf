"""ECS and Lambda: a new version beside the one that has the traffic, and then the traffic, step by step.

A deployment has one target, a service or a function; how the traffic goes is its deployment configuration's to say.
Source: AWS CodeDeploy user guide, "AppSpec 'hooks' section" for Amazon ECS and for AWS Lambda.
"""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ALL_AT_ONCE, DeploymentConfig
from strategies.options import NONE, BlueGreen, Options
from strategies.plan import (
    NO_MINIMUM,
    WHOLE,
    Analyse,
    Approve,
    Bake,
    Deploy,
    Member,
    Part,
    Plan,
    Shift,
    Stage,
    Terminate,
)

ORIGINAL = "the original task set"
REPLACEMENT = "the replacement task set"
BEFORE = "the version before"
TASK = "a task"


def ecs(members: Sequence[Member], config: DeploymentConfig = ALL_AT_ONCE, options: Options = NONE) -> Plan:
    """A replacement task set, perhaps a wait for a yes, the traffic, and the end of the original task set."""
    del config
    target = _only(members)
    told = options.blue_green or BlueGreen()
    stages: list[Stage] = [_part("replace", target, Part.REPLACE)]
    if told.waits:
        stages.append(Approve("ready", told.ready_wait_ms))
    stages += _traffic(target, told, options, TASK)
    keep = told.terminate_after_ms is None
    stages.append(Terminate("terminate", (target,), told.terminate_after_ms or 0, keep, ORIGINAL))
    return Plan.chain(*stages)


def aws_lambda(members: Sequence[Member], config: DeploymentConfig = ALL_AT_ONCE, options: Options = NONE) -> Plan:
    """The alias's weights go from one version of the function to the other."""
    del config
    return Plan.chain(*_traffic(_only(members), options.blue_green or BlueGreen(), options, ""))


def ecs_back(members: Sequence[Member], config: DeploymentConfig = ALL_AT_ONCE, options: Options = NONE) -> Plan:
    """The way back while the original task set stands: it gets all of the traffic, and the replacement ends."""
    del config, options
    target = _only(members)
    return Plan.chain(_shift(target, WHOLE, BEFORE), Terminate("terminate", (target,), what=REPLACEMENT))


def lambda_back(members: Sequence[Member], config: DeploymentConfig = ALL_AT_ONCE, options: Options = NONE) -> Plan:
    """The way back of a function: its alias points to the version before, at once."""
    del config, options
    return Plan.chain(_shift(_only(members), WHOLE, BEFORE))


def _traffic(target: str, told: BlueGreen, options: Options, watched: str) -> list[Stage]:
    """From BeforeAllowTraffic to AfterAllowTraffic. `watched`: what bakes watch; no balancer checks a function."""
    stages: list[Stage] = [_part("before", target, Part.BEFORE)]
    for percent in told.shift:
        stages.append(_shift(target, percent))
        if options.bake_ms:
            stages.append(Bake(f"bake at {percent:03}", options.bake_ms, watched))
        if options.analysis:
            stages.append(Analyse(f"analysis at {percent:03}", options.analysis.name, options.analysis.lasts_ms))
    return [*stages, _shift(target, WHOLE), _part("after", target, Part.AFTER)]


def _part(name: str, target: str, part: Part) -> Deploy:
    return Deploy(name, (target,), NO_MINIMUM, (target,), part=part, must_succeed=1)


def _shift(target: str, percent: int, to: str = "the new version") -> Shift:
    return Shift(f"shift {percent:03}", (target,), percent, target, to)


def _only(members: Sequence[Member]) -> str:
    """The target. Raises ValueError where there is not exactly one."""
    if len(members) != 1:
        raise ValueError(f"a deployment on ECS or Lambda has one target, a service or a function; found {len(members)}")
    return members[0].name
