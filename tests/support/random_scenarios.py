"""Random small scenarios for whole runs: every strategy, gate, fault, word of a person and policy, alone and together.

Most of what is drawn goes well for a while: a fleet in which everything is broken at once never comes to its second
stage, and what happens there would never be tried. `tests.support.census` counts what the draws have come to.
"""

from __future__ import annotations

from typing import Any

from hypothesis import reject
from hypothesis import strategies as st

from scenarios.model import Scenario
from scenarios.problems import ScenarioError
from simulator.rollout.lifecycle import IN_PLACE, IN_PLACE_WITH_BALANCER, SCRIPT_EVENTS
from tests.support.rehearsals import BALANCER, BUNDLES, scenario

Told = dict[str, Any]
REVISIONS = ("v1", "v2", "v3")
CAUSES = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM")
SITE = "/home/ec2-user/web/site/index.html"
"""A file that every bundle installs."""
WITH_SCRIPTS = ("ApplicationStop", "ApplicationStart", "ValidateService")
"""The events for which the bundles have scripts."""


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual three times in four."""
    return st.sampled_from([*[usual] * (3 * len(others)), *others])


def one_in(count: int) -> st.SearchStrategy[bool]:
    """True so often."""
    return st.sampled_from([*[False] * (count - 1), True])


times = st.one_of(st.integers(0, 5_000), st.integers(0, 30_000), st.integers(0, 120_000)).map(lambda ms: f"{ms}ms")
some_times = st.integers(1, 15_000).map(lambda ms: f"{ms}ms")
flaps = st.integers(200, 15_000).map(lambda ms: f"{ms}ms")
waits = st.sampled_from(["1s", "20s", "0s", "60s"])

# -- signals ----------------------------------------------------------------------------------------------------------

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

# -- strategies: what a scenario says, and the statuses and waits that may come of it ---------------------------------

shares = st.one_of(
    st.integers(1, 3).map(lambda n: {"hosts": n}), st.sampled_from([25, 50, 75]).map(lambda n: {"percent": n})
)


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
def waves(draw: st.DrawFn, kind: str, hosts: int, judged: bool) -> tuple[Told, set[str]]:
    """Canary and linear: a share, a bake, an analysis."""
    told = dict(draw(shares if kind == "linear" or hosts > 3 else st.just({"hosts": 1})))
    bake = draw(waits)
    told["every" if kind == "linear" else "bake"] = bake
    gates = {"Baking"} if bake != "0s" else set()
    if judged and draw(st.booleans()):
        told["analysis"] = draw(analyses)
        gates.add("Judging")
    return {kind: told}, gates


@st.composite
def zones(draw: st.DrawFn) -> tuple[Told, set[str]]:
    told: Told = {"monitor_duration": draw(waits)}
    if draw(st.booleans()):
        told["first_zone_monitor_duration"] = draw(waits)
    if draw(st.booleans()):
        minimum = st.sampled_from([("HOST_COUNT", 1), ("HOST_COUNT", 0), ("FLEET_PERCENT", 50)])
        kind, value = draw(minimum)
        told["minimum_healthy_hosts_per_zone"] = {"type": kind, "value": value}
    bakes = {told["monitor_duration"], told.get("first_zone_monitor_duration", "0s")} != {"0s"}
    return {"zonal": told}, {"Baking"} if bakes else set()


@st.composite
def steps(draw: st.DrawFn, hosts: int, judged: bool) -> tuple[Told, set[str]]:
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
        elif after:
            told.append({"pause": {} if after == "Ready" else {"duration": draw(st.sampled_from(["5s", "30s"]))}})
        gates |= {after} - {""}
    return {"steps": told or [{"pause": {}}]}, gates if told else {"Ready"}


@st.composite
def blue_greens(draw: st.DrawFn, green: list[str]) -> tuple[Told, set[str]]:
    """Both ways to come by new hosts, both to reroute, and all that may be waited for."""
    told: Told = {}
    gates = set[str]()
    if green:
        told |= {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": green}
    if draw(st.booleans()):
        told["deployment_ready"] = {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": draw(mostly("60s", "0s"))}
        gates.add("Ready")
    terminate = draw(st.sampled_from([{}, {"action": "KEEP_ALIVE"}, {"wait_time": "1s"}, {"wait_time": "60s"}]))
    if terminate:
        told["terminate_blue"] = terminate
        gates |= {"Terminating"} if "wait_time" in terminate else set()
    if draw(st.booleans()):
        share = {"percent": draw(st.sampled_from([20, 50, 99, 5])), "every": draw(st.sampled_from(["5s", "20s"]))}
        told["traffic"] = {draw(st.sampled_from(["canary", "linear"])): share}
        gates.add("Baking")
        if draw(st.booleans()):
            told["traffic"]["analysis"] = draw(analyses)
            gates.add("Judging")
    return {"blue-green": told} if told else "blue-green", gates  # type: ignore[return-value]


@st.composite
def strategies(draw: st.DrawFn, hosts: int, zoned: bool, balancer: bool, green: list[str]) -> tuple[Any, set[str]]:
    """Any strategy, as a scenario writes it, and what it may wait for."""
    kinds = ["rolling", "in-place", "steps", "linear", *["canary"] * (hosts > 1), *["zonal"] * zoned]
    kind = draw(st.sampled_from([*kinds, *["blue-green"] * (3 * balancer)]))
    if kind in ("canary", "zonal") and draw(one_in(4)):
        return kind, set()
    if kind in ("canary", "linear"):
        return draw(waves(kind, hosts, balancer))
    if kind == "zonal":
        return draw(zones())
    if kind == "steps":
        return draw(steps(hosts, balancer))
    if kind == "blue-green":
        return draw(blue_greens(green if draw(st.booleans()) else []))
    return kind, set()


# -- faults -----------------------------------------------------------------------------------------------------------

HEALTH: list[st.SearchStrategy[Any]] = [
    st.sampled_from([404, 500, 503]).map(lambda status: {"health": {"status": status}}),
    st.sampled_from(["100ms", "450ms", "20s"]).map(lambda slow: {"health": {"slow": slow}}),
    st.builds(lambda up, down: {"health": {"flapping": {"up": up, "down": down}}}, flaps, flaps),
]
SCRIPTS: list[st.SearchStrategy[Any]] = [
    st.integers(1, 255).map(lambda code: {"script": {"exit": code}}),
    st.just({"script": "hang"}),
    st.just({"script": "missing"}),
]
HOSTS: list[st.SearchStrategy[Any]] = [
    *(st.just({"agent": what}) for what in ("stop", "restart")),
    *(st.just({"host": what}) for what in ("crash", "pause")),
    *(st.just({"bundle": what}) for what in ("missing", "corrupt")),
    st.sampled_from(["/srv/web/site/index.html", SITE]).map(lambda path: {"file": {"path": path}}),
]
PAGER: list[st.SearchStrategy[Any]] = [
    st.just({"alarm": {"name": "pager", "state": state}}) for state in ("ALARM", "UNKNOWN", "OK")
]


@st.composite
def moments(draw: st.DrawFn, hosts: int, balancer: bool, gates: set[str], deployments: int) -> Told:
    """A time, a host's lifecycle event, or a status that may come."""
    kind = draw(st.sampled_from(["at", "event", "status"]))
    if kind == "at":
        return {"at": draw(times)}
    which = {"deployment": draw(st.integers(1, deployments))} if draw(one_in(3)) else {}
    if kind == "event":
        event = draw(st.sampled_from(IN_PLACE_WITH_BALANCER if balancer else IN_PLACE))
        nth = {"nth": draw(st.integers(1, hosts))} if draw(st.booleans()) else {}
        return {"event": event, **nth, **which}
    statuses = {"Ready" if gate == "Ready" else "Baking" for gate in gates if gate != "Terminating"}
    return {"status": draw(st.sampled_from([*sorted(statuses), *sorted(statuses), "InProgress", *_ENDS])), **which}


