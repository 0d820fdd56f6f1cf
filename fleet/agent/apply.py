"""Carrying out the steps of an install, one by one, with a note in the clean-up file for each path created.

What is noted before its step and what after it is the open-source agent's order (aws-codedeploy-agent,
install_instruction.rb): a copy is noted first, a directory and an SELinux context last.
"""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

from fleet.agent import messages
from fleet.agent.acl import complete
from fleet.agent.errors import AgentError
from fleet.agent.instructions import Chmod, Chown, Copy, Mkdir, SetAcl, SetContext, Step

TOOL_TIMEOUT_S = 60
CONTEXT_PREFIX = "semanage\0"

Note = Callable[[str], None]


def carry_out(step: Step, note: Note) -> None:
    """Carry out one step; ``note`` is called with each line for the clean-up file.

    Raises AgentError, whose text names the path and the system's own reason.
    """
    try:
        _carry_out(step, note)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AgentError(messages.step_failed(step, reason, error.filename or "no path")) from error


def _carry_out(step: Step, note: Note) -> None:
    match step:
        case Mkdir(directory):
            Path(directory).mkdir()
            note(directory)
        case Copy(source, destination):
            note(destination)
            _copy(Path(source), Path(destination))
        case Chmod(file, mode):
            Path(file).chmod(int(mode, 8))
        case SetAcl(file, permission):
            bits = stat.S_IMODE(Path(file).stat().st_mode)
            entries = ",".join(str(entry) for entry in complete(permission.acls or (), bits))
            run_tool(["setfacl", "--set", entries, file], "acls")
        case SetContext(file, context):
            real = os.path.realpath(file)
            user = ["-s", context.name] if context.name else []
            span = ["-r", context.range] if context.range else []
            run_tool(["semanage", "fcontext", "-a", *user, "-t", context.type, *span, real], "context")
            run_tool(["restorecon", "-v", real], "context")
            note(CONTEXT_PREFIX + real)
        case Chown(file, owner, group):
            uid = _id_of_user(owner, file) if owner is not None else -1
            gid = _id_of_group(group, file) if group is not None else -1
            os.chown(file, uid, gid)


def _copy(source: Path, destination: Path) -> None:
    if source.is_symlink():
        destination.symlink_to(source.readlink())
        return
    target = destination / source.name if destination.is_dir() else destination
    shutil.copyfile(source, target)
    if os.geteuid() == 0:
        status = source.stat()
        os.chown(target, status.st_uid, status.st_gid)
    shutil.copystat(source, target)


def _id_of_user(name: str, file: str) -> int:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise AgentError(messages.no_such_user(name, file)) from None


def _id_of_group(name: str, file: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise AgentError(messages.no_such_group(name, file)) from None


def run_tool(command: list[str], key: str) -> None:
    """Run a tool of the system for the AppSpec's ``key``.

    AgentError says what failed, and what the tool said.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TOOL_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise AgentError(
            f"`{key}` cannot be set: this host has no `{command[0]}`; install it, or drop `{key}`"
        ) from None
    except subprocess.TimeoutExpired:
        raise AgentError(f"`{key}` cannot be set: `{' '.join(command)}` took over {TOOL_TIMEOUT_S} s") from None
    if done.returncode != 0:
        said = done.stdout.decode(errors="replace").strip()
        raise AgentError(f"`{key}` cannot be set: `{' '.join(command)}` ended with {done.returncode}: {said}")
