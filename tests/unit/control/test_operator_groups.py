"""Words to one of several deployments that are under way, and words that are refused: who said what is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.control import operator_words as words
from simulator.control.replay import replay
from simulator.report.stages import said
from simulator.report.verdict import verdict
from tests.support.rehearsals import BUNDLES, run, scenario
from tests.unit.control.test_operator import GATES, Played

REVISIONS = {name: str(BUNDLES / f"web-{name}") for name in ("v1", "v2")} | {"w1": str(BUNDLES / "worker-v1")}
WITHOUT = "WITHOUT_TRAFFIC_CONTROL"
PARTS = {
    "fleet": {"hosts": 4},
    "revisions": REVISIONS,
    "group": None,
    "groups": [
        {"name": "web", "running": "v1", "strategy": GATES},
        {"name": "worker", "application": "worker", "running": "w1", "deployment_option": WITHOUT, "strategy": GATES},
    ],
    "deploy": [
        {"revision": "v2", "group": "web"},
        {"revision": "w1", "group": "worker", "when": {"status": "InProgress", "deployment": 1}},
    ],
}


def statuses(standing: words.Run) -> dict[str, str]:
    return {deployment.group: deployment.status for deployment in standing.deployments}


@pytest.fixture
def both() -> Iterator[Played]:
    """A run in which the deployments of both groups wait for a yes."""
    played = Played(**PARTS)
    played.begin()
    played.until_all({"web": "Ready", "worker": "Ready"})
    yield played


def test_a_word_is_for_the_group_that_is_named_and_otherwise_for_the_newest(both: Played) -> None:
    answer = both.say(words.Word.CONTINUE, group="web")
    assert isinstance(answer, words.Done)
    assert statuses(answer.run) == {"web": "InProgress", "worker": "Ready"}
    again = both.say(words.Word.CONTINUE, group="web")
    assert isinstance(again, words.Refused)
    newest = both.say(words.Word.CONTINUE)
    assert isinstance(newest, words.Done)
    assert "w1" in newest.said
    both.until_all({"web": "Succeeded", "worker": "Succeeded"})
    result = both.end()
    assert [str(word) for word in said(result.rollouts[0])] == [
        "ann said continue",
        "ann said continue, refused: the deployment waits for nobody: it is InProgress",
    ]


def test_a_group_that_hears_nothing_is_refused_and_the_others_are_named(both: Played) -> None:
    stranger = both.say(words.Word.CONTINUE, group="wed")
    assert isinstance(stranger, words.Refused)
    assert stranger.why == "there is no group wed; there is web, worker"
    both.say(words.Word.STOP, group="web", rollback=False)
    both.until_all({"web": "Stopped", "worker": "Ready"})
    late = both.say(words.Word.CONTINUE, group="web")
    assert isinstance(late, words.Refused)
    ids = {deployment.group: deployment.deployment_id for deployment in late.run.deployments}
    ended = f"no deployment of web is under way: {ids['web']} has ended, Stopped"
    assert late.why == f"{ended}; under way: {ids['worker']} of worker"
    both.say(words.Word.ABORT)
    both.end()


def test_undo_and_retry_are_for_a_group_and_their_deployment_says_by_whom(both: Played) -> None:
    for group in ("web", "worker"):
        both.say(words.Word.CONTINUE, group=group)
    both.until_all({"web": "Succeeded", "worker": "Succeeded"})
    assert isinstance(both.say(words.Word.UNDO, group="worker"), words.Refused)
    undone = both.say(words.Word.UNDO, group="web")
    assert isinstance(undone, words.Done)
    assert "ann said undo: back from d-" in undone.said
    both.until("Succeeded", 3)
    result = both.end()
    assert result.by_hand
    history = "\n".join(text.plain for _, text in verdict(result, journal=Path("a journal")))
    assert "CodeDeployDefault.OneAtATime; ann said undo: back from d-" in history
    assert "play it again: drydeploy replay 'a journal'" in history
    assert "run again" not in history


def test_who_is_in_service_is_counted_over_all_groups_that_are_balanced(both: Played) -> None:
    standing = both.say(words.Word.ABORT, group="worker").run  # type: ignore[union-attr]
    assert standing.in_service == words.InService(4, 4, 3)
    both.say(words.Word.ABORT, group="web")
    both.end()


def test_a_wait_says_how_long_it_can_last_and_what_the_scenario_will_say_to_it() -> None:
    # An hour of the run in three seconds and a half: the wait is seen long before it ends.
    played = Played(operator=[{"when": {"at": "5h"}, "do": "continue"}], limits={"deployment": "6h"})
    played.begin()
    wait = played.until("Ready").deployments[0].waits_for
    assert wait is not None
    assert wait.scripted == "the scenario says continue at 5h"
    assert wait.left_ms is not None
    assert 0 < wait.left_ms < 6 * 3_600_000
    played.say(words.Word.ABORT)
    played.end()


def test_a_stop_while_it_stops_is_refused_and_kept_with_its_reason() -> None:
    """A second stop comes while the host at work finishes its event; an abort is told as an abort."""
    result = run(
        scenario(
            operator=[
                {"when": {"event": "Install"}, "do": "abort"},
                {"when": {"event": "Install"}, "do": "stop"},
            ]
        )
    )
    heard = said(result.rollouts[0])
    assert [str(word) for word in heard] == [
        "the operator said abort",
        "the operator said stop, refused: the deployment is being stopped",
    ]
    assert not result.by_hand


def test_words_are_in_the_journal_refused_or_not(tmp_path: Path) -> None:
    journal = tmp_path / "j.jsonl"
    actions = [{"when": {"event": "Install"}, "do": "abort"}, {"when": {"event": "Install"}, "do": "stop"}]
    result = run(scenario(operator=actions), journal=journal)
    again = replay(journal)
    assert said(again.rollouts[0]) == said(result.rollouts[0])


def test_of_two_actions_alike_each_answers_a_wait_of_its_own() -> None:
    twice = {"steps": [{"setHosts": 1}, {"pause": {}}, {"setHosts": 2}, {"pause": {}}]}
    yes = {"when": {"status": "Ready"}, "do": "continue"}
    result = run(scenario(group={"strategy": twice}, operator=[yes, yes]))
    assert str(result.rollouts[0].status) == "Succeeded"
    assert [word.refused for word in said(result.rollouts[0])] == [None, None]
