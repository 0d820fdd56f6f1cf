"""The revisions of a random scenario, which may be broken in many ways."""

from __future__ import annotations

from hypothesis import strategies as st

from tests.support.chance import Told, mostly, one_in
from tests.support.random_faults import REVISIONS, SITE
from tests.support.rehearsals import BUNDLES

_BROKEN = ("broken-start", "empty", "errors", "hangs", "keeps-output-open", "leaves-a-file")
_SCRIPTS = ("kill_process", "run_process", "validate_service")
_DO: tuple[Told, ...] = (
    *({"exit": 3}, {"hangs": True}, {"keeps_output_open": True}),
    *({"lasts": "20s"}, {"leaves": [f"{SITE}.old"]}),
)
PAGE = "/var/www/site/index.html"
"""A file of the machine image that v3 may need."""
_ILLS: dict[str, tuple[str, ...]] = {"ecs": ("errors", "not-there"), "lambda": ("errors",)}


@st.composite
def revisions(draw: st.DrawFn, *, unseen: bool = False, needy: bool = False) -> Told:
    """Three revisions of hosts. `unseen`: the health check does not ask what users do; `needy`: v3 needs an image."""
    names = {name: "web-v1" if name == "v1" else "web-v2" for name in REVISIONS}
    if draw(one_in(8)):
        names["v1"] = "web-v1-poisoned-stop"
    if draw(one_in(6)):
        names["v2"] = f"web-v2-{draw(st.sampled_from(_BROKEN))}"
    told: Told = {name: {"bundle": str(BUNDLES / bundle)} for name, bundle in names.items()}
    behaves = draw(manners(unseen=unseen))
    if names["v2"] != "web-v2-empty" and draw(one_in(8)):
        behaves["scripts"] = {f"scripts/{draw(st.sampled_from(_SCRIPTS))}.sh": draw(st.sampled_from(_DO))}
    told[draw(st.sampled_from(["v2", "v3"] if "scripts" not in behaves else ["v2"]))]["behaves"] = behaves
    if needy:
        told["v3"].setdefault("behaves", {})["needs"] = {"/": PAGE}
    return told


@st.composite
def manners(draw: st.DrawFn, *, unseen: bool = False) -> Told:
    """How a revision answers."""
    behaves: Told = {}
    if draw(one_in(2 if unseen else 8)):
        behaves["answers"] = {"/": draw(st.sampled_from([404, 500]))}
    if draw(one_in(6)):
        behaves["latency"] = draw(st.sampled_from(["350ms", "900ms"]))
    return behaves


@st.composite
def of_platform(draw: st.DrawFn, platform: str) -> Told:
    """Three revisions of a service of ECS, or of a function of Lambda."""
    kind = platform.lower()
    ill = draw(mostly("", *_ILLS[kind]))
    names = {"v1": f"{kind}-v1", "v2": f"{kind}-v2{'-' * bool(ill)}{ill}", "v3": f"{kind}-v2"}
    told: Told = {name: {"bundle": str(BUNDLES / bundle)} for name, bundle in names.items()}
    if kind == "ecs":
        for revision in told.values():
            revision["task"] = {"command": ["python3", "server.py", "8080", "site"]}
    told["v3"]["behaves"] = draw(manners(unseen=True))
    return told


functions = st.fixed_dictionaries(
    {
        name: mostly({}, {"reports": "Failed"}, {"never": True}, {"lasts": "20s"})
        for name in ("visit-test-traffic", "say-all-is-well")
    }
)
"""The hooks of ECS and Lambda."""
