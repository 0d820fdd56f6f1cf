"""The invariants of new hosts, ends, zones and pauses can fail: real rollouts, and then what the core never did."""

from __future__ import annotations

import pytest

from simulator.control import invariants
from simulator.rollout.commands import (
    Command,
    CreateDeployment,
    Finish,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    StartAnalysis,
    StartTimer,
    TerminateHost,
)
from simulator.rollout.statuses import DeploymentStatus, Trigger
from strategies.configuration import MinimumHealthyHosts, MinimumHealthyHostsType
from strategies.options import Options
from tests.support.rollouts import deployment, targets
from tests.support.watched import MINUTE_MS, Watched, blue_green, only

# -- new hosts --------------------------------------------------------------------------------------------------------


def test_a_new_host_by_the_name_of_one_that_is_there() -> None:
    hand = Watched(deployment(2, balancer=True, strategy="blue-green"))
    hand.create()
    for name in ("h1", "h1-g2"):
        broken = hand.pretend(ProvisionHost("1.9", "d-1", "why", name, ""))
        assert invariants.FRESH in broken
    assert broken == {invariants.FRESH: "h1 was provisioned by 1.9, and there is a host of that name"}


# -- a terminal status is final ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "breaks"),
    [
        (RunLifecycleEvent("1.9", "d-1", "why", "h1", "Install"), True),
        (ShiftTraffic("1.9", "d-1", "why", ("h1",), 10), True),
        (ProvisionHost("1.9", "d-1", "why", "h9", ""), True),
        (TerminateHost("1.9", "d-1", "why", "h1", False), True),
        (StartAnalysis("1.9", "d-1", "why", "users", 5), True),
        (StartTimer("1.9", "d-1", "why", "stage:9", 5), True),
        (Finish("1.9", "d-1", "why", DeploymentStatus.FAILED, None), True),
        (Notify("1.9", "d-1", "why", Trigger.DEPLOYMENT_ROLLBACK), False),
        (CreateDeployment("1.9", "d-1", "why", deployment(2)), False),
    ],
)
def test_after_the_end_there_are_words_and_nothing_else(command: Command, breaks: bool) -> None:
    hand = Watched(deployment(2))
    hand.create()
    hand.all()
    assert hand.rollout.ended
    found = hand.pretend(command)
    assert (invariants.TERMINAL in found) == breaks, found


def test_what_stands_behind_the_end_in_the_same_breath_came_after_it() -> None:
    hand = Watched(deployment(2))
    hand.create()
    end = Finish("1.8", "d-1", "why", DeploymentStatus.FAILED, None)
    assert invariants.TERMINAL in hand.pretend(end, StartTimer("1.9", "d-1", "why", "stage:9", 5))


# -- the minimum of a zone --------------------------------------------------------------------------------------------


def test_a_host_is_taken_out_below_its_zones_minimum() -> None:
    two = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 2)
    asked = deployment(targets(6, zones="ab"), "AllAtOnce", strategy="zonal", options=Options(minimum_per_zone=two))
    hand = Watched(asked)
    hand.create()
    found = hand.pretend(hand.run_on("h3", "ApplicationStop"))
    assert found[invariants.MINIMUM] == "h3 was taken out at 0 ms: 1 healthy left in a, 2 wanted there"
    hand = Watched(asked)
    hand.create()
    hand.all()


# -- in a pause -------------------------------------------------------------------------------------------------------


def test_in_a_pause_nothing_begins() -> None:
    hand = blue_green(1, terminate_after_ms=MINUTE_MS)
    hand.all()
    hand.say("pause")
    hand.say("continue")
    assert "h1 was ended at 14000 ms in a pause" in only(hand.pretend(hand.end_of("h1")), invariants.CANARY)
    hand = Watched(deployment(3))
    hand.create()
    hand.say("pause")
    hand.walk("h1")
    assert invariants.CANARY in hand.pretend(hand.run_on("h2", "ApplicationStop"))
    hand = Watched(deployment(3))
    hand.create()
    hand.say("pause")
    hand.say("resume")
    hand.all()
