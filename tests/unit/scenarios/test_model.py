"""What the models mean, and that their words are those of the core."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from scenarios.model import Effect, Fault, Fleet, MinimumHealthyHosts, When
from scenarios.platforms import EVENTS
from scenarios.words import DeploymentStatus, ErrorCode, LifecycleEvent, Trigger, duration_ms, duration_text
from simulator.rollout import lifecycle, statuses


def test_words_are_those_of_the_core() -> None:
    assert set(get_args(ErrorCode)) == {str(code) for code in statuses.ErrorCode}
    assert set(get_args(Trigger)) == {str(trigger) for trigger in statuses.Trigger}
    of_tasks = lifecycle.ALLOW_TEST_TRAFFIC, lifecycle.AFTER_ALLOW_TEST_TRAFFIC
    assert get_args(LifecycleEvent) == (*lifecycle.IN_PLACE_WITH_BALANCER, *of_tasks)
    assert {"ECS": lifecycle.ECS, "Lambda": lifecycle.LAMBDA} == EVENTS
    assert set(get_args(DeploymentStatus)) < {str(status) for status in statuses.DeploymentStatus}


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("1500ms", 1500), ("10s", 10_000), ("1.5s", 1500), ("5m", 300_000), ("1h", 3_600_000), (" 1s ", 1000), ("0s", 0)],
)
def test_durations(text: str, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("wrong", [10, 1.5, True, None, "10", "ten", "10 s", "-1s", "1d", "s", [], "1e3s"])
def test_what_is_no_duration(wrong: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        duration_ms(wrong)


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(0, "0ms"), (1, "1ms"), (1500, "1500ms"), (60_000, "1m"), (90_000, "90s")]
)
def test_durations_as_text(milliseconds: int, text: str) -> None:
    assert duration_text(milliseconds) == text
    assert duration_ms(text) == milliseconds


def test_hosts_by_number_are_spread_over_zones() -> None:
    fleet = Fleet.model_validate({"hosts": 3, "zones": ["a", "b"], "tags": {"role": "web"}, "files": {"/f": "x"}})
    hosts = fleet.named_hosts()
    assert [(host.name, host.zone) for host in hosts] == [("h1", "a"), ("h2", "b"), ("h3", "a")]
    assert all(host.tags == {"role": "web"} and host.files == {"/f": "x"} for host in hosts)


def test_hosts_by_name_have_the_fleets_tags_and_their_own() -> None:
    fleet = Fleet.model_validate(
        {"hosts": [{"name": "a", "tags": {"role": "db"}}, {"name": "b", "files": {"/g": "y"}}], "tags": {"role": "web"}}
    )
    first, second = fleet.named_hosts()
    assert first.tags == {"role": "db"}
    assert second.tags == {"role": "web"}
    assert second.files == {"/g": "y"}


@pytest.mark.parametrize(
    ("model", "data"),
    [
        (Effect, {}),
        (Effect, {"host": "crash", "agent": "stop"}),
        (Effect, {"health": {}}),
        (When, {}),
        (When, {"at": "1s", "status": "Failed"}),
        (When, {"status": "Failed", "host": "h1"}),
        (When, {"status": "Failed", "nth": 1}),
        (When, {"at": "1s", "deployment": 1}),
        (Fault, {"do": {"script": "hang"}}),
        (Fault, {"do": {"script": "hang"}, "when": {"at": "1s"}}),
        (MinimumHealthyHosts, {"type": "FLEET_PERCENT", "value": 100}),
        (Fleet, {"hosts": [{"name": "a"}, {"name": "a"}]}),
    ],
)
def test_rules_hold_without_the_loader_too(model: type[Effect], data: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(data)


def test_an_effect_knows_its_kind() -> None:
    assert Effect.model_validate({"bundle": "corrupt"}).kind == "bundle"
