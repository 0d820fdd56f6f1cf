"""Random small scenarios for whole runs: every strategy, gate, fault, word of a person and policy, alone and together.

`tests.support.census` counts what the draws have come to.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import event, reject
from hypothesis import strategies as st

from scenarios.model import Scenario
from scenarios.problems import ScenarioError
from tests.support.chance import Told, mostly, one_in
from tests.support.random_faults import faults
from tests.support.random_people import phrases
from tests.support.random_revisions import revisions
from tests.support.random_strategies import ALARMS, ANALYSES
from tests.support.random_worlds import WORLDS
from tests.support.rehearsals import BALANCER, scenario

CAUSES = ("DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM")
limits = st.fixed_dictionaries(
    {
        "start": mostly("30s", "30s", "800ms", "5s"),
        "event": mostly("40s", "40s", "800ms"),
        "deployment": mostly("20m", "20m", "20s", "90s"),
        "launch": mostly("1m", "5s"),
    }
)
many = st.sampled_from([0, 1, 1, 2, 3])


@st.composite
def rehearsals(draw: st.DrawFn, *, ticking: bool = False) -> Scenario:
    """A small scenario that its own loader accepts.

    `ticking`: behind a balancer something is always due, also once the last deployment has ended.
    """
    kind = draw(st.sampled_from(["one group", *WORLDS]))
    told, world = draw(WORLDS[kind])
    some_alarms = st.lists(st.sampled_from(sorted(ALARMS)), unique=True, min_size=1)
    alarms = draw(some_alarms) if world.balancer and draw(st.booleans()) else []
    world = replace(world, pager="pager" in alarms)
    watched = sorted({*alarms, *(["lonely"] if world.balancer and ticking else [])})
    for group in told.get("groups") or [told["group"]]:
        group |= draw(policies(alarms))
    unseen = draw(one_in(2 if "Judging" in world.gates else 3))
    check = {**BALANCER["health_check"], "path": "/health" if unseen else "/"}
    asked: Told = {
        "balancer": {**BALANCER, "health_check": check, "draining": draw(mostly("1s", "0s"))},
        "revisions": None if "revisions" in told else draw(revisions(unseen=unseen, needy=world.pool)),
        "alarms": {name: ALARMS[name] for name in watched} or None,
        "analyses": ANALYSES if "analysis" in repr(told) else None,
        "limits": draw(limits),
        "faults": [draw(faults(world)) for _ in range(draw(many))],
        "operator": [word for _ in range(draw(many)) for word in draw(phrases(world))],
        **told,
    }
    if not world.balancer:
        asked["balancer"] = None
    try:
        return scenario(**asked)
    except ScenarioError:
        event(f"refused: {kind}")
        reject()


@st.composite
def policies(draw: st.DrawFn, alarms: list[str]) -> Told:
    """When a group rolls back, what stops it, and who is told."""
    told: Told = {"auto_rollback": [cause for cause in CAUSES if draw(st.booleans())]}
    if alarms:
        told |= {"alarms": alarms, "ignore_poll_alarm_failure": draw(st.booleans())}
    return told
