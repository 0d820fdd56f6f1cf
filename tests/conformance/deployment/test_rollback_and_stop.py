"""Rollback, stop and redeployment: one test for each sentence of the documentation.

Sources: AWS CodeDeploy user guide, "Redeploy and roll back a deployment with CodeDeploy"
(deployments-rollback-and-redeploy) and "Stop a deployment" (deployments-stop); `StopDeployment` of the API reference.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.control.result import Outcome
from simulator.rollout.deployment import Success
from simulator.rollout.statuses import Creator, DeploymentStatus, ErrorCode, FileExistsBehavior, RollbackEvent
from tests.support.rehearsals import run, scenario
from tests.support.rollouts import WORK, Hand, deployment

ON_FAILURE, ON_STOP = RollbackEvent.DEPLOYMENT_FAILURE, RollbackEvent.DEPLOYMENT_STOP_ON_REQUEST


def failed(**options: object) -> Hand:
    hand = Hand(deployment(3, rolls_back=[ON_FAILURE], **options))  # type: ignore[arg-type]
    hand.create()
    hand.fail("h1")
    return hand


# -- rollback ---------------------------------------------------------------------------------------------------------


def test_a_rollback_is_technically_a_new_deployment_with_a_new_id() -> None:
    undo = failed().undo
    assert undo is not None
    assert undo.deployment_id.startswith("d-")
    assert undo.deployment_id != "d-1"


def test_a_rollback_deploys_the_last_known_good_revision() -> None:
    undo = failed().undo
    assert undo is not None
    assert undo.revision == "v1"


def test_a_rollback_is_created_by_code_deploy_rollback() -> None:
    undo = failed().undo
    assert undo is not None
    assert undo.creator is Creator.ROLLBACK
    assert str(undo.creator) == "codeDeployRollback"


def test_the_rollback_message_names_both_deployments() -> None:
    undo = failed().undo
    assert undo is not None
    assert "d-1" in undo.description
    assert "d-BEFORE000" in undo.description
    assert undo.rollback_of == "d-1"


def test_a_group_that_is_not_configured_for_it_is_not_rolled_back() -> None:
    hand = Hand(deployment(3))
    hand.create()
    hand.fail("h1")
    assert hand.finish.status is DeploymentStatus.FAILED
    assert hand.undo is None


def test_without_an_earlier_success_there_is_no_rollback() -> None:
    assert failed(last_success=None).undo is None


def test_a_deployment_that_succeeds_is_not_rolled_back() -> None:
    hand = Hand(deployment(2, rolls_back=[ON_FAILURE, ON_STOP]))
    hand.create()
    hand.walk("h1")
    hand.fail("h2")
    assert hand.finish.status is DeploymentStatus.SUCCEEDED
    assert hand.undo is None


def test_a_rollback_that_fails_is_not_rolled_back_again() -> None:
    undo = failed().undo
    assert undo is not None
    back = Hand(undo)
    back.create()
    while not back.rollout.ended:
        back.fail(back.busy[0])
    assert back.finish.status is DeploymentStatus.FAILED
    assert back.undo is None


@pytest.mark.parametrize("behaviour", list(FileExistsBehavior))
def test_a_rollback_treats_existing_files_as_the_last_successful_deployment_did(behaviour: FileExistsBehavior) -> None:
    hand = failed(last_success=Success("d-OLD", "v1", behaviour))
    assert hand.undo is not None
    assert hand.undo.file_exists_behavior is behaviour


def test_a_rollback_deploys_to_every_instance_of_the_group_not_only_to_those_that_were_attempted() -> None:
    hand = failed()
    assert hand.undo is not None
    assert [target.name for target in hand.undo.targets] == ["h1", "h2", "h3"]
    back = Hand(hand.undo)
    back.create()
    while not back.rollout.ended:
        back.walk(back.busy[0])
    assert back.statuses() == {"Succeeded": 3}


def test_a_rollback_goes_to_the_instance_that_failed_first() -> None:
    hand = Hand(deployment(3, rolls_back=[ON_FAILURE]))
    hand.create()
    hand.walk("h1")
    hand.fail("h2")
    assert hand.undo is not None
    back = Hand(hand.undo)
    back.create()
    assert back.taken == ["h2"]


def test_the_trap_of_the_user_guide_a_file_that_was_retained_is_gone_after_the_rollback() -> None:
    """Deployment 1 retains, deployment 2 overwrites and fails: the rollback works with deployment 1's behaviour."""
    hand = Hand(
        replace(
            deployment(2, rolls_back=[ON_FAILURE], last_success=Success("d-1ST", "v1", FileExistsBehavior.RETAIN)),
            file_exists_behavior=FileExistsBehavior.OVERWRITE,
        )
    )
    hand.create()
    hand.fail("h1")
    assert hand.undo is not None
    assert hand.undo.file_exists_behavior is FileExistsBehavior.RETAIN


def test_the_last_success_is_the_groups_last_not_the_one_that_failed() -> None:
    fault = {"when": {"event": "ApplicationStart", "nth": 1, "deployment": 2}, "do": {"script": {"exit": 1}}}
    result = run(scenario(deploy=[{"revision": "v2"}, {"revision": "v1"}], faults=[fault]))
    assert result.outcome is Outcome.ROLLED_BACK
    assert [r.deployment.revision for r in result.rollouts] == ["v2", "v1", "v2"]


# -- stop -------------------------------------------------------------------------------------------------------------


def test_a_stop_lets_the_events_in_flight_finish_and_sends_no_new_ones() -> None:
    hand = Hand(deployment(4, "HalfAtATime"))
    hand.create()
    assert hand.stop() == ()
    assert hand.rollout.status is DeploymentStatus.IN_PROGRESS
    before = len(hand.commands)
    hand.end("h1")
    hand.end("h2")
    assert not [command for command in hand.commands[before:] if isinstance(command, WORK)]
    assert hand.finish.status is DeploymentStatus.STOPPED


def test_a_stopped_deployment_ends_with_manual_stop() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.stop()
    hand.end("h1")
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.MANUAL_STOP
    assert hand.finish.error.message == "stopped by the operator"


@pytest.mark.parametrize(
    ("configured", "asked", "rolls_back"),
    [
        ([ON_STOP], None, True),
        ([], None, False),
        ([], True, True),
        ([ON_STOP], False, False),
        ([ON_FAILURE], None, False),
    ],
)
def test_auto_rollback_enabled_of_a_stop_overrides_the_groups_choice(
    configured: list[RollbackEvent], asked: bool | None, rolls_back: bool
) -> None:
    hand = Hand(deployment(2, rolls_back=configured))
    hand.create()
    hand.stop(asked)
    hand.end("h1")
    assert (hand.undo is not None) == rolls_back


def test_a_deployment_that_has_completed_cannot_be_stopped() -> None:
    hand = Hand(deployment(1, "AllAtOnce"))
    hand.create()
    hand.walk("h1")
    hand.stop(True)
    assert hand.finish.status is hand.rollout.status is DeploymentStatus.SUCCEEDED
