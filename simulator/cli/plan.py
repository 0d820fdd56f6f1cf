"""`drydeploy plan`: what would be done, before anything is."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.errors import UsageError
from simulator.cli.options import (
    ConfigOption,
    HostsOption,
    IntervalOption,
    Output,
    OutputOption,
    PathOption,
    PortOption,
    RunningOption,
    ScenarioArgument,
    StrategyOption,
)

if TYPE_CHECKING:
    from scenarios.model import Deploy, Scenario
    from simulator.control.groups import Groups
    from simulator.report.graph import PlannedDeployment
    from simulator.rollout.promotion import Place
    from strategies.plan import Plan


def verb(
    scenario: ScenarioArgument,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart.")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="Print a Graphviz digraph.")] = False,
    output: OutputOption = Output.TEXT,
    hosts: HostsOption = None,
    strategy: StrategyOption = None,
    config: ConfigOption = None,
    running: RunningOption = None,
    port: PortOption = None,
    path: PathOption = None,
    interval: IntervalOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the run: hosts that are alike are taken in its order.")] = 0,
) -> None:
    """Show what would be done, before anything is: each deployment's stages, hosts, how many at once."""
    from simulator.cli.sources import BundleOptions, resolve
    from simulator.report import graph
    from simulator.report.document import dumps

    if mermaid + dot + (output is Output.JSON) > 1:
        raise UsageError("--mermaid, --dot and -o json exclude each other; give one")
    found = resolve(scenario, BundleOptions(hosts, strategy, config, running, port, path, interval)).scenario
    planned = _planned(found, seed)
    if mermaid:
        sys.stdout.write(graph.mermaid(planned))
    elif dot:
        sys.stdout.write(graph.dot(planned))
    elif output is Output.JSON:
        sys.stdout.write(dumps(graph.plan_document(found.name, planned)))
    else:
        from simulator.cli.screen import show

        names = ", ".join(group.name for group in found.all_groups)
        several = "groups" if len(found.all_groups) > 1 else "group"
        title = f"{found.name}: application {found.application}, {several} {names} · seed {seed}"
        show(graph.plan_tree(title, planned))
        _tell_of_bundle(scenario)


def _tell_of_bundle(word: str) -> None:
    """Of a bundle, also what the agent will make of it."""
    from pathlib import Path

    from scenarios import library
    from scenarios.bundle import is_bundle

    path = Path(word).expanduser()
    if word in library.names() or not is_bundle(path):
        return
    from simulator.cli import appspecs

    for problem in appspecs.of_bundle(path):
        typer.echo(problem.render(), err=True)


def _planned(scenario: Scenario, seed: int) -> list[PlannedDeployment]:
    from simulator.control.groups import Groups
    from simulator.control.promotions import places, refusal
    from simulator.control.request import deployment_config, strategy_of
    from simulator.report.graph import PlannedDeployment
    from simulator.rollout.deployment import Success
    from simulator.rollout.statuses import FileExistsBehavior
    from strategies import STRATEGIES, Member

    groups = Groups(scenario, scenario.targets(), seed)
    planned: list[PlannedDeployment] = []
    in_turn = all(deploy.when is None for deploy in scenario.deploy)  # otherwise nobody can tell the order beforehand
    for deploy in scenario.deploy:
        on_its_way = deploy.group is None and bool(scenario.environments)
        numbers: dict[str, int] = {}
        for place in places(scenario) if on_its_way else (None,):
            asked = deploy if place is None else deploy.model_copy(update={"group": place.group})
            group, number = scenario.group_of(asked), len(planned) + 1
            strategy, options = strategy_of(scenario, asked)
            config = deployment_config(scenario, asked)
            members = [Member(target.name, target.zone) for target in groups[group.name].targets]
            name = group.name if len(scenario.all_groups) > 1 else ""
            after: tuple[int, ...] | None = None if deploy.when is None else ()
            if place is not None:
                name, numbers[place.name] = place.name, number
                after = tuple(numbers[before] for before in place.after)
            stages = STRATEGIES[strategy](members, config, options)
            may = refusal(places(scenario), groups, group.name, deploy.revision) if in_turn else None
            refused = may or _never_stands(scenario, group.name, deploy.revision)
            if refused is None:
                groups[group.name].last_success = Success("", deploy.revision, FileExistsBehavior.DISALLOW)
            planned.append(
                PlannedDeployment(
                    *(number, deploy.revision, strategy, config, stages),
                    *(name, scenario.balanced(group), after, _gate(place, deploy), refused or ""),
                )
            )
            if deploy.when is None and refused is None:
                _take_from_others(groups, group.name, stages)
    return planned


def _never_stands(scenario: Scenario, group: str, revision: str) -> str | None:
    """Why a revision is refused in whatever order: nothing ever brings it to an environment before. None: it may be."""
    from simulator.control.promotions import places

    groups = {place.name: place.group for place in places(scenario)}
    asked = [deploy for deploy in scenario.deploy if deploy.revision == revision]
    for name in next((place.after for place in places(scenario) if place.group == group), ()):
        runs = any(each.name == groups[name] and scenario.running_in(each) == revision for each in scenario.all_groups)
        if not runs and all(deploy.group not in (None, groups[name]) for deploy in asked):
            return f"{revision} does not stand in {name}, which comes before {group}: nothing brings it there"
    return None


def _take_from_others(groups: Groups, of: str, stages: Plan) -> None:
    """What a deployment of a group terminates is gone for every other group, and what is deployed to that later."""
    from strategies.plan import Terminate

    gone = [host for stage in stages if isinstance(stage, Terminate) and not stage.keep for host in stage.hosts]
    for group in groups:
        for host in gone if group.name != of else ():
            group.leave(host)


def _gate(place: Place | None, deploy: Deploy) -> str:
    """What a gate asks for, or when a deployment is asked for, in words; `""` where it is simply its turn."""
    from simulator.control.happened import moment
    from simulator.rollout.messages import duration

    if place is None or not place.after:
        return moment(deploy.when) if deploy.when is not None else ""
    stood = [f"it has stood for {duration(place.stood_ms)}"] if place.stood_ms else []
    asked = [] if place.answer_ms is None else [f"somebody says yes within {duration(place.answer_ms)}"]
    return ", then ".join(stood + asked)
