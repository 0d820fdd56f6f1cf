"""Deployment configurations: what a minimum comes to, and what is refused."""

from __future__ import annotations

import pytest

from strategies.configuration import (
    ALL_AT_ONCE,
    HALF_AT_A_TIME,
    ONE_AT_A_TIME,
    PREDEFINED,
    PREDEFINED_ELSEWHERE,
    PREFIX,
    ComputePlatform,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
    TrafficRouting,
    TrafficRoutingType,
    elsewhere,
    named,
)

HOST_COUNT = MinimumHealthyHostsType.HOST_COUNT
FLEET_PERCENT = MinimumHealthyHostsType.FLEET_PERCENT
MOST_CONCURRENCY = MinimumHealthyHostsType.MOST_CONCURRENCY


@pytest.mark.parametrize(
    ("kind", "value", "hosts", "required"),
    [
        (HOST_COUNT, 0, 9, 0),
        (HOST_COUNT, 6, 9, 6),
        (HOST_COUNT, 12, 9, 12),
        (FLEET_PERCENT, 0, 9, 0),
        (FLEET_PERCENT, 50, 9, 5),
        (FLEET_PERCENT, 50, 10, 5),
        (FLEET_PERCENT, 95, 10, 10),
        (FLEET_PERCENT, 95, 20, 19),
        (FLEET_PERCENT, 1, 1000, 10),
        (FLEET_PERCENT, 99, 1, 0),
        (MOST_CONCURRENCY, 1, 9, 8),
        (MOST_CONCURRENCY, 1, 1, 0),
        (MOST_CONCURRENCY, 3, 2, 0),
    ],
)
def test_required(kind: MinimumHealthyHostsType, value: int, hosts: int, required: int) -> None:
    assert MinimumHealthyHosts(kind, value).required(hosts) == required


def test_a_negative_minimum_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more; found -1"):
        MinimumHealthyHosts(HOST_COUNT, -1)


def test_a_hundred_percent_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 99; found 100"):
        MinimumHealthyHosts(FLEET_PERCENT, 100)
    assert MinimumHealthyHosts(HOST_COUNT, 100).value == 100


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (HOST_COUNT, "at least 3 healthy"),
        (FLEET_PERCENT, "at least 3 % healthy"),
        (MOST_CONCURRENCY, "3 at a time"),
    ],
)
def test_in_words(kind: MinimumHealthyHostsType, words: str) -> None:
    assert str(MinimumHealthyHosts(kind, 3)) == words


def test_predefined_by_name_with_and_without_prefix() -> None:
    assert named("OneAtATime") is named("CodeDeployDefault.OneAtATime") is ONE_AT_A_TIME
    assert named("OneAtATimes") is None
    assert set(PREDEFINED.values()) == {ONE_AT_A_TIME, HALF_AT_A_TIME, ALL_AT_ONCE}


def test_there_are_the_seventeen_of_the_documentation() -> None:
    short = {name.removeprefix(PREFIX) for name in (*PREDEFINED, *PREDEFINED_ELSEWHERE)}
    assert short == {
        *("OneAtATime", "HalfAtATime", "AllAtOnce", "LambdaAllAtOnce", "ECSAllAtOnce"),
        *(f"LambdaCanary10Percent{minutes}Minutes" for minutes in (5, 10, 15, 30)),
        *(f"LambdaLinear10PercentEvery{every}" for every in ("1Minute", "2Minutes", "3Minutes", "10Minutes")),
        *(f"ECSCanary10Percent{minutes}Minutes" for minutes in (5, 15)),
        *(f"ECSLinear10PercentEvery{minutes}Minutes" for minutes in (1, 3)),
    }
    assert len(short) == 17


@pytest.mark.parametrize(
    ("name", "platform", "routing", "words", "strategy"),
    [
        (
            "LambdaCanary10Percent30Minutes",
            ComputePlatform.LAMBDA,
            TrafficRouting(TrafficRoutingType.TIME_BASED_CANARY, 10, 30),
            "10 % of the traffic, and all of it after 30 minutes",
            "canary: {percent: 10, bake: 30m}",
        ),
        (
            "ECSLinear10PercentEvery1Minutes",
            ComputePlatform.ECS,
            TrafficRouting(TrafficRoutingType.TIME_BASED_LINEAR, 10, 1),
            "10 % of the traffic more every 1 minute",
            "linear: {percent: 10, every: 1m}",
        ),
        (
            "LambdaAllAtOnce",
            ComputePlatform.LAMBDA,
            TrafficRouting(TrafficRoutingType.ALL_AT_ONCE),
            "all of the traffic at once",
            "in-place",
        ),
    ],
)
def test_those_of_other_platforms_shift_traffic(
    name: str, platform: ComputePlatform, routing: TrafficRouting, words: str, strategy: str
) -> None:
    config = elsewhere(name)
    assert config is not None
    assert config is elsewhere(PREFIX + name)
    assert (config.platform, config.routing) == (platform, routing)
    assert (str(config.routing), config.routing.strategy) == (words, strategy)
    assert named(name) is None
    message, remedy = config.refusal()
    assert message == f"{PREFIX}{name} is for {platform} ({words}), and these are servers"
    assert f"the strategy {strategy}, or one of CodeDeployDefault.OneAtATime" in remedy


def test_a_name_is_of_one_platform_only() -> None:
    assert elsewhere("OneAtATime") is None
    assert not PREDEFINED.keys() & PREDEFINED_ELSEWHERE.keys()
