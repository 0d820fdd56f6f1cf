"""POSIX access control entries, as the ``acls`` of a permission writes them.

The grammar is the open-source agent's (aws-codedeploy-agent, ace_info.rb):
``[d:|default:][u|g|m|o]:name:perms`` with short forms ``name:perms`` and ``m:perms``; ``perms`` is one
octal digit or letters of ``rwx-``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_KINDS = {
    "u": "user",
    "user": "user",
    "g": "group",
    "group": "group",
    "m": "mask",
    "mask": "mask",
    "o": "other",
    "other": "other",
}
_DEFAULT = ("d", "default")
_BARE = ("m", "mask", "o", "other")


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One entry.

    ``kind`` is user, group, mask or other; ``name`` is empty for the owner; ``perms`` like ``rw-``.
    """

    kind: str
    name: str
    perms: str
    default: bool = False

    def __str__(self) -> str:
        return f"{'default:' if self.default else ''}{self.kind}:{self.name}:{self.perms}"


def parse_entry(text: str) -> AclEntry:
    """Read one entry as an AppSpec may write it.

    Raises ValueError, whose text says what is wrong, also for a base entry (owner, group, other): ``mode``
    sets those.
    """
    parts = text.split(":")
    if not 2 <= len(parts) <= 4:
        raise ValueError(f"`{text}` is not of the form [d:][u|g|m|o]:name:permissions")
    *head, name, perms = parts
    default, kind = _prefix(text, head)
    if kind is None:
        kind = _KINDS[name] if name in _BARE else "user"
        name = "" if name in _BARE else name
    if kind in ("mask", "other") and name:
        raise ValueError(f"`{text}` names `{name}`, but a {kind} entry has no name")
    if not default and kind != "mask" and not name:
        raise ValueError(f"`{text}` is a base entry ({kind}), which `mode` sets")
    return AclEntry(kind, name, _permissions(text, perms), default)


def _prefix(text: str, head: list[str]) -> tuple[bool, str | None]:
    if not head:
        return False, None
    if len(head) == 2:
        if head[0] not in _DEFAULT or head[1] not in _KINDS:
            raise ValueError(f"`{text}` begins with `{head[0]}:{head[1]}`, where `d:` and then u, g, m or o may stand")
        return True, _KINDS[head[1]]
    if head[0] in _DEFAULT:
        return True, None
    if head[0] in _KINDS:
        return False, _KINDS[head[0]]
    raise ValueError(f"`{text}` begins with `{head[0]}`, where d, u, g, m or o may stand")


def _permissions(text: str, perms: str) -> str:
    if len(perms) == 1 and perms in "01234567":
        bits = int(perms)
        return "".join(letter if bits & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
    wrong = sorted(set(perms) - set("rwx-"))
    if wrong:
        raise ValueError(f"`{text}` holds `{wrong[0]}`, where only r, w, x, - or one digit from 0 to 7 may stand")
    return "".join(letter if letter in perms else "-" for letter in "rwx")


def complete(entries: Iterable[AclEntry], mode: int) -> tuple[AclEntry, ...]:
    """Add what ``setfacl --set`` demands beside the given entries.

    That is: the base entries of ``mode``, masks, and a base for the default entries.
    """
    given = tuple(entries)
    owner, group, other = (_permissions("", str(mode >> shift & 7)) for shift in (6, 3, 0))
    result = [*given, AclEntry("user", "", owner), AclEntry("group", "", group), AclEntry("other", "", other)]
    base = [entry for entry in given if not entry.default]
    if any(entry.name for entry in base) and not any(entry.kind == "mask" for entry in base):
        result.append(AclEntry("mask", "", group))
    defaults = [entry for entry in given if entry.default]
    if not defaults:
        return tuple(result)
    for kind, perms in (("user", owner), ("group", group), ("other", other)):
        if not any(entry.kind == kind and not entry.name for entry in defaults):
            added = AclEntry(kind, "", perms, default=True)
            defaults.append(added)
            result.append(added)
    if any(entry.name for entry in defaults) and not any(entry.kind == "mask" for entry in defaults):
        perms = next(entry.perms for entry in defaults if entry.kind == "group" and not entry.name)
        result.append(AclEntry("mask", "", perms, default=True))
    return tuple(result)
