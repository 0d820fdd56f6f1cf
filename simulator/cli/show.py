"""`drydeploy show`: what a scenario teaches, where it happened to somebody, and its text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from scenarios.model import Deploy, Scenario

_WIDTH = 100
"""A paragraph is no wider than this, anywhere."""


def verb(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A name from `drydeploy list`, or a scenario file.")
    ],
    file: Annotated[bool, typer.Option("--file", help="Print the scenario's own text, and nothing else.")] = False,
) -> None:
    """Tell what a scenario teaches, and where it happened."""
    from scenarios import incidents, library
    from scenarios.loader import load

    path = library.find(scenario)
    if file:
        typer.echo(path.read_text(encoding="utf-8"), nl=False)
        return
    from simulator.cli.width import beside, columns

    terminal = columns()
    found = load(path)
    typer.secho(beside("", f"{found.name}: {found.title}" if found.title else found.name, terminal), bold=True)
    if found.about:
        typer.echo("\n" + beside("", " ".join(found.about.split()), min(terminal or _WIDTH, _WIDTH)))
    noun, told = _target(found)
    several = len(found.all_groups) > 1
    deploys = ", ".join(
        f"{deploy.revision}{f' to {found.group_of(deploy).name}' * several} ({_how(found, deploy)})"
        for deploy in found.deploy
    )
    before = dict.fromkeys(running for group in found.all_groups if (running := found.running_in(group)))
    running = f", running {' and '.join(before)}" if before else ", new"
    typer.echo()
    rows = [
        (noun, f"{told}{running}" + (", behind a balancer" if found.balancer and noun != "function" else "")),
        *([("groups", ", ".join(group.name for group in found.all_groups))] if several else []),
        ("deploys", deploys or "nothing; what its pools launch is deployed to"),
        *(("fault", fault.name or fault.do.kind) for fault in found.faults),
    ]
    if found.expect and found.expect.outcome:
        rows.append(("expects", found.expect.outcome))
    rows += [("plays", incident) for incident in incidents.played_by(path)]
    for name, text in (*rows, *(("source", source) for source in found.source)):
        typer.echo(beside(f"  {name:<8}  ", text, terminal))
    typer.echo(f"\n  drydeploy run {scenario}\n  drydeploy show {scenario} --file")


def _target(scenario: Scenario) -> tuple[str, str]:
    """What is deployed to, and how much of it there is."""
    from scenarios.platforms import SERVER
    from simulator.report.words import count

    hosts = len(scenario.named_hosts())
    if scenario.compute_platform == SERVER:
        return "hosts", f"{hosts}"
    if scenario.compute_platform == "ECS":
        return "service", f"{scenario.service} of {count(hosts, 'task')}"
    return "function", scenario.service


def _how(scenario: Scenario, deploy: Deploy) -> str:
    """A deployment's strategy and its configuration."""
    from simulator.control.request import deployment_config, strategy_of

    return f"{strategy_of(scenario, deploy)[0]}, {deployment_config(scenario, deploy).name}"
