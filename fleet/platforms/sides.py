"""Which task sets, or versions, of a service or a function are there, and which way the traffic goes."""

from __future__ import annotations

from typing import Generic, TypeVar

from simulator.rollout.deployment import Deployment

T = TypeVar("T")


class Sides(Generic[T]):
    """What is there beside each other. A deployment gives the traffic to one side, and takes it from all others."""

    def __init__(self, first: T) -> None:
        """`first` has the traffic before the first deployment."""
        self.there: list[T] = [first]
        """Task sets or versions, the oldest first."""
        self._primary = first
        self._before: dict[str, T] = {}
        self._coming: dict[str, T] = {}

    def begin(self, deployment: Deployment, *, back: bool) -> list[T]:
        """A deployment begins: it will `bring` something, or it gives the traffic `back` to what had it before.

        Answers what a failed deployment has left beside what has the traffic: nobody needs it any more.
        """
        self._before[deployment.deployment_id] = self._primary
        if back and deployment.rollback_of is not None:
            self._coming[deployment.deployment_id] = self._before[deployment.rollback_of]
            return []
        left = [side for side in self.there if side is not self._primary]
        self.there = [self._primary]
        return left

    def bring(self, deployment: str, new: T) -> None:
        """What the deployment brings is there."""
        self.there.append(new)
        self._coming[deployment] = new

    def coming(self, deployment: str) -> T:
        """The side that a deployment gives the traffic to."""
        return self._coming[deployment]

    def settle(self, deployment: str) -> None:
        """All of the traffic goes there now."""
        self._primary = self._coming[deployment]

    def leave(self, deployment: str) -> list[T]:
        """Every side but the one that has come: they are not there any more."""
        stays = self._coming[deployment]
        leaving = [side for side in self.there if side is not stays]
        self.there = [stays]
        return leaving
