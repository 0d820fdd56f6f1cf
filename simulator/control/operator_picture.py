"""How a run stands, for people outside its process: kept up to date event by event, and drawn when somebody asks."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from scenarios.checks_environments import ANSWERS
from scenarios.model import Scenario
from simulator.control import operator_words as words
from simulator.control.rehearsal import Rehearsal
from simulator.rollout.commands import Command, StartTimer
from simulator.rollout.events import Event, HealthCheckReported, HostTerminated, LifecycleEventCompleted
from simulator.rollout.lifecycle import BLOCK_TRAFFIC
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import duration
from simulator.rollout.stages import STAGE_TIMER
from simulator.rollout.statuses import Creator, Label
from simulator.version import VERSION
from strategies.plan import Analyse, Approve, Bake, Stage

_WAITS: dict[type[Stage], str] = {Approve: "approval", Bake: "bake", Analyse: "analysis"}
"""How a wait is called, by the stage that is one."""


class Picture:
    """An observer that keeps what the core does not: who is in service, and when a stage's wait ends."""

    def __init__(self, run: str, scenario: Scenario, fleet: str, seed: int) -> None:
        self._run = run
        self._scenario = scenario
        self._fleet = fleet
        self._seed = seed
        self._in_service: set[str] | None = None
        self._groups: set[str] = set()
        """The groups that have had a deployment."""
        self._wait_ends_ms: dict[tuple[str, str], int] = {}

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """Take in what happened: O(1), but for the first event of the first deployment."""
        for command in commands:
            if isinstance(command, StartTimer) and command.timer.startswith(STAGE_TIMER):
                self._wait_ends_ms[command.deployment_id, command.timer] = command.at_ms
        if rollout is not None and rollout.deployment.group not in self._groups:
            self._groups.add(rollout.deployment.group)
            if rollout.deployment.with_balancer:
                well = {target.name for target in rollout.deployment.targets if target.healthy}
                self._in_service = well | (self._in_service or set())
        service = self._in_service
        match event:
            case _ if service is None:
                pass
            case LifecycleEventCompleted(name=name, host=host) if name == BLOCK_TRAFFIC:
                service.discard(host)
            case HostTerminated(host=host):
                service.discard(host)
            case HealthCheckReported(host=host, healthy=healthy):
                (service.add if healthy else service.discard)(host)
            case _:
                pass

    def draw(self, rehearsal: Rehearsal | None, at_ms: int, possible: list[words.Word]) -> words.Run:
        """The run as it stands."""
        rollouts = rehearsal.rollouts if rehearsal is not None else []
        state = "preparing" if not rollouts else "staying" if rehearsal and rehearsal.staying else "running"
        return words.Run(
            run=self._run,
            scenario=self._scenario.name,
            title=self._scenario.title,
            fleet=self._fleet,
            seed=self._seed,
            pid=os.getpid(),
            version=VERSION,
            state=state,
            at_ms=at_ms if rollouts else 0,
            in_service=self._service(rollouts),
            deployments=[self._deployment(rollout, at_ms) for rollout in rollouts],
            possible=possible,
            gates=rehearsal.promotions.last.open_gates() if rehearsal and rehearsal.promotions.last else [],
        )

    def wait(self, rollout: Rollout, at_ms: int) -> words.Wait | None:
        """What a deployment waits for; None where it works."""
        if rollout.ended or rollout.deaf is not None or not rollout.stages:
            return None
        stage = rollout.stages[rollout.stage]
        if rollout.stage_over:
            return words.Wait("resume", "an operator has paused it", _left_ms(rollout, at_ms))
        kind = "termination" if rollout.waits_to_terminate else _WAITS.get(type(stage))
        if kind is not None:
            ends_ms = self._wait_ends_ms.get((rollout.deployment_id, f"{STAGE_TIMER}{rollout.stage}"))
            if isinstance(stage, Analyse):  # the timer of its stage is only for a judge that never answers
                ends_ms = rollout.begun[-1] + stage.lasts_ms
            scripted = self._scripted(rollout, at_ms) if isinstance(stage, Approve) else ""
            return words.Wait(kind, str(stage), _left_ms(rollout, at_ms, ends_ms), scripted)
        if not rollout.paused:
            return None
        return words.Wait("resume", "an operator has paused it", _left_ms(rollout, at_ms))

    def _service(self, rollouts: Sequence[Rollout]) -> words.InService | None:
        last = {
            rollout.deployment.group: rollout for rollout in of_groups(rollouts) if rollout.deployment.with_balancer
        }
        if self._in_service is None or not last:
            return None
        return words.InService(
            len(self._in_service),
            len({name for rollout in last.values() for name in standing(rollout)}),
            sum(map(required, last.values())),
        )

    def _scripted(self, rollout: Rollout, at_ms: int) -> str:
        """What the scenario is going to say to a deployment that waits for a person; `""` where nothing."""
        several = len(self._scenario.all_groups) > 1
        for action in self._scenario.operator:
            meant = not several or action.group in (None, rollout.deployment.group)
            if meant and action.do in ANSWERS and action.when.at is not None and action.when.at >= at_ms:
                return f"the scenario says {action.do} at {duration(action.when.at)}"
        return ""

    def _deployment(self, rollout: Rollout, at_ms: int) -> words.Deployment:
        deployment = rollout.deployment
        stages = rollout.stages
        return words.Deployment(
            deployment_id=deployment.deployment_id,
            group=deployment.group,
            revision=deployment.revision,
            strategy=deployment.strategy,
            deployment_config=deployment.config.name,
            creator=deployment.creator.value,
            status=rollout.status.value,
            error=f"{rollout.error.code}: {rollout.error.message}" if rollout.error else None,
            paused=rollout.paused and not rollout.ended,
            stage=words.Stage(rollout.stage + 1, len(stages), str(stages[rollout.stage])) if stages else None,
            waits_for=self.wait(rollout, at_ms),
            hosts={status.value: number for status, number in rollout.counts.items() if number},
        )


def of_groups(rollouts: Iterable[Rollout]) -> list[Rollout]:
    """The deployments to whole groups: those for the hosts that pools have launched, or let go, know no others."""
    return [each for each in rollouts if each.deployment.creator in (Creator.USER, Creator.ROLLBACK)]


def standing(rollout: Rollout) -> list[str]:
    """The hosts of a deployment that are there: without those to come, and those that have gone."""
    return [name for name, host in rollout.hosts.items() if not (host.unborn or host.gone)]


def required(rollout: Rollout) -> int:
    """How many of a group's hosts its configuration wants healthy, whatever stage a deployment is in.

    New hosts beside the old ones are none of these yet, and on the way back none any more.
    """
    hosts = sum(host.label is not Label.GREEN for host in rollout.hosts.values())
    return rollout.deployment.config.minimum_healthy_hosts.required(hosts)


def _left_ms(rollout: Rollout, at_ms: int, ends_ms: int | None = None) -> int:
    """How long a wait lasts at most: until its own end, or that of the whole deployment."""
    limit_ms = rollout.started_ms + rollout.deployment.limits.deployment_ms
    return max(min(limit_ms if ends_ms is None else ends_ms, limit_ms) - at_ms, 0)
