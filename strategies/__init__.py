"""Strategies: each is a plan, as data. `STRATEGIES` has them by the name that a scenario gives."""

from strategies.blue_green import back_to_blue, blue_green
from strategies.canary import canary, linear
from strategies.configuration import ALL_AT_ONCE, ONE_AT_A_TIME, ComputePlatform, DeploymentConfig, elsewhere
from strategies.in_place import in_place
from strategies.options import Options
from strategies.plan import Member, Plan, Strategy
from strategies.rolling import rolling
from strategies.scaling import launch, termination
from strategies.steps import steps
from strategies.traffic import aws_lambda, ecs, ecs_back, lambda_back
from strategies.zonal import zonal

STRATEGIES: dict[str, Strategy] = {
    "in-place": in_place,
    "rolling": rolling,
    "canary": canary,
    "linear": linear,
    "zonal": zonal,
    "steps": steps,
    "blue-green": blue_green,
    "back-to-blue": back_to_blue,
    "launch": launch,
    "termination": termination,
    "ecs": ecs,
    "ecs-back": ecs_back,
    "lambda": aws_lambda,
    "lambda-back": lambda_back,
}

PLATFORMS: dict[str, ComputePlatform] = {
    "ecs": ComputePlatform.ECS,
    "ecs-back": ComputePlatform.ECS,
    "lambda": ComputePlatform.LAMBDA,
    "lambda-back": ComputePlatform.LAMBDA,
}
"""The compute platform of a strategy; one that is not here is for servers."""

DEFAULT_CONFIGS: dict[str, DeploymentConfig] = {
    name: ALL_AT_ONCE if name == "in-place" else ONE_AT_A_TIME for name in STRATEGIES if name not in PLATFORMS
} | {
    name: config.as_deployment_config
    for name, platform in PLATFORMS.items()
    if (config := elsewhere(f"{platform}AllAtOnce")) is not None
}
"""The configuration that a strategy has where none is named."""

__all__ = [
    "DEFAULT_CONFIGS",
    "PLATFORMS",
    "STRATEGIES",
    "ComputePlatform",
    "DeploymentConfig",
    "Member",
    "Options",
    "Plan",
    "Strategy",
]
