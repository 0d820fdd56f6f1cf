"""What a person may want once a deployment has ended: the same again, or an earlier revision back.

Both are new deployments that a user creates, as in CodeDeploy, of a group that has none under way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from simulator.control.groups import BEFORE_THE_RUN
from simulator.control.reputation import known_bad
from simulator.control.request import Standing
from simulator.rollout import rollback
from simulator.rollout.deployment import Deployment, Success
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus, FileExistsBehavior
from strategies.options import NONE, BlueGreen, Options

DEPLOYMENTS_AGAIN_MAX = 100
"""So many deployments of one run; one more is refused."""


class ImpossibleError(Exception):
    """What was asked for cannot be done now; the message says why."""


def retry(rollouts: Sequence[Rollout], standing: Standing) -> Deployment:
    """The last deployment that a user asked for, once more, on the group's hosts as they stand.

    Raises ImpossibleError unless it failed or was stopped, and where the hosts that were to replace others are the
    group's own by now.
    """
    _idle(rollouts)
    asked = next(each for each in reversed(rollouts) if each.deployment.creator is Creator.USER)
    if asked.status is DeploymentStatus.SUCCEEDED:
        raise ImpossibleError(
            f"there is nothing to retry: {asked.deployment_id} ({asked.deployment.revision}) Succeeded"
        )
    again = f"{asked.deployment_id} once more, which {asked.status}"
    if asked.deployment.strategy == rollback.BACK_TO_BLUE:
        return replace(_plainly(rollouts, standing), revision=asked.deployment.revision, description=again)
    options = asked.deployment.options.blue_green or BlueGreen()
    if taken := standing.taken(options.green):
        raise ImpossibleError(
            f"{' and '.join(taken)} {'is' if len(taken) == 1 else 'are'} the group's already, and DISCOVER_EXISTING "
            "takes hosts that stand by: undo, or deploy in place"
        )
    return replace(asked.deployment, targets=standing.with_replacements(options.green), description=again)


def undo(rollouts: Sequence[Rollout], standing: Standing, running: str | None, wanted: str | None) -> Deployment:
    """A deployment of the last revision that succeeded before this one, or of the one that is `wanted`.

    None that is known to be bad. `standing`: how the group stands; `running`: what it ran before the run. Raises
    ImpossibleError where there is nothing to go back to.
    """
    last = _idle(rollouts)
    now, group = last.deployment.revision, last.deployment.group
    earlier: dict[str, Success] = {}
    for success in reversed(_successes(rollouts, running)):
        if success.revision != now:
            earlier.setdefault(success.revision, success)
    asked = dict.fromkeys(earlier if wanted is None else (*earlier, wanted))
    bad = {revision: why for revision in asked if (why := known_bad(rollouts, group, revision)) is not None}
    good = [revision for revision in earlier if revision not in bad]
    chosen = next((revision for revision in good if wanted in (None, revision)), None)
    if chosen is None:
        raise ImpossibleError(_why_not(now, wanted, bad, good))
    success = earlier[chosen]
    if last.deployment.creator is Creator.USER and success == last.deployment.last_success:
        back = rollback.rollback(last.deployment, last.hosts, last.sick)
    else:
        plainly = _plainly(rollouts, standing)
        back = replace(plainly, revision=success.revision, file_exists_behavior=success.file_exists_behavior)
    description = f"undo of {last.deployment_id}: back to {success.revision}, deployed by {success.deployment_id}"
    return replace(back, creator=Creator.USER, rollback_of=None, description=description)


def _why_not(now: str, wanted: str | None, bad: Mapping[str, str], good: Sequence[str]) -> str:
    """Why nothing that was `wanted` (None: whatever there is) can be gone back to, and what can."""
    told = {revision: f"{revision} is known to be bad: {why}" for revision, why in bad.items()}
    if wanted is None:
        why = "; ".join((f"the last deployment was of {now}", *told.values()))
    elif wanted in told:
        why = told[wanted]
    elif wanted == now:
        why = f"{now} is what was deployed last"
    else:
        why = f"{wanted} was never deployed with success here"
    return f"{why}; there is {', '.join(good) or 'no other revision'} to go back to"


def _idle(rollouts: Sequence[Rollout]) -> Rollout:
    """The last deployment, which has ended."""
    if not rollouts:
        raise ImpossibleError("no deployment has begun yet")
    last = rollouts[-1]
    if not last.ended:
        raise ImpossibleError(
            f"{last.deployment_id} is {last.status}, and a group has one deployment at a time: stop it, or wait"
        )
    if len(rollouts) >= DEPLOYMENTS_AGAIN_MAX:
        raise ImpossibleError(f"a run has at most {DEPLOYMENTS_AGAIN_MAX} deployments")
    return last


def _successes(rollouts: Sequence[Rollout], running: str | None) -> list[Success]:
    """Every success of the group, in order."""
    before = [Success(BEFORE_THE_RUN, running, FileExistsBehavior.DISALLOW)] if running is not None else []
    return before + [
        Success(each.deployment_id, each.deployment.revision, each.deployment.file_exists_behavior)
        for each in rollouts
        if each.status is DeploymentStatus.SUCCEEDED
    ]


def _plainly(rollouts: Sequence[Rollout], standing: Standing) -> Deployment:
    """The last deployment that a user asked for in the group's own way, but without its waits."""
    asked = next(
        each.deployment
        for each in reversed(rollouts)
        if each.deployment.creator is Creator.USER and each.deployment.strategy != rollback.BACK_TO_BLUE
    )
    strategy, options = asked.strategy, asked.options
    if strategy == rollback.BLUE_GREEN:
        told = replace(options.blue_green or BlueGreen(), green=(), waits=False, ready_wait_ms=None, shift=())
        options = Options(blue_green=told)
    elif options != NONE:
        strategy, options = "rolling", NONE
    return replace(asked, strategy=strategy, options=options, targets=standing.targets)
