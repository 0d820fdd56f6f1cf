"""What a deployment remembers of its stages and of what people said, and of a host that turns bad in its last event."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.rollout.events import OperatorSpoke
from simulator.rollout.statuses import DeploymentStatus, ErrorCode, OperatorVerb
from strategies.options import Options, Share, Step
from tests.support.rollouts import Hand, deployment

BAKE_MS = 5_000
CANARY = Options(share=Share(hosts=1), bake_ms=BAKE_MS)
ASKS = Options(steps=(Step(Share(hosts=1)), Step(pause=True)))


def staged(strategy: str, options: Options) -> Hand:
    hand = Hand(replace(deployment(3, strategy=strategy, balancer=True), options=options))
    hand.create()
    return hand


def say(hand: Hand, verb: OperatorVerb) -> str | None:
    """Say it, and return why it was refused."""
    event = OperatorSpoke(hand.id(), hand.now_ms, "", hand.rollout.deployment_id, verb, "ann")
    hand.feed(event)
    spoken, refusal = hand.rollout.spoken[-1]
    assert spoken is event
    return refusal


def test_it_knows_when_each_stage_began() -> None:
    hand = staged("canary", CANARY)
    assert hand.rollout.begun == [0]
    hand.walk("h1")
    baked_at = hand.now_ms
    assert hand.rollout.begun == [0, baked_at]
    assert say(hand, OperatorVerb.PROMOTE) is None
    assert hand.rollout.begun == [0, baked_at, baked_at]
    twin = hand.rollout.copy()
    hand.rollout.begun.append(7)
    hand.rollout.spoken.clear()
    assert len(twin.begun) == 3
    assert len(twin.spoken) == 1


def test_a_word_that_is_impossible_is_kept_with_its_reason_and_changes_nothing() -> None:
    hand = staged("steps", ASKS)
    before = hand.rollout.key()
    assert say(hand, OperatorVerb.CONTINUE) == "the deployment waits for nobody: it is InProgress"
    assert say(hand, OperatorVerb.RESUME) == "the deployment is not paused"
    assert hand.rollout.key() == before
    hand.walk("h1")
    assert hand.rollout.status is DeploymentStatus.READY
    assert say(hand, OperatorVerb.CONTINUE) is None
    assert [refusal is None for _, refusal in hand.rollout.spoken] == [False, False, True]


@pytest.mark.parametrize("verb", OperatorVerb)
def test_nobody_is_heard_while_it_stops(verb: OperatorVerb) -> None:
    hand = staged("canary", CANARY)
    hand.stop()
    assert say(hand, verb) == "the deployment is being stopped"


def test_a_host_that_turns_bad_in_its_last_event_is_found_by_the_bake() -> None:
    hand = staged("canary", CANARY)
    hand.walk("h1", "AfterAllowTraffic")
    hand.health("h1", "500")
    assert hand.rollout.sick == {}
    hand.walk("h1")
    assert hand.rollout.status is DeploymentStatus.FAILED
    assert hand.rollout.error is not None
    assert hand.rollout.error.code is ErrorCode.CUSTOMER_APPLICATION_UNHEALTHY
    assert "h1 had passed every check and turned unhealthy later" in hand.rollout.error.message


def test_a_host_that_comes_round_again_in_its_last_event_is_well() -> None:
    hand = staged("canary", CANARY)
    hand.walk("h1", "AfterAllowTraffic")
    hand.health("h1", "500")
    hand.health("h1", "200")
    hand.walk("h1")
    assert hand.rollout.status is DeploymentStatus.BAKING
