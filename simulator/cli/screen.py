"""Printing what rich draws: coloured and wrapped on a terminal, whole plain lines anywhere else."""

from __future__ import annotations

from typing import Final

from rich.console import Console, RenderableType

UNBOUNDED: Final = 10_000
"""Columns where there is no terminal: a line is never broken for a program that reads it."""


def show(renderable: RenderableType) -> None:
    """Print on standard output. NO_COLOR is obeyed, by rich."""
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(renderable)
        return
    wide = Console(highlight=False, width=UNBOUNDED)
    with wide.capture() as captured:
        wide.print(renderable)
    console.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
