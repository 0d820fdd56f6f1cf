"""What goes wrong in a random scenario, when, and where: every fault that the virtual fleet can make real."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from hypothesis import strategies as st

from scenarios.platforms import EVENTS, SERVER
from scenarios.pools import Process
from simulator.rollout.lifecycle import IN_PLACE, IN_PLACE_WITH_BALANCER, SCRIPT_EVENTS
from tests.support.chance import Told, mostly, one_in, some_times, times

REVISIONS = ("v1", "v2", "v3")
SITE = "/home/ec2-user/web/site/index.html"
"""A file that every bundle installs."""
WITH_SCRIPTS = ("ApplicationStop", "ApplicationStart", "ValidateService")
"""The events for which the bundles have scripts."""
POOL = "web"
"""What a scenario's pool is called, if it has one."""
POOL_MIN, POOL_MAX = 1, 6


@dataclass(frozen=True)
class World:
    """What faults and people may speak of in a scenario."""

    hosts: tuple[str, ...]
    """The hosts' names, also of those to come."""
    size: int
    """So many hosts are there at the beginning."""
    deployments: int
    """So many are asked for."""
    gates: frozenset[str] = frozenset()
    """What may be waited for, and be there: see `random_strategies.Drawn`."""
    balancer: bool = True
    zoned: bool = False
    pager: bool = False
    pool: bool = False
    groups: tuple[str, ...] = ()
    """The groups by name, where there are several."""
    asked_before: tuple[str, ...] = ()
    """The environments before which a person is asked."""
    platform: str = SERVER

    @property
    def events(self) -> tuple[str, ...]:
        """The lifecycle events that there are."""
        if self.platform != SERVER:
            return EVENTS[self.platform]
        return IN_PLACE_WITH_BALANCER if self.balancer else IN_PLACE

    @property
    def statuses(self) -> list[str]:
        """Statuses under way that may come, the waits twice."""
        waits = sorted(self.gates & {"Ready", "Baking"})
        return [*waits, *waits, "InProgress"]


# -- when -------------------------------------------------------------------------------------------------------------


@st.composite
def moments(draw: st.DrawFn, world: World, *, ends: bool = True) -> Told:
    """Any moment that may come in this world. `ends`: also the end of a deployment."""
    there = {
        "request": world.balancer,
        "weight": "Shifting" in world.gates,
        "gate": bool(world.asked_before),
        "launched": world.pool,
    }
    kind = draw(st.sampled_from(["at", "event", "status", *(kind for kind, may_come in there.items() if may_come)]))
    told: Told = {kind: draw(_MOMENTS[kind](world))}
    if kind == "status" and ends and draw(one_in(3)):
        told[kind] = draw(st.sampled_from(["Succeeded", "Failed", "Stopped"]))
    if kind == "event":
        which = draw(st.sampled_from(["", "", "nth", "host"] if world.hosts else [""]))
        if which:
            counted, named = st.integers(1, world.size), st.sampled_from(world.hosts)
            told[which] = draw(counted if which == "nth" else named)
    if kind in ("event", "status", "weight") and draw(one_in(3)):
        told["deployment"] = draw(st.integers(1, world.deployments))
    return told


_MOMENTS: dict[str, Any] = {
    "at": lambda _: times,
    "event": lambda world: st.sampled_from(world.events),
    "status": lambda world: st.sampled_from(world.statuses),
    "request": lambda _: st.integers(1, 400),
    "weight": lambda _: st.sampled_from([5, 20, 50, 100]),
    "gate": lambda world: st.sampled_from(world.asked_before),
    "launched": lambda _: st.just(POOL),
}

# -- what -------------------------------------------------------------------------------------------------------------

flaps = st.integers(200, 15_000).map(lambda ms: f"{ms}ms")


def cases(kind: str, *drawn: st.SearchStrategy[Any] | Any) -> list[st.SearchStrategy[Told]]:
    """Effects of one kind, each as likely as any other effect."""
    each = (case if isinstance(case, st.SearchStrategy) else st.just(case) for case in drawn)
    return [case.map(lambda value: {kind: value}) for case in each]


