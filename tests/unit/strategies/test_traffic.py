"""The plans of ECS and Lambda: stages of one target."""

from __future__ import annotations

import pytest

from strategies import DEFAULT_CONFIGS, PLATFORMS, STRATEGIES
from strategies.options import NONE, Analysis, BlueGreen, Options
from strategies.plan import Member

WEB = [Member("web")]


def names(strategy: str, options: Options = NONE) -> list[str]:
    return [stage.name for stage in STRATEGIES[strategy](WEB, DEFAULT_CONFIGS[strategy], options)]


def test_a_share_is_baked_and_analysed_before_the_next() -> None:
    options = Options(
        bake_ms=1_000, analysis=Analysis("errors", 5_000), blue_green=BlueGreen(shift=(10, 50), waits=True)
    )
    assert names("ecs", options) == [
        *("replace", "ready", "before"),
        *("shift 010", "bake at 010", "analysis at 010", "shift 050", "bake at 050", "analysis at 050"),
        *("shift 100", "after", "terminate"),
    ]
    judged = Options(analysis=Analysis("errors", 5_000), blue_green=BlueGreen(shift=(10,)))
    assert names("lambda", judged) == ["before", "shift 010", "analysis at 010", "shift 100", "after"]
    assert names("lambda", options)[0] == "before"
    assert names("lambda", options)[-1] == "after"


def test_the_way_back_is_at_once() -> None:
    assert names("ecs-back") == ["shift 100", "terminate"]
    assert names("lambda-back") == ["shift 100"]


@pytest.mark.parametrize("strategy", PLATFORMS)
def test_there_is_one_target(strategy: str) -> None:
    with pytest.raises(ValueError, match="has one target, a service or a function; found 2"):
        STRATEGIES[strategy]([Member("a"), Member("b")], DEFAULT_CONFIGS[strategy], NONE)


def test_stages_are_told_in_the_words_of_their_platform() -> None:
    told = [str(stage) for stage in STRATEGIES["ecs"](WEB, DEFAULT_CONFIGS["ecs"], NONE)]
    assert told == [
        "bring up a replacement task set for web",
        "before traffic is shifted, run BeforeAllowTraffic of web",
        "shift traffic: 100 % to the new version, 0 % to the other version",
        "after all of the traffic was shifted, run AfterAllowTraffic of web",
        "terminate the original task set",
    ]
    bake = Options(bake_ms=1_000, blue_green=BlueGreen(shift=(10,)))
    task = STRATEGIES["ecs"](WEB, DEFAULT_CONFIGS["ecs"], bake).stages["bake at 010"]
    assert "a task that turns unhealthy" in str(task)
    function = STRATEGIES["lambda"](WEB, DEFAULT_CONFIGS["lambda"], bake).stages["bake at 010"]
    assert str(function) == "bake for 1s: an alarm stops the deployment"
