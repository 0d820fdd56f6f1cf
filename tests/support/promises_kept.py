"""What every run owes whoever asked for it, at its end: rollbacks, stops, limits, shares, names; every report of it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from itertools import pairwise

from rich.console import Console

from simulator.control.exits import ExitCode, exit_code
from simulator.control.result import RunResult
from simulator.report.document import document, dumps
from simulator.report.html import html
from simulator.report.junit import junit
from simulator.report.tree import final_tree
from simulator.report.verdict import verdict
from simulator.rollout.events import HealthCheckReported, HostProvisioned, OperatorSpoke, StopRequested, TimerFired
from simulator.rollout.machine import DEPLOYMENT_TIMER, Rollout
from simulator.rollout.promotion import Passage, Promotion
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import (
    AnalysisOutcome,
    Creator,
    DeploymentStatus,
    Label,
    OperatorVerb,
    RollbackEvent,
    TargetStatus,
)
from strategies.configuration import ComputePlatform
from strategies.plan import Deploy, Shift
from tests.support.promises import Promises


def check_kept(result: RunResult, kept: Promises) -> None:
    """The run has ended."""
    for group in result.scenario.all_groups:
        own = [each for each in result.rollouts if each.deployment.group == group.name]
        check_rollbacks(own, result.scenario.running_in(group), kept)
    check_fresh_names(result)
    for rollout in result.rollouts:
        check_end(rollout, kept, counted=not result.scenario.pools)
        if all(fault.do.controller is None for fault in result.scenario.faults):
            check_limits(rollout)  # while nobody is there no time is up
        check_shares(rollout)
        check_final(rollout)
    for promotion in result.promotions:
        check_promotion(promotion)


def check_rollbacks(rollouts: list[Rollout], running: str | None, kept: Promises) -> None:
    """Each deployment of a group is undone exactly if the group or a person wants it, and by the last that succeeded.

    `running`: what the group had before.
    """
    success = running
    ways_back = {each.deployment.rollback_of for each in rollouts if each.deployment.creator is Creator.ROLLBACK}
    for rollout in (each for each in rollouts if not each.deployment.creator.beside):
        deployment = rollout.deployment
        assert (deployment.last_success.revision if deployment.last_success else None) == success
        wanted = wants_rollback(rollout) and success is not None and rollout.deployment_id in kept.touched
        assert (rollout.deployment_id in ways_back) == wanted, (
            f"{rollout.deployment_id} {rollout.status} {rollout.error}"
        )
        if deployment.creator is Creator.ROLLBACK:
            assert deployment.revision == success
        if rollout.status is DeploymentStatus.SUCCEEDED:
            success = deployment.revision


def wants_rollback(rollout: Rollout) -> bool:
    """Whether a deployment that ended like this is to be undone, if it can be."""
    deployment = rollout.deployment
    if rollout.status is DeploymentStatus.SUCCEEDED or deployment.creator is Creator.ROLLBACK:
        return False
    if rollout.stop is not None and rollout.stop.auto_rollback is not None:
        return rollout.stop.auto_rollback
    if rollout.alarm:
        return RollbackEvent.DEPLOYMENT_STOP_ON_ALARM in deployment.auto_rollback
    if rollout.status is DeploymentStatus.FAILED:
        return RollbackEvent.DEPLOYMENT_FAILURE in deployment.auto_rollback
    return rollout.stop is not None and RollbackEvent.DEPLOYMENT_STOP_ON_REQUEST in deployment.auto_rollback


def check_end(rollout: Rollout, kept: Promises, *, counted: bool) -> None:
    """A deployment that succeeded was stopped by nothing, and has as many hosts as its minimum.

    `counted`: its hosts are those that it began with; no pool has taken any away.
    """
    deployment = rollout.deployment
    if deployment.active_alarms:
        assert rollout.deployment_id not in kept.touched
        assert rollout.status is not DeploymentStatus.SUCCEEDED
    if rollout.status is not DeploymentStatus.SUCCEEDED:
        return
    assert rollout.stop is None
    assert rollout.deployment_id not in kept.alarmed
    assert rollout.judged is None or rollout.judged.outcome is AnalysisOutcome.SUCCESSFUL
    if deployment.strategy != BACK_TO_BLUE and counted:
        new = [host for host in rollout.hosts.values() if host.label is not Label.BLUE]
        succeeded = sum(host.status is TargetStatus.SUCCEEDED for host in new)
        assert succeeded >= max(deployment.config.minimum_healthy_hosts.required(len(new)), 1)


def check_limits(rollout: Rollout) -> None:
    """No deployment and no lifecycle event takes longer than it may."""
    limits = rollout.deployment.limits
    assert rollout.ended_ms - rollout.started_ms <= limits.deployment_ms
    if rollout.deployment.compute_platform is not ComputePlatform.SERVER:
        return  # its AllowTraffic is as long as its shares are watched
    for host in rollout.hosts.values():
        for record in host.records:
            if record.started_ms is not None:
                assert record.ended_ms - record.started_ms <= limits.event_ms, (host.name, record)


def check_shares(rollout: Rollout) -> None:
    """Canary and linear take no more than their share, of the hosts or of the traffic, before they are watched."""
    options, hosts = rollout.deployment.options, len(rollout.deployment.targets)
    waves = [len(stage.hosts) for stage in rollout.stages if isinstance(stage, Deploy)]
    if rollout.deployment.strategy in ("canary", "linear") and waves:
        share = options.share
        percent = share.percent if share and share.percent is not None else None
        part = max(1, round(hosts * percent / 100 + 1e-9)) if percent is not None else share.hosts or 1 if share else 1
        assert all(wave <= part for wave in (waves if rollout.deployment.strategy == "linear" else waves[:1]))
        assert sum(waves) == hosts
    if rollout.deployment.strategy == BLUE_GREEN and options.blue_green and rollout.stages:
        shifts = [stage.percent for stage in rollout.stages if isinstance(stage, Shift)]
        assert shifts == ([0, *options.blue_green.shift, 100] if options.blue_green.shift else [])
        assert all(one < other for one, other in pairwise(shifts))


def check_final(rollout: Rollout) -> None:
    """Whatever is heard of a deployment that is over changes nothing."""
    key, name, ended = rollout.key(), rollout.deployment_id, rollout.ended_ms
    for late in (
        TimerFired(0, ended, "", name, DEPLOYMENT_TIMER),
        StopRequested(0, ended, "", name, "somebody", True),
        OperatorSpoke(0, ended, "", name, OperatorVerb.PROMOTE_FULL, "somebody"),
        *(HostProvisioned(0, ended, cause, name, host) for cause, host in rollout.awaited.items()),
        *(HealthCheckReported(0, ended, "", host, False, "/", "200", "404") for host in rollout.hosts),
    ):
        assert rollout.handle(late) == ()
    assert rollout.key() == key


def check_fresh_names(result: RunResult) -> None:
    """No new host has the name of one that stands, or ever stood."""
    ever = {host.name for host in result.scenario.named_hosts()}
    for rollout in result.rollouts:
        known = {target.name for target in rollout.deployment.targets}
        new = rollout.hosts.keys() - known
        assert not new & ever, f"{rollout.deployment_id}: {new & ever}"
        ever |= new | known


def check_promotion(promotion: Promotion) -> None:
    """A revision was let in where it had stood in every environment before, and nowhere else; everything has ended."""
    assert not promotion.busy
    for place in promotion.places.values():
        before = [promotion.passage[name] for name in place.after]
        passage, missing = promotion.passage[place.name], any(each is not Passage.SUCCEEDED for each in before)
        assert missing or passage is not Passage.SKIPPED
        if missing and place.name not in promotion.deployed:  # a second deployment may fail in a place behind it
            assert passage in (Passage.SKIPPED, Passage.STOPPED)


def check_reports(result: RunResult) -> None:
    """Every report can be made of it, and names each of its deployments. JUnit is red where the exit code is not 0."""
    console = Console(width=100)
    with console.capture() as captured:
        for indent, text in verdict(result, every=True):
            console.print(" " * indent, text)
        console.print(final_tree("a run", result))
    for report in (captured.get(), dumps(document(result)), html(result), junit(result)):
        for rollout in result.rollouts:
            assert rollout.deployment_id in report
    (own,) = (suite for suite in ET.fromstring(junit(result)) if suite.attrib["name"].endswith(".run"))
    assert (own.attrib["failures"] == "0") is (exit_code(result) is ExitCode.AS_EXPECTED)