_ENDS = ("Succeeded", "Failed", "Stopped")


@st.composite
def faults(
    draw: st.DrawFn, names: list[str], zoned: bool, balancer: bool, alarms: bool, bakes: bool, when: Any
) -> Told:
    """A fault of any kind that the virtual fleet can make real; `when` draws its moment."""
    kinds = [*HOSTS, *SCRIPTS, *(HEALTH * balancer), *(PAGER * alarms)]
    effect = draw(draw(st.sampled_from(kinds)))
    fault: Told = {"do": effect}
    if "script" in effect:
        event = st.one_of(st.sampled_from(WITH_SCRIPTS), st.sampled_from([n for n in IN_PLACE if n in SCRIPT_EVENTS]))
        fault["when"] = {"event": draw(event)}
        if draw(one_in(3)):
            fault["when"]["host"] = draw(st.sampled_from(names))
    elif bakes and ("health" in effect or "host" in effect) and draw(st.booleans()):
        fault["when"] = {"status": "Baking"}
    elif draw(mostly(True, False)):
        fault["when"] = draw(when)
    if draw(st.booleans()):
        fault["for"] = draw(some_times)
    if "alarm" in effect:
        return fault
    where = draw(st.sampled_from(["", "random", "hosts", "revision", "tag", *["zone"] * zoned]))
    if where:
        fault["where"] = {where: draw(_PLACES[where](names))}
        if where == "random" and draw(st.booleans()):
            fault["where"]["revision"] = draw(st.sampled_from(REVISIONS))
    return fault


