"""What people do in a scenario: what can never be said, moments that never come, questions that nobody answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.scenarios.test_strategies import problems, text, told_of

BAKES = "{canary: {hosts: 1, bake: 2m}}"
ASKS = "{steps: [{setHosts: 1}, {pause: {}}]}"
KEPT = "{blue-green: {terminate_blue: {wait_time: 5m}}}"


def operator(*actions: str) -> str:
    return "operator:\n" + "".join(f"  - {{{action}}}\n" for action in actions)


@pytest.mark.parametrize(
    ("strategy", "action", "place", "message", "remedy"),
    [
        ("rolling", "when: {at: 1s}, do: continue", "continue", "no deployment waits for a person", "add pause: {}"),
        (BAKES, "when: {at: 1s}, do: continue", "continue", "continue can never be said", "add pause: {}"),
        ("rolling", "when: {at: 1s}, do: promote", "promote", "no deployment has a wait to cut short", "a bake"),
        ("rolling", "when: {at: 1s}, do: promote-full", "promote-full", "promote-full can never be said", "a bake"),
        ("rolling", "when: {at: 1s}, do: resume", "resume", "nobody pauses the deployment", "add do: pause"),
        ("rolling", "when: {status: Ready}, do: stop", "Ready", "Ready never comes", "another status"),
        ("rolling", "when: {status: Baking}, do: stop", "Baking", "Baking never comes", "another status"),
        (ASKS, "when: {status: Baking}, do: abort", "Baking", "no deployment has a bake", "give the strategy a bake"),
        (
            BAKES,
            "when: {at: 1s}, do: abort, auto_rollback: true",
            "auto_rollback",
            "abort always rolls back",
            "do: stop",
        ),
        (BAKES, "when: {at: 1s}, do: pause, auto_rollback: false", "auto_rollback", "pause rolls nothing back", "away"),
    ],
)
def test_words_and_moments_that_can_never_be(
    strategy: str, action: str, place: str, message: str, remedy: str, tmp_path: Path
) -> None:
    found = told_of(text(strategy, operator(action)), tmp_path)
    assert len(found) == 1, found
    severity, there, said, do = found[0]
    assert severity == "error"
    assert there.startswith(place)
    assert message in said
    assert remedy in do


@pytest.mark.parametrize(
    ("strategy", "actions"),
    [
        ("rolling", ["when: {at: 1s}, do: stop, auto_rollback: true"]),
        ("rolling", ["when: {at: 1s}, do: pause", "when: {at: 2s}, do: resume"]),
        (BAKES, ["when: {status: Baking}, do: promote"]),
        (BAKES, ["when: {at: 1s}, do: promote-full"]),
        (ASKS, ["when: {status: Ready}, do: continue"]),
        (ASKS, ["when: {status: Ready}, do: promote"]),
        (ASKS, ["when: {at: 5m}, do: stop"]),
        (ASKS, ["when: {status: Ready}, do: abort"]),
        (KEPT, ["when: {at: 1m}, do: continue"]),
    ],
)
def test_what_can_be_said(strategy: str, actions: list[str], tmp_path: Path) -> None:
    assert problems(text(strategy, operator(*actions)), tmp_path) == ()


@pytest.mark.parametrize("word", ["promote", "promote-full"])
def test_an_analysis_can_be_done_without(word: str, tmp_path: Path) -> None:
    judge = "analyses: {users: {lasts: 2m, thresholds: [{metric: error_rate, below: 1%}]}}\n"
    strategy = "{steps: [{setHosts: 1}, {analysis: users}]}"
    assert problems(text(strategy, judge + operator(f"when: {{status: Baking}}, do: {word}")), tmp_path) == ()


def test_a_fault_at_a_status_that_never_comes(tmp_path: Path) -> None:
    fault = "faults: [{when: {status: Baking}, do: {host: crash}}]\n"
    [(severity, place, message, _)] = told_of(text("rolling", fault), tmp_path)
    assert (severity, place[:6]) == ("error", "Baking")
    assert message == "Baking never comes: no deployment has a bake"
    assert problems(text(BAKES, fault), tmp_path) == ()


def test_a_question_that_nobody_answers(tmp_path: Path) -> None:
    limits = "limits: {deployment: 2m}\n"
    [(severity, place, message, _)] = told_of(text(ASKS, limits), tmp_path)
    assert (severity, place) == ("warning", "pause: {}}]}")
    assert "waits until its own limit (2m) ends it" in message
    # Pause is no answer.
    assert len(problems(text(ASKS, operator("when: {at: 1s}, do: pause")), tmp_path)) == 1


def test_a_late_fault_that_nobody_would_notice(tmp_path: Path) -> None:
    late = "faults: [{when: {event: AfterAllowTraffic}, do: {health: {status: 500}}}]\n"
    [(severity, place, message, remedy)] = told_of(text("rolling", late), tmp_path)
    assert (severity, place[:6]) == ("warning", "{event")
    assert message == "nothing would notice a host that turns bad after its checks: rolling has no bake"
    assert "at least 1m (fall 2 × interval 30s = 1m)" in remedy
    early = late.replace("AfterAllowTraffic", "ApplicationStart")
    assert problems(text("rolling", early), tmp_path) == ()
    assert problems(text(BAKES, late), tmp_path) == ()
    # Where the bake itself is missing, that is said, once.
    assert len(problems(text("canary", late), tmp_path)) == 1


def test_a_mistake_in_the_strategy_leaves_the_words_alone(tmp_path: Path) -> None:
    found = told_of(text("linear", operator("when: {at: 1s}, do: continue")), tmp_path)
    assert [place for _, place, *_ in found] == ["linear"]


def test_an_action_without_a_word(tmp_path: Path) -> None:
    [(_, _, message, _)] = told_of(text("rolling", operator("when: {at: 1s}")), tmp_path)
    assert message.startswith("do is missing")
