"""Steps: the user's own list, in Argo's words: so many hosts, a pause, more. A pause lasts, or waits for a person."""

from __future__ import annotations

from collections.abc import Sequence

from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig
from strategies.options import NONE, Options, Step
from strategies.plan import Analyse, Approve, Bake, Deploy, Member, Plan, Stage


def steps(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """A stage a step; what the last step leaves undone follows at the end. ValueError where the shares fall."""
    everybody = tuple(member.name for member in members)
    stages: list[Stage] = []
    done = 0
    for number, step in enumerate((*options.steps, Step()), start=1):
        if step.pause:
            stages.append(_pause(number, step))
            continue
        if step.analysis is not None:
            stages.append(Analyse(f"step {number:02} analyses", step.analysis, step.lasts_ms or 0))
            continue
        end = step.share.of(len(members)) if step.share else len(members)
        if end < done:
            hosts = f"{end} host{'s' * (end != 1)}"
            raise ValueError(f"step {number} asks for {hosts}, and {done} have been deployed to by then: shares rise")
        if end > done:
            stages.append(Deploy(f"step {number:02}", everybody[done:end], config.minimum_healthy_hosts, everybody))
        done = end
    return Plan.chain(*stages)


def _pause(number: int, step: Step) -> Stage:
    if step.lasts_ms is None:
        return Approve(f"step {number:02} waits", None)
    return Bake(f"step {number:02} bakes", step.lasts_ms)
