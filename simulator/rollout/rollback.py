"""What a deployment leaves behind, and the deployment that undoes it.

A rollback is a new deployment of the group's last successful revision (user guide, "Redeploy and roll back a
deployment with CodeDeploy"), with the file-exists behaviour of that deployment. It is never rolled back itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace

from simulator.rollout import lifecycle
from simulator.rollout.deployment import Deployment, Target
from simulator.rollout.host import NEVER, Host
from simulator.rollout.quick import quick
from simulator.rollout.statuses import Creator, DeploymentStatus, EventStatus, Label, RollbackEvent, TargetStatus
from strategies.blue_green import latest
from strategies.options import NONE, BlueGreen, Options

BLUE_GREEN = "blue-green"
BACK_TO_BLUE = "back-to-blue"
ZONAL = "zonal"
ROLLING = "rolling"

_target = quick(Target)
_WHOLE = 100
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_ATTEMPTED = (TargetStatus.SUCCEEDED, TargetStatus.FAILED)


def deployment_id(*seed: object) -> str:
    """An id in CodeDeploy's form (`d-` and nine capitals or digits) that is the same for the same seed."""
    number = int.from_bytes(hashlib.sha256("\0".join(map(str, seed)).encode()).digest()[:8])
    digits = []
    for _ in range(9):
        number, digit = divmod(number, 36)
        digits.append(_ALPHABET[digit])
    return "d-" + "".join(digits)


def aftermath(hosts: Iterable[Host], sick: Container[str] = (), side: Label = Label.NONE) -> tuple[Target, ...]:
    """The group's hosts after a deployment, those of this `side`: the ones attempted are healthy by their own outcome.

    `sick` are hosts that succeeded and turned unhealthy later.
    """
    return tuple(left(host, sick) for host in hosts if host.label is side and _stays(host))


def _stays(host: Host) -> bool:
    """Whether a host is there afterwards. (What ends of a service is one of its task sets.)"""
    return host.ended_ms == NEVER and (host.label is Label.NONE or not (host.gone or host.unborn))


def left(host: Host, sick: Container[str] = ()) -> Target:
    """One host after a deployment, in the group or not: see `aftermath`."""
    installed = host.status is TargetStatus.READY and host.label is Label.GREEN  # a service that is Ready is as it was
    if host.status not in _ATTEMPTED and not installed:
        return host.target
    well = host.status is TargetStatus.SUCCEEDED and host.name not in sick
    return _target(host.name, host.target.zone, well, host.revision)


def side_that_stays(deployment: Deployment, hosts: Iterable[Host], share: int | None) -> Label:
    """Which side of a blue/green deployment is the group afterwards: the new hosts once they alone have traffic.

    `share`: the percentage that was shifted to the new hosts, None where nothing was. Chosen: CodeDeploy says nothing
    of a deployment that is stopped while both sides stand (docs/decisions/0025).
    """
    told = deployment.options.blue_green or BlueGreen()
    at_first = {Label.BLUE: frozenset(told.held_out), Label.GREEN: frozenset(told.let_in)}
    serve: set[Label] = set()
    for host in hosts:
        if host.label is Label.NONE:
            return Label.NONE
        if host.label is Label.BLUE and host.gone:
            return Label.GREEN
        began_in = (host.label is Label.BLUE) is (host.name not in at_first[host.label])
        if _stays(host) and _has_traffic(host, began_in):
            serve.add(host.label)
    serve -= {Label.GREEN} if share == 0 else {Label.BLUE} if share == _WHOLE else set()
    return Label.GREEN if serve == {Label.GREEN} else Label.BLUE


def _has_traffic(host: Host, at_first: bool) -> bool:
    """Whether the balancer sends a host requests, as far as what it was told goes."""
    for record in reversed(host.records):
        if record.name == lifecycle.ALLOW_TRAFFIC and record.status is EventStatus.SUCCEEDED:
            return True
        if record.name == lifecycle.BLOCK_TRAFFIC and record.status is not EventStatus.SKIPPED:
            return False
    return at_first


def refusal(
    deployment: Deployment,
    status: DeploymentStatus,
    wanted: bool | None,
    *,
    touched: bool,
    cause: RollbackEvent | None,
) -> str | None:
    """Why a deployment that ended so is not rolled back; None if it is.

    `wanted` overrides the group's own choice. Where no host was `touched` there is nothing to undo (inferred: a
    rollback under the same configuration would fail as the deployment did). `cause`: what the group may roll back on;
    None where it ended for none of these, as a deployment does that nobody continued.
    """
    if status is DeploymentStatus.SUCCEEDED:
        return "it succeeded"
    if deployment.creator is Creator.ROLLBACK:
        return "it is a rollback, and a rollback is never rolled back"
    if not touched:
        return untouched(deployment)
    if wanted is False:
        return "whoever stopped it asked for none"
    if wanted is None and cause not in deployment.auto_rollback:
        return _not_configured(deployment, cause)
    if deployment.last_success is None:
        return "no revision had succeeded before, so there is none to go back to"
    return None


