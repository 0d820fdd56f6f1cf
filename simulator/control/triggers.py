"""When scripted things come due: at a time, at a host's lifecycle event, at a status of a deployment."""

from __future__ import annotations

from scenarios.model import When


class Trigger:
    """One `when`. It is asked about what happens, and keeps no clock (the driver sets a timer for `at_ms`)."""

    def __init__(self, when: When | None) -> None:
        self.at_ms = 0 if when is None else when.at
        """The time at which it comes due; None where something else brings it."""
        self.event = when.event if when else None
        self._status = when.status if when else None
        self._launched = when.launched if when else None
        self._deployment = when.deployment if when else None
        self._host = when.host if when else None
        self._nth = when.nth if when else None
        self._entered: dict[int, int] = {}

    def on_event(self, event: str, host: str, deployment: int) -> bool:
        """Whether a host that enters this lifecycle event in the n-th deployment brings it. Ask once an entering."""
        if self.event != event:
            return False
        self._entered[deployment] = entered = self._entered.get(deployment, 0) + 1
        return (
            (self._nth is None or self._nth == entered)
            and (self._host is None or self._host == host)
            and (self._deployment is None or self._deployment == deployment)
        )

    def on_status(self, status: str, deployment: int) -> bool:
        """Whether the n-th deployment's reaching this status brings it."""
        return self._status == status and (self._deployment is None or self._deployment == deployment)

    def on_launch(self, pool: str) -> bool:
        """Whether a host that this pool has launched brings it."""
        return self._launched == pool
