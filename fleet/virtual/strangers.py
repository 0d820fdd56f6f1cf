"""Users and groups of whom an AppSpec speaks, and whom the hosts of a rehearsal do not have."""

from __future__ import annotations

from collections.abc import Iterator

from fleet.agent.appspec import SCRIPT_EVENTS, AppSpec, Mark, Problem
from fleet.virtual.accounts import Accounts


def strangers(spec: AppSpec, accounts: Accounts) -> list[Problem]:
    """A warning for each user and group of an AppSpec whom these accounts lack, at the entry that names them."""
    return list(dict.fromkeys((*_of_scripts(spec, accounts), *_of_permissions(spec, accounts))))


def _of_scripts(spec: AppSpec, accounts: Accounts) -> Iterator[Problem]:
    for event in SCRIPT_EVENTS:
        for script in spec.scripts(event):
            user = script.runas
            if user is None or user in accounts.shells:
                continue
            called = f"the script `{script.location}` of `{event}` is run as `{user}`"
            if user in accounts.users:
                yield _warning(
                    script.mark,
                    f"{called}, who has no shell on the hosts: su cannot run it",
                    f"name a user who logs in, such as {_some(accounts)}",
                )
            else:
                yield _warning(script.mark, f"{called}, whom {_lack(accounts)}", _remedy(user, accounts))


def _of_permissions(spec: AppSpec, accounts: Accounts) -> Iterator[Problem]:
    for entry in spec.permissions:
        for kind, name, known in (("owner", entry.owner, accounts.users), ("group", entry.group, accounts.groups)):
            if name is not None and name not in known:
                who = "whom" if kind == "owner" else "which"
                message = f"the {kind} of `{entry.object}` is `{name}`, {who} {_lack(accounts)}: Install fails there"
                yield _warning(entry.mark, message, _remedy(name, accounts))


def _lack(accounts: Accounts) -> str:
    own = ", ".join(accounts.own) or "nobody"
    return f"drydeploy's hosts lack (beside the system's own they have {own})"


def _remedy(name: str, accounts: Accounts) -> str:
    if name.isdecimal():
        return "write a name: the agent takes no numbers"
    return f"a scenario gives its hosts users: fleet: {{users: [{', '.join((*accounts.own, name))}]}}"


def _some(accounts: Accounts) -> str:
    return accounts.own[0] if accounts.own else "root"


def _warning(mark: Mark, message: str, remedy: str) -> Problem:
    return Problem("warning", mark.line, mark.column, message, remedy)
