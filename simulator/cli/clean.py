"""`drydeploy clean`: what killed runs left behind in the Docker engine."""

from __future__ import annotations

from typing import Annotated

import typer


def verb(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what belongs to runs that are still going on.")
    ] = False,
    images: Annotated[
        bool, typer.Option("--images", help="Also the hosts' images that were made by other versions of drydeploy.")
    ] = False,
) -> None:
    """Remove what killed runs left behind: containers, networks, volumes."""
    from fleet.docker.cleanup import clean, clean_images

    removed = [str(leftover) for leftover in clean(everything=everything)]
    if images:
        removed += [f"image {name}" for name in clean_images()]
    for leftover in removed:
        typer.echo(f"removed {leftover}")
    if not removed:
        typer.echo("nothing was left behind")
