"""List the files below some directories of a host, as JSON: what is in each, and which of them installs own.

    python3 -m hostside.listing ROOT DIRECTORY…     (ROOT: the agent's deployment root)

Prints `{"strangers": {path: digest}, "owned": [path, …]}`. The owned are those of the clean-up files, which the next
install removes. A link is what it points to; a file that cannot be read has the digest `?`.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from fleet.agent.cleanup import parse

FILES_MAX = 20_000
"""More files are not listed: a data directory, not an application."""
HASHED_MAX_BYTES = 64 << 20
"""Of a larger file only the size is told."""


def files(directories: list[str]) -> Iterator[Path]:
    """The files below the directories, those of one file system each, at most so many."""
    count = 0
    for directory in directories:
        for place, _, names in os.walk(directory):
            for name in sorted(names):
                count += 1
                if count > FILES_MAX:
                    return
                yield Path(place) / name


def digest(path: Path) -> str:
    """What is in a file, in few words."""
    try:
        if path.is_symlink():
            return f"link to {path.readlink()}"
        size = path.stat().st_size
        if not path.is_file() or size > HASHED_MAX_BYTES:
            return f"{size} bytes"
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "?"


def listing(root: Path, directories: list[str]) -> dict[str, object]:
    """What stands below the directories."""
    owned = {line for file in root.glob("deployment-instructions/*-cleanup") for line in parse(file.read_bytes())}
    found = {str(path): path for path in files(directories)}
    strangers = {name: digest(path) for name, path in found.items() if name not in owned}
    return {"strangers": strangers, "owned": sorted(owned & set(found))}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(listing(Path(sys.argv[1]), sys.argv[2:])))
