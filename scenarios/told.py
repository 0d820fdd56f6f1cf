"""A strategy's options in a scenario, as those of `strategies`."""

from __future__ import annotations

from scenarios.strategies import BlueGreen, Canary, Linear, MinimumHealthyHosts, Step, StrategyOptions
from strategies import options as core
from strategies.configuration import MinimumHealthyHosts as Minimum
from strategies.configuration import MinimumHealthyHostsType


def told(written: StrategyOptions) -> core.Options:
    """What a strategy is told."""
    if written.canary is not None:
        return core.Options(share=_share(written.canary), bake_ms=written.canary.bake)
    if written.linear is not None:
        return core.Options(share=_share(written.linear), bake_ms=written.linear.every)
    if written.zonal is not None:
        per_zone = written.zonal.minimum_healthy_hosts_per_zone
        return core.Options(
            bake_ms=written.zonal.monitor_duration,
            first_bake_ms=written.zonal.first_zone_monitor_duration,
            minimum_per_zone=None if per_zone is None else minimum(per_zone),
        )
    if written.blue_green is not None:
        return _blue_green(written.blue_green)
    return core.Options(steps=tuple(_step(step) for step in written.steps or ()))


def _blue_green(written: BlueGreen) -> core.Options:
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


def minimum(written: MinimumHealthyHosts) -> Minimum:
    """A minimum of a scenario's own."""
    return Minimum(MinimumHealthyHostsType(written.type), written.value)
