"""The sentences in which a balancer says what it cannot do, the same whichever balancer it is."""

from __future__ import annotations

from typing import Final

PERMISSION_DENIED: Final = "Permission denied"
"""HAProxy's answer to a session that may not change servers (2.6, management guide, "operator")."""


def registration_refused(host: str, said: str = PERMISSION_DENIED) -> str:
    """Why AllowTraffic cannot register a host."""
    return (
        f"{host} cannot be registered: the balancer refuses it ({said}). That is what a service role meets that lacks "
        "elasticloadbalancing:RegisterTargets; add it to the role's policy"
    )
