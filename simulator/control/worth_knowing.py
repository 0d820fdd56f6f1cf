"""What went as CodeDeploy has it, and still deserves a word: a flag each, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from simulator.rollout.machine import Rollout
from simulator.rollout.messages import of_hosts
from simulator.rollout.statuses import DeploymentStatus, TargetStatus

_NAMED_MAX = 3


def flags(rollouts: Sequence[Rollout]) -> tuple[str, ...]:
    """A sentence for each thing that is worth knowing of a run's deployments, in their order."""
    succeeded = [rollout for rollout in rollouts if rollout.status is DeploymentStatus.SUCCEEDED]
    return tuple(flag for rollout in succeeded for tell in _OF_A_SUCCESS for flag in tell(rollout))


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


_OF_A_SUCCESS = (_turned_sick, _unjudged, _failed)


def _named(names: Sequence[str]) -> str:
    more = len(names) - _NAMED_MAX
    return ", ".join(names[:_NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
