"""What a random rehearsal takes place in: one group, several, environments on the way, a pool, a service or a function.

Each gives the parts of a scenario, and the world of which its faults and people may speak.
"""

from __future__ import annotations

from typing import Any, get_args

from hypothesis import strategies as st

from scenarios.pools import ProcessToSuspend
from tests.support.chance import Told, mostly, one_in, times
from tests.support.random_faults import POOL, POOL_MAX, POOL_MIN, SITE, World, moments
from tests.support.random_revisions import PAGE, functions, of_platform
from tests.support.random_strategies import (
    Drawn,
    blue_greens,
    minima,
    strategies,
    task_sets,
    traffic_configs,
)

Placed = tuple[Told, World]
"""Parts of a scenario, and what there is in it."""


@st.composite
def wishes(draw: st.DrawFn, strategy: st.SearchStrategy[Drawn] | None, hosts: int) -> tuple[Told, set[str]]:
    """A deployment that is asked for, and what it may wait for; in the group's own way without a strategy."""
    asked: Told = {"revision": draw(st.sampled_from(["v2", "v3", "v2", "v1"]))}
    gates = set[str]()
    if strategy is not None:
        asked["strategy"], gates = draw(strategy)
        if asked["strategy"] != "in-place" and (config := draw(minima(hosts))) is not None:
            asked["deployment_config"] = config
    asked["file_exists_behavior"] = draw(st.sampled_from(["OVERWRITE", "DISALLOW", "RETAIN"]))
    asked["ignore_application_stop_failures"] = draw(st.booleans())
    return asked, gates


def at_their_moments(draw: st.DrawFn, deploy: list[Told], world: World) -> None:
    """Some of the deployments, but never the first, are asked for when something happens."""
    for asked in deploy[1:]:
        if draw(one_in(2 if world.groups else 4)):
            asked["when"] = draw(moments(world))
            asked["if_active"] = draw(st.sampled_from(["queue", "refuse"]))


# -- one group --------------------------------------------------------------------------------------------------------


@st.composite
def one_group(draw: st.DrawFn) -> Placed:
    """Some hosts, some of them standing by to replace the others, behind a balancer or not."""
    balancer, zoned = draw(mostly(True, False)), draw(st.booleans())
    green = draw(mostly([], ["g1"], ["g1", "g2"], ["g1", "g2", "g3"])) if balancer else []
    names = [f"h{n}" for n in range(1, draw(st.sampled_from([2, 3, 4, 5, 1])) + 1)]
    deploy, gates = draw(deployments(len(names), zoned, balancer, green))
    fresh = [f"{name}-g2" for name in names] if "new hosts" in gates else []
    world = World(
        *((*names, *green, *fresh), len(names) + len(green), len(deploy), frozenset(gates)),
        balancer=balancer,
        zoned=zoned,
    )
    at_their_moments(draw, deploy, world)
    fleet = draw(fleets([*names, *green], zoned=zoned, new=not green and draw(one_in(4))))
    group: Told = {}
    if draw(st.booleans()) and not green:  # the first deployment's strategy is the group's
        group = {key: deploy[0].pop(key) for key in ("strategy", "deployment_config") if key in deploy[0]}
    return {"fleet": fleet, "group": group, "deploy": deploy}, world


@st.composite
def fleets(draw: st.DrawFn, names: list[str], *, zoned: bool, new: bool) -> Told:
    """These hosts, some with a tag. `new`: nothing was deployed to them before."""
    fleet: Told = {
        "hosts": [
            {"name": name, **({"zone": "ab"[n % 2]} if zoned else {}), "tags": {"role": "web"} if n % 3 == 0 else {}}
            for n, name in enumerate(names)
        ]
    }
    if not new:
        fleet["running"] = "v1"
    if draw(one_in(10)):
        fleet["files"] = {SITE: "here before"}
    return fleet


@st.composite
def deployments(
    draw: st.DrawFn, hosts: int, zoned: bool, balancer: bool, green: list[str]
) -> tuple[list[Told], set[str]]:
    """One to three deployments in their order, and what they may wait for.

    Each host of `green`, which stand by, replaces others once at most.
    """
    told: list[Told] = []
    gates = set[str]()
    standing_by = list(green)
    for number in range(draw(st.sampled_from([1, 1, 2, 3]))):
        own = strategies(hosts, zoned=zoned, judged=balancer, blue_green=3 * balancer)
        if standing_by and (not number or draw(st.booleans())):
            taken = draw(st.integers(1, len(standing_by)))
            own, standing_by = blue_greens(standing_by[:taken]), standing_by[taken:]
        asked, waits_for = draw(wishes(own, hosts))
        gates |= waits_for
        told.append(asked)
    return told, gates