_PLACES = {
    "random": lambda names: st.integers(1, len(names)),
    "hosts": lambda names: st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True),
    "revision": lambda _: st.sampled_from([*REVISIONS, "none"]),
    "tag": lambda _: st.just({"role": "web"}),
    "zone": lambda _: st.just("a"),
}

# -- people -----------------------------------------------------------------------------------------------------------


@st.composite
def phrases(draw: st.DrawFn, gates: set[str], when: Any) -> list[Told]:
    """What somebody says, and when: one word, or a pause and its end."""
    asks, statuses = gates & {"Ready", "Terminating"}, sorted(gates & {"Ready", "Baking"})
    shorten = [*["continue"] * bool(asks), *["promote", "promote-full"] * bool(asks or statuses)]
    verb = draw(st.sampled_from(["pause", "pause", "stop", "abort", *shorten * 3]))
    moment = draw(when)
    if verb in shorten and statuses and draw(mostly(True, False)):
        moment = {"status": "Ready" if verb == "continue" and "Ready" in gates else draw(st.sampled_from(statuses))}
    if verb == "stop":
        return [{"when": moment, "do": verb, "auto_rollback": draw(st.sampled_from([None, True, False]))}]
    said = [{"when": moment, "do": verb}]
    if verb == "pause" and draw(mostly(True, False)):
        said.append({"when": {"at": draw(times)}, "do": "resume"})
    return said


# -- the whole --------------------------------------------------------------------------------------------------------


@st.composite
def revisions(draw: st.DrawFn, unseen: bool) -> Told:
    """Three revisions, which may be broken in many ways. `unseen`: the health check does not ask what users do."""
    names = {name: "web-v1" if name == "v1" else "web-v2" for name in REVISIONS}
    if draw(one_in(8)):
        names["v1"] = "web-v1-poisoned-stop"
    if draw(one_in(6)):
        names["v2"] = f"web-v2-{draw(st.sampled_from(_BROKEN))}"
    told: Told = {name: {"bundle": str(BUNDLES / bundle)} for name, bundle in names.items()}
    behaves: Told = {}
    if draw(one_in(2 if unseen else 8)):
        behaves["answers"] = {"/": draw(st.sampled_from([404, 500]))}
    if draw(one_in(6)):
        behaves["latency"] = draw(st.sampled_from(["350ms", "900ms"]))
    if names["v2"] != "web-v2-empty" and draw(one_in(8)):
        behaves["scripts"] = {f"scripts/{draw(st.sampled_from(_SCRIPTS))}.sh": draw(st.sampled_from(_DO))}
    told[draw(st.sampled_from(["v2", "v3"] if "scripts" not in behaves else ["v2"]))]["behaves"] = behaves
    return told


_BROKEN = ("broken-start", "empty", "errors", "hangs", "leaves-a-file")
_SCRIPTS = ("kill_process", "run_process", "validate_service")
_DO: tuple[Told, ...] = (
    *({"exit": 3}, {"hangs": True}, {"keeps_output_open": True}),
    *({"lasts": "20s"}, {"leaves": [f"{SITE}.old"]}),
)
limits = st.fixed_dictionaries(
    {
        "start": mostly("30s", "30s", "800ms", "5s"),
        "event": mostly("40s", "40s", "800ms"),
        "deployment": mostly("20m", "20m", "20s", "90s"),
    }
)


