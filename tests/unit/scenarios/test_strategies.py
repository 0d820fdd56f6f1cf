"""What a scenario may tell a strategy: mistakes at their places, warnings of what nobody would notice."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scenarios.loader import loads, warnings
from scenarios.problems import Problem, ScenarioError
from scenarios.strategies import NEEDS_OPTIONS, StrategyOptions
from scenarios.told import told
from strategies import STRATEGIES
from strategies.configuration import PREDEFINED, PREDEFINED_ELSEWHERE
from strategies.options import Options, Share, Step
from strategies.plan import NO_MINIMUM
from tests.unit.scenarios.test_loader import BUNDLES, GOOD

STRATEGY = 12
"""The line on which the tests write the group's strategy."""


def text(strategy: str, tail: str = "", good: str = GOOD) -> str:
    assert good.splitlines()[STRATEGY - 2] == "group:"
    return good.replace("group:\n", f"group:\n  strategy: {strategy}\n") + tail


def problems(written: str, tmp_path: Path) -> tuple[Problem, ...]:
    """Every mistake and every warning."""
    path = tmp_path / "f.yml"
    path.write_text(written)
    try:
        return warnings(path)
    except ScenarioError as error:
        return error.problems


def told_of(written: str, tmp_path: Path) -> list[tuple[str, str, str, str]]:
    """The severity, the text from the place on, the message and the remedy of each."""
    lines = [*written.splitlines(), ""]
    return [(p.severity, lines[p.line - 1][p.column - 1 :], p.message, p.remedy) for p in problems(written, tmp_path)]


ZONED = "minimum_healthy_hosts_per_zone: {type: FLEET_PERCENT, value: 100}"
SHIFT = "{percent: 10, every: 2m}"


