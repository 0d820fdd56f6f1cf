"""What a deployment leaves behind, and what undoes it."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from simulator.rollout.deployment import Success, Target
from simulator.rollout.rollback import deployment_id, refusal, rollback
from simulator.rollout.statuses import Creator, DeploymentStatus, FileExistsBehavior, RollbackEvent
from strategies.options import BlueGreen, Options
from tests.support.rollouts import LAST_SUCCESS, Hand, deployment, targets

FAILED, STOPPED, SUCCEEDED = DeploymentStatus.FAILED, DeploymentStatus.STOPPED, DeploymentStatus.SUCCEEDED
ON_FAILURE, ON_STOP = RollbackEvent.DEPLOYMENT_FAILURE, RollbackEvent.DEPLOYMENT_STOP_ON_REQUEST


def test_ids_look_like_codedeploys_and_depend_on_their_seed_alone() -> None:
    assert re.fullmatch(r"d-[0-9A-Z]{9}", deployment_id("a", 1))
    assert deployment_id("a", 1) == deployment_id("a", 1)
    assert len({deployment_id("a", n) for n in range(1000)}) == 1000
    assert deployment_id("a", "b") != deployment_id("ab")


@pytest.mark.parametrize(
    ("status", "configured", "wanted", "reason"),
    [
        (FAILED, [ON_FAILURE], None, None),
        (FAILED, [ON_STOP], None, "auto_rollback does not have DEPLOYMENT_FAILURE"),
        (FAILED, [], None, "auto_rollback is not set"),
        (STOPPED, [ON_STOP], None, None),
        (STOPPED, [ON_FAILURE], None, "auto_rollback does not have DEPLOYMENT_STOP_ON_REQUEST"),
        (STOPPED, [], True, None),
        (STOPPED, [ON_STOP], False, "whoever stopped it asked for none"),
        (SUCCEEDED, [ON_FAILURE, ON_STOP], True, "it succeeded"),
    ],
)
def test_refusal(status: DeploymentStatus, configured: list[RollbackEvent], wanted: bool | None, reason: str) -> None:
    cause = {FAILED: ON_FAILURE, STOPPED: ON_STOP}.get(status)
    assert refusal(deployment(rolls_back=configured), status, wanted, touched=True, cause=cause) == reason


def test_a_stop_for_which_nobody_asked_is_none_on_request() -> None:
    asked = deployment(rolls_back=[ON_FAILURE, ON_STOP])
    assert refusal(asked, STOPPED, None, touched=True, cause=None) == "nobody asked for the stop, and no alarm fired"


def test_a_rollback_is_never_rolled_back() -> None:
    again = deployment(rolls_back=[ON_FAILURE, ON_STOP], creator=Creator.ROLLBACK)
    for status in (FAILED, STOPPED):
        assert (
            refusal(again, status, True, touched=True, cause=ON_STOP)
            == "it is a rollback, and a rollback is never rolled back"
        )


def test_where_no_host_was_touched_there_is_nothing_to_undo() -> None:
    asked = deployment(rolls_back=[ON_FAILURE])
    assert refusal(asked, FAILED, True, touched=False, cause=ON_FAILURE) == "no host was touched"
    service = replace(asked, strategy="ecs")
    assert refusal(service, FAILED, True, touched=False, cause=ON_FAILURE) == "nothing was touched"


def test_without_a_success_there_is_nothing_to_go_back_to() -> None:
    assert (
        refusal(deployment(last_success=None), FAILED, True, touched=True, cause=ON_FAILURE)
        == "no revision had succeeded before, so there is none to go back to"
    )


def test_the_rollback_is_the_last_success_again_on_the_hosts_as_they_are_now() -> None:
    success = Success("d-OLD", "v1", FileExistsBehavior.RETAIN)
    before = replace(deployment(3, rolls_back=[ON_FAILURE]), last_success=success)
    hand = Hand(before)
    hand.create()
    hand.fail("h1", "Install")
    undo = hand.undo
    assert undo is not None
    assert undo == rollback(before, hand.rollout.hosts, hand.rollout.sick)
    assert (undo.revision, undo.creator, undo.rollback_of) == ("v1", Creator.ROLLBACK, "d-1")
    assert undo.file_exists_behavior is FileExistsBehavior.RETAIN
    assert undo.description == "back from d-1 to v1, deployed by d-OLD"
    assert [(t.name, t.healthy, t.revision) for t in undo.targets] == [
        ("h1", False, None),
        ("h2", True, "v1"),
        ("h3", True, "v1"),
    ]
    assert undo.deployment_id not in (before.deployment_id, LAST_SUCCESS.deployment_id)


def test_a_way_back_that_broke_off_is_undone_by_the_rest_of_it() -> None:
    told = Options(blue_green=BlueGreen(held_out=("h1",), let_in=("g1", "g2"), doomed=("g1", "g2")))
    hosts = [*targets(1), Target("g1"), Target("g2")]
    hand = Hand(deployment(hosts, "AllAtOnce", strategy="back-to-blue", options=told, balancer=True))
    hand.create()
    while hand.busy:
        hand.walk(hand.busy[0])
    hand.answer("g1")
    hand.stop()
    hand.fire("stage")
    assert hand.rollout.status is STOPPED
    rest = rollback(hand.rollout.deployment, hand.rollout.hosts, ())
    assert [target.name for target in rest.targets] == ["h1", "g2"]
    left = rest.options.blue_green
    assert left is not None
    assert (left.held_out, left.let_in, left.doomed) == ((), (), ("g2",))
