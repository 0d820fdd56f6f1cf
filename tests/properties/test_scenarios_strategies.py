"""Whatever strategy is written: it is refused at its place, or its plan reaches every host once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios.loader import loads
from scenarios.problems import ScenarioError
from simulator.control.request import deployment_config, strategy_of
from strategies import STRATEGIES, Member
from strategies.configuration import PREDEFINED, PREDEFINED_ELSEWHERE
from strategies.plan import Deploy, Part

BUNDLES = Path(scenarios.__file__).parent / "bundles"

some = st.integers(-1, 12)
durations = st.sampled_from(["0s", "1s", "500ms", "2m", "9h", "1 s"])
shares = st.fixed_dictionaries({}, optional={"hosts": some, "percent": st.integers(-1, 120)})
minimums = st.fixed_dictionaries(
    {"type": st.sampled_from(["HOST_COUNT", "FLEET_PERCENT"]), "value": st.sampled_from([0, 1, 2, 50, 99, 100])}
)
steps = st.lists(
    st.one_of(
        st.fixed_dictionaries({"setHosts": some}),
        st.fixed_dictionaries({"setWeight": st.integers(-1, 110)}),
        st.fixed_dictionaries({"pause": st.fixed_dictionaries({}, optional={"duration": durations})}),
    ),
    max_size=5,
)
zonal = st.fixed_dictionaries({"monitor_duration": durations}, optional={"minimum_healthy_hosts_per_zone": minimums})
VERBS = ["stop", "abort", "continue", "pause", "resume", "promote", "promote-full"]
written = st.one_of(
    st.sampled_from([*STRATEGIES, "", "rollling"]),
    st.builds(lambda share, bake: {"canary": {**share, "bake": bake}}, shares, durations),
    st.builds(lambda share, every: {"linear": {**share, "every": every}}, shares, durations),
    st.builds(lambda some_steps: {"steps": some_steps}, steps),
    st.fixed_dictionaries({"zonal": zonal}),
)
configs = st.one_of(st.none(), st.sampled_from([*PREDEFINED, *PREDEFINED_ELSEWHERE]), minimums)


@settings(max_examples=300, deadline=None)
@given(
    hosts=st.integers(1, 9),
    zones=st.lists(st.sampled_from(["a", "b", "c"]), max_size=3),
    balancer=st.booleans(),
    group=written,
    own=st.one_of(st.none(), written),
    config=configs,
    verbs=st.lists(st.sampled_from(VERBS), max_size=2),
)
def test_what_is_loaded_can_be_planned(
    hosts: int, zones: list[str], balancer: bool, group: Any, own: Any, config: Any, verbs: list[str]
) -> None:
    data: dict[str, Any] = {
        "name": "drawn",
        "fleet": {"hosts": hosts, **({"zones": zones} if zones else {})},
        "revisions": {"v1": str(BUNDLES / "web-v1")},
        "group": {"strategy": group, **({"deployment_config": config} if config else {})},
        "deploy": [{"revision": "v1", **({"strategy": own} if own else {})}],
        "operator": [{"when": {"at": "1s"}, "do": verb} for verb in verbs],
        **({"balancer": {}} if balancer else {}),
    }
    text = json.dumps(data, indent=1)
    lines = text.splitlines()
    try:
        scenario = loads(text, name="f.yml", directory=BUNDLES)
    except ScenarioError as error:
        for problem in error.problems:
            assert problem.message
            assert problem.remedy
            assert 1 <= problem.line <= len(lines)
            assert 1 <= problem.column <= len(lines[problem.line - 1]) + 1
        assert any(problem.severity == "error" for problem in error.problems)
        return
    deploy = scenario.deploy[0]
    name, options = strategy_of(scenario, deploy)
    members = [Member(host.name, host.zone) for host in scenario.fleet.named_hosts()]
    plan = STRATEGIES[name](members, deployment_config(scenario, deploy), options)
    reached = [host for stage in plan if isinstance(stage, Deploy) and stage.part is Part.WHOLE for host in stage.hosts]
    if name != "blue-green":
        assert sorted(reached) == sorted(member.name for member in members)
