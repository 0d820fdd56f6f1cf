"""What a scenario of ECS or Lambda may say: mistakes at their places, and what its configuration comes to."""

# ruff: noqa: E501 - a case a line reads best

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.bundle import hook_functions
from scenarios.loader import loads, warnings
from scenarios.problems import ScenarioError
from scenarios.told import told_of_traffic
from simulator.control.request import deployment_config, limits_of, strategy_of
from strategies.configuration import PREDEFINED_ELSEWHERE
from tests.support.rehearsals import BUNDLES

GOOD = """\
name: a-test
fleet: {hosts: 2, running: v1}
balancer: {port: 8080}
revisions:
  v1: ecs-v1
  v2: ecs-v2
functions:
  visit-test-traffic: {handler: functions/visit-test-traffic.py}
group:
  compute_platform: ECS
  deployment_config: all-at-once
deploy:
  - {revision: v2}
"""


def mistakes(text: str) -> list[tuple[int, str, str]]:
    try:
        loads(text, name="f.yml", directory=BUNDLES)
    except ScenarioError as error:
        return [(p.line, p.message, p.remedy) for p in error.problems if p.severity == "error"]
    return []


def test_it_is_read() -> None:
    found = loads(GOOD, name="f.yml", directory=BUNDLES)
    assert [target.name for target in found.targets()] == ["web"]
    handler = found.functions["visit-test-traffic"].handler
    assert handler is not None
    assert handler.is_absolute()


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "remedy"),
    [
        ("running: v1", "tags: {a: b}", 2, "the service has nothing that traffic could go from", "add fleet.running"),
        ("balancer: {port: 8080}\n", "", 9, "ECS moves traffic, and there is no balancer to move it", "add balancer"),
        ("hosts: 2", "hosts: [{name: a}]", 2, "ECS has no hosts that could have names", "hosts: 2"),
        ("running: v1", "running: v1, files: {/a: b}", 2, "fleet.files is for hosts, and ECS has none", "take it away"),
        ("running: v1", "running: v1, zones: [a]", 2, "fleet.zones is for hosts", "take it away"),
        ("all-at-once", "{type: HOST_COUNT, value: 1}", 11, "a minimum of healthy hosts says nothing on ECS", "all-at-once"),
        ("all-at-once", "OneAtATime", 11, "OneAtATime is for servers, and this is ECS", "ECSAllAtOnce"),
        ("all-at-once", "LambdaAllAtOnce", 11, "LambdaAllAtOnce is for Lambda, and this is ECS", "ECSAllAtOnce"),
        ("all-at-once", "ECSCanary10Percent5Minute", 11, "no deployment configuration is called", "did you mean Code"),
        ("all-at-once", "ZZZ", 11, "no deployment configuration is called ZZZ", "there is CodeDeployDefault.ECSAllAtOnce"),
        ("all-at-once", "{canary: {percent: 10}}", 11, "every is missing", ""),
        ("all-at-once", "all-at-once\n  strategy: rolling", 12, "ECS is always blue/green; rolling", "deployment_config"),
        ("all-at-once", "all-at-once\n  strategy: {canary: {hosts: 1}}", 12, "ECS is always blue/green", "take it away"),
        (
            "all-at-once",
            "all-at-once\n  strategy: {blue-green: {traffic: {canary: {percent: 10, every: 1s}}}}",
            *(12, "traffic says nothing of a deployment on ECS", "deployment_config says how"),
        ),
        ("functions/visit-test-traffic.py", "no.py", 8, "there is no handler at no.py", "give the path"),
        ("deploy:", "faults: [{do: {host: crash}}]\ndeploy:", 12, "a fault of host is for servers, and this is ECS", "alarm"),
        (
            "deploy:",
            "faults: [{do: {health: {status: 500}}, where: {zone: a}}]\ndeploy:",
            *(12, "where.zone chooses hosts, and ECS has none", "where: {revision"),
        ),
        (
            "deploy:",
            "faults: [{when: {event: DownloadBundle}, do: {health: {status: 500}}}]\ndeploy:",
            *(12, "DownloadBundle never comes on ECS", "there is BeforeInstall"),
        ),
        ("deploy:", "faults: [{do: {balancer: restart}}]\ndeploy:", 12, "a fault of balancer is for servers, and this is ECS", "controller"),
        ("deploy:", "faults: [{do: {slow_start: 5s}}]\ndeploy:", 12, "a fault of slow_start is for servers", "health"),
        ("deploy:", "faults: [{do: {memory: {leak_after: 9}}}]\ndeploy:", 12, "a fault of memory is for servers", "alarm"),
        ("deploy:", "faults: [{do: {bundle: missing}}]\ndeploy:", 12, "a fault of bundle is for servers", "alarm"),
        ("deploy:", "faults: [{do: {network: {latency: 1s}}}]\ndeploy:", 12, "a fault of network is for servers", "alarm"),
        ("deploy:", "environments: {production: {}}\ndeploy:", 12, "environments are groups of servers: a run on ECS has one service", "a scenario for each"),
        ("all-at-once", "all-at-once\n  ec2_tag_filters: [{key: a}]", 12, "ec2_tag_filters chooses hosts, and ECS has none", "take it away"),
        ("deploy:", "pools: {web: {desired: 1, max: 2}}\ndeploy:", 12, "pools launch and terminate hosts, and ECS has none", "take them away"),
        ("all-at-once", "all-at-once\n  pools: [web]", 12, "pools is for pools of hosts, and ECS has none", "take it away"),
        ("all-at-once", "all-at-once\n  outdated_instances_strategy: IGNORE", 12, "outdated_instances_strategy is for pools", "take it away"),
        ("all-at-once", "all-at-once\n  on_premises_tag_set: [[{key: a}]]", 12, "on_premises_tag_set chooses hosts, and ECS has none", "take it away"),
        ("all-at-once", "all-at-once\n  deployment_option: WITHOUT_TRAFFIC_CONTROL", 12, "this group is WITHOUT_TRAFFIC_CONTROL", "take deployment_option away"),
        ("{revision: v2}", "{revision: v2, when: {event: ApplicationStop}}", 13, "ApplicationStop never comes on ECS", "there is BeforeInstall"),
        (
            "all-at-once\ndeploy:",
            "all-at-once\n  strategy: blue-green\nfaults: [{do: {health: {status: 500}}, where: {hosts: [web-g2]}}]\ndeploy:",
            *(13, "no host is called web-g2", "did you mean web?"),
        ),
        ("deploy:", "expect: {in_service_min: 3}\ndeploy:", 12, "in_service_min: 3 is more than the 2 tasks", "at most 2"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(old: str, new: str, line: int, message: str, remedy: str) -> None:
    assert old in GOOD
    found = mistakes(GOOD.replace(old, new, 1))
    assert any((at, True, True) == (line, message in text, remedy in cure) for at, text, cure in found), found


def test_a_filter_that_is_an_error_is_not_warned_of_as_well() -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(
            GOOD.replace("all-at-once", "all-at-once\n  ec2_tag_filters: [{key: a}]"), name="f.yml", directory=BUNDLES
        )
    assert [problem.message for problem in caught.value.problems] == ["ec2_tag_filters chooses hosts, and ECS has none"]


@pytest.mark.parametrize(("every", "warned"), [("119h", False), ("120h", True)])
def test_a_bake_may_last_as_long_as_the_platform_lets_a_deployment(tmp_path: Path, every: str, warned: bool) -> None:
    file = tmp_path / "f.yml"
    text = GOOD.replace("all-at-once", f"{{canary: {{percent: 10, every: {every}}}}}")
    file.write_text(text.replace(" ecs-v", f" {BUNDLES}/ecs-v").replace("functions/", f"{BUNDLES}/functions/"))
    told = [problem.message for problem in warnings(file)]
    assert ("the bakes add up to 120h, and a deployment may last 120h" in told) == warned


def grouped(*groups: str) -> str:
    """The same with a list of groups."""
    before, _, after = GOOD.partition("group:\n")
    written = "".join(f"  - {{{group}}}\n" for group in groups)
    return before + "groups:\n" + written + after.partition("all-at-once\n")[2].replace("v2}", "v2, group: a}")


def test_one_group_in_a_list_is_as_good() -> None:
    text = grouped("name: a, compute_platform: ECS, application: shop, running: v1").replace(", running: v1}", "}", 1)
    found = loads(text, name="f.yml", directory=BUNDLES)
    assert found.fleet.running is None
    assert [target.name for target in found.targets()] == ["shop"]
    assert strategy_of(found, found.deploy[0])[0] == "ecs"


@pytest.mark.parametrize("platform", ["ECS", "Lambda"])
def test_a_run_has_one_service_or_function(platform: str) -> None:
    text = grouped(f"name: a, compute_platform: {platform}", f"name: b, compute_platform: {platform}")
    what = {"ECS": "service", "Lambda": "function"}[platform]
    message = f"{platform}: a run has one {what}, and this is a second group"
    assert (11, message, "keep one group, or make two scenarios of it") in mistakes(text)


@pytest.mark.parametrize(
    ("first", "second"), [("Server", "ECS"), ("ECS", "Server"), ("Lambda", "ECS")], ids=lambda word: str(word)
)
def test_a_run_has_one_platform(first: str, second: str) -> None:
    written = {word: "" if word == "Server" else f", compute_platform: {word}" for word in (first, second)}
    message = f"compute_platform: this group is for {second}, the first for {first}, and a run has one"
    found = mistakes(grouped(f"name: a{written[first]}", f"name: b{written[second]}"))
    assert found[0] == (11, message, "make two scenarios of it")


def test_lambda_has_one_version_and_waits_for_nobody() -> None:
    text = GOOD.replace("ECS", "Lambda").replace(
        "all-at-once", "all-at-once\n  strategy: {blue-green: {terminate_blue: {}}}"
    )
    assert [(line, message) for line, message, _ in mistakes(text)] == [
        (2, "a version of a function is not made of hosts: Lambda runs as many as are asked for"),
        (12, "terminate_blue says nothing of a deployment on Lambda"),
    ]


SERVER = GOOD.replace("  compute_platform: ECS\n", "")


def test_servers_have_no_functions_and_shift_no_traffic() -> None:
    assert [message for _, message, _ in mistakes(SERVER)] == [
        "functions are the hooks of ECS and Lambda, and the hooks of servers are scripts",
        "this says how traffic goes on ECS and Lambda, and these are servers",
    ]
    shift = SERVER.replace("all-at-once", "{canary: {percent: 10, every: 1s}}")
    assert any("these are servers" in message for _, message, _ in mistakes(shift))
    event = SERVER + "expect: {events: [{event: AllowTestTraffic}]}\n"
    assert any(message == "AllowTestTraffic never comes: these are servers" for _, message, _ in mistakes(event))


@pytest.mark.parametrize(
    ("config", "name", "shift", "bake_ms"),
    [
        ("all-at-once", "CodeDeployDefault.ECSAllAtOnce", (), 0),
        ("ECSCanary10Percent15Minutes", "CodeDeployDefault.ECSCanary10Percent15Minutes", (10,), 900_000),
        ("{canary: {percent: 5, every: 30s}}", "TimeBasedCanary 5 % 30s", (5,), 30_000),
        ("{linear: {percent: 40, every: 1m}}", "TimeBasedLinear 40 % 1m", (40, 80), 60_000),
    ],
)
def test_the_configuration_says_how_the_traffic_goes(
    config: str, name: str, shift: tuple[int, ...], bake_ms: int
) -> None:
    found = loads(GOOD.replace("all-at-once", config), name="f.yml", directory=BUNDLES)
    strategy, options = strategy_of(found, found.deploy[0])
    assert options.blue_green is not None
    assert (strategy, options.blue_green.shift, options.bake_ms) == ("ecs", shift, bake_ms)
    assert deployment_config(found, found.deploy[0]).name == name


def test_a_deployment_may_have_a_configuration_and_a_wait_of_its_own() -> None:
    text = GOOD.replace(
        "{revision: v2}",
        "{revision: v2, deployment_config: ECSAllAtOnce, strategy: {blue-green: {terminate_blue: {wait_time: 1h}}}}",
    )
    found = loads(text, name="f.yml", directory=BUNDLES)
    _, options = strategy_of(found, found.deploy[0])
    assert options.blue_green is not None
    assert options.blue_green.terminate_after_ms == 3_600_000


def test_without_a_configuration_all_goes_at_once() -> None:
    found = loads(GOOD.replace("  deployment_config: all-at-once\n", ""), name="f.yml", directory=BUNDLES)
    assert deployment_config(found, found.deploy[0]).name == "CodeDeployDefault.ECSAllAtOnce"


def test_a_limit_that_is_written_counts() -> None:
    found = loads(GOOD + "limits: {deployment: 1h}\n", name="f.yml", directory=BUNDLES)
    assert limits_of(found, "ecs").deployment_ms == 3_600_000


@pytest.mark.parametrize("name", PREDEFINED_ELSEWHERE)
def test_every_predefined_configuration_is_for_its_platform_alone(name: str) -> None:
    config = PREDEFINED_ELSEWHERE[name]
    assert told_of_traffic(config.platform, name, "rolling")[1].name == name
    other = {"ECS": "Lambda", "Lambda": "ECS"}[config.platform]
    with pytest.raises(ValueError, match=f"{other} has no deployment configuration"):
        told_of_traffic(other, name, "rolling")


@pytest.mark.parametrize("said", ["reports: Failed", "lasts: 5s", "reports: Succeeded"])
def test_of_a_report_that_never_comes_nothing_can_be_said(said: str) -> None:
    text = GOOD.replace("{handler: functions/visit-test-traffic.py}", f"{{never: true, {said}}}")
    ((line, message, remedy),) = mistakes(text)
    assert (line, message.partition(":")[0]) == (
        8,
        f"{said.partition(':')[0]} is of the report of a function, and this one never reports",
    )
    assert "keep one of never or" in remedy
    assert mistakes(text.replace("never: true", "never: false")) == []
    assert mistakes(text.replace(f", {said}", "")) == []


@pytest.mark.parametrize(
    ("name", "remedy"), [("visit-tset-traffic", "did you mean visit-test-traffic?"), ("unused", "take it away")]
)
def test_a_function_that_nobody_calls_is_warned_of(name: str, remedy: str, tmp_path: Path) -> None:
    file = tmp_path / "f.yml"
    text = GOOD.replace(" ecs-v", f" {BUNDLES}/ecs-v").replace("functions/", f"{BUNDLES}/functions/")
    file.write_text(text.replace("group:", f"  {name}: {{}}\ngroup:"))
    told = [one for one in warnings(file) if "no AppSpec names" in one.message]
    assert [(one.line, one.message, one.remedy) for one in told] == [
        (9, f"no AppSpec names the function {name}, so nobody calls it", remedy)
    ]
    file.write_text(text)
    assert not [one for one in warnings(file) if "no AppSpec names" in one.message]


def test_a_function_is_known_by_its_arn(tmp_path: Path) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:check-it"
    for word, name in ((arn, "check-it"), (f"{arn}:3", "check-it"), ("check-it", "check-it")):
        (tmp_path / "appspec.yaml").write_text(f"version: 0.0\nHooks: [{{AfterAllowTraffic: '{word}'}}]\n")
        assert hook_functions(tmp_path) == {name}
    (tmp_path / "appspec.yaml").write_text("- not: [an appspec")
    assert hook_functions(tmp_path) is None
