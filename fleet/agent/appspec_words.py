"""The words of an AppSpec: which keys exist, what a stranger probably means, and what follows if it stays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from fleet.agent.appspec_model import SCRIPT_EVENTS, SERVICE_EVENTS

ROOT_KEYS = ("version", "os", "files", "file_exists_behavior", "permissions", "hooks")
FILE_KEYS = ("source", "destination")
PERMISSION_KEYS = ("object", "pattern", "except", "owner", "group", "mode", "acls", "context", "type")
SCRIPT_KEYS = ("location", "timeout", "runas", "sudo")
CONTEXT_KEYS = ("name", "type", "range")

_MEANT: Mapping[str, tuple[str, ...]] = {
    "overwrite": ("file_exists_behavior",),
    "fileexistsbehavior": ("file_exists_behavior",),
    "user": ("owner", "name", "runas"),
    "path": ("object", "location"),
    "script": ("location",),
    "run_as": ("runas",),
    "dest": ("destination",),
    "target": ("destination",),
    "src": ("source",),
}
_CONSEQUENCE: Mapping[str, str] = {
    "version": "no version is given",
    "os": "no operating system is given",
    "files": "nothing is copied",
    "file_exists_behavior": "it has no effect, and the option of the deployment decides (DISALLOW where it has none)",
    "permissions": "no owner is set, nor a group or a mode",
    "hooks": "no script runs",
    "source": "the entry has no source",
    "destination": "the entry has no destination",
    "object": "the entry has no object",
    "pattern": "the entry applies to everything below its object",
    "except": "nothing is left out",
    "owner": "no owner is set",
    "group": "no group is set",
    "mode": "no mode is set",
    "acls": "no access control list is set",
    "context": "no SELinux context is set",
    "type": "files and directories are both meant",
    "location": "the entry names no script",
    "timeout": "the script has an hour",
    "runas": "the script runs as the agent's own user, root",
    "sudo": "the script runs without sudo",
    "name": "no SELinux user is set",
    "range": "no SELinux range is set",
}


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that ``word`` probably stands for, or None."""
    words = list(known)
    folded = {candidate.lower(): candidate for candidate in words}
    close = get_close_matches(word.lower(), list(folded), n=1, cutoff=0.7)
    return folded[close[0]] if close else None


def explain_key(key: str, known: tuple[str, ...], where: str) -> tuple[str, str]:
    """What to say about a key that the agent does not know: (message, remedy)."""
    usual = _MEANT.get(key.lower(), (key,))
    meant = next((word for word in usual if word in known), None) or nearest(key, known)
    if meant is not None:
        effect = _CONSEQUENCE[meant]
        return f"unknown key `{key}`: `{meant}` is meant; as written, {effect}", f"write `{meant}`"
    elsewhere = next((word for word in usual if word in ROOT_KEYS), None)
    if elsewhere is not None:
        return (
            f"unknown key `{key}` in {where}: `{elsewhere}` at the top level is meant; as "
            f"written, {_CONSEQUENCE[elsewhere]}",
            f"write `{elsewhere}:` at the top level"
            + (" with DISALLOW, OVERWRITE or RETAIN" if elsewhere == "file_exists_behavior" else ""),
        )
    return (
        f"unknown key `{key}` in {where}: it has no effect",
        f"remove it; known here are {', '.join(known)}",
    )


def explain_event(name: str) -> tuple[str, str] | None:
    """What to say about a hook that never runs: (message, remedy); None for a hook that does."""
    if name in SCRIPT_EVENTS:
        return None
    if name in SERVICE_EVENTS:
        return (
            f"`{name}` takes no scripts: it is carried out by the service or the agent, and what "
            "is written here never runs",
            f"use one of {', '.join(SCRIPT_EVENTS)}",
        )
    meant = nearest(name, SCRIPT_EVENTS)
    hint = f": `{meant}` is meant" if meant else ""
    return (
        f"unknown hook `{name}`{hint}; as written, its scripts never run, and nobody is told",
        f"write `{meant}`" if meant else f"use one of {', '.join(SCRIPT_EVENTS)}",
    )
