"""What command lines print, for the documentation: they are run, and nothing is written by hand."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def output(line: str) -> str:
    """What a command line prints, and its exit code where that is not 0; a journal's place is left out."""
    printed, code = run(line.split()[1:])
    return _fenced(line, printed.splitlines(), code)


def excerpt(line: str) -> str:
    """The same of a run, with only the first deployment's lines and the verdict."""
    printed, code = run(line.split()[1:])
    told, verdict = printed.split("\n\n", 1)
    lines = told.splitlines()
    end = next(number for number, text in enumerate(lines) if "creates d-" in text) + 1
    return _fenced(
        line,
        [*lines[:end], f"  … {len(lines) - end} lines more: v1 is deployed again", "", *verdict.splitlines()],
        code,
    )


def _fenced(line: str, printed: Sequence[str], code: int) -> str:
    kept = [text for text in printed if not text.startswith("journal: ")]
    end = [f"$ echo $?\n{code}"] if code else []
    return "\n".join(["```console", f"$ {line}", *kept, *end, "```"])


def run(arguments: Sequence[str]) -> tuple[str, int]:
    """A command line's output (standard error after standard output) and exit code, without a terminal."""
    program = "import sys; from simulator.cli import main; sys.exit(main())"
    with tempfile.TemporaryDirectory() as state:
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=_ROOT,
            env={**os.environ, "COLUMNS": "100", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "XDG_STATE_HOME": state},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
    return done.stdout + done.stderr, done.returncode