@pytest.mark.parametrize(
    ("strategy", "place", "message", "remedy"),
    [
        ("linear", "linear", "linear says nothing without its options", "linear: {percent: 10, every: 5m}"),
        ("steps", "steps", "steps says nothing without its options", "steps: [{setWeight: 10}"),
        ("canry", "canry", "no strategy is called canry", "did you mean canary?"),
        ("bluegreen", "bluegreen", "no strategy is called bluegreen", "did you mean blue-green?"),
        ("liner", "liner", "no strategy is called liner", "did you mean linear?"),
        ("7", "7", "expected a strategy's name or its options, found 7", "one of in-place, rolling"),
        ("[canary]", "[canary]", "expected a strategy's name or its options, found a list", "one of in-place"),
        ("{}", "{}", "none of canary, linear, zonal, steps or blue-green is written", "write one of"),
        ("{canry: {hosts: 1}}", "canry:", "unknown key canry", "did you mean canary?"),
        ("{canary: }", "canary:", "canary is empty", "write strategy: canary"),
        ("{linear: }", "linear:", "linear is empty", "write linear: {percent: 10, every: 5m}"),
        ("{canary: {hosts: 1}, linear: {hosts: 1}}", "linear:", "canary and linear exclude each other", "keep one"),
        ("{canary: {bake: 2m}}", "{bake", "canary: none of hosts or percent is written", "write one of"),
        ("{linear: {every: 2m}}", "{every", "linear: none of hosts or percent is written", "write one of"),
        ("{canary: {hosts: 1, percent: 9}}", "percent", "canary: hosts and percent exclude each other", "keep one"),
        ("{canary: {percent: 0}}", "0}", "canary.percent: expected 1 or more, found 0", "write at least 1"),
        ("{canary: {percent: 150}}", "150}", "canary.percent: expected 99 or less, found 150", "write at most 99"),
        ("{canary: {percent: 10%}}", "10%", "expected a whole number, found 10%", "write 10"),
        ("{canary: {hosts: 0}}", "0}", "canary.hosts: expected 1 or more, found 0", "write at least 1"),
        (
            "{canary: {hosts: 4, bake: 2m}}",
            "4,",
            "a canary of 4 hosts is the whole fleet of 4, and leaves nobody to compare",
            "smaller share",
        ),
        ("{canary: {percent: 100}}", "100}", "canary.percent: expected", "write"),
        ("{canary: {hosts: 1, bakes: 2m}}", "bakes:", "unknown key bakes", "did you mean bake?"),
        ("{canary: {hosts: 1, bake: 60}}", "60}", "expected a duration", "write 60s"),
        ("{steps: []}", "[]", "expected 1 or more, found 0", "write one"),
        ("{steps: [{}]}", "{}", "step 1: none of setHosts, setWeight, pause or", "write one of"),
        ("{steps: [{setHosts: 1, pause: {}}]}", "pause:", "setHosts and pause exclude each other", "keep one of"),
        ("{steps: [{pause: }]}", "pause:", "pause is empty", "write pause: {} to wait for a person"),
        ("{steps: [{setWait: 1}]}", "setWait:", "unknown key setWait", "did you mean setWeight?"),
        ("{steps: [{setWeight: 0}]}", "0}", "expected 1 or more, found 0", "write at least 1"),
        ("{steps: [{setWeight: 101}]}", "101}", "expected 100 or less, found 101", "write at most 100"),
        (
            "{steps: [{setHosts: 1}, {setHosts: 3}, {setWeight: 50}, {setHosts: 4}]}",
            "{setWeight: 50}",
            "step 3 asks for 50 %, and the one before it (line 12) for 3 hosts: shares rise",
            "write a larger share, or take the step away",
        ),
        (
            "{steps: [{setHosts: 2}, {setHosts: 1}]}",
            "{setHosts: 1}",
            "step 2 asks for 1 host, and the one before it (line 12) for 2 hosts",
            "larger share",
        ),
        (f"{{zonal: {{{ZONED}}}}}", "100}", "FLEET_PERCENT takes 0 to 99, found 100", "write 99"),
        (f"{{blue-green: {{traffic: {{canary: {SHIFT}, linear: {SHIFT}}}}}}}", "linear:", "exclude each other", "keep"),
        ("{blue-green: {green_fleet_provisioning: DISCOVER_EXISTING}}", "DISC", "none is named", "target_instances: ["),
        ("{blue-green: {target_instances: [h1]}}", "target", "here new ones are provisioned", "DISCOVER_EXISTING"),
        (
            "{blue-green: {green_fleet_provisioning: DISCOVER_EXISTING, target_instances: [h9]}}",
            "h9",
            "no host is called h9",
            "h1, h2, h3 or h4",
        ),
        (
            "{blue-green: {deployment_ready: {action_on_timeout: STOP_DEPLOYMENT, wait_time: 49h}}}",
            "49h",
            "expected 48h or less, found 49h",
            "write at most 48h",
        ),
        (
            "in-place\n  deployment_config: CodeDeployDefault.OneAtATime",
            "CodeDeployDefault.OneAtATime",
            "in-place deploys to every host at once, and CodeDeployDefault.OneAtATime keeps some healthy",
            "take the strategy rolling",
        ),
        (
            "in-place\n  deployment_config: {type: HOST_COUNT, value: 1}",
            "{type",
            "keeps some healthy (at least 1 healthy)",
            "CodeDeployDefault.AllAtOnce",
        ),
    ],
)
def test_mistakes_are_told_at_their_place(strategy: str, place: str, message: str, remedy: str, tmp_path: Path) -> None:
    found = told_of(text(strategy), tmp_path)
    assert len(found) == 1, found
    severity, there, said, do = found[0]
    assert severity == "error"
    assert there.startswith(place)
    assert message in said
    assert remedy in do


