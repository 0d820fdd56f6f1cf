"""Deployments on ECS and Lambda: one test for each sentence of the documentation.

Sources: AWS CodeDeploy user guide, "AppSpec 'hooks' section" (for Amazon ECS, for AWS Lambda), "Deployment
configurations on an Amazon ECS/AWS Lambda compute platform", "CodeDeploy quotas".
"""

from __future__ import annotations

import pytest

from simulator.control.request import limits_of
from simulator.rollout import lifecycle
from simulator.rollout.commands import RunLifecycleEvent, ShiftTraffic, TerminateHost
from simulator.rollout.deployment import Target
from simulator.rollout.events import LifecycleEventStarted
from simulator.rollout.statuses import Creator, DeploymentStatus, ErrorCode, RollbackEvent
from strategies.configuration import PREDEFINED_ELSEWHERE, ComputePlatform
from strategies.options import BlueGreen, Options
from tests.support.rollouts import Hand, deployment
from tests.support.services import ecs as ecs_scenario

MINUTE_MS = 60_000
ECS = [
    *("BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic"),
    *("BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"),
]


def target(strategy: str, bake_ms: int = 0, **told: object) -> Hand:
    """A deployment to a service or a function that has v1."""
    hand = Hand(
        deployment(
            [Target("web", healthy=True, revision="v1")],
            "AllAtOnce",
            strategy=strategy,
            options=Options(bake_ms=bake_ms, blue_green=BlueGreen(**told)),  # type: ignore[arg-type]
            balancer=True,
            rolls_back=[RollbackEvent.DEPLOYMENT_FAILURE],
        )
    )
    hand.create()
    return hand


def until(hand: Hand, event: str) -> Hand:
    """All goes well until this event is in hand."""
    while hand.rollout.hosts["web"].event != event:
        onward(hand)
    return hand


def onward(hand: Hand) -> None:
    """What is awaited comes: the end of an event, an answer of the fleet, or the end of a wait."""
    if hand.busy:
        hand.end("web")
    elif hand.rollout.awaited:
        hand.answer(next(iter(hand.rollout.awaited.values())))
    else:
        hand.fire("stage")


def through(hand: Hand) -> Hand:
    while not hand.rollout.ended:
        onward(hand)
    return hand


def events_of(hand: Hand) -> list[str]:
    return [record.name for record in hand.rollout.hosts["web"].records]


def shares(hand: Hand) -> list[int]:
    return [command.percent for command in hand.commands if isinstance(command, ShiftTraffic)]


def test_the_lifecycle_events_of_ecs_in_their_order() -> None:
    assert events_of(through(target("ecs"))) == ECS
    assert list(lifecycle.ECS) == ECS


def test_the_lifecycle_events_of_lambda_in_their_order() -> None:
    assert events_of(through(target("lambda"))) == ["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]


def test_install_allow_test_traffic_and_allow_traffic_have_no_hooks() -> None:
    assert set(ECS) - set(lifecycle.HOOKS["ECS"]) == {"Install", "AllowTestTraffic", "AllowTraffic"}
    assert lifecycle.HOOKS["Lambda"] == ("BeforeAllowTraffic", "AfterAllowTraffic")


def test_no_user_meets_the_replacement_before_allow_traffic() -> None:
    hand = until(target("ecs"), "BeforeAllowTraffic")
    assert shares(hand) == []


def test_a_rollback_is_not_possible_at_before_install() -> None:
    hand = target("ecs")
    hand.end("web", well=False)
    assert hand.finish.status is DeploymentStatus.FAILED
    assert hand.undo is None


@pytest.mark.parametrize("event", [event for event in ECS if event not in ("BeforeInstall", "AllowTraffic")])
def test_after_any_other_event_traffic_returns_to_the_original_task_set(event: str) -> None:
    hand = until(target("ecs"), event)
    hand.end("web", well=False)
    undo = hand.undo
    assert undo is not None
    assert (undo.creator, undo.revision, undo.rollback_of) == (Creator.ROLLBACK, "v1", "d-1")
    back = Hand(undo, at_ms=hand.now_ms)
    back.create()
    assert shares(back) == [100]
    through(back)
    assert back.rollout.status is DeploymentStatus.SUCCEEDED
    assert [target.revision for target in back.rollout.aftermath] == ["v1"]


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ("Install", ErrorCode.ECS_UPDATE_ERROR),
        ("AllowTestTraffic", ErrorCode.ECS_UPDATE_ERROR),
        ("AfterInstall", ErrorCode.HOOK_EXECUTION_FAILURE),
        ("AfterAllowTraffic", ErrorCode.HOOK_EXECUTION_FAILURE),
    ],
)
def test_the_code_says_whether_the_service_or_a_function_failed(event: str, code: ErrorCode) -> None:
    hand = until(target("ecs"), event)
    hand.end("web", well=False)
    assert hand.finish.error is not None
    assert hand.finish.error.code is code


