"""Fill the file system of a directory to its last block, or free it again.

    python3 -m hostside.disk_fault fill DIRECTORY
    python3 -m hostside.disk_fault free DIRECTORY

The directory must be a file system of its own, in memory and small: nothing else is ever filled.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

BALLAST = ".drydeploy-ballast"
FILLED_MAX_BYTES = 1 << 30
QUIET_S = 0.15
"""What the agent lets go of within this time (a note of a command that has just ended, say) is taken as well."""
_STEP_S = 0.01


def fill(directory: Path) -> None:
    """Take all there is. Raises SystemExit where the directory is no small file system of its own."""
    place = os.statvfs(directory)
    if not directory.is_mount() or place.f_blocks * place.f_frsize > FILLED_MAX_BYTES:
        raise SystemExit(f"{directory} is no small file system of its own, and is not filled")
    with (directory / BALLAST).open("ab") as ballast:
        quiet_until_s = time.monotonic() + QUIET_S
        while time.monotonic() < quiet_until_s:
            free = os.statvfs(directory).f_bavail * place.f_frsize
            if free:
                taken = os.fstat(ballast.fileno()).st_size
                os.posix_fallocate(ballast.fileno(), taken, free)
                quiet_until_s = time.monotonic() + QUIET_S
            time.sleep(_STEP_S)


def free(directory: Path) -> None:
    """Give it back."""
    (directory / BALLAST).unlink(missing_ok=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["fill", directory]:
            fill(Path(directory))
        case ["free", directory]:
            free(Path(directory))
        case _:
            raise SystemExit(__doc__)