@pytest.mark.parametrize(
    ("strategy", "place", "message", "remedy"),
    [
        ("canary", "canary", "canary without a bake: nothing would notice a host that turns bad after", "add bake: 1m"),
        ("zonal", "zonal", "(fall 2 × interval 30s = 1m)", "add monitor_duration: 1m or more"),
        ("{linear: {hosts: 1}}", "linear:", "linear without a bake", "add every: 1m or more"),
        ("{steps: [{setHosts: 1}, {setHosts: 2}]}", "steps:", "steps without a bake", "pause: {duration: 1m}"),
        ("{canary: {hosts: 1, bake: 30s}}", "30s", "a bake of 30s ends before the health check could", "at least 1m"),
        ("{linear: {hosts: 1, every: 59s}}", "59s", "a bake of 59s ends before", "at least 1m"),
        ("{zonal: {monitor_duration: 1s}}", "1s", "a bake of 1s ends before", "at least 1m"),
        (
            "{steps: [{setHosts: 1}, {pause: {duration: 2m}}, {setHosts: 2}, {pause: {duration: 5s}}]}",
            "5s",
            "a bake of 5s ends before",
            "at least 1m",
        ),
        (
            "{linear: {percent: 25, every: 5h}}",
            "5h",
            "add up to 15h, and a deployment may last 8h",
            "limits.deployment",
        ),
        (
            "{steps: [{setHosts: 1}, {setWeight: 25}, {pause: {duration: 2m}}]}",
            "{setWeight: 25}",
            "step 2 changes nothing: of 4 hosts it means 1",
            "take the step away",
        ),
        (
            "{steps: [{setHosts: 9}, {pause: {duration: 1m}}]}",
            "{setHosts: 9}",
            "9 hosts are asked for, and there are 4",
            "ask",
        ),
        (
            "rolling\n  deployment_config: {type: HOST_COUNT, value: 4}",
            "rolling",
            "HOST_COUNT 4 keeps 4 of 4 hosts healthy, so none may ever be taken out: it fails at once",
            "add hosts",
        ),
        (
            "{zonal: {monitor_duration: 1m, minimum_healthy_hosts_per_zone: {type: HOST_COUNT, value: 2}}}",
            "{type: HOST_COUNT, value: 2}",
            "01 a: the zone's own minimum keeps 2 of its 2 healthy, so none may ever be taken out: it fails at once",
            "add hosts",
        ),
        ("{steps: [{setHosts: 1}, {pause: {}}]}", "pause:", "its own limit (8h) ends it", "do: continue}]"),
        (
            "{blue-green: {deployment_ready: {action_on_timeout: STOP_DEPLOYMENT}}}",
            "{blue-green",
            "nobody answers",
            "do: continue}]",
        ),
    ],
)
def test_what_nobody_would_notice_is_a_warning(
    strategy: str, place: str, message: str, remedy: str, tmp_path: Path
) -> None:
    found = told_of(text(strategy), tmp_path)
    assert len(found) == 1, found
    severity, there, said, do = found[0]
    assert severity == "warning"
    assert there.startswith(place)
    assert message in said
    assert remedy in do
    assert loads(text(strategy), name="f.yml", directory=BUNDLES)


@pytest.mark.parametrize(
    "strategy",
    [
        *("in-place", "rolling", "blue-green"),
        "{canary: {hosts: 1, bake: 1m}}",
        "{canary: {percent: 1, bake: 1m}}",
        "{linear: {percent: 25, every: 1m}}",
        "{zonal: {monitor_duration: 1m}}",
        "{zonal: {first_zone_monitor_duration: 1m}}",
        "{steps: [{setHosts: 1}, {pause: {duration: 1m}}, {setWeight: 50}, {setWeight: 100}]}",
        f"{{blue-green: {{traffic: {{linear: {SHIFT}}}}}}}",
        "in-place\n  deployment_config: AllAtOnce",
    ],
)
def test_what_is_right_is_not_remarked_upon(strategy: str, tmp_path: Path) -> None:
    assert problems(text(strategy), tmp_path) == ()


def test_the_health_checks_own_numbers_count(tmp_path: Path) -> None:
    quick = GOOD.replace("balancer: {}", "balancer: {health_check: {interval: 500ms, fall: 3}}")
    assert problems(text("{canary: {hosts: 1, bake: 2s}}", good=quick), tmp_path) == ()
    [(_, _, message, remedy)] = told_of(text("{canary: {hosts: 1, bake: 1s}}", good=quick), tmp_path)
    assert "(fall 3 × interval 500ms = 1500ms)" in message
    assert remedy == "let it last at least 1500ms"


def test_mistakes_elsewhere_do_not_hide_those_of_the_strategy(tmp_path: Path) -> None:
    broken = GOOD.replace("balancer: {}", "balancer: {health_check: {interval: soon, fall: many}}")
    found = told_of(text("{canary: {hosts: 4, bake: 1s}}", good=broken), tmp_path)
    assert [(severity, place[:4]) for severity, place, *_ in found] == [
        ("error", "soon"),
        ("error", "many"),
        ("error", "4, b"),
    ]
    found = told_of(text("{canary: {hosts: 1, bake: 1s}}", good=broken), tmp_path)
    assert [(severity, place[:4]) for severity, place, *_ in found][2:] == [("warning", "1s}}")]


