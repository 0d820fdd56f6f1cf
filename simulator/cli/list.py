"""`drydeploy list`: the library of scenarios, by what becomes of the deployment."""

from __future__ import annotations

import sys

import typer

from simulator.cli.options import Output, OutputOption


def verb(output: OutputOption = Output.TEXT) -> None:
    """List the library of scenarios."""
    from scenarios import library

    scenarios = library.all()
    if output is Output.JSON:
        from simulator.report.document import dumps

        rows = [
            {"name": s.name, "title": s.title, "outcome": s.expect.outcome if s.expect else None} for s in scenarios
        ]
        sys.stdout.write(dumps(rows))
        return
    from simulator.cli.width import beside, columns

    terminal = columns()
    width = max((len(scenario.name) for scenario in scenarios), default=0)
    for heading, group in library.by_outcome():
        typer.secho(beside("", heading, terminal), bold=True)
        for scenario in group:
            typer.echo(beside(f"  {scenario.name:<{width}}  ", scenario.title, terminal))
        typer.echo()
    typer.echo(beside("", "drydeploy show NAME tells more of one, drydeploy run NAME plays it.", terminal))
