"""A command that waits for the agent, because that is at another deployment's: whose time runs, and who is named."""

from __future__ import annotations

from simulator.rollout.deployment import Limits
from simulator.rollout.events import AgentBusy
from simulator.rollout.statuses import DeploymentStatus, TargetStatus
from tests.support.rollouts import Hand, deployment

LIMITS = Limits(10_000, 60_000, 100_000)


def hand() -> Hand:
    begun = Hand(deployment(1, "AllAtOnce", limits=LIMITS))
    begun.create()
    return begun


def busy(played: Hand, waited_ms: int | None = None) -> None:
    """The command waits for one of d-2; with `waited_ms`, its turn has come."""
    about = played.rollout.hosts["h1"].command, played.rollout.deployment_id, "h1"
    played.feed(AgentBusy(played.id(), played.now_ms, *about, "d-2", waited_ms))


def message(played: Hand) -> str:
    diagnostics = played.rollout.hosts["h1"].records[0].diagnostics
    assert diagnostics is not None
    return diagnostics.message


def test_the_start_limit_does_not_run_while_the_agent_is_at_anothers_command() -> None:
    waits = hand()
    busy(waits)
    waits.fire("h1")
    assert waits.rollout.hosts["h1"].status is TargetStatus.IN_PROGRESS
    waits.now_ms = 50_000
    busy(waits, waited_ms=50_000)
    waits.fire("h1")
    assert waits.now_ms == 60_000
    assert message(waits).startswith("the agent did not begin ApplicationStop within 10s, and no script ran")


def test_the_deployments_own_limit_runs_on_and_its_end_names_whom_it_waited_for() -> None:
    waits = hand()
    busy(waits)
    waits.fire("deployment")
    assert waits.rollout.status is DeploymentStatus.FAILED
    assert message(waits).endswith("ApplicationStop waited for the agent, which was at a command of d-2")


def test_word_of_a_command_that_is_over_or_begun_changes_nothing() -> None:
    late = hand()
    late.begin("h1")
    before = late.rollout.key()
    busy(late, waited_ms=5)
    assert late.rollout.key() == before
    assert late.rollout.ignored == 1
