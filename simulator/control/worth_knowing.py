"""What went as CodeDeploy has it, and still deserves a word: a flag each, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.control.reputation import known_bad
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import of_hosts
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import Creator, DeploymentStatus, Label, TargetStatus
from strategies.options import BlueGreen

_NAMED_MAX = 3


def flags(rollouts: Sequence[Rollout]) -> tuple[str, ...]:
    """A sentence for each thing that is worth knowing of a run's deployments, in their order."""
    succeeded = [rollout for rollout in rollouts if rollout.status is DeploymentStatus.SUCCEEDED]
    of_successes = (flag for rollout in succeeded for tell in _OF_A_SUCCESS for flag in tell(rollout))
    forsaken = (flag for rollout in rollouts for flag in _forsaken(rollout))
    return (*of_successes, *forsaken, *_back_onto_bad(rollouts), *_left_standing(rollouts))


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
    if failed := rollout.counts[TargetStatus.FAILED]:
        config, needed = rollout.deployment.config.name, rollout.budget.needed
        yield (
            f"{rollout.deployment_id} Succeeded although {of_hosts(failed, len(rollout.hosts))} failed: CodeDeploy "
            f"asks for {needed} that succeed ({config}); --strict asks for all of them"
        )


def _forsaken(rollout: Rollout) -> Iterator[str]:
    if rollout.forsaken:
        stages = " and ".join(f"“{stage}”" for stage in rollout.forsaken)
        yield (
            f"{rollout.deployment_id}: none of the new hosts was healthy when {stages} began, and the old ones left "
            "all the same. CodeDeploy does not look at that: an alarm on healthy_hosts would have stopped it"
        )


_OF_A_SUCCESS = (_turned_sick, _unjudged, _failed)


def _back_onto_bad(rollouts: Sequence[Rollout]) -> Iterator[str]:
    """Automatic rollbacks onto a revision that the run knows to be bad: it succeeded once, and has failed since."""
    for place, rollout in enumerate(rollouts):
        deployment = rollout.deployment
        if deployment.creator is Creator.ROLLBACK:
            why = known_bad(rollouts[:place], deployment.group, deployment.revision)
            if why is not None:
                yield (
                    f"{deployment.deployment_id} went back to {deployment.revision}, the last revision that succeeded, "
                    f"as CodeDeploy does, although it is known to be bad: {why}"
                )


def _left_standing(rollouts: Sequence[Rollout]) -> Iterator[str]:
    """Hosts of blue/green deployments that nobody has terminated and that are not in the group: they run on."""
    left: dict[str, str] = {}
    for rollout in rollouts:
        if rollout.deployment.strategy in (BLUE_GREEN, BACK_TO_BLUE):
            stays = {target.name for target in rollout.aftermath}
            told = rollout.deployment.options.blue_green or BlueGreen()
            stood_by = {*told.green, *told.let_in} - set(told.doomed)  # they may go back to where they were
            for host in rollout.hosts.values():
                if not host.gone and not host.unborn and host.name not in stays | stood_by:
                    left.setdefault(host.name, _LEFT[host.label].format(rollout.deployment_id))
        left = {name: how for name, how in left.items() if not (name in rollout.hosts and rollout.hosts[name].gone)}
    last = {rollout.deployment.group: rollout for rollout in rollouts}
    group = {target.name for rollout in last.values() for target in rollout.aftermath} if left else set()
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
