"""What went as CodeDeploy has it, and still deserves a word: a flag each, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.control.reputation import known_bad
from simulator.rollout.host import NEVER, Host
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import count, of_hosts
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import Creator, DeploymentStatus, Label, TargetStatus
from strategies.options import BlueGreen
from strategies.plan import Deploy, Part

_NAMED_MAX = 3


def flags(rollouts: Sequence[Rollout]) -> tuple[str, ...]:
    """A sentence for each thing that is worth knowing of a run's deployments, in their order."""
    succeeded = [rollout for rollout in rollouts if rollout.status is DeploymentStatus.SUCCEEDED]
    of_successes = (flag for rollout in succeeded for tell in _OF_A_SUCCESS for flag in tell(rollout))
    forsaken = (flag for rollout in rollouts for flag in _forsaken(rollout))
    return (*of_successes, *_not_undone(rollouts), *forsaken, *_back_onto_bad(rollouts), *_left_standing(rollouts))


def _turned_sick(rollout: Rollout) -> Iterator[str]:
    if rollout.sick:
        yield (
            f"{rollout.deployment_id} Succeeded although {of_hosts(len(rollout.sick), len(rollout.hosts))} turned "
            "unhealthy after their checks: no bake was long enough to notice"
        )


def _unjudged(rollout: Rollout) -> Iterator[str]:
    if rollout.unjudged:
        said = dict.fromkeys(f"{word.by} said {word.verb}" for word in rollout.unjudged.values())
        yield (
            f"{rollout.deployment_id} Succeeded although nobody waited for a verdict of {_named([*rollout.unjudged])}: "
            + ", ".join(said)
        )


def _failed(rollout: Rollout) -> Iterator[str]:
    """CodeDeploy asks for as many as the minimum, of those that were deployed to: in blue/green, the green hosts."""
    installs = [s for s in rollout.stages if isinstance(s, Deploy) and s.part in (Part.WHOLE, Part.INSTALL)]
    if not rollout.counts[TargetStatus.FAILED] or not installs:
        return
    stage = installs[-1]
    if failed := sum(rollout.hosts[name].status is TargetStatus.FAILED for name in stage.among):
        config, side = rollout.deployment.config.name, rollout.hosts[stage.hosts[0]].label
        yield (
            f"{rollout.deployment_id} Succeeded although {failed} of {count(stage.fleet, side)} failed: CodeDeploy "
            f"asks for {max(stage.required, 1)} that succeed ({config}); --strict asks for all of them"
        )


def _way_back(rollout: Rollout) -> Iterator[str]:
    """A rollback of a blue/green deployment that terminated the new hosts (docs/decisions/0024)."""
    ended = sum(host.gone and host.label is Label.GREEN for host in rollout.hosts.values())
    if rollout.deployment.strategy == BACK_TO_BLUE and ended:
        yield (
            f"{rollout.deployment_id} terminated {count(ended, Label.GREEN)}. CodeDeploy terminates none but the blue "
            "ones of a deployment that succeeded: on AWS the green ones are left running, and paid for, until somebody "
            "ends them"
        )


def _not_undone(rollouts: Sequence[Rollout]) -> Iterator[str]:
    """Deployments that came to nothing and that nothing undid, be it a rollback or somebody who asked for one."""
    undone = {rollout.deployment.rollback_of for rollout in rollouts}
    for rollout in rollouts:
        why, asked = rollout.not_undone, rollout.deployment.creator is Creator.USER
        if asked and rollout.status in _CAME_TO_NOTHING and why and rollout.deployment_id not in undone:
            yield f"{rollout.deployment_id} {rollout.status}, and nothing was rolled back: {why}"


_CAME_TO_NOTHING = (DeploymentStatus.FAILED, DeploymentStatus.STOPPED)


def _forsaken(rollout: Rollout) -> Iterator[str]:
    if rollout.forsaken:
        stages = " and ".join(f"“{stage}”" for stage in rollout.forsaken)
        yield (
            f"{rollout.deployment_id}: none of the new hosts was healthy when {stages} began, and the old ones left "
            "all the same. CodeDeploy does not look at that: an alarm on healthy_hosts would have stopped it"
        )


_OF_A_SUCCESS = (_turned_sick, _unjudged, _failed, _way_back)


def _back_onto_bad(rollouts: Sequence[Rollout]) -> Iterator[str]:
    """Automatic rollbacks onto a revision that the run knows to be bad: it succeeded once, and has failed since."""
    for place, rollout in enumerate(rollouts):
        deployment = rollout.deployment
        if deployment.creator is Creator.ROLLBACK and rollout.hosts:
            went = "went" if rollout.status is DeploymentStatus.SUCCEEDED else "was to go"
            why = known_bad(rollouts[:place], deployment.group, deployment.revision)
            if why is not None:
                yield (
                    f"{deployment.deployment_id} {went} back to {deployment.revision}, the last revision that "
                    f"succeeded, as CodeDeploy does, although it is known to be bad: {why}"
                )


def _over(host: Host | None) -> bool:
    """Whether a deployment, or a pool, has terminated the host, or it was kept and is no deployment's any more."""
    return host is not None and (host.gone or host.ended_ms != NEVER)


def _in_a_group(rollouts: Sequence[Rollout]) -> set[str]:
    """The hosts that the deployments have left in their groups. One by a pool, or after it, is to some of them only."""
    members: dict[str, set[str]] = {}
    for rollout in rollouts:
        group = members.setdefault(rollout.deployment.group, set())
        group.difference_update(rollout.hosts)
        group.update(target.name for target in rollout.aftermath)
    return set().union(*members.values())


def _left_standing(rollouts: Sequence[Rollout]) -> Iterator[str]:
    """Hosts of blue/green deployments that nobody has terminated and that are not in the group: they run on."""
    left: dict[str, str] = {}
    for rollout in rollouts:
        if rollout.deployment.strategy in (BLUE_GREEN, BACK_TO_BLUE):
            told = rollout.deployment.options.blue_green or BlueGreen()
            stood_by = {*told.green, *told.let_in} - set(told.doomed)  # they may go back to where they were
            expected = stood_by | {target.name for target in rollout.aftermath}
            for host in rollout.hosts.values():
                if not host.unborn and host.name not in expected:
                    left.setdefault(host.name, _LEFT[host.label].format(rollout.deployment_id))
        if left:
            left = {name: how for name, how in left.items() if not _over(rollout.hosts.get(name))}
    group = _in_a_group(rollouts) if left else set()
    for told_how in dict.fromkeys(left.values()):
        if names := [name for name, how in left.items() if how == told_how and name not in group]:
            yield f"{_named(names)}: {told_how}"


_LEFT = {
    Label.GREEN: "provisioned for {}, never terminated, and not in the group; they run on, with what traffic they had",
    Label.BLUE: "replaced by the new hosts of {} and never terminated; they run on, out of the traffic and out of the "
    "group",
}
"""What became of a host that nobody has terminated: of a new one, and of one that was in the group before."""


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
