"""`drydeploy image build`: the image that Docker hosts run on."""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.cli.errors import guarded

app = typer.Typer(help="The image that Docker hosts run on.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root() -> None:
    """The image that Docker hosts run on."""


@app.command("build")
@guarded
def build(
    registry: Annotated[
        bool, typer.Option("--registry/--no-registry", help="Begin with the public Debian image, where one answers.")
    ] = True,
    force: Annotated[bool, typer.Option("--force", help="Build it anew, even if it is there.")] = False,
) -> None:
    """Make the image that Docker hosts run on. Nothing is pulled or built at any other time."""
    from fleet.docker.images import image_build
    from simulator.report.words import took

    image = image_build(
        base=None if registry else "packages", force=force, say=lambda step: typer.echo(f"{step} …", err=True)
    )
    if image.built:
        typer.echo(f"built {image.tag} in {took(round(image.seconds * 1000))}")
    else:
        typer.echo(f"{image.tag} is there already; --force builds it anew")
