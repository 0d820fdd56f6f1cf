"""Which paths a permission applies to (aws-codedeploy-agent, linux_permission_info.rb).

``**`` means everything below the object. Any other pattern has ``*`` for any run of characters, no other
special character, and is compared with a path directly below the object: it never crosses a ``/``. The object
itself is never among them.
"""

from __future__ import annotations

import posixpath

from fleet.agent.appspec_model import Permission


def applies_to(permission: Permission, path: str) -> bool:
    """Whether a permission applies to ``path``, absolute.

    It does if the path lies below its object, and fits its pattern and none of its exceptions.
    """
    base = posixpath.normpath(posixpath.join("/", permission.object)).rstrip("/") + "/"
    if not path.startswith(base) or path == base:
        return False
    name = path[len(base) :]
    fits = permission.pattern == "**" or fits_glob(name, permission.pattern)
    return fits and not any(fits_glob(name, exception) for exception in permission.exceptions)


def fits_glob(name: str, pattern: str) -> bool:
    """Whether ``name`` fits; in time proportional to the product of both lengths at worst."""
    if "/" in name:
        return False
    at, star, resume, place = 0, -1, 0, 0
    while place < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, resume = at, place
            at += 1
        elif at < len(pattern) and pattern[at] == name[place]:
            at += 1
            place += 1
        elif star >= 0:
            resume += 1
            at, place = star + 1, resume
        else:
            return False
    return pattern[at:].strip("*") == ""
