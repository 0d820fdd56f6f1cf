"""The users and groups of a virtual host: those that the image of the Docker hosts has, and the scenario's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

_USERS = """
    _apt backup bin daemon games haproxy irc list lp mail man news nobody proxy root sync sys uucp www-data
"""
_GROUPS = """
    adm audio backup bin cdrom daemon dialout dip disk fax floppy games haproxy irc kmem list lp mail man news nogroup
    operator plugdev proxy root sasl shadow src staff sudo sys tape tty users utmp uucp video voice www-data
"""
SYSTEM_USERS: Final = frozenset(_USERS.split())
SYSTEM_GROUPS: Final = frozenset(_GROUPS.split())


@dataclass(frozen=True, slots=True)
class Accounts:
    """Who is there. `own`: the scenario's users, who have a home directory and a group of their name."""

    own: tuple[str, ...]
    users: frozenset[str]
    groups: frozenset[str]
    shells: frozenset[str]
    """Who can run a script: of the system's users only root has a shell, as www-data and its like have none."""

    @classmethod
    def of(cls, own: Iterable[str]) -> Self:
        """The accounts of hosts to which a scenario gives these users."""
        names = tuple(own)
        return cls(names, SYSTEM_USERS.union(names), SYSTEM_GROUPS.union(names), frozenset(("root", *names)))
