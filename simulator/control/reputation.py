"""What a run has found out about its revisions: which of them are known to be bad, and by which deployment.

CodeDeploy asks nobody: its rollback is a deployment of the last revision that succeeded, even if that has failed since.
So the automatic rollback does not ask either, and is flagged; `undo` is drydeploy's own word, and refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import shorten

from simulator.rollout.host import NEVER, Host
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus, ErrorCode, EventStatus, TargetStatus

_WHY_MAX = 160
"""So many characters of an error are a few words."""


def known_bad(rollouts: Sequence[Rollout], group: str, revision: str) -> str | None:
    """Which deployment says that a revision is bad for a group, and why, in a few words; None where none does.

    The revision's last deployment to the group that says anything has the word: it is good if that Succeeded, and bad
    if it Failed, if an alarm stopped it, or if it was rolled back. One that a person only stopped says nothing, and
    neither does one that ended before it touched a host, or whose failed hosts had all been terminated under it, nor a
    pool's for a host that it has launched or lets go. A way
    back that fails says nothing either: its revision had succeeded, and it comes to hosts on which another one has been
    at work.
    """
    for rollout in reversed(rollouts):
        if (rollout.deployment.group, rollout.deployment.revision) != (group, revision):
            continue
        if rollout.deployment.creator.beside:
            continue
        if rollout.status is DeploymentStatus.SUCCEEDED:
            return None
        if rollout.deployment.rollback_of is not None or _lost_its_hosts(rollout):
            continue
        rolled_back = any(
            each.deployment.rollback_of == rollout.deployment_id and each.deployment.creator is Creator.ROLLBACK
            for each in rollouts
        )
        if rollout.touched and (rollout.status is DeploymentStatus.FAILED or rollout.alarm or rolled_back):
            return _told(rollout, rolled_back)
    return None


def _lost_its_hosts(rollout: Rollout) -> bool:
    """Whether it failed for want of hosts that were terminated under it: that says nothing of its revision."""
    if rollout.alarm or rollout.sick or rollout.error is None or rollout.error.code is not ErrorCode.HEALTH_CONSTRAINTS:
        return False
    failed = [host for host in rollout.hosts.values() if host.status is TargetStatus.FAILED]
    return bool(failed) and all(_was_lost(host) for host in failed)


def _was_lost(host: Host) -> bool:
    """Whether a host was gone by the time it failed."""
    failed = [record.ended_ms for record in host.records if record.status is EventStatus.FAILED]
    return host.ended_ms != NEVER and (not failed or host.ended_ms <= failed[-1])


def _told(rollout: Rollout, rolled_back: bool) -> str:
    error = rollout.error
    assert error is not None, "a deployment that has ended otherwise than well says why"
    words = shorten(f"{error.code}: {error.message}", _WHY_MAX, placeholder=" …")
    return f"{rollout.deployment_id} {rollout.status}{' and was rolled back' * rolled_back}, {words}"
