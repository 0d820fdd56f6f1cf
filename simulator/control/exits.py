"""Exit codes of `run` and `replay`. A script may rely on them."""

from __future__ import annotations

from enum import IntEnum

from simulator.control.result import Outcome, RunResult, RunStatus


class ExitCode(IntEnum):
    """What a run tells the shell."""

    AS_EXPECTED = 0
    """Every expectation held; where there are none, the deployment succeeded."""
    FAILED = 1
    """An expectation was not met; where there are none, the deployment failed or was stopped."""
    USAGE = 2
    """The command line or a file cannot be used, or what plays the run was missing or broke: there is no verdict."""
    ROLLED_BACK = 3
    """A deployment was rolled back, and nothing was expected of that."""
    UNSAFE = 4
    """An invariant was violated, or a rollback failed that was not expected to."""
    INCONCLUSIVE = 5
    TIME_LIMIT = 124
    INTERRUPTED = 130


def exit_code(result: RunResult) -> ExitCode:
    """The code of a run, worst news first."""
    if result.status is RunStatus.INTERRUPTED:
        return ExitCode.INTERRUPTED
    if result.status is RunStatus.ABORTED:
        return ExitCode.TIME_LIMIT
    if any(not finding.held for finding in result.invariants) or result.rollback_failed_unexpectedly:
        return ExitCode.UNSAFE
    if result.unexpectedly_inconclusive:
        return ExitCode.INCONCLUSIVE
    if not result.as_expected:
        return ExitCode.FAILED
    if result.rolled_back_unexpectedly:
        return ExitCode.ROLLED_BACK
    if result.expectations or result.outcome is Outcome.SUCCEEDED:
        return ExitCode.AS_EXPECTED
    return ExitCode.FAILED