def test_zones_without_zones(tmp_path: Path) -> None:
    homeless = GOOD.replace("  zones: [a, b]\n", "  files: {}\n")
    [(severity, place, message, remedy)] = told_of(text("zonal", good=homeless), tmp_path)
    assert (severity, place) == ("error", "zonal")
    assert message == "zone by zone needs a zone for every host; h1 has none"
    assert remedy == "give zones under fleet.zones, or a zone to every host"


def test_without_a_balancer_a_bake_watches_nothing_and_blue_green_moves_nothing(tmp_path: Path) -> None:
    bare = GOOD.replace("balancer: {}", "application: web")
    [(severity, place, message, _)] = told_of(text("{canary: {hosts: 1, bake: 2m}}", good=bare), tmp_path)
    assert (severity, place) == ("warning", "2m}}")
    assert "there is no balancer: nothing is watched" in message
    assert problems(text("canary", good=bare), tmp_path) == ()
    [(severity, place, message, _)] = told_of(text("blue-green", good=bare), tmp_path)
    assert (severity, place) == ("error", "blue-green")
    assert "no balancer to move it" in message


def test_each_deployment_has_its_own_strategy_and_inherits_what_fits(tmp_path: Path) -> None:
    found = told_of(GOOD + "    strategy: {canary: {hosts: 9, bake: 2m}}\n", tmp_path)
    assert [(severity, place) for severity, place, *_ in found] == [("error", "9, bake: 2m}}")]
    # In place keeps nobody, whatever the group's minimum is: tests/unit/scenarios/test_own_strategy.py.
    one = text("rolling\n  deployment_config: OneAtATime")
    assert [each[0] for each in told_of(one + "    strategy: in-place\n", tmp_path)] == ["warning"]
    found = told_of(one + "    strategy: in-place\n    deployment_config: HalfAtATime\n", tmp_path)
    assert [(severity, place) for severity, place, *_ in found] == [("error", "HalfAtATime")]
    # What two deployments have in common is told once.
    assert len(told_of(text("canary") + "  - revision: v1\n", tmp_path)) == 1


@pytest.mark.parametrize("name", PREDEFINED)
def test_configurations_for_servers_are_taken(name: str, tmp_path: Path) -> None:
    assert problems(text(f"rolling\n  deployment_config: {name}"), tmp_path) == ()


@pytest.mark.parametrize("name", PREDEFINED_ELSEWHERE)
def test_configurations_of_other_platforms_are_refused_with_what_comes_nearest(name: str, tmp_path: Path) -> None:
    for written in (name, name.removeprefix("CodeDeployDefault.")):
        [(severity, place, message, remedy)] = told_of(text(f"rolling\n  deployment_config: {written}"), tmp_path)
        assert (severity, place) == ("error", written)
        assert message.startswith(f"{name} is for ")
        assert message.endswith("and these are servers")
        word = (
            "canary: {percent: 10" if "Canary" in name else "linear: {percent: 10" if "Linear" in name else "in-place"
        )
        assert f"take the strategy {word}" in remedy


def test_a_misspelt_configuration_of_another_platform_is_recognised(tmp_path: Path) -> None:
    written = "CodeDeployDefault.ECSLinear10PercentEvery1Minute"
    [(_, place, _, remedy)] = told_of(text(f"rolling\n  deployment_config: {written}"), tmp_path)
    assert place == written
    assert remedy == f"did you mean {written}s?"


def test_the_options_are_those_of_the_strategies() -> None:
    def options(**written: object) -> Options:
        return told(StrategyOptions.model_validate(written))

    assert options(canary={"percent": 10, "bake": "5s"}) == Options(share=Share(percent=10), bake_ms=5_000)
    assert options(linear={"hosts": 2, "every": "1m"}) == Options(share=Share(hosts=2), bake_ms=60_000)
    assert options(steps=[{"setHosts": 1}, {"pause": {"duration": "5s"}}, {"setWeight": 50}, {"pause": {}}]) == Options(
        steps=(
            Step(Share(hosts=1)),
            Step(pause=True, lasts_ms=5_000),
            Step(Share(percent=50)),
            Step(pause=True),
        )
    )
    zonal = options(
        zonal={"monitor_duration": "2s", "minimum_healthy_hosts_per_zone": {"type": "HOST_COUNT", "value": 0}}
    )
    assert (zonal.bake_ms, zonal.first_bake_ms, zonal.minimum_per_zone) == (2_000, None, NO_MINIMUM)


