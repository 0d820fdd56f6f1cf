"""The pools' fold by itself: what comes too late, what never comes, and copies of several pools at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.rollout.commands import Command, CreateDeployment, EndHost, GiveUpLaunching, LaunchHost
from simulator.rollout.deployment import Success
from simulator.rollout.events import (
    DeploymentCreated,
    HostEnded,
    HostLaunched,
    HostLost,
    HostProvisioned,
    HostTerminated,
    LaunchTimedOut,
    PoolChanged,
    TimerFired,
)
from simulator.rollout.pool import LAUNCHES_FAILED_MAX, Failures, HookSpec, Place, PoolHost, PoolSpec
from simulator.rollout.pool_hooks import Hook
from simulator.rollout.pools import Pools
from simulator.rollout.statuses import Creator, FileExistsBehavior
from strategies.options import BlueGreen, Options
from strategies.plan import Member
from tests.support.rollouts import Hand, deployment

SUCCESS = Success("d-0", "v1", FileExistsBehavior.DISALLOW)
GROUP = deployment(1).group


def pools(*names: str, hosts: int = 2, success: Success | None = SUCCESS, hook: bool = False) -> Pools:
    """Pools of so many hosts each, all of one group."""
    specs = [
        PoolSpec(
            *(name, 0, hosts, 6, ("a", "b"), tuple(Member(f"{name}-{n + 1}", "ab"[n % 2]) for n in range(hosts))),
            groups=(GROUP,),
            termination_hook=hook,
        )
        for name in names or ("web",)
    ]
    return Pools(specs, {GROUP: HookSpec(deployment(1), last_success=success)}, launch_ms=60_000)


def scale(fold: Pools, desired: int, *suspended: str, pool: str = "web") -> tuple[Command, ...]:
    return fold.handle(PoolChanged(1, 0, "", pool, desired, suspended))


def test_a_host_is_launched_in_the_zone_with_the_fewest_and_let_go_in_the_one_with_the_most() -> None:
    fold = pools(hosts=3)
    (launched,) = scale(fold, 4)
    assert isinstance(launched, LaunchHost)
    assert (launched.host, launched.zone, launched.until_ms) == ("web-4", "b", 60_000)
    fold = pools(hosts=3)
    (ended,) = scale(fold, 2)
    assert isinstance(ended, EndHost)
    assert ended.host == "web-1"


def test_who_is_not_there_yet_cannot_be_let_go() -> None:
    fold = pools(hosts=0)
    assert len(scale(fold, 2)) == 2
    assert scale(fold, 0) == ()
    (created,) = fold.handle(HostLaunched(2, 5, "1.0", "web", "web-1", None))
    assert isinstance(created, CreateDeployment)
    assert created.deployment.creator is Creator.AUTOSCALING


def test_who_comes_after_its_time_is_not_deployed_to() -> None:
    fold = pools()
    scale(fold, 3)
    (ended,) = fold.handle(LaunchTimedOut(2, 60_000, "1.0", "web", "web-3"))
    assert isinstance(ended, EndHost)
    assert "never asked for work within 1m" in ended.why
    assert fold.handle(HostLaunched(3, 60_500, "1.0", "web", "web-3", None)) == ()
    assert fold.handle(LaunchTimedOut(4, 60_600, "1.0", "web", "web-3")) == ()
    (again,) = fold.handle(HostEnded(5, 61_000, "2.0", "web", "web-3"))
    assert isinstance(again, LaunchHost)
    assert again.host == "web-4"
    assert fold.handle(HostEnded(6, 61_000, "2.0", "web", "web-3")) == ()


def test_the_time_of_a_launch_that_has_ended_comes_for_nothing() -> None:
    fold = pools(success=None)
    scale(fold, 3)
    assert fold.handle(HostLaunched(2, 500, "1.0", "web", "web-3", None)) == ()
    assert fold.handle(LaunchTimedOut(3, 60_000, "1.0", "web", "web-3")) == ()
    assert not fold.waits("web", "web-3")


def test_failures_at_other_events_each_are_a_loop_in_the_end() -> None:
    failures = Failures()
    found = [failures.another("Install" if n % 2 else "AllowTraffic") for n in range(LAUNCHES_FAILED_MAX)]
    assert found == [False] * (LAUNCHES_FAILED_MAX - 1) + [True]


def test_only_whoever_resumes_launch_ends_a_loop() -> None:
    fold = pools()
    given_up: list[Command] = []
    commands = list(scale(fold, 3))
    for number in range(2, 9):
        launched = next((c for c in commands if isinstance(c, LaunchHost)), None)
        if launched is None:
            break
        given_up += fold.handle(LaunchTimedOut(number, number, "", "web", launched.host))
        commands = list(fold.handle(HostEnded(number, number, "", "web", launched.host)))
    assert isinstance(given_up[-1], GiveUpLaunching)
    assert given_up[-1].launches == 3
    assert scale(fold, 5) == ()
    assert scale(fold, 5, "Launch") == ()
    assert len(scale(fold, 5)) == 3


def test_a_replacement_that_is_not_there_is_changed_by_nobody() -> None:
    assert scale(pools(), 5, pool="the replacement of web") == ()
    assert pools().handle(TimerFired(1, 0, "", "d-1", "deployment")) == ()


def test_deployments_of_hosts_that_have_gone_meanwhile_decide_nothing() -> None:
    for strategy, creator in (("launch", Creator.AUTOSCALING), ("termination", Creator.AUTOSCALING_TERMINATION)):
        hand = Hand(deployment(1, strategy=strategy, creator=creator))
        hand.create()
        event = hand.events[-1]
        assert pools().over(event, hand.rollout) == ()


@pytest.mark.parametrize("keep", [True, False])
def test_two_pools_of_a_group_are_copied_each_and_replaced_each(keep: bool) -> None:
    fold = pools("web", "api", hosts=1)
    options = Options(blue_green=BlueGreen(terminate_after_ms=None if keep else 0))
    targets = [replace(deployment(1).targets[0], name=name) for name in ("web-1", "api-1")]
    asked = replace(deployment(targets, strategy="blue-green", options=options), group=GROUP)
    fold.handle(DeploymentCreated(1, 0, "", asked))
    assert sorted(fold.pools)[:2] == ["CodeDeploy_production_d-1", "CodeDeploy_production_d-1_api"]
    assert fold.copy_of("api") is fold.pools["CodeDeploy_production_d-1_api"]
    for host in ("api-1-g2", "web-1-g2", "nobody-g2"):
        fold.handle(HostProvisioned(2, 5, "1.0", "d-1", host))
    scale(fold, 2, pool="web")  # the original, which is deleted with what it has come to
    if not keep:
        assert len(scale(fold, 0, pool="api")) == 1  # on its way out already
        for host in ("web-1", "web-1"):
            fold.handle(HostTerminated(3, 9, "1.0", "d-1", host))
    hand = Hand(asked)
    hand.create()
    for target in targets:
        hand.rollout.hosts[target.name].gone = True  # no old host has the traffic
    hand.rollout.status = type(hand.rollout.status).SUCCEEDED
    commands = fold.over(hand.events[-1], hand.rollout)
    assert [type(command) for command in commands] == ([] if keep else [EndHost])
    assert fold.over(hand.events[-1], hand.rollout) == ()
    assert fold.current("web").name == "CodeDeploy_production_d-1"
    assert [pool.name for pool in fold.of(GROUP)] == ["CodeDeploy_production_d-1", "CodeDeploy_production_d-1_api"]


def test_the_copy_of_a_deployment_that_fails_is_left_standing_and_scaled_no_more() -> None:
    fold = pools(hosts=1)
    targets = [replace(deployment(1).targets[0], name="web-1")]
    asked = deployment(targets, strategy="blue-green", options=Options(blue_green=BlueGreen()))
    fold.handle(DeploymentCreated(1, 0, "", asked))
    hand = Hand(asked)
    hand.create()
    hand.rollout.status = type(hand.rollout.status).FAILED
    assert fold.over(hand.events[-1], hand.rollout) == ()
    assert fold.copy_of("web") is None
    assert scale(fold, 3, pool="CodeDeploy_production_d-1") == ()


def test_a_termination_deployment_needs_something_to_say_goodbye_to() -> None:
    (ended,) = scale(pools(success=None, hook=True), 1)
    assert isinstance(ended, EndHost)
    (created,) = scale(pools(hook=True), 1)
    assert isinstance(created, CreateDeployment)
    assert created.deployment.strategy == "termination"


def test_a_host_that_is_lost_is_ended_once_and_not_chosen_again() -> None:
    fold = pools(hosts=2)
    (ended,) = fold.handle(HostLost(1, 0, "", "web", "web-1"))
    assert isinstance(ended, EndHost)
    assert fold.handle(HostLost(2, 1, "", "web", "web-1")) == ()
    assert fold.handle(HostLost(3, 1, "", "web", "web-9")) == ()
    (other,) = scale(fold, 0)
    assert isinstance(other, EndHost)
    assert (ended.host, other.host) == ("web-1", "web-2")
    assert scale(fold, 0) == ()


def test_who_was_launched_before_the_group_had_the_pool_has_missed_nothing() -> None:
    hook = Hook(HookSpec(deployment(1), last_success=SUCCESS))
    host = PoolHost("web-1", "a", Place.IN_SERVICE, 1)
    hook.joined(host)
    assert hook.follow_on() is None
    host.missed[GROUP] = "v0"
    hook.joined(host)
    follows = hook.follow_on()
    assert follows is not None
    assert [target.name for target in follows.targets] == ["web-1"]
