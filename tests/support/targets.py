"""A deployment to a service or a function, counted again in the most obvious way."""

from __future__ import annotations

from simulator.rollout.host import NEVER
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import DeploymentStatus, EventStatus, TargetStatus


def validate_target(rollout: Rollout) -> None:
    """A service or a function: its events come one after the other, and while traffic is shifted, one is at hand."""
    (target,) = rollout.hosts.values()
    passed = tuple(record.name for record in target.records)
    ended = [record.status for record in target.records]
    broken = next((n for n, status in enumerate(ended) if status is not EventStatus.SUCCEEDED), len(ended))
    assert passed == rollout.course[: len(passed)], f"{target.name} went through {passed}"
    assert ended[broken + 1 :] == [EventStatus.SKIPPED] * len(ended[broken + 1 :]), "an event came after a failure"
    assert rollout.shifting in ("", target.name)
    if target.event:
        assert target.event == rollout.course[len(passed)]
        assert target.status is TargetStatus.IN_PROGRESS
    assert bool(target.command) == (bool(target.event) and not rollout.shifting)
    assert bool(rollout.shifting) == (target.event == "AllowTraffic")
    if target.command:
        assert NEVER < target.armed_ms <= target.deadline_ms, f"{target.name} would wait for ever"
    through = broken == len(rollout.course)
    has_all = "AllowTraffic" in passed[:broken]
    assert target.revision == (rollout.deployment.revision if has_all else target.target.revision)
    assert (target.status is TargetStatus.SUCCEEDED) == through
    assert (target.status is TargetStatus.FAILED) == (len(passed) == len(rollout.course) and not through)
    if rollout.ended:
        assert target.status is not TargetStatus.IN_PROGRESS
        assert target.status is not TargetStatus.PENDING
        assert (rollout.error is None) == (rollout.status is DeploymentStatus.SUCCEEDED)
