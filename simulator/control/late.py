"""What an agent ended after its deployment had given it up: the script ran on, and has changed the host all the same.

An agent knows of no deployment's limits. A script that outlasts the limit of its event goes on until its own timeout,
and while it does the next deployment may be at the host already (aws-codedeploy-agent#348). On both fleets it does so
here; the core counts the host by what it was told in time, so what came later is flagged (docs/decisions/0027).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from simulator.rollout.events import LifecycleEventCompleted
from simulator.rollout.lifecycle import APPLICATION_START, INSTALL
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import duration
from simulator.rollout.statuses import EventStatus

_CHANGES_WHAT_RUNS = frozenset({INSTALL, APPLICATION_START})


class _Late(NamedTuple):
    event: LifecycleEventCompleted
    rollout: Rollout


class LateEnds:
    """The late ends of a run that may have changed what a host runs."""

    def __init__(self) -> None:
        self._late: list[_Late] = []

    def hear(self, event: LifecycleEventCompleted, rollout: Rollout) -> None:
        """A lifecycle event has ended, and its deployment has heard of it. O(1)."""
        if event.name not in _CHANGES_WHAT_RUNS or event.status is not EventStatus.SUCCEEDED:
            return
        records = rollout.hosts[event.host].records
        if not any(record.name == event.name and record.status is EventStatus.SUCCEEDED for record in records):
            self._late.append(_Late(event, rollout))

    def told(self, rollouts: Sequence[Rollout]) -> Iterator[str]:
        """A sentence for each that came when a later deployment of another revision was at the host already."""
        for event, rollout in self._late:
            after = rollouts[rollouts.index(rollout) + 1 :]
            met = [
                each
                for each in after
                if each.started_ms <= event.at_ms
                and event.host in each.hosts
                and each.deployment.group == rollout.deployment.group
                and each.deployment.revision != rollout.deployment.revision
            ]
            if met:
                was, now = rollout.deployment, met[-1].deployment
                yield (
                    f"{event.host}: {event.name} of {was.deployment_id} ({was.revision}) succeeded at "
                    f"{duration(event.at_ms)}, after {was.deployment_id} had given it up: {was.revision} may run "
                    f"there, whatever {now.deployment_id} ({now.revision}) has done since"
                )
