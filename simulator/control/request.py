"""What a scenario asks for, in the words of the core: strategies, their options, configurations."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import NamedTuple

from scenarios.model import Deploy, Group, MinimumHealthyHosts, Scenario
from scenarios.platforms import SERVER, STRATEGIES
from scenarios.strategies import StrategyOptions, inherits_config, strategy_name
from scenarios.told import minimum, told, told_of_traffic
from simulator.rollout.deployment import BLUE_GREEN_MS, ECS_MS, LAMBDA_MS, Checks, Deployment, Limits, Success, Target
from simulator.rollout.rollback import BLUE_GREEN
from simulator.rollout.statuses import FileExistsBehavior, RollbackEvent
from strategies import DEFAULT_CONFIGS
from strategies import options as core
from strategies.configuration import DeploymentConfig, named

TAGS_NAMED_MAX = 20
"""So many tags are named to somebody whose filters match no host."""
HOSTS_NAMED_MAX = 5
"""So many hosts are named that were terminated."""


def lasting(scenario: Scenario) -> dict[str, int]:
    """How long each of the scenario's analyses lasts, in milliseconds."""
    return {name: analysis.lasts for name, analysis in scenario.analyses.items()}


def strategy_of(scenario: Scenario, deploy: Deploy) -> tuple[str, core.Options]:
    """The strategy of one deployment, its own or the group's, and what it is told."""
    group = scenario.group_of(deploy)
    if group.compute_platform != SERVER:
        return STRATEGIES[group.compute_platform], _traffic(scenario, deploy)[0]
    written = deploy.strategy or group.strategy
    options = told(written, lasting(scenario)) if isinstance(written, StrategyOptions) else core.NONE
    return strategy_name(written), options


def _traffic(scenario: Scenario, deploy: Deploy) -> tuple[core.Options, DeploymentConfig]:
    """How the traffic goes on ECS or Lambda: as this deployment says, or as the group does."""
    group = scenario.group_of(deploy)
    config = deploy.deployment_config or group.deployment_config
    assert not isinstance(config, MinimumHealthyHosts), "the scenario's loader tells that beforehand"
    return told_of_traffic(group.compute_platform, config, deploy.strategy or group.strategy, lasting(scenario))


_LASTS_MS = {BLUE_GREEN: BLUE_GREEN_MS, "ecs": ECS_MS, "lambda": LAMBDA_MS}
"""By the strategy, how long a deployment may take that waits for people."""


def limits_of(scenario: Scenario, strategy: str) -> Limits:
    """How long a deployment may take. One that waits for two days and two more has longer, unless the scenario says."""
    limits = scenario.limits
    longer = _LASTS_MS.get(strategy) if "deployment" not in limits.model_fields_set else None
    return Limits(limits.start, limits.event, longer or limits.deployment)


def checks_of(scenario: Scenario) -> Checks | None:
    """What the scenario's balancer asks of a host before it lets it in."""
    if scenario.balancer is None:
        return None
    check = scenario.balancer.health_check
    return Checks(check.path, check.rise, check.interval)


def deployment_config(scenario: Scenario, deploy: Deploy) -> DeploymentConfig:
    """The configuration of one deployment: its own, or the group's, or what the strategy has by default."""
    group = scenario.group_of(deploy)
    if group.compute_platform != SERVER:
        return _traffic(scenario, deploy)[1]
    own = strategy_name(deploy.strategy) if deploy.strategy is not None else None
    written = deploy.deployment_config or (group.deployment_config if inherits_config(own) else None)
    if written is None:
        return DEFAULT_CONFIGS[strategy_of(scenario, deploy)[0]]
    if isinstance(written, MinimumHealthyHosts):
        return DeploymentConfig(f"{written.type} {written.value}", minimum(written))
    config = named(written) if isinstance(written, str) else None
    if config is None:
        raise ValueError(f"there is no deployment configuration {written}; the scenario's loader tells that beforehand")
    return config


class Standing(NamedTuple):
    """A group as it stands before a deployment, the hosts that stand by outside it, and its last success."""

    targets: tuple[Target, ...]
    standing_by: Mapping[str, Target]
    last_success: Success | None
    gone: Container[str] = ()
    """The run's hosts that were terminated."""

    def with_replacements(self, names: Iterable[str]) -> tuple[Target, ...]:
        """The group's hosts, and those of these names that stand by to replace them."""
        return self.targets + tuple(self.standing_by[name] for name in names if name not in self.gone)

    def taken(self, names: Iterable[str]) -> list[str]:
        """Those of these names that are the group's hosts already."""
        group = {target.name for target in self.targets}
        return [name for name in names if name in group]


def requested(scenario: Scenario, deploy: Deploy, identity: str, standing: Standing) -> Deployment:
    """The deployment that a scenario asks for."""
    group = scenario.group_of(deploy)
    strategy, options = strategy_of(scenario, deploy)
    replacements = options.blue_green.green if options.blue_green else ()
    return Deployment(
        deployment_id=identity,
        application=group.application or scenario.application,
        group=group.name,
        revision=deploy.revision,
        strategy=strategy,
        config=deployment_config(scenario, deploy),
        targets=standing.with_replacements(replacements),
        with_balancer=scenario.balanced(group),
        options=options,
        description=deploy.description,
        ignore_application_stop_failures=deploy.ignore_application_stop_failures,
        file_exists_behavior=FileExistsBehavior(deploy.file_exists_behavior),
        auto_rollback=tuple(RollbackEvent(event) for event in group.auto_rollback),
        limits=limits_of(scenario, strategy),
        checks=checks_of(scenario),
        last_success=standing.last_success,
        alarms=group.alarms,
        ignore_poll_alarm_failure=group.ignore_poll_alarm_failure,
        nobody="" if standing.targets else nobody(scenario, group, standing.gone),
    )


def nobody(scenario: Scenario, group: Group, gone: Container[str] = ()) -> str:
    """Why a group has no hosts: they were terminated, or what it asks for, and the tags that there are."""
    if ended := [host.name for host in scenario.members(group) if host.name in gone]:
        named = ", ".join(ended[:HOSTS_NAMED_MAX]) + ", …" * (len(ended) > HOSTS_NAMED_MAX)
        return f"the group has no hosts any more, those that it had were terminated ({named})"
    if not group.has_filters:
        return ""
    tags = {f"{key}={value}": None for host in scenario.named_hosts() for key, value in host.tags.items()}
    there = f"the tags that there are: {', '.join(sorted(tags)[:TAGS_NAMED_MAX])}" if tags else "no host has any tag"
    return f"no host matches {group.filters} ({there}{', …' * (len(tags) > TAGS_NAMED_MAX)})"
