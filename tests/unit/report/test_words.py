from __future__ import annotations

import pytest

from simulator.control.result import Finding, Outcome, RunStatus, Traffic
from simulator.report import words
from simulator.rollout.statuses import DeploymentStatus, EventStatus, TargetStatus
from tests.unit.report.plays import result, start_fails


def test_every_status_has_a_sign_and_every_sign_a_colour() -> None:
    for kind in (DeploymentStatus, EventStatus, TargetStatus):
        for status in kind:
            assert words.SIGNS[status] in words.STYLES


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0.000s"), (12_500, "12.500s"), (61_001, "1:01.001"), (3_725_000, "1:02:05.000")]
)
def test_clock(ms: int, text: str) -> None:
    assert words.clock(ms) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, "100 %"),
        (0.999999, "99.99 %"),
        (1e-6, "0.01 %"),
        (0.980907, "98.09 %"),
        (0.5, "50 %"),
        (0.0, "0 %"),
        (0.995, "99.5 %"),
    ],
)
def test_percent_never_rounds_a_failure_away(share: float, text: str) -> None:
    assert words.percent(share) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [([], "none"), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c", "d", "e"], "a, b, c and 2 more")],
)
def test_named(names: list[str], text: str) -> None:
    assert words.named(names) == text


def test_requests() -> None:
    assert words.requests(None) == "no balancer, so no requests"
    assert words.requests(Traffic(0, 0, ())) == "no requests"
    assert words.requests(Traffic(2000, 1, (("v1", 1999),))) == "1 of 2,000 requests failed; answered by v1 1,999"


def test_the_headline_says_what_became_of_which_revision() -> None:
    met, unmet = Finding("x", True, ""), Finding("x", False, "no")
    assert words.headline(result()) == ("✔", "v2 was deployed")
    assert words.headline(result(start_fails)) == ("✖", "v2 failed and was rolled back to v1")
    assert words.headline(result(start_fails, expectations=(met,)))[1].endswith("rolled back to v1, as expected")
    assert words.headline(result(expectations=(met, unmet))) == ("✖", "v2 was deployed: not as expected")
    assert "safety rule" in words.headline(result(invariants=(unmet,)))[1]
    assert words.headline(result(status=RunStatus.INTERRUPTED))[0] == "⚠"
    assert "given up" in words.headline(result(status=RunStatus.ABORTED))[1]
    for outcome in Outcome:
        assert words.headline(result(outcome=outcome))[1]


def test_a_terminal_is_not_steered() -> None:
    assert words.printable("a\x1b[2Jb\tc\x9b") == "a\ufffd[2Jb\tc\ufffd"