@st.composite
def fleets(draw: st.DrawFn, zoned: bool, green: list[str]) -> tuple[Told, list[str]]:
    """The hosts, and the names of those that are in the group from the beginning."""
    names = [f"h{n}" for n in range(1, draw(st.sampled_from([2, 3, 4, 5, 1])) + 1)]
    hosts: list[Told] = [
        {"name": name, **({"zone": "ab"[n % 2]} if zoned else {}), **({"tags": {"role": "web"}} if n % 3 == 0 else {})}
        for n, name in enumerate([*names, *green])
    ]
    fleet: Told = {"hosts": hosts}
    if green or draw(mostly(True, False)):
        fleet["running"] = "v1"
    if draw(one_in(10)):
        fleet["files"] = {SITE: "here before"}
    return fleet, names


@st.composite
def deployments(
    draw: st.DrawFn, names: list[str], zoned: bool, balancer: bool, green: list[str]
) -> tuple[list[Told], set[str]]:
    """One to three deployments in their order, and what they may wait for."""
    told: list[Told] = []
    gates = set[str]()
    for number in range(draw(st.sampled_from([1, 1, 2, 3]))):
        own = blue_greens(green) if green and not number else strategies(len(names), zoned, balancer, green)
        strategy, waits_for = draw(own)
        gates |= waits_for
        asked = {"revision": draw(st.sampled_from(["v2", "v3", "v2", "v1"])), "strategy": strategy}
        if strategy != "in-place" and (config := draw(minima(len(green or names)))) is not None:
            asked["deployment_config"] = config
        asked["file_exists_behavior"] = draw(st.sampled_from(["OVERWRITE", "DISALLOW", "RETAIN"]))
        asked["ignore_application_stop_failures"] = draw(st.booleans())
        told.append(asked)
    return told, gates


@st.composite
def rehearsals(draw: st.DrawFn, *, ticking: bool = False) -> Scenario:
    """A small scenario that its own loader accepts.

    `ticking`: behind a balancer something is always due, also once the last deployment has ended.
    """
    balancer, zoned = draw(mostly(True, False)), draw(st.booleans())
    green = draw(mostly([], ["g1"], ["g1", "g2"])) if balancer else []
    fleet, names = draw(fleets(zoned, green))
    deploy, gates = draw(deployments(names, zoned, balancer, green))
    some_alarms = st.lists(st.sampled_from(sorted(ALARMS)), unique=True, min_size=1)
    alarms = draw(some_alarms) if balancer and draw(st.booleans()) else []
    watched = sorted({*alarms, *(["lonely"] if balancer and ticking else [])})
    group: Told = {"auto_rollback": [cause for cause in CAUSES if draw(st.booleans())]}
    if alarms:
        group |= {"alarms": alarms, "ignore_poll_alarm_failure": draw(st.booleans())}
    if draw(st.booleans()):  # the first deployment's strategy is the group's
        group |= {key: deploy[0].pop(key) for key in ("strategy", "deployment_config") if key in deploy[0]}
    when = moments(len(names), balancer, gates, len(deploy))
    unseen = draw(one_in(2 if "Judging" in gates else 3))
    check = {**BALANCER["health_check"], "path": "/health" if unseen else "/"}
    trouble = faults([*names, *green], zoned, balancer, "pager" in alarms, "Baking" in gates, when)
    asked: Told = {
        "fleet": fleet,
        "balancer": {**BALANCER, "health_check": check, "draining": draw(mostly("1s", "0s"))} if balancer else None,
        "revisions": draw(revisions(unseen)),
        "group": group,
        "deploy": deploy,
        "alarms": {name: ALARMS[name] for name in watched} or None,
        "analyses": ANALYSES if "analysis" in repr((deploy, group)) else None,
        "limits": draw(limits),
        "faults": [draw(trouble) for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3])))],
        "operator": [
            word for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3]))) for word in draw(phrases(gates, when))
        ],
    }
    try:
        return scenario(**asked)
    except ScenarioError:
        reject()
