"""The sentences in which a host says what went wrong with a revision, so that whoever plays a host says the same."""

from __future__ import annotations

from collections.abc import Sequence

from fleet.agent.instructions import Chmod, Chown, Copy, Mkdir, SetAcl, SetContext, Step

IS_A_DIRECTORY = "it is a directory"
NO_SUCH_FILE = "No such file or directory"
DISK_FULL = "No space left on device"
_NAMED_MAX = 3
_LISTED_MAX = 10


def script(location: str, runas: str | None) -> str:
    """A script, as it is called in what follows."""
    return f"the script {location}" + (f", run as {runas}," if runas else "")


def script_missing(location: str, event: str, expected: str, found: Sequence[str]) -> str:
    """A script is not in the bundle. ``found``: where the bundle has one of that name."""
    elsewhere = f"; the bundle has it at {', '.join(found[:_NAMED_MAX])}" if found else ""
    return f"the script {location} of {event} is not there: expected was {expected}{elsewhere}"


def script_not_run(location: str, runas: str | None, reason: str) -> str:
    """A script could not be started, or what it printed could not be read."""
    return f"{script(location, runas)} could not be run to its end: {reason}"


def script_timed_out(location: str, runas: str | None, timeout_s: int) -> str:
    """A script ran into its timeout."""
    return f"{script(location, runas)} did not end within its timeout of {timeout_s} s, and was stopped"


def script_failed(location: str, runas: str | None, status: int, reason: str | None = None) -> str:
    """A script ended with an exit status that is not 0; a negative one is a signal's number."""
    how = f"exit code {status}" if status > 0 else f"signal {-status}"
    return f"{script(location, runas)} failed with {how}" + (f" ({reason})" if reason else "")


def output_left_open(
    location: str, runas: str | None, timeout_s: int, streams: Sequence[str], holders: Sequence[str] = ()
) -> str:
    """A script ended, and its outputs did not. ``streams``: stdout, stderr or both."""
    names = " and ".join(name.upper() for name in streams)
    who = ", ".join(holders) or "a process that it started"
    return (
        f"{script(location, runas)} ended, but {who} kept its {names} open until the timeout of {timeout_s} s was "
        "spent; start it in the background with its output sent elsewhere: `>/dev/null 2>&1 </dev/null &`"
    )


def appspec_missing(name: str, expected: str, entries: Sequence[str], nested: Sequence[str]) -> str:
    """A bundle has no AppSpec at its top. ``nested``: where it has one a directory below."""
    seen = [entry for entry in entries if "appspec" in entry.lower()] or nested
    holds = ", ".join(entries[:_LISTED_MAX]) or "nothing"
    hint = f"there is {', '.join(seen[:_NAMED_MAX])}" if seen else f"the bundle holds {holds}"
    return f"the bundle has no AppSpec file at `{name}`: expected was {expected}; {hint}. Pack it at the top"


def bundle_missing(location: str, found: str = "is not there") -> str:
    """A bundle that was to lie on the host's own disk."""
    return f"the revision is the file {location}, which {found} on this host"


def fetch_refused(where: str, code: str, reason: str) -> str:
    """The store of a bundle knows it, and does not hand it out."""
    return f"fetching {where} was refused: {code}: {reason}"


def step_failed(step: Step, reason: str, path: str) -> str:
    """A step of an install that the system refused."""
    return f"{_in_words(step)} failed: {reason} ({path})"


def stripped(reason: str) -> str:
    """An install that broke off before it copied anything, after the group's previous one had been removed."""
    return f"{reason}. By then the previous deployment's files had been removed: the host is left with neither revision"


def not_noted(reason: str, root: str) -> str:
    """The agent could not note the command that it has in hand, as it does before it begins one."""
    return f"the agent cannot write to {root}, where it notes what it has in hand: {reason}"


def no_such_user(name: str, file: str) -> str:
    """An owner who is not among the host's users."""
    return f"the owner of {file} cannot be set: this host has no user `{name}`"


def no_such_group(name: str, file: str) -> str:
    """A group that is not among the host's."""
    return f"the group of {file} cannot be set: this host has no group `{name}`"


def _in_words(step: Step) -> str:
    match step:
        case Mkdir(directory):
            return f"making the directory {directory}"
        case Copy(source, destination):
            return f"copying {source} to {destination}"
        case Chmod(file, mode):
            return f"setting the mode {mode} of {file}"
        case SetAcl(file, _):
            return f"setting the access control list of {file}"
        case SetContext(file, _):
            return f"setting the SELinux context of {file}"
        case Chown(file, owner, group):
            return f"setting the owner {owner or '-'} and group {group or '-'} of {file}"
