"""Never onto a revision known to be bad: what `undo` refuses, and what CodeDeploy's own rollback is flagged for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from simulator.control.operator_again import ImpossibleError, retry, undo
from simulator.control.reputation import known_bad
from simulator.control.request import Standing
from simulator.rollout.events import AlarmChanged
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import rollback
from simulator.rollout.statuses import AlarmState, Creator, RollbackEvent
from tests.support.rehearsals import broken, run, scenario
from tests.support.rollouts import LAST_SUCCESS, Hand, deployment


def well(hand: Hand) -> None:
    while hand.busy:
        hand.walk(hand.busy[0])


def fails(hand: Hand) -> None:
    while hand.busy:
        hand.fail(hand.busy[0])


def stopped(hand: Hand) -> None:
    hand.stop(auto_rollback=False)
    well(hand)


def aborted(hand: Hand) -> None:
    hand.stop(auto_rollback=True)
    well(hand)


def alarmed(hand: Hand) -> None:
    hand.feed(AlarmChanged(hand.id(), hand.now_ms, "", "errors", AlarmState.ALARM, "12 % errors"))
    well(hand)


Ending = Callable[[Hand], None]


def history(*deployments: tuple[str, Ending], rolls_back: bool = False) -> list[Rollout]:
    """Deployments of these revisions one after the other, each on the hosts as the one before it left them.

    With `rolls_back` a failed one is followed by its rollback, which goes well. v1 runs before.
    """
    rollouts: list[Rollout] = []
    causes = [RollbackEvent.DEPLOYMENT_FAILURE, RollbackEvent.DEPLOYMENT_STOP_ON_ALARM] if rolls_back else []
    success = LAST_SUCCESS
    for number, (revision, ending) in enumerate(deployments, start=1):
        hosts = rollouts[-1].aftermath if rollouts else 2
        asked = deployment(hosts, "AllAtOnce", revision=revision, rolls_back=causes, alarms=["errors"])
        hand = Hand(replace(asked, deployment_id=f"d-{number}", last_success=success))
        hand.create()
        ending(hand)
        rollouts.append(hand.rollout)
        if hand.undo is not None:
            back = Hand(hand.undo)
            back.create()
            well(back)
            rollouts.append(back.rollout)
        last = rollouts[-1].deployment
        if rollouts[-1].error is None:
            success = replace(LAST_SUCCESS, deployment_id=last.deployment_id, revision=last.revision)
    return rollouts


def standing(rollouts: list[Rollout]) -> Standing:
    return Standing(rollouts[-1].aftermath, {}, None)


# -- what is known ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deployments", "rolls_back", "bad"),
    [
        ([("v2", well)], False, None),
        ([("v3", fails)], False, None),
        ([("v2", well), ("v2", fails)], False, "d-2 Failed, HEALTH_CONSTRAINTS: 2 of 2 hosts failed (h1 at Appl"),
        ([("v2", fails), ("v2", well)], False, None),
        ([("v2", fails), ("v1", well)], False, "d-1 Failed, HEALTH_CONSTRAINTS: "),
        ([("v2", fails)], True, "d-1 Failed and was rolled back, HEALTH_CONSTRAINTS: "),
        ([("v2", alarmed)], False, "d-1 Stopped, ALARM_ACTIVE: stopped by an alarm: errors is ALARM: 12 % errors"),
        ([("v2", alarmed)], True, "d-1 Stopped and was rolled back, ALARM_ACTIVE: "),
        ([("v2", aborted)], False, "d-1 Stopped and was rolled back, MANUAL_STOP: stopped by the operator"),
        # To stop is not to say anything of it, and a deployment that somebody undoes later had succeeded.
        ([("v2", stopped)], False, None),
        ([("v2", well), ("v1", well)], False, None),
        ([("v2", fails), ("v2", stopped)], False, "d-1 Failed, HEALTH_CONSTRAINTS: "),
        # Its rollback has the last word: v2 was deployed with success after it failed.
        ([("v2", well), ("v2", fails)], True, None),
    ],
)
def test_the_last_deployment_of_a_revision_says_whether_it_is_bad(
    deployments: list[tuple[str, Ending]], rolls_back: bool, bad: str | None
) -> None:
    found = known_bad(history(*deployments, rolls_back=rolls_back), "production", "v2")
    assert (found is None) == (bad is None), found
    assert found is None or (found.startswith(bad or "") and len(found) < 250)


def test_a_deployment_that_touched_nobody_says_nothing() -> None:
    rollouts = history(("v2", fails))
    never = Hand(replace(deployment(2, "AllAtOnce"), deployment_id="d-9", active_alarms=("errors",)))
    never.create()
    assert never.rollout.alarm
    assert known_bad([never.rollout], "production", "v2") is None
    assert (known_bad([*rollouts, never.rollout], "production", "v2") or "").startswith("d-1 Failed")


@pytest.mark.parametrize(("gone_first", "bad"), [("h1", False), ("", True)])
def test_a_host_that_goes_after_it_has_failed_excuses_no_revision(gone_first: str, bad: bool) -> None:
    hand = Hand(deployment(2, "AllAtOnce", revision="v2"))
    hand.create()
    for host in ("h1", "h2"):
        if host in (gone_first, "h2"):
            hand.ended(host)
        hand.wait(5)
        hand.fail(host)
        hand.wait(5)
        if not hand.rollout.ended and not gone_first:
            hand.ended("h1")
    assert str(hand.rollout.status) == "Failed"
    found = known_bad([hand.rollout], hand.rollout.deployment.group, "v2")
    assert (found is not None) is bad


def test_what_a_group_has_found_out_it_has_found_out_for_itself() -> None:
    rollouts = history(("v2", fails))
    assert known_bad(rollouts, "production", "v2") is not None
    assert known_bad(rollouts, "staging", "v2") is None


# -- undo -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("deployments", "wanted", "found"),
    [
        ([("v2", well), ("v3", well)], None, "v2"),
        ([("v2", well), ("v3", well)], "v1", "v1"),
        ([("v2", well), ("v1", well), ("v3", well)], None, "v1"),
        ([("v2", well), ("v3", fails)], None, "v2"),
        # v2 succeeded and has failed since: the one before it is taken.
        ([("v2", well), ("v2", fails), ("v3", well)], None, "v1"),
        ([("v2", well), ("v2", fails), ("v2", well), ("v3", well)], "v2", "v2"),
    ],
)
def test_an_undo_goes_to_the_last_that_is_not_known_to_be_bad(
    deployments: list[tuple[str, Ending]], wanted: str | None, found: str
) -> None:
    rollouts = history(*deployments)
    assert undo(rollouts, standing(rollouts), "v1", wanted).revision == found


@pytest.mark.parametrize(("ending", "why"), [(fails, "failed"), (stopped, "was stopped")])
def test_where_the_way_back_itself_failed_there_is_one_still(ending: Ending, why: str) -> None:
    """v1 is not what was deployed last: it was only tried. Nor is it known to be bad for that."""
    rollouts = history(("v2", well))
    first = undo(rollouts, standing(rollouts), "v1", None)
    hand = Hand(replace(first, deployment_id="d-2", last_success=replace(LAST_SUCCESS, deployment_id="d-1")))
    hand.create()
    ending(hand)
    again = undo([*rollouts, hand.rollout], standing([hand.rollout]), "v1", None)
    assert (again.revision, again.rollback_of, again.alarms) == ("v1", "d-2", ())


def test_after_a_rollback_that_failed_its_revision_can_be_had_once_more() -> None:
    rollouts = history(("v2", fails))
    hand = Hand(rollback(rollouts[0].deployment, rollouts[0].hosts, ()))
    hand.create()
    fails(hand)
    again = undo([*rollouts, hand.rollout], standing([hand.rollout]), "v1", None)
    assert (again.revision, again.rollback_of, again.creator) == ("v1", hand.rollout.deployment_id, Creator.USER)


def test_an_undo_does_not_go_back_to_what_was_undone_unless_it_is_named() -> None:
    rollouts = history(("v2", well), ("v3", well))
    for number, found in ((3, "v2"), (4, "v1")):
        back = undo(rollouts, standing(rollouts), "v1", None)
        assert back.revision == found
        hand = Hand(replace(back, deployment_id=f"d-{number}"))
        hand.create()
        well(hand)
        rollouts.append(hand.rollout)
    with pytest.raises(ImpossibleError) as refused:
        undo(rollouts, standing(rollouts), "v1", None)
    assert str(refused.value) == (
        "the last deployment was of v1; v2 was undone by d-4: say undo --to v2; v3 was undone by d-3: say undo --to v3"
        "; there is no other revision to go back to"
    )
    assert undo(rollouts, standing(rollouts), "v1", "v3").revision == "v3"
    with pytest.raises(ImpossibleError, match="v1 is what was deployed last; there is v2, v3 to go back to"):
        undo(rollouts, standing(rollouts), "v1", "v1")


V2_BAD = "v2 is known to be bad: d-2 Failed, HEALTH_CONSTRAINTS: 2 of 2 hosts failed"


@pytest.mark.parametrize(
    ("deployments", "running", "wanted", "begins", "ends"),
    [
        ([("v2", well), ("v2", fails), ("v3", well)], "v1", "v2", V2_BAD, "; there is v1 to go back to"),
        ([("v2", well), ("v2", fails)], "v1", "v2", V2_BAD, "; there is v1 to go back to"),
        ([("v2", well), ("v2", fails), ("v1", well)], "v1", "v2", V2_BAD, "; there is no other revision to go back to"),
        (
            [("v2", well), ("v2", fails), ("v3", well)],
            None,
            None,
            f"the last deployment was of v3; {V2_BAD}",
            "; there is no other revision to go back to",
        ),
        (
            [("v2", well)],
            "v1",
            "v9",
            "v9 was never deployed with success here",
            "; there is v1 to go back to",
        ),
    ],
)
def test_what_an_undo_refuses_it_explains(
    deployments: list[tuple[str, Ending]], running: str | None, wanted: str | None, begins: str, ends: str
) -> None:
    rollouts = history(*deployments)
    before = [rollout.key() for rollout in rollouts]
    with pytest.raises(ImpossibleError) as refused:
        undo(rollouts, standing(rollouts), running, wanted)
    assert str(refused.value).startswith(begins)
    assert str(refused.value).endswith(ends)
    assert [rollout.key() for rollout in rollouts] == before


def test_a_retry_is_of_what_failed_and_says_so() -> None:
    rollouts = history(("v2", fails))
    again = retry(rollouts, standing(rollouts))
    assert (again.revision, again.description) == ("v2", "d-1 once more, which Failed")


# -- CodeDeploy's own rollback ----------------------------------------------------------------------------------------


def test_an_automatic_rollback_onto_what_has_failed_since_is_true_to_codedeploy_and_flagged() -> None:
    """v1 runs, and fails when it is deployed again: the last revision that succeeded is v1 all the same."""
    fault = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 3}}}
    result = run(scenario(deploy=[{"revision": "v1"}], faults=[fault]))
    failed, back = result.rollouts
    assert (back.deployment.creator, back.deployment.revision) == (Creator.ROLLBACK, "v1")
    assert broken(result) == []
    words = "went back to v1, the last revision that succeeded, as CodeDeploy does, although it is known to be bad: "
    assert result.flags[0].startswith(f"{back.deployment_id} {words}{failed.deployment_id} Failed, HEALTH_CONSTRAINTS")


def test_an_automatic_rollback_onto_a_good_revision_is_not_flagged() -> None:
    fault = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 3}}}
    assert run(scenario(faults=[fault])).flags == ()
