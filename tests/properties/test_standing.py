"""What a stage is told of the hosts beside its own, against a count of them all; and what zones come to of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.rollout.commands import Command
from simulator.rollout.events import Event
from simulator.rollout.health import Standing
from simulator.rollout.statuses import DeploymentStatus, ErrorCode, TargetStatus
from strategies.options import Options
from strategies.plan import Deploy
from tests.properties.test_rollout_random import blue_green_deployments, built, in_place_deployments, play
from tests.support.rollouts import Hand

PENDING, SUCCEEDED, FAILED = TargetStatus.PENDING, TargetStatus.SUCCEEDED, TargetStatus.FAILED


class Counting(Hand):
    """Counts all other hosts again whenever a stage has begun."""

    def feed(self, event: Event) -> tuple[Command, ...]:
        rollout, begun = self.rollout, len(self.rollout.begun)
        commands = super().feed(event)
        if len(rollout.begun) == begun or rollout.ended:
            return commands
        stage = rollout.stages[rollout.stage]
        if isinstance(stage, Deploy):
            own = set(rollout.budget.rest()) | set(self.busy)
            others = [rollout.hosts[name] for name in stage.among if name not in own]
            sound = [h for h in others if h.status is SUCCEEDED and h.name not in rollout.sick]
            sound += [h for h in others if h.status is PENDING and h.target.healthy]
            statuses = [h.status for h in others]
            counted = Standing(len(others), len(sound), statuses.count(SUCCEEDED), statuses.count(FAILED))
            assert rollout.budget.others == counted
        return commands


@given(st.one_of(in_place_deployments, blue_green_deployments), st.data())
def test_a_stage_knows_how_all_the_other_hosts_stand(asked, data) -> None:  # type: ignore[no-untyped-def]
    play(Counting(asked), data)


zonal_deployments = built([("zonal", st.just(Options()))], balancer=st.booleans())


@given(zonal_deployments, st.data())
def test_zone_by_zone_a_success_is_what_it_is_without_zones(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data)
    rollout, hosts = hand.rollout, len(asked.targets)
    needed = max(asked.config.minimum_healthy_hosts.required(hosts), 1)
    enough = rollout.counts[SUCCEEDED] >= needed and not rollout.counts[TargetStatus.SKIPPED]
    if rollout.status is DeploymentStatus.SUCCEEDED:
        assert enough
    elif rollout.error is not None and rollout.error.code is ErrorCode.HEALTH_CONSTRAINTS:
        assert not enough
