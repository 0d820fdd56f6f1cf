"""Any strategy, as a scenario writes it, with the waits that may come of it, and the signals that judge it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.support.chance import Told, mostly, one_in, waits

Drawn = tuple[Any, set[str]]
"""What is written, and what may be waited for, or be there, because of it: Ready, Baking, Judging, Terminating,
Shifting, `new hosts`."""

ALARMS: dict[str, Told] = {
    "pager": {"scripted": True},
    "errors": {"metric": "error_rate", "above": "20%", "period": "5s"},
    "slow": {"metric": "latency_p99", "above": "400ms", "period": "2s", "datapoints": 1},
    "lonely": {"metric": "healthy_hosts", "below": 1, "period": "1s", "datapoints": 2},
}
ANALYSES: dict[str, Told] = {
    "users": {"lasts": "5s", "thresholds": [{"metric": "error_rate", "below": "10%"}]},
    "beside": {"lasts": "10s", "compare": {"metric": "error_rate"}},
    "hasty": {"lasts": "800ms", "thresholds": [{"metric": "latency_p50", "below": "300ms"}]},
}
analyses = st.sampled_from(sorted(ANALYSES))
shares = st.one_of(
    st.integers(1, 3).map(lambda n: {"hosts": n}), st.sampled_from([25, 50, 75]).map(lambda n: {"percent": n})
)
shifts = st.builds(
    lambda kind, percent, every: {kind: {"percent": percent, "every": every}},
    st.sampled_from(["canary", "linear"]),
    st.sampled_from([20, 50, 99, 5]),
    st.sampled_from(["5s", "20s"]),
)
terminations = st.sampled_from([{}, {"action": "KEEP_ALIVE"}, {"wait_time": "1s"}, {"wait_time": "60s"}])


@st.composite
def minima(draw: st.DrawFn, hosts: int) -> Any:
    """A deployment configuration that this many hosts can mostly keep; None: what the strategy has by itself."""
    named = [f"CodeDeployDefault.{name}" for name in ("AllAtOnce", "HalfAtATime", "OneAtATime")]
    return draw(
        st.one_of(
            st.sampled_from([*named, None]),
            st.integers(0, hosts - 1).map(lambda n: {"type": "HOST_COUNT", "value": n}),
            mostly(0, 40, 99).map(lambda n: {"type": "FLEET_PERCENT", "value": n}),
            mostly(0, hosts).map(lambda n: {"type": "HOST_COUNT", "value": n}),
        )
    )


@st.composite
def waves(draw: st.DrawFn, kind: str, hosts: int, judged: bool) -> Drawn:
    """Canary and linear: a share, a bake, an analysis."""
    told = dict(draw(shares if kind == "linear" or hosts > 3 else st.just({"hosts": 1})))
    bake = draw(waits)
    told["every" if kind == "linear" else "bake"] = bake
    some = told.get("hosts", 0) < hosts and hosts > 1 and told.get("percent", 0) < 100
    gates = {"Baking"} if bake != "0s" and some else set()
    if judged and some and draw(st.booleans()):
        told["analysis"] = draw(analyses)
        gates |= {"Judging", "Baking"}
    return {kind: told}, gates


@st.composite
def zones(draw: st.DrawFn, hosts: int) -> Drawn:
    told: Told = {"monitor_duration": draw(waits)}
    if draw(st.booleans()):
        told["first_zone_monitor_duration"] = draw(waits)
    if draw(st.booleans()):
        minimum = st.sampled_from([("HOST_COUNT", 1), ("HOST_COUNT", 0), ("FLEET_PERCENT", 50)])
        kind, value = draw(minimum)
        told["minimum_healthy_hosts_per_zone"] = {"type": kind, "value": value}
    bakes = {told["monitor_duration"], told.get("first_zone_monitor_duration", "0s")} != {"0s"}
    return {"zonal": told}, {"Baking"} if bakes and hosts > 1 else set()


@st.composite
def steps(draw: st.DrawFn, hosts: int, judged: bool) -> Drawn:
    """Rising shares with pauses and analyses between."""
    told: list[Told] = []
    gates = set[str]()
    for end in range(1, hosts + 1):
        if draw(one_in(3)):
            continue
        told.append({"setHosts": end} if draw(st.booleans()) else {"setWeight": 100 * end // hosts})
        after = draw(st.sampled_from(["", "Ready", "Baking", *(["Judging"] * judged)]))
        if after == "Judging":
            told.append({"analysis": draw(analyses)})
            gates.add("Baking")
        elif after:
            told.append({"pause": {} if after == "Ready" else {"duration": draw(st.sampled_from(["5s", "30s"]))}})
        gates |= {after} - {""}
    return {"steps": told or [{"pause": {}}]}, gates if told else {"Ready"}


@st.composite
def blue_greens(draw: st.DrawFn, green: list[str]) -> Drawn:
    """Both ways to come by new hosts, both to reroute, and all that may be waited for. `green` stand by already."""
    told: Told = {}
    gates = set[str]() if green else {"new hosts"}
    if green:
        told |= {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": green}
    if draw(st.booleans()):
        told["deployment_ready"] = {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": draw(mostly("60s", "0s"))}
        gates.add("Ready")
    if terminate := draw(terminations):
        told["terminate_blue"] = terminate
    gates |= {"Terminating"} if "wait_time" in terminate else set()
    if draw(st.booleans()):
        told["traffic"] = dict(draw(shifts))
        gates |= {"Baking", "Shifting"}
        if draw(st.booleans()):
            told["traffic"]["analysis"] = draw(analyses)
            gates.add("Judging")
    return {"blue-green": told} if told else "blue-green", gates


@st.composite
def strategies(draw: st.DrawFn, hosts: int, *, zoned: bool = False, judged: bool = True, blue_green: int = 3) -> Drawn:
    """Any strategy for so many hosts. `judged`: requests can be looked at; `blue_green`: how often it is that."""
    kinds = ["rolling", "in-place", "steps", "linear", *["canary"] * (hosts > 1), *["zonal"] * zoned]
    kind = draw(st.sampled_from([*kinds, *["blue-green"] * blue_green]))
    if kind in ("canary", "zonal") and draw(one_in(4)):
        return kind, set()
    if kind in ("canary", "linear"):
        return draw(waves(kind, hosts, judged))
    if kind == "zonal":
        return draw(zones(hosts))
    if kind == "steps":
        return draw(steps(hosts, judged))
    if kind == "blue-green":
        return draw(blue_greens([]))
    return kind, set()


@st.composite
def traffic_configs(draw: st.DrawFn, platform: str) -> Drawn:
    """How the traffic goes on ECS or Lambda: at once, or by shares that are watched for a while."""
    named = {"ECS": "ECSLinear10PercentEvery1Minutes", "Lambda": "LambdaCanary10Percent5Minutes"}[platform]
    kind = draw(st.sampled_from(["shares", "shares", "at once", "named"]))
    if kind == "at once":
        return draw(st.sampled_from([None, "all-at-once", f"CodeDeployDefault.{platform}AllAtOnce"])), set()
    config = dict(draw(shifts)) if kind == "shares" else f"CodeDeployDefault.{named}"
    return config, {"Baking", "Shifting"}


@st.composite
def task_sets(draw: st.DrawFn) -> Drawn:
    """What an ECS deployment may be told besides: to wait for a person, and when the original task set ends."""
    told: Told = {}
    gates = set[str]()
    if draw(st.booleans()):
        told["deployment_ready"] = {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": draw(mostly("60s", "0s"))}
        gates.add("Ready")
    if terminate := draw(terminations):
        told["terminate_blue"] = terminate
    gates |= {"Terminating"} if "wait_time" in terminate else set()
    return {"blue-green": told} if told else "blue-green", gates