def untouched(deployment: Deployment) -> str:
    """That a deployment has done nothing yet, in words: services and functions have no hosts."""
    return "nothing was touched" if deployment.strategy in lifecycle.COURSES else "no host was touched"


def _not_configured(deployment: Deployment, cause: RollbackEvent | None) -> str:
    if not deployment.auto_rollback:
        return "auto_rollback is not set"
    return f"auto_rollback does not have {cause}" if cause else "nobody asked for the stop, and no alarm fired"


def rollback(deployment: Deployment, hosts: Mapping[str, Host], sick: Container[str]) -> Deployment:
    """The deployment that brings the last successful revision back. Ask `refusal` first.

    It waits for nobody and bakes nothing: where the deployment went in steps, the rollback is a plain rolling one, and
    zone by zone where it went so (docs/decisions/0021). A blue/green deployment is undone by giving the traffic back to
    the original hosts as long as they stand, and by another blue/green deployment once they are gone; so is one on ECS,
    with its task sets, and one on Lambda.
    """
    success = deployment.last_success
    assert success is not None, "refusal() answers for a group without a success"
    strategy, options = deployment.strategy, deployment.options
    two_sided = strategy in (BLUE_GREEN, BACK_TO_BLUE)
    if two_sided and not any(host.gone for host in hosts.values() if host.label is Label.BLUE):
        strategy, options = BACK_TO_BLUE, _back(options, hosts.values())
        targets = tuple(_found_again(host) for host in hosts.values() if not host.gone and host.ended_ms == NEVER)
    else:
        targets = aftermath(hosts.values(), sick, Label.GREEN if two_sided else Label.NONE)
        if strategy in lifecycle.BACK and not any(host.gone for host in hosts.values()):
            strategy = lifecycle.BACK[strategy]
        strategy, options = without_waits(strategy, options)
        if two_sided:
            told = options.blue_green or BlueGreen()
            options = Options(blue_green=replace(told, generation=max(told.generation, latest(hosts) + 1)))
    return replace(
        deployment,
        deployment_id=deployment_id(deployment.deployment_id, "rollback"),
        revision=success.revision,
        file_exists_behavior=success.file_exists_behavior,
        targets=targets,
        strategy=strategy,
        options=options,
        creator=Creator.ROLLBACK,
        description=f"back from {deployment.deployment_id} to {success.revision}, deployed by {success.deployment_id}",
        rollback_of=deployment.deployment_id,
        active_alarms=(),
        unasked_alarms=(),
        alarms=(),
    )


def _found_again(host: Host) -> Target:
    """A host as the way back to blue finds it: no deployment to it counts, but what is installed is installed."""
    return _target(host.name, host.target.zone, host.target.healthy, host.revision)


def without_waits(strategy: str, options: Options) -> tuple[str, Options]:
    """The same strategy for a way back: nobody is asked, nothing is baked, and old hosts go as soon as they may."""
    if strategy == BLUE_GREEN:
        told = options.blue_green or BlueGreen()
        wait_ms = None if told.terminate_after_ms is None else 0
        told = replace(told, green=(), waits=False, ready_wait_ms=None, shift=(), terminate_after_ms=wait_ms)
        return strategy, Options(blue_green=told)
    if strategy == ZONAL:
        return strategy, Options(minimum_per_zone=options.minimum_per_zone)
    if strategy in lifecycle.COURSES:
        return strategy, NONE
    return (strategy, options) if options == NONE else (ROLLING, NONE)


def _back(options: Options, hosts: Iterable[Host]) -> Options:
    """What the way back has to undo: who is out of traffic, who is in it, who is not to stay.

    After a way back that broke off, what that one has left of it.
    """
    told = options.blue_green or BlueGreen()
    held_out, let_in, doomed = [], [], []
    for host in hosts:
        if host.ended_ms != NEVER:
            continue  # its pool has terminated it: there is nothing to bring back, and nothing to end
        began = {record.name for record in host.records if record.status is not EventStatus.SKIPPED}
        well = {record.name for record in host.records if record.status is EventStatus.SUCCEEDED}
        if host.label is Label.BLUE:
            out = host.name in told.held_out or lifecycle.BLOCK_TRAFFIC in began
            held_out += [host.name] if out and lifecycle.ALLOW_TRAFFIC not in well else []
        elif host.label is Label.GREEN and not host.gone:
            into = host.name in told.let_in or lifecycle.ALLOW_TRAFFIC in began
            let_in += [host.name] if into and lifecycle.BLOCK_TRAFFIC not in well else []
            doomed += [] if told.green else [host.name]
    way = replace(told, held_out=tuple(held_out), let_in=tuple(let_in), doomed=tuple(doomed))
    return Options(blue_green=way)