@pytest.mark.parametrize("name", NEEDS_OPTIONS)
def test_the_examples_in_the_remedies_can_be_taken(name: str, tmp_path: Path) -> None:
    assert name in STRATEGIES
    found = problems(text(f"{{{NEEDS_OPTIONS[name]}}}"), tmp_path)
    assert [problem for problem in found if problem.severity == "error"] == []


DISCOVERS = "{blue-green: {green_fleet_provisioning: DISCOVER_EXISTING, target_instances: [%s]}}"


@pytest.mark.parametrize(
    ("strategy", "deploys", "place", "message"),
    [
        (DISCOVERS % "h1, h2, h3, h4", ["{revision: v2}"], "h1,", "every host of the group is a target instance"),
        (
            DISCOVERS % "h3, h4",
            ["{revision: v2}", "{revision: v1}"],
            "{revision: v1}",
            "h3 is a target instance of the",
        ),
        (
            "rolling",
            [f"{{revision: v2, strategy: {DISCOVERS % host}}}" for host in ("h3", "h4")],
            "",
            "",
        ),
        (
            "rolling",
            [f"{{revision: v2, strategy: {DISCOVERS % hosts}}}" for hosts in ("h3", '"h4", "h3"')],
            '"h3"',
            "h3 is a target instance of the deployment at line 15 already, and may be one of the group's hosts by now",
        ),
    ],
)
def test_new_hosts_stand_by_until_then_and_replace_somebody(
    strategy: str, deploys: list[str], place: str, message: str, tmp_path: Path
) -> None:
    asked = "".join(f"  - {deploy}\n" for deploy in deploys)
    found = told_of(text(strategy).replace("  - revision: v2\n", asked), tmp_path)
    errors = [(there, said) for severity, there, said, _ in found if severity == "error"]
    assert bool(errors) == bool(message), found
    if errors:
        assert errors[0][0].startswith(place)
        assert message in errors[0][1]


def test_a_share_that_is_the_whole_fleet_spares_nobody(tmp_path: Path) -> None:
    one = text("{steps: [{setWeight: 20}, {pause: {duration: 1m}}]}").replace("hosts: 4", "hosts: 1")
    (found,) = told_of(re.sub(r"zones: .*", "", one), tmp_path)
    assert found[:3] == ("warning", found[1], "20 % of 1 host is the whole fleet: nobody is spared")


def test_a_minimum_of_which_the_scenario_expects_nothing_else_is_not_remarked_upon(tmp_path: Path) -> None:
    told = text("rolling\n  deployment_config: {type: HOST_COUNT, value: 4}")
    expects = "expect:\n  deployments: [{revision: v2, status: Failed, error: HEALTH_CONSTRAINTS_INVALID}]\n"
    assert problems(told + expects, tmp_path) == ()


def test_a_group_without_hosts_is_told_of_those_and_of_no_minimum(tmp_path: Path) -> None:
    filters = "group:\n  ec2_tag_filters: [{key: role, value: wbe}]\n"
    found = told_of(text("rolling").replace("group:\n", filters), tmp_path)
    assert [each[2].partition(":")[0] for each in found] == ["ec2_tag_filters matches no host"]


def test_a_copy_of_no_auto_scaling_group_is_warned_of_where_it_is_written(tmp_path: Path) -> None:
    written = "{blue-green: {green_fleet_provisioning: COPY_AUTO_SCALING_GROUP}}"
    found = told_of(text(written), tmp_path)
    assert [(each[0], each[1][:4]) for each in found if "nothing to copy" in each[2]] == [("warning", "COPY")]
    assert [each for each in told_of(text("blue-green"), tmp_path) if "nothing to copy" in each[2]] == []
