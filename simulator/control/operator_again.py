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
from strategies.options import BlueGreen

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
    _idle(rollouts)
    last = next((each for each in reversed(rollouts) if each.touched or _went_back(each)), None)
    if last is None:
        raise ImpossibleError("no deployment has touched a host: there is nothing to undo")
    group = last.deployment.group
    now = last.deployment.revision if last.status is DeploymentStatus.SUCCEEDED else None
    earlier: dict[str, Success] = {}
    for success in reversed(_successes(rollouts, running)):
        if success.revision != now:
            earlier.setdefault(success.revision, success)
    asked = dict.fromkeys(earlier if wanted is None else (*earlier, wanted))
    why_not = _undone(rollouts) if wanted is None else {}
    for revision in asked:
        if (why := known_bad(rollouts, group, revision)) is not None:
            why_not[revision] = f"{revision} is known to be bad: {why}"
    good = [revision for revision in earlier if revision not in why_not]
    chosen = next((revision for revision in good if wanted in (None, revision)), None)
    if chosen is None:
        told = {revision: why_not[revision] for revision in asked if revision in why_not}
        raise ImpossibleError(_why_not(now, wanted, told, good))
    success = earlier[chosen]
    if success == last.deployment.last_success:
        # Without those that somebody else has terminated since: nothing is brought back there.
        there = {name: host for name, host in last.hosts.items() if host.gone or name not in standing.gone}
        back = rollback.rollback(last.deployment, there, last.sick)
        if back.strategy != rollback.BACK_TO_BLUE:
            back = replace(back, targets=standing.targets)
    else:
        plainly = _plainly(rollouts, standing)
        back = replace(plainly, revision=success.revision, file_exists_behavior=success.file_exists_behavior, alarms=())
    description = f"back from {last.deployment_id} to {success.revision}, deployed by {success.deployment_id}"
    return replace(back, creator=Creator.USER, rollback_of=last.deployment_id, description=description)


def _went_back(rollout: Rollout) -> bool:
    """Whether it is a way back that went well: it may have been done by ending new hosts, with no host touched."""
    return rollout.deployment.rollback_of is not None and rollout.status is DeploymentStatus.SUCCEEDED


def _undone(rollouts: Sequence[Rollout]) -> dict[str, str]:
    """The revisions whose last deployment somebody has undone, and why an undo does not go back there by itself."""
    ways_back = {each.deployment.rollback_of: each for each in rollouts if each.deployment.creator is Creator.USER}
    last = {each.deployment.revision: each.deployment_id for each in rollouts}
    return {
        revision: f"{revision} was undone by {ways_back[identity].deployment_id}: say undo --to {revision}"
        for revision, identity in last.items()
        if identity in ways_back
    }


def _why_not(now: str | None, wanted: str | None, told: Mapping[str, str], good: Sequence[str]) -> str:
    """Why nothing that was `wanted` (None: whatever there is) can be gone back to, and what can."""
    if wanted is None:
        last = f"the last deployment was of {now}" if now else "the last deployment did not succeed"
        why = "; ".join((last, *told.values()))
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
        raise ImpossibleError("nobody has asked for a deployment yet")
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
    strategy, options = rollback.without_waits(asked.strategy, asked.options)
    return replace(asked, strategy=strategy, options=options, targets=standing.targets)
