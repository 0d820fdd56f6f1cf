"""When scripted things come due: at a time, a host's lifecycle event, a deployment's status or weight, a request."""

from __future__ import annotations

from scenarios.model import When


class Trigger:
    """One `when`. It is asked about what happens, and keeps no clock (the driver sets a timer for `at_ms`)."""

    def __init__(self, when: When | None) -> None:
        self.at_ms = 0 if when is None else when.at
        """The time at which it comes due; None where something else brings it."""
        self.event = when.event if when else None
        self.request = when.request if when else None
        """The request of the users that brings it, counted from 1."""
        self._status = when.status if when else None
        self._gate = when.gate if when else None
        self._weight = when.weight if when else None
        self._launched = when.launched if when else None
        self._deployment = when.deployment if when else None
        self._host = when.host if when else None
        self._nth = when.nth if when else None
        self._entered: dict[int, int] = {}
        self._shifted: dict[int, int] = {}

    def on_event(self, event: str, host: str, deployment: int) -> bool:
        """Whether a host that enters this lifecycle event in the n-th deployment brings it. Ask once an entering."""
        if self.event != event:
            return False
        self._entered[deployment] = entered = self._entered.get(deployment, 0) + 1
        return (
            (self._nth is None or self._nth == entered)
            and (self._host is None or self._host == host)
            and self._in(deployment)
        )

    def on_status(self, status: str, deployment: int) -> bool:
        """Whether the n-th deployment's reaching this status brings it."""
        return self._status == status and self._in(deployment)

    def on_launch(self, pool: str) -> bool:
        """Whether a host that this pool has launched brings it."""
        return self._launched is not None and self._launched == pool

    def on_gate(self, environment: str) -> bool:
        """Whether a person's being asked before this environment brings it."""
        return self._gate is not None and self._gate == environment

    def on_weight(self, percent: int, deployment: int) -> bool:
        """Whether the n-th deployment's share of the traffic, which is this now, brings it. Ask at every shift."""
        if self._weight is None:
            return False
        before, self._shifted[deployment] = self._shifted.get(deployment, 0), percent
        return before < self._weight <= percent and self._in(deployment)

    def _in(self, deployment: int) -> bool:
        return self._deployment is None or self._deployment == deployment
