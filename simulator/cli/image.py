"""`drydeploy image build`: the image that Docker hosts run on."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from simulator.cli.errors import guarded


class Steps:
    """Tells each step when it begins, on standard error, and how long it took when the next one does."""

    def __init__(self) -> None:
        self._began_s: float | None = None

    def __call__(self, step: str) -> None:
        """A step begins."""
        self.done()
        self._began_s = time.monotonic()
        typer.echo(f"{step} …", err=True)

    def done(self) -> None:
        """The step that was begun last has ended."""
        if self._began_s is not None:
            from simulator.report.words import took

            typer.echo(f"  took {took(round((time.monotonic() - self._began_s) * 1000))}", err=True)
        self._began_s = None


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

    steps = Steps()
    image = image_build(base=None if registry else "packages", force=force, say=steps)
    steps.done()
    if image.built:
        typer.echo(f"built {image.tag} in {took(round(image.seconds * 1000))}")
    else:
        typer.echo(f"{image.tag} is there already; --force builds it anew")
