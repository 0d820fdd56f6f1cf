"""`drydeploy show`: what a scenario teaches, where it happened to somebody, and its text."""

from __future__ import annotations

from typing import Annotated

import typer

_WIDTH = 100
"""A paragraph is no wider than this, anywhere."""


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
    from simulator.cli.width import beside, columns
    from simulator.control.request import deployment_config, strategy_of

    terminal = columns()
    found = load(path)
    typer.secho(beside("", f"{found.name}: {found.title}" if found.title else found.name, terminal), bold=True)
    if found.about:
        typer.echo("\n" + beside("", " ".join(found.about.split()), min(terminal or _WIDTH, _WIDTH)))
    hosts = len(found.fleet.named_hosts())
    deploys = ", ".join(deploy.revision for deploy in found.deploy)
    first = found.deploy[0]
    strategy, config = strategy_of(found, first)[0], deployment_config(found, first).name
    running = f", running {found.fleet.running}" if found.fleet.running else ", new"
    typer.echo()
    rows = [
        ("hosts", f"{hosts}{running}" + (", behind a balancer" if found.balancer else "")),
        ("deploys", f"{deploys} ({strategy}, {config})"),
        *(("fault", fault.name or fault.do.kind) for fault in found.faults),
    ]
    if found.expect and found.expect.outcome:
        rows.append(("expects", found.expect.outcome))
    for name, text in (*rows, *(("source", source) for source in found.source)):
        typer.echo(beside(f"  {name:<7}  ", text, terminal))
    typer.echo(f"\n  drydeploy run {scenario}\n  drydeploy show {scenario} --file")
