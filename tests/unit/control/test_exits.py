"""Exit codes of runs with more than one deployment: the worst of them is told."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.control.exits import ExitCode, exit_code
from simulator.control.result import Outcome
from simulator.report.words import headline
from tests.support.rehearsals import run, scenario

FAILS_BOTH = [
    {"when": {"event": "ValidateService", "deployment": number}, "do": {"script": {"exit": 1}}} for number in (1, 2)
]
"""The first deployment fails, and so does its rollback."""
ROLLBACK_FAILS = {"creator": "codeDeployRollback", "status": "Failed"}


@pytest.mark.parametrize(
    ("expect", "code", "words"),
    [
        (None, ExitCode.UNSAFE, ("✖", "v2 was deployed; a rollback before that failed")),
        ({"outcome": "succeeded"}, ExitCode.UNSAFE, ("✖", "v2 was deployed; a rollback before that failed")),
        ({"deployments": [{}, {"creator": "codeDeployRollback"}, {}]}, ExitCode.UNSAFE, None),
        ({"deployments": [{}, {}, ROLLBACK_FAILS]}, ExitCode.UNSAFE, None),
        ({"outcome": "rollback_failed"}, ExitCode.FAILED, ("✖", "v2 was deployed: not as expected")),
        ({"deployments": [{}, ROLLBACK_FAILS, {}]}, ExitCode.AS_EXPECTED, ("✔", "v2 was deployed, as expected")),
    ],
)
def test_a_rollback_that_failed_is_not_made_good_by_what_comes_after_it(
    expect: dict[str, Any] | None, code: ExitCode, words: tuple[str, str] | None
) -> None:
    result = run(scenario(deploy=[{"revision": "v2"}, {"revision": "v2"}], faults=FAILS_BOTH, expect=expect))
    assert [rollout.status.value for rollout in result.rollouts] == ["Failed", "Failed", "Succeeded"]
    assert result.outcome is Outcome.SUCCEEDED
    assert exit_code(result) is code
    assert words is None or headline(result) == words


def test_a_rollback_that_fails_last_may_be_expected_among_the_deployments() -> None:
    told = run(scenario(faults=FAILS_BOTH, expect={"deployments": [{}, ROLLBACK_FAILS]}))
    assert (told.outcome, exit_code(told)) == (Outcome.ROLLBACK_FAILED, ExitCode.AS_EXPECTED)
    assert exit_code(run(scenario(faults=FAILS_BOTH))) is ExitCode.UNSAFE
