"""`drydeploy show`: what a scenario teaches, where it happened to somebody, and its text."""

from __future__ import annotations

import textwrap
from typing import Annotated

import typer

_WIDTH = 100


def verb(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO", help="A name from `drydeploy list`, or a scenario file.")
    ],
    file: Annotated[bool, typer.Option("--file", help="Print the scenario's own text, and nothing else.")] = False,
) -> None:
    """Tell what a scenario teaches, and where it happened."""
    from scenarios import library
    from scenarios.loader import load

    path = library.find(scenario)
    if file:
        typer.echo(path.read_text(encoding="utf-8"), nl=False)
        return
    from scenarios.strategies import strategy_name
    from simulator.control.request import deployment_config

    found = load(path)
    typer.secho(f"{found.name}: {found.title}" if found.title else found.name, bold=True)
    if found.about:
        typer.echo("\n" + textwrap.fill(" ".join(found.about.split()), _WIDTH))
    hosts = len(found.fleet.named_hosts())
    deploys = ", ".join(deploy.revision for deploy in found.deploy)
    strategy, config = strategy_name(found.group.strategy), deployment_config(found, found.deploy[0]).name
    running = f", running {found.fleet.running}" if found.fleet.running else ", new"
    typer.echo()
    typer.echo(f"  hosts    {hosts}{running}" + (", behind a balancer" if found.balancer else ""))
    typer.echo(f"  deploys  {deploys} ({strategy}, {config})")
    for fault in found.faults:
        typer.echo(f"  fault    {fault.name or fault.do.kind}")
    if found.expect and found.expect.outcome:
        typer.echo(f"  expects  {found.expect.outcome}")
    for source in found.source:
        typer.echo(f"  source   {source}")
    typer.echo(f"\n  drydeploy run {scenario}\n  drydeploy show {scenario} --file")
