"""The AppSpec of ECS and Lambda: what is read of a good one, and every mistake of a bad one at its place."""

# ruff: noqa: E501 - a case a line reads best

from __future__ import annotations

import json

import pytest
import yaml

from fleet.agent.appspec_model import AppSpecError
from fleet.platforms.appspec import examine, function_name, load

ECS = """\
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: arn:aws:ecs:us-east-1:123456789012:task-definition/shop:2
        LoadBalancerInfo:
          ContainerName: shop
          ContainerPort: 8080
        PlatformVersion: LATEST
        NetworkConfiguration:
          AwsvpcConfiguration:
            Subnets: [subnet-1]
            SecurityGroups: [sg-1]
            AssignPublicIp: ENABLED
        CapacityProviderStrategy:
          - {Base: 1, CapacityProvider: FARGATE, Weight: 1}
Hooks:
  - BeforeInstall: before
  - AfterAllowTestTraffic: arn:aws:lambda:us-east-1:123456789012:function:visit:3
"""
LAMBDA = """\
version: 0.0
Resources:
  - greeting:
      Type: AWS::Lambda::Function
      Properties:
        Name: greeting
        Alias: live
        CurrentVersion: 1
        TargetVersion: 2
Hooks:
  - BeforeAllowTraffic: look
"""


def told(text: str, platform: str | None = None) -> list[tuple[int, int, str, str]]:
    appspec, problems = examine(text, platform=platform)
    assert (appspec is None) == bool(problems)
    assert all(problem.severity == "error" for problem in problems)
    return [(problem.line, problem.column, problem.message, problem.remedy) for problem in problems]


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_an_appspec_of_ecs(form: str) -> None:
    text = ECS if form == "yaml" else json.dumps(yaml.safe_load(ECS), indent=2)
    found = load(text, platform="ECS")
    assert (found.platform, found.resource.container, found.resource.port) == ("ECS", "shop", 8080)
    assert found.resource.task_definition.endswith("task-definition/shop:2")
    assert found.hooks == {"BeforeInstall": "before", "AfterAllowTestTraffic": "visit"}


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_an_appspec_of_lambda(form: str) -> None:
    text = LAMBDA if form == "yaml" else json.dumps(yaml.safe_load(LAMBDA), indent=2)
    found = load(text, platform="Lambda").resource
    assert (found.function, found.alias, found.current, found.target) == ("greeting", "live", "1", "2")


def test_hooks_may_be_left_out() -> None:
    assert load(LAMBDA.split("Hooks")[0], platform="Lambda").hooks == {}
    assert load(LAMBDA.split("Hooks")[0] + "Hooks:\n", platform="Lambda").hooks == {}


