"""The clean-up file: what a deployment created, one path a line, for the next one to remove.

Read in reverse; a last line without its end was being written when the agent died, and is passed over
(aws-codedeploy-agent, install_instruction.rb). Unlike that agent, names keep their leading and trailing
spaces.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from fleet.agent.apply import CONTEXT_PREFIX, run_tool
from fleet.agent.errors import AgentError


def parse(content: bytes) -> tuple[str, ...]:
    """The complete lines, last first."""
    lines = content.split(b"\n")
    return tuple(os.fsdecode(line) for line in reversed(lines[:-1]) if line)


def clean_up(file: Path) -> tuple[str, ...]:
    """Remove what ``file`` lists, then ``file``; the lines in the order in which they were done.

    A path that is gone already, and a directory that holds something else, are left in peace. Raises
    AgentError where the system refuses a removal; the file then stays.
    """
    lines = parse(file.read_bytes())
    for line in lines:
        if line.startswith(CONTEXT_PREFIX):
            run_tool(["semanage", "fcontext", "-d", line.removeprefix(CONTEXT_PREFIX)], "context")
        else:
            _remove(Path(line))
    file.unlink()
    return lines


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            return
        raise AgentError(
            f"removing {path}, which the previous deployment put there, failed: {error.strerror}"
        ) from error
