"""`drydeploy clean`: what killed runs left behind in the Docker engine."""

from __future__ import annotations

from typing import Annotated

import typer


def verb(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what belongs to runs that are still going on.")
    ] = False,
) -> None:
    """Remove what killed runs left behind: containers, networks, volumes."""
    from fleet.docker.cleanup import clean

    removed = clean(everything=everything)
    for leftover in removed:
        typer.echo(f"removed {leftover}")
    if not removed:
        typer.echo("nothing was left behind")