# -- several groups, and environments ---------------------------------------------------------------------------------

GROUPS: dict[str, tuple[Told, ...]] = {
    "web": (
        {"ec2_tag_filters": [{"key": "role", "value": "web"}]},
        {"ec2_tag_set": [[{"key": "role"}], [{"value": "web"}]]},
        {"ec2_tag_filters": [{"key": "role"}]},
    ),
    "batch": (
        {"ec2_tag_filters": [{"value": "batch", "type": "VALUE_ONLY"}]},
        {
            "ec2_tag_filters": [{"key": "role", "value": "batch"}],
            "on_premises_tag_filters": [{"key": "role", "value": "batch"}],
        },
        {"on_premises_tag_set": [[{"key": "role", "value": "batch"}]]},
    ),
    "edge": ({"ec2_tag_filters": [{"key": "edge", "type": "KEY_ONLY"}]}, {"ec2_tag_filters": [{"key": "nowhere"}]}),
}
"""By the group's name, filters that it may have: they may share hosts with another group, or have none."""


@st.composite
def several_groups(draw: st.DrawFn) -> Placed:
    """Groups of one application or of two, side by side or on the same hosts, found by tags."""
    names = list(GROUPS)[: draw(st.integers(2, len(GROUPS)))]
    hosts: list[Told] = [
        {"name": f"h{n}", "tags": {"role": ("web", "batch")[n % 2], **({"edge": "yes"} if n > 3 else {})}}
        for n in range(1, draw(st.integers(2, 6)) + 1)
    ]
    if draw(st.booleans()):
        hosts.append({"name": "rack-1", "tags": {"role": "batch"}, "on_premises": True})
    groups, gates = [], set[str]()
    for name in names:
        group, waits_for = draw(own_groups(name, 2, balanced=name == "web" or draw(st.booleans())))
        groups.append({**group, **draw(st.sampled_from(GROUPS[name]))})
        gates |= waits_for
    deploy = []
    for name in [*names[: draw(st.integers(1, len(names)))], *draw(st.lists(st.sampled_from(names), max_size=2))]:
        asked, _ = draw(wishes(None, len(hosts)))
        deploy.append({**asked, "group": name})
    world = World(
        *(tuple(host["name"] for host in hosts), len(hosts), len(deploy), frozenset(gates)), groups=tuple(names)
    )
    at_their_moments(draw, deploy, world)
    return {"fleet": {"hosts": hosts, "running": "v1"}, "group": None, "groups": groups, "deploy": deploy}, world


@st.composite
def own_groups(draw: st.DrawFn, name: str, hosts: int, *, balanced: bool) -> tuple[Told, set[str]]:
    """A group with a way of its own, and what its deployments may wait for."""
    strategy, gates = draw(strategies(hosts, judged=balanced, blue_green=2 * balanced))
    group: Told = {"name": name, "strategy": strategy}
    if not balanced:
        group["deployment_option"] = "WITHOUT_TRAFFIC_CONTROL"
    elif draw(one_in(4)):
        group["deployment_option"] = "WITH_TRAFFIC_CONTROL"
    if strategy != "in-place" and (config := draw(minima(hosts))) is not None:
        group["deployment_config"] = config
    if draw(one_in(4)):
        group["application"] = "shop"
    if draw(one_in(4)):
        group["running"] = "v2"
    return group, gates


@st.composite
def environments(draw: st.DrawFn) -> Placed:
    """A revision's way through three or four groups, with gates between them."""
    names = ["dev", "test", "prod", "status"][: draw(st.integers(3, 4))]
    hosts: list[Told] = [
        {"name": f"{name}-{n}", "tags": {"env": name, "role": "web"}}
        for name in names
        for n in (1, 2)[: 1 + (name == "prod")]
    ]
    groups, gates = [], set[str]()
    for name in names:
        group, waits_for = draw(own_groups(name, 1 + (name == "prod"), balanced=name == "prod"))
        groups.append({**group, "ec2_tag_filters": [{"key": "env", "value": name}]})
        gates |= waits_for
    graph: Told = {names[0]: {}}
    for number, name in enumerate(names[1:], 1):
        after = draw(st.lists(st.sampled_from(names[:number]), unique=True, min_size=1))
        graph[name] = {"after": after, "gate": draw(passes)}
    deploy = [draw(wishes(None, 1))[0] for _ in range(draw(st.integers(1, 2)))]
    asked_before = tuple(name for name in names if "approval" in graph[name].get("gate", {}))
    places = len(deploy) * len(names)
    world = World(
        *(tuple(host["name"] for host in hosts), len(hosts), places, frozenset(gates)),
        asked_before=asked_before,
        groups=tuple(names),
    )
    at_their_moments(draw, deploy, world)
    if draw(one_in(3)):  # somebody goes past the way
        deploy.append({"revision": "v3", "group": draw(st.sampled_from(names)), "when": {"at": draw(times)}})
    parts = {"fleet": {"hosts": hosts, "running": "v1"}, "group": None, "groups": groups, "environments": graph}
    return {**parts, "deploy": deploy}, world