@pytest.mark.parametrize("strategy", ["ecs", "lambda"])
def test_a_hook_that_does_not_report_within_an_hour_fails_the_deployment(strategy: str) -> None:
    hand = until(target(strategy), "BeforeAllowTraffic")
    command = next(c for c in reversed(hand.commands) if isinstance(c, RunLifecycleEvent))
    hand.feed(LifecycleEventStarted(hand.id(), hand.now_ms, command.id, "d-1", "web", "BeforeAllowTraffic"))
    began_ms = hand.now_ms
    while not hand.rollout.ended:
        hand.fire("web")
    assert hand.now_ms == began_ms + 60 * MINUTE_MS
    assert hand.finish.status is DeploymentStatus.FAILED


@pytest.mark.parametrize("name", PREDEFINED_ELSEWHERE)
def test_every_predefined_configuration_shifts_as_its_name_says(name: str) -> None:
    config = PREDEFINED_ELSEWHERE[name]
    routing = config.routing
    strategy = {ComputePlatform.ECS: "ecs", ComputePlatform.LAMBDA: "lambda"}[config.platform]
    hand = target(strategy, routing.interval_minutes * MINUTE_MS, shift=routing.shift)
    began_ms = until(hand, "AllowTraffic").now_ms
    until(hand, "AfterAllowTraffic")
    waited = round((hand.now_ms - began_ms) / MINUTE_MS)
    expected = {
        "AllAtOnce": ([100], 0),
        "Canary": ([10, 100], routing.interval_minutes),
        "Linear": ([*range(10, 101, 10)], 9 * routing.interval_minutes),
    }
    assert (shares(hand), waited) == next(value for word, value in expected.items() if word in name)


def test_the_original_task_set_ends_after_the_termination_wait() -> None:
    hand = target("ecs", terminate_after_ms=2880 * MINUTE_MS)
    until(hand, "AfterAllowTraffic")
    hand.end("web")
    began_ms = hand.now_ms
    assert not any(isinstance(command, TerminateHost) for command in hand.commands)
    hand.fire("stage")
    assert hand.now_ms == began_ms + 2880 * MINUTE_MS
    assert [c.host for c in hand.commands if isinstance(c, TerminateHost)] == ["web"]


def test_a_function_has_nothing_that_ends() -> None:
    hand = through(target("lambda"))
    assert not any(isinstance(command, TerminateHost) for command in hand.commands)


def test_a_deployment_on_ecs_may_last_120_hours_and_one_on_lambda_50() -> None:
    found = ecs_scenario()
    assert [limits_of(found, strategy).deployment_ms / 3_600_000 for strategy in ("ecs", "lambda")] == [120, 50]


def test_a_deployment_on_ecs_or_lambda_has_one_target() -> None:
    assert [host.name for host in through(target("ecs")).rollout.hosts.values()] == ["web"]
