"""What a scenario asks for, in the words of the core: strategies, their options, configurations."""

from __future__ import annotations

from scenarios.model import Deploy, MinimumHealthyHosts, Scenario
from scenarios.strategies import BlueGreen, Canary, Linear, Step, StrategyOptions, strategy_name
from strategies import DEFAULT_CONFIGS
from strategies import options as core
from strategies.configuration import DeploymentConfig, MinimumHealthyHostsType, named
from strategies.configuration import MinimumHealthyHosts as Minimum


def strategy_of(scenario: Scenario, deploy: Deploy) -> tuple[str, core.Options]:
    """The strategy of one deployment, its own or the group's, and what it is told."""
    written = deploy.strategy or scenario.group.strategy
    return strategy_name(written), _options(written) if isinstance(written, StrategyOptions) else core.NONE


def _options(written: StrategyOptions) -> core.Options:
    if written.canary is not None:
        return core.Options(share=_share(written.canary), bake_ms=written.canary.bake)
    if written.linear is not None:
        return core.Options(share=_share(written.linear), bake_ms=written.linear.every)
    if written.zonal is not None:
        per_zone = written.zonal.minimum_healthy_hosts_per_zone
        return core.Options(
            bake_ms=written.zonal.monitor_duration,
            first_bake_ms=written.zonal.first_zone_monitor_duration,
            minimum_per_zone=None if per_zone is None else _minimum(per_zone),
        )
    if written.blue_green is not None:
        return _blue_green(written.blue_green)
    return core.Options(steps=tuple(_step(step) for step in written.steps or ()))


def _blue_green(written: BlueGreen) -> core.Options:
    traffic, bake_ms = written.traffic, 0
    shift: tuple[int, ...] = ()
    if traffic is not None:
        told = traffic.canary or traffic.linear
        assert told is not None, "one of the two is there"
        bake_ms = told.every
        shift = (told.percent,) if traffic.canary else tuple(range(told.percent, 100, told.percent))
    terminate, ready = written.terminate_blue, written.deployment_ready
    return core.Options(
        bake_ms=bake_ms,
        blue_green=core.BlueGreen(
            green=written.target_instances,
            waits=ready.action_on_timeout == "STOP_DEPLOYMENT",
            ready_wait_ms=ready.wait_time,
            shift=shift,
            terminate_after_ms=terminate.wait_time if terminate.action == "TERMINATE" else None,
        ),
    )


def _share(written: Canary | Linear) -> core.Share:
    return core.Share(written.hosts, written.percent)


def _step(written: Step) -> core.Step:
    if written.pause is not None:
        return core.Step(pause=True, lasts_ms=written.pause.duration)
    return core.Step(core.Share(written.set_hosts, written.set_weight))


def _minimum(written: MinimumHealthyHosts) -> Minimum:
    return Minimum(MinimumHealthyHostsType(written.type), written.value)


def deployment_config(scenario: Scenario, deploy: Deploy) -> DeploymentConfig:
    """The configuration of one deployment: its own, or the group's, or what the strategy has by default."""
    group = scenario.group
    inherits = deploy.strategy is None or strategy_name(deploy.strategy) == strategy_name(group.strategy)
    written = deploy.deployment_config or (group.deployment_config if inherits else None)
    if written is None:
        return DEFAULT_CONFIGS[strategy_of(scenario, deploy)[0]]
    if isinstance(written, MinimumHealthyHosts):
        return DeploymentConfig(f"{written.type} {written.value}", _minimum(written))
    config = named(written)
    if config is None:
        raise ValueError(f"there is no deployment configuration {written}; the scenario's loader tells that beforehand")
    return config