HEALTH = cases(
    "health",
    st.sampled_from([404, 500, 503]).map(lambda status: {"status": status}),
    st.sampled_from(["100ms", "450ms", "20s"]).map(lambda slow: {"slow": slow}),
    st.builds(lambda up, down: {"flapping": {"up": up, "down": down}}, flaps, flaps),
)
SCRIPTS = cases(
    *("script", st.integers(1, 255).map(lambda code: {"exit": code})),
    *("hang", "missing", "keeps-output-open"),
)
HOSTS = [
    *cases("agent", "stop", "restart"),
    *cases("host", "crash", "pause", "terminate"),
    *cases("bundle", "missing", "corrupt", "access-denied"),
    *cases("file", st.sampled_from(["/srv/web/site/index.html", SITE]).map(lambda path: {"path": path})),
    *cases("network", {"cut": "controller"}),
    *cases("disk", "full"),
    *cases("clock", st.sampled_from(["6m", "-2h", "1m"]).map(lambda offset: {"offset": offset})),
]
SERVICE = [
    *cases("balancer", "refuses-registration", "restart", some_times.map(lambda draining: {"draining": draining})),
    *cases("slow_start", some_times),
    *cases("memory", st.integers(1, 200).map(lambda requests: {"leak_after": requests})),
    *cases("network", {"cut": "balancer"}, {"cut": "both"}),
    *cases(
        "network",
        st.sampled_from(["100ms", "450ms", "20s"]).map(lambda latency: {"latency": latency}),
        st.sampled_from([1, 30, 99]).map(lambda loss: {"loss": loss}),
    ),
]
"""What can only be wrong where there is a balancer."""
CONTROLLER = cases("controller", "crash")
PAGER = cases(
    "alarm",
    *({"name": "pager", "state": state} for state in ("ALARM", "UNKNOWN", "OK")),
    st.builds(lambda bad, good: {"name": "pager", "flapping": {"alarm": bad, "ok": good}}, flaps, flaps),
)
AT_NO_HOST = ("alarm", "balancer", "controller")
FOR_GOOD = ({"host": "terminate"}, {"balancer": "restart"})
"""Effects that are not healed."""


@st.composite
def pool_changes(draw: st.DrawFn) -> Told:
    """What somebody does with the pool."""
    told: Told = {"name": POOL}
    if draw(mostly(True, False)):
        told["desired"] = draw(st.integers(POOL_MIN, POOL_MAX))
    does = draw(st.sampled_from(["suspend", "resume", ""] if "desired" in told else ["suspend", "resume"]))
    if does:
        told[does] = [draw(st.sampled_from(["Launch", "Terminate", *get_args(Process)]))]
    if draw(one_in(4)):
        told["replacement"] = True
    return {"pool": told}


def effects(world: World) -> st.SearchStrategy[Told]:
    """Any effect that this world allows."""
    if world.platform != SERVER:
        kinds = [*HEALTH, *CONTROLLER, *PAGER * world.pager]
    else:
        kinds = [*HOSTS, *SCRIPTS, *CONTROLLER, *(HEALTH + SERVICE) * world.balancer, *PAGER * world.pager]
    if world.pool:
        kinds += [pool_changes()] * len(kinds)
    return st.sampled_from(kinds).flatmap(lambda effect: effect)


# -- the whole, and where ---------------------------------------------------------------------------------------------


@st.composite
def faults(draw: st.DrawFn, world: World) -> Told:
    """A fault of any kind that may befall this world."""
    effect = draw(effects(world))
    fault: Told = {"do": effect}
    if "script" in effect:
        event = st.one_of(st.sampled_from(WITH_SCRIPTS), st.sampled_from([n for n in IN_PLACE if n in SCRIPT_EVENTS]))
        fault["when"] = {"event": draw(event)}
        if draw(one_in(3)):
            fault["when"]["host"] = draw(st.sampled_from(world.hosts))
    elif "Baking" in world.gates and ("health" in effect or "host" in effect) and draw(st.booleans()):
        fault["when"] = {"status": "Baking"}
    elif draw(mostly(True, False)):
        fault["when"] = draw(moments(world))
    if "pool" in effect:
        return fault
    if "controller" in effect or (effect not in FOR_GOOD and draw(st.booleans())):
        fault["for"] = draw(some_times)
    if draw(one_in(5)):
        fault["probability"] = draw(st.sampled_from([0.2, 0.7]))
    if not effect.keys() & set(AT_NO_HOST):
        fault |= draw(places(world))
    return fault


@st.composite
def places(draw: st.DrawFn, world: World) -> Told:
    """Where it strikes; everywhere where nothing is said."""
    kinds = ["random", "hosts", "tag", *["zone"] * world.zoned] if world.platform == SERVER else []
    where = draw(st.sampled_from(["", "revision", *kinds]))
    if not where:
        return {}
    told = {where: draw(_PLACES[where](world))}
    if where == "random" and draw(st.booleans()):
        told["revision"] = draw(st.sampled_from(REVISIONS))
    return {"where": told}


_PLACES: dict[str, Any] = {
    "random": lambda world: st.integers(1, world.size),
    "hosts": lambda world: st.lists(st.sampled_from(world.hosts), min_size=1, max_size=2, unique=True),
    "revision": lambda world: st.sampled_from([*REVISIONS, *["none"] * (world.platform == SERVER)]),
    "tag": lambda _: st.just({"role": "web"}),
    "zone": lambda _: st.just("a"),
}
