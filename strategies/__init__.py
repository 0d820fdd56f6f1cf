"""Strategies: each is a plan, as data. `STRATEGIES` has them by the name that a scenario gives."""

from strategies.configuration import ALL_AT_ONCE, ONE_AT_A_TIME, DeploymentConfig
from strategies.in_place import in_place
from strategies.plan import Plan, Strategy
from strategies.rolling import rolling

STRATEGIES: dict[str, Strategy] = {"in-place": in_place, "rolling": rolling}

DEFAULT_CONFIGS: dict[str, DeploymentConfig] = {"in-place": ALL_AT_ONCE, "rolling": ONE_AT_A_TIME}
"""The configuration that a strategy has where none is named."""

__all__ = ["DEFAULT_CONFIGS", "STRATEGIES", "DeploymentConfig", "Plan", "Strategy", "in_place", "rolling"]