NETWORK = ECS[ECS.index("        NetworkConfiguration") : ECS.index("        CapacityProviderStrategy")]


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "remedy"),
    [
        ("version: 0.0", "version: 1", 1, "`version` is expected to be 0.0, and is `1`", "write `version: 0.0`"),
        ("version: 0.0\n", "", 1, "`version` is expected to be 0.0, and is absent", "write"),
        ("Resources:", "Resource:", 2, "`Resource` is no key of this file", "did you mean `Resources`?"),
        ("Hooks:", "Zebras:", 18, "`Zebras` is no key of this file", "take it away"),
        ("AWS::ECS::Service", "AWS::ECS::Servic", 4, "`Type` is expected to be AWS::ECS::Service or", "write `Type"),
        ("      Type: AWS::ECS::Service\n", "", 3, "and is absent", "write `Type: AWS::ECS::Service`"),
        ("TaskDefinition:", "TaskDefinitio:", 6, "`Properties` has no `TaskDefinitio`", "did you mean `TaskDefinition`"),
        ("arn:aws:ecs:us-east-1:123456789012:task-definition/shop:2", "shop:2", 6, "and is `shop:2`", "write arn:aws:ecs"),
        ("ContainerPort: 8080", "ContainerPort: web", 9, "a port of 1 to 65535, and is `web`", "ContainerPort: 8080"),
        ("          ContainerPort: 8080\n", "", 7, "a port of 1 to 65535, and is absent", "ContainerPort: 8080"),
        ("ContainerName: shop", "ContainerName:", 8, "`ContainerName` is required, and is empty", "give the container"),
        ("[subnet-1]", "[]", 13, "`Subnets` is expected to be a list, and is empty", "give all of Subnets"),
        ("[sg-1]", "sg-1", 14, "`SecurityGroups` is expected to be a list, and is `sg-1`", "give all of"),
        ("            Subnets: [subnet-1]\n", "", 12, "`Subnets` is expected to be a list, and is absent", "give all"),
        ("ENABLED", "yes", 15, "`AssignPublicIp` is expected to be ENABLED or DISABLED, and is `yes`", "write ENABLED"),
        ("AwsvpcConfiguration:", "Awsvpc:", 12, "`NetworkConfiguration` has no `Awsvpc`", "AwsvpcConfiguration"),
        (NETWORK, "        NetworkConfiguration: {}\n", 11, "`AwsvpcConfiguration` is required, and is absent", "give Subnets"),
        ("Base: 1", "Base: one", 17, "`Base` is expected to be a whole number, and is `one`", "write `Base: 1`"),
        ("Base: 1", "Bass: 1", 17, "`CapacityProviderStrategy` has no `Bass`", "did you mean `Base`?"),
        ("CapacityProvider: FARGATE, ", "", 17, "`CapacityProvider` is required, and is absent", "give the name"),
        ("          - {Base: 1, CapacityProvider: FARGATE, Weight: 1}", "          - FARGATE", 17, "to be a mapping", "Base"),
        ("BeforeInstall: before", "BeforeInstal: before", 19, "no function is called at `BeforeInstal` on ECS", "did you"),
        ("BeforeInstall: before", "Start: before", 19, "no function is called at `Start` on ECS", "there is BeforeInstall"),
        ("BeforeInstall: before", "BeforeInstall:", 19, "expected to be a function's name or ARN, and is empty", "my-function"),
        ("BeforeInstall: before", "BeforeInstall: arn:aws:s3:::x", 19, "a function's name or ARN", "write `- Before"),
        ("BeforeInstall: before", "AfterAllowTestTraffic: before", 20, "`AfterAllowTestTraffic` is there twice", "one"),
        ("- BeforeInstall: before", "- before", 19, "a hook is expected to be an event with a function", "write `- After"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_at_its_place(old: str, new: str, line: int, message: str, remedy: str) -> None:
    assert old in ECS
    found = told(ECS.replace(old, new, 1))
    assert any(at == line and message in text and remedy in cure for at, _, text, cure in found), found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("[]\n", "expected to be a mapping, and is a list"),
        ("version: 0.0\n", "there is no `Resources`"),
        ("version: 0.0\nResources: {}\n", "`Resources` is expected to be a list, and is a mapping"),
        ("version: 0.0\nResources: []\n", "`Resources` has 0 entries"),
        ("version: 0.0\nResources: [{a: {}}, {b: {}}]\n", "`Resources` has 2 entries"),
        ("version: 0.0\nResources: [a]\n", "one name with a mapping, and is `a`"),
        ("version: 0.0\nResources: [{a: b}]\n", "`a` is expected to be a mapping, and is `b`"),
        ("version: 0.0\nResources: [{a: {Type: AWS::ECS::Service}}]\n", "`Properties` is expected to be a mapping"),
        ("version: 0.0\nResources: [{a: {Type: AWS::ECS::Service, Properties: x}}]\n", "and is `x`"),
        ("version: [\n", "the file is no YAML"),
        ("Hooks: {a: b}\nversion: 0.0\n", "`Hooks` is expected to be a list, and is a mapping"),
        (
            ECS.replace("          - {Base: 1, CapacityProvider: FARGATE, Weight: 1}", "          FARGATE"),
            "to be a list",
        ),
        ("a: &a [*a]\nversion: 0.0\nResources: [{a: {}}]\n", "`a` is no key of this file"),
    ],
)
def test_what_is_no_appspec_is_told_as_such(text: str, message: str) -> None:
    assert any(message in found for _, _, found, _ in told(text))


def test_lambda_needs_all_of_its_properties() -> None:
    for name in ("Name", "Alias", "CurrentVersion", "TargetVersion"):
        text = "\n".join(line for line in LAMBDA.splitlines() if not line.strip().startswith(f"{name}:"))
        assert [(line, message) for line, _, message, _ in told(text)] == [(5, f"`{name}` is required, and is absent")]


def test_an_appspec_of_another_platform_is_told_as_such() -> None:
    [(line, _, message, _)] = told(ECS, "Lambda")
    assert (line, message) == (4, "this AppSpec is for ECS (`AWS::ECS::Service`), and the group deploys to Lambda")
    [(line, column, message, _)] = told("version: 0.0\nos: linux\n", "ECS")
    assert (line, column, message) == (2, 1, "this file is for servers (`os`), and ECS needs `Resources`")


def test_an_event_of_the_other_platform_is_told_with_this_ones() -> None:
    [(_, _, message, remedy)] = told(LAMBDA.replace("BeforeAllowTraffic", "AfterInstall"))
    assert message == "no function is called at `AfterInstall` on Lambda"
    assert remedy == "there is BeforeAllowTraffic, AfterAllowTraffic"


def test_load_raises_with_every_mistake() -> None:
    with pytest.raises(AppSpecError) as caught:
        load("version: 1\nResources: []\n", platform="ECS", name="appspec.json")
    assert len(caught.value.problems) == 2
    assert str(caught.value).startswith("appspec.json, line 1, column 10")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("visit", "visit"),
        ("arn:aws:lambda:us-east-1:123456789012:function:visit", "visit"),
        ("arn:aws:lambda:us-east-1:123456789012:function:visit:live", "visit"),
        ("arn:aws:lambda:us-east-1:123456789012:layer:visit", ""),
    ],
)
def test_a_function_is_named_or_given_by_its_arn(word: str, name: str) -> None:
    assert function_name(word) == name