passes = st.fixed_dictionaries(
    {},
    optional={
        "stood": st.sampled_from(["1s", "10s"]),
        "approval": st.sampled_from(["5s", "60s"]).map(lambda wait: {"wait_time": wait}),
    },
)
"""What must be so before a revision enters an environment."""

# -- pools ------------------------------------------------------------------------------------------------------------


@st.composite
def pools(draw: st.DrawFn) -> Placed:
    """A pool that launches and terminates hosts, perhaps beside hosts of its group that are in none."""
    desired = draw(st.integers(POOL_MIN, 4))
    image: Told = {"boots": draw(st.sampled_from(["1s", "8s"]))}
    if draw(st.integers(0, 3)):
        image["files"] = {PAGE: "a page"}
    if draw(one_in(5)):
        script = {"script": "web-v1/scripts/run_process.sh"}
        image["user_data"] = {**script, "behaves": draw(st.sampled_from([{}, {"exit": 1}, {"hangs": True}]))}
    own = [f"h{n}" for n in range(1, draw(st.sampled_from([0, 0, 2])) + 1)]
    strategy, gates = draw(strategies(desired + len(own)))
    group: Told = {
        "pools": [POOL],
        "strategy": strategy,
        "outdated_instances_strategy": draw(st.sampled_from(["UPDATE", "IGNORE"])),
    }
    if own:
        group["ec2_tag_filters"] = [{"key": "role"}]
    if draw(mostly(True, False)):
        group["running"] = "v1"
    if "blue-green" not in repr(strategy) and draw(one_in(3)):
        processes = st.lists(st.sampled_from(get_args(ProcessToSuspend)), min_size=1, max_size=2, unique=True)
        group["auto_scaling_group_processes_to_suspend"] = draw(processes)
    deploy = [draw(wishes(None, desired))[0] for _ in range(draw(st.sampled_from([1, 1, 2])))]
    hosts = (*(f"{POOL}-{n + 1}" for n in range(POOL_MAX)), *own)
    world = World(hosts, desired + len(own), 2 * len(deploy), frozenset(gates), pool=True)
    at_their_moments(draw, deploy, world)
    pool: Told = {
        "min": POOL_MIN,
        "desired": desired,
        "max": POOL_MAX,
        "image": image,
        "zones": draw(st.sampled_from([[], ["a", "b"], ["a", "b", "c"]])),
        "suspended": draw(mostly([], ["Launch"])),
        "termination_hook": draw(st.booleans()),
    }
    tagged = {"hosts": [{"name": name, "tags": {"role": "web"}} for name in own]}
    return {"fleet": tagged if own else None, "pools": {POOL: pool}, "group": group, "deploy": deploy}, world


# -- a service of ECS, a function of Lambda ---------------------------------------------------------------------------


@st.composite
def platforms(draw: st.DrawFn, platform: str) -> Placed:
    """What has no hosts: task sets or versions, of which traffic goes from one to the other."""
    deploy = []
    gates = set[str]()
    for _ in range(draw(st.sampled_from([1, 1, 2, 3]))):
        asked: Told = {"revision": draw(st.sampled_from(["v2", "v3", "v2"]))}
        config, waits_for = draw(traffic_configs(platform))
        gates |= waits_for
        if config is not None:
            asked["deployment_config"] = config
        if platform == "ECS" and draw(st.booleans()):
            asked["strategy"], waits_for = draw(task_sets())
            gates |= waits_for
        deploy.append(asked)
    world = World((), 1, len(deploy), frozenset(gates), platform=platform)
    at_their_moments(draw, deploy, world)
    tasks = 1 if platform == "Lambda" else draw(st.integers(1, 3))
    parts: dict[str, Any] = {
        "fleet": {"hosts": tasks, "running": "v1"},
        "group": {"compute_platform": platform},
        "functions": draw(functions),
        "revisions": draw(of_platform(platform)),
        "deploy": deploy,
    }
    if platform == "Lambda":
        parts["application"] = "greeting"
    return parts, world


WORLDS: dict[str, st.SearchStrategy[Placed]] = {
    "one group": one_group(),
    "several groups": several_groups(),
    "environments": environments(),
    "a pool": pools(),
    "ECS": platforms("ECS"),
    "Lambda": platforms("Lambda"),
}
"""Every kind of world; half of all rehearsals take place in the first."""
