"""`drydeploy faults`: what can go wrong in a scenario, how it is written, and which fleet can do it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from simulator.cli.errors import UsageError
from simulator.cli.options import Output, OutputOption


def verb(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="One of them, with its examples. Left out: all.")] = "",
    output: OutputOption = Output.TEXT,
) -> None:
    """List the faults that a scenario can have."""
    from scenarios.catalogue import CATALOGUE, as_yaml, rows
    from scenarios.problems import nearest

    if name and name not in CATALOGUE:
        by_word = {word: each for each in CATALOGUE for word in (*each.split("_"), each)}
        near = nearest(name, by_word)
        remedy = f"did you mean {by_word[near]}?" if near else f"there is {', '.join(CATALOGUE)}"
        raise UsageError(f"no fault is called {name}; {remedy}")
    if output is Output.JSON:
        from simulator.report.document import dumps

        found = [row for row in rows() if not name or row["name"] == name]
        sys.stdout.write(dumps(found[0] if name else found))
        return
    from simulator.cli.width import beside, columns

    terminal = columns()
    if name:
        entry = CATALOGUE[name]
        typer.secho(beside("", f"{name}: {entry.does}", terminal), bold=True)
        typer.echo(beside("", f"fleets: {', '.join(entry.fleets)}", terminal))
        typer.echo(f"\n{as_yaml(name)}")
        return
    width = max(map(len, CATALOGUE))
    fleets = max(len(", ".join(entry.fleets)) for entry in CATALOGUE.values())
    for effect, entry in CATALOGUE.items():
        typer.echo(beside(f"  {effect:<{width}}  {', '.join(entry.fleets):<{fleets}}  ", entry.does, terminal))
        typer.secho(f"{'':<{width}}    - {entry.examples[0]}", dim=True)  # in one line, to be copied
    words = "drydeploy faults NAME shows all that one can do; each example goes under `faults:` of a scenario."
    typer.echo("\n" + beside("", words, terminal))
