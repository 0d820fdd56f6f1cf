"""A strategy's options in a scenario, as those of `strategies`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from scenarios.strategies import (
    BlueGreen,
    Canary,
    Linear,
    MinimumHealthyHosts,
    ShiftedTraffic,
    Step,
    StrategyOptions,
)
from scenarios.words import duration_text
from strategies import options as core
from strategies.configuration import DeploymentConfig, MinimumHealthyHostsType, elsewhere
from strategies.configuration import MinimumHealthyHosts as Minimum
from strategies.plan import NO_MINIMUM

ALL_AT_ONCE = "all-at-once"
"""All of the traffic at once, whichever the platform."""
NO_ANALYSES: Mapping[str, int] = MappingProxyType({})


READY_WAIT_MAX_MS = 48 * 3_600_000
"""How long a deployment stands Ready that is told no time: the longest that CodeDeploy takes (2,880 minutes)."""


def told(written: StrategyOptions, analyses: Mapping[str, int] = NO_ANALYSES) -> core.Options:
    """What a strategy is told. `analyses`: how long each of the scenario's analyses lasts, in milliseconds."""
    if (waves := written.canary or written.linear) is not None:
        bake_ms = waves.bake if isinstance(waves, Canary) else waves.every
        return core.Options(share=_share(waves), bake_ms=bake_ms, analysis=_analysis(waves.analysis, analyses))
    if written.zonal is not None:
        per_zone = written.zonal.minimum_healthy_hosts_per_zone
        return core.Options(
            bake_ms=written.zonal.monitor_duration,
            first_bake_ms=written.zonal.first_zone_monitor_duration,
            minimum_per_zone=None if per_zone is None else minimum(per_zone),
        )
    if written.blue_green is not None:
        return _blue_green(written.blue_green, analyses)
    return core.Options(steps=tuple(_step(step, analyses) for step in written.steps or ()))


def _blue_green(written: BlueGreen, analyses: Mapping[str, int]) -> core.Options:
    traffic, bake_ms = written.traffic, 0
    shift: tuple[int, ...] = ()
    if traffic is not None:
        rate = traffic.canary or traffic.linear
        assert rate is not None, "one of the two is there"
        bake_ms = rate.every
        shift = (rate.percent,) if traffic.canary else tuple(range(rate.percent, 100, rate.percent))
    terminate, ready = written.terminate_blue, written.deployment_ready
    return core.Options(
        bake_ms=bake_ms,
        analysis=_analysis(traffic.analysis if traffic else None, analyses),
        blue_green=core.BlueGreen(
            green=written.target_instances,
            waits=ready.action_on_timeout == "STOP_DEPLOYMENT",
            ready_wait_ms=READY_WAIT_MAX_MS if ready.wait_time is None else ready.wait_time,
            shift=shift,
            terminate_after_ms=terminate.wait_time if terminate.action == "TERMINATE" else None,
        ),
    )


def told_of_traffic(
    platform: str,
    config: str | ShiftedTraffic | None,
    strategy: str | StrategyOptions,
    analyses: Mapping[str, int] = NO_ANALYSES,
) -> tuple[core.Options, DeploymentConfig]:
    """How the traffic goes on ECS or Lambda, and the configuration's name. `strategy`: the waits of a blue/green one.

    Raises ValueError, in words for a user, for a configuration that does not fit the platform; the loader tells it.
    """
    waits = strategy.blue_green if isinstance(strategy, StrategyOptions) else None
    options = _blue_green(waits or BlueGreen(), analyses)
    assert options.blue_green is not None, "these are its options"
    if isinstance(config, ShiftedTraffic):
        shifted = _blue_green(BlueGreen(traffic=config), analyses)
        assert shifted.blue_green is not None, "these are its options"
        way = replace(options.blue_green, shift=shifted.blue_green.shift)
        kind, rate = ("TimeBasedCanary", config.canary) if config.canary else ("TimeBasedLinear", config.linear)
        assert rate is not None, "one of the two is there"
        named = DeploymentConfig(f"{kind} {rate.percent} % {duration_text(rate.every)}", NO_MINIMUM)
        return replace(shifted, blue_green=way), named
    word = f"{platform}AllAtOnce" if config in (None, ALL_AT_ONCE) else config
    found = elsewhere(word)
    if found is None or found.platform != platform:
        raise ValueError(f"{platform} has no deployment configuration {word}")
    way = replace(options.blue_green, shift=found.routing.shift)
    bake_ms = found.routing.interval_minutes * 60_000
    return replace(options, blue_green=way, bake_ms=bake_ms), found.as_deployment_config


def _share(written: Canary | Linear) -> core.Share:
    return core.Share(written.hosts, written.percent)


def _analysis(name: str | None, analyses: Mapping[str, int]) -> core.Analysis | None:
    return None if name is None else core.Analysis(name, analyses.get(name, 0))


def _step(written: Step, analyses: Mapping[str, int]) -> core.Step:
    if written.pause is not None:
        return core.Step(pause=True, lasts_ms=written.pause.duration)
    if written.analysis is not None:
        return core.Step(analysis=written.analysis, lasts_ms=analyses.get(written.analysis, 0))
    return core.Step(core.Share(written.set_hosts, written.set_weight))


def minimum(written: MinimumHealthyHosts) -> Minimum:
    """A minimum of a scenario's own."""
    return Minimum(MinimumHealthyHostsType(written.type), written.value)
