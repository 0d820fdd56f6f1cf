"""Printing what rich draws: coloured and wrapped on a terminal, whole plain lines anywhere else."""

from __future__ import annotations

from typing import Final

from rich.console import Console, RenderableType

UNBOUNDED: Final = 10_000
"""Columns where there is no terminal: a line is never broken for a program that reads it."""


class Screen(Console):
    """A console that leaves it to the command line to say what a broken pipe means."""

    def on_broken_pipe(self) -> None:
        """Whoever read our output has gone. Rich would end the program here, with exit code 1."""
        raise BrokenPipeError


def show(renderable: RenderableType) -> None:
    """Print on standard output. NO_COLOR is obeyed, by rich."""
    console = Screen(highlight=False)
    if console.is_terminal:
        console.print(renderable)
        return
    wide = Screen(highlight=False, width=UNBOUNDED)
    with wide.capture() as captured:
        wide.print(renderable)
    console.file.writelines(f"{line.rstrip()}\n" for line in captured.get().splitlines())
