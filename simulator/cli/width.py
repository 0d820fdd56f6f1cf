"""How wide the terminal is, and lines that break at words there. Standard library only: the overview uses it."""

from __future__ import annotations

import os
import sys
from typing import Final

TEXT_MIN: Final = 24
"""With fewer columns than this beside its heading, a text begins below it."""
_BELOW: Final = "    "


def columns() -> int | None:
    """The columns of the terminal; None where standard output is none: there, no line is broken."""
    if not sys.stdout.isatty():
        return None
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def beside(heading: str, text: str, width: int | None) -> str:
    """The text beside its heading, its lines under each other; `width` None: in one line."""
    if width is None or len(heading) + len(text) <= width:
        return heading + text
    import textwrap

    below = width - len(heading) < TEXT_MIN
    first, rest = (_BELOW, _BELOW) if below else (heading, " " * len(heading))
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join([heading.rstrip(), *lines] if below else lines)
