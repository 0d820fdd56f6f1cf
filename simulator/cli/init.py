"""`drydeploy init`: a scenario and two bundles to start from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer


def verb(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if need be.")] = Path(),
) -> None:
    """Write a scenario and a bundle to start from. Nothing that is there already is touched."""
    from scenarios.starter import SCENARIO_NAME, write

    for path in write(directory):
        typer.echo(f"wrote {path}")
    scenario = shlex.quote(str(directory / SCENARIO_NAME))
    typer.echo(f"\nNow play it, read it, break it:\n  drydeploy run {scenario}\n  drydeploy validate {scenario}")
