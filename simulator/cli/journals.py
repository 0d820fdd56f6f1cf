"""Where a run's journal is kept when the user names no place, and how many are."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from simulator.cli.errors import tell

KEPT_MAX: Final = 100
"""The oldest journals beyond this many are removed from the directory of journals."""


def default_path(scenario: str, fleet: str, seed: int) -> Path | None:
    """A new file in `$XDG_STATE_HOME/drydeploy/journals`; None, with a word why, where nothing can be kept there."""
    from simulator.control.journal import SUFFIX, state_directory

    directory = state_directory() / "journals"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _forget(directory)
    except OSError as error:
        tell(f"no journal is kept: {directory}: {error.strerror}; name another place with --journal")
        return None
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return directory / f"{moment}-{scenario}-{fleet}-seed{seed}-{os.getpid()}{SUFFIX}"


def _forget(directory: Path) -> None:
    """Make room for one more. The names begin with their moment, so their order is their age."""
    from simulator.control.journal import SUFFIX, UNDELIVERED_SUFFIX, beside

    kept = sorted(directory.glob(f"*{SUFFIX}"))
    for path in kept[: max(len(kept) - KEPT_MAX + 1, 0)]:
        path.unlink(missing_ok=True)
        beside(path, UNDELIVERED_SUFFIX).unlink(missing_ok=True)
