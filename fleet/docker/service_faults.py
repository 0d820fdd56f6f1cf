"""Faults that strike no host in particular, made real: the balancer's and the controller's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from fleet.balancer.haproxy import HaproxyBalancer
from fleet.docker.mailbox import HostCommands
from scenarios.model import Effect, SlowToDrain

Job = Callable[[], Awaitable[None]]


class ServiceFaults:
    """The faults of a run. `balancer` is None where there is none; what takes time is done `beside` everything else."""

    def __init__(self, balancer: HaproxyBalancer | None, commands: HostCommands, beside: Callable[[Job], None]) -> None:
        self._balancer = balancer
        self._commands = commands
        self._beside = beside
        self._refuses: set[str] = set()
        self._draining: dict[str, int] = {}

    def inject(self, name: str, effect: Effect) -> None:
        """Make a fault real."""
        _KINDS[effect.case][0](self, name, effect)

    def heal(self, name: str, effect: Effect) -> None:
        """Undo `inject`."""
        _KINDS[effect.case][1](self, name, effect)

    def _refuse(self, name: str, _: Effect) -> None:
        self._refuses.add(name)
        self._told()

    def _refuse_no_more(self, name: str, _: Effect) -> None:
        self._refuses.discard(name)
        self._told()

    def _drain_slowly(self, name: str, effect: Effect) -> None:
        assert isinstance(effect.balancer, SlowToDrain)
        self._draining[name] = effect.balancer.draining
        self._told()

    def _drain_again(self, name: str, _: Effect) -> None:
        self._draining.pop(name, None)
        self._told()

    def _told(self) -> None:
        balancer = self._the_balancer()
        balancer.refuses = bool(self._refuses)
        balancer.draining_ms = max(self._draining.values(), default=None)

    def _restart(self, _name: str, _: Effect) -> None:
        self._beside(self._the_balancer().restart)

    def _crash(self, _name: str, _: Effect) -> None:
        self._beside(self._commands.suspend)

    def _rise(self, _name: str, _: Effect) -> None:
        self._beside(self._commands.resume)

    def _nothing(self, _name: str, _: Effect) -> None:
        """It is over by itself."""

    def _the_balancer(self) -> HaproxyBalancer:
        assert self._balancer is not None, "a fault of a balancer that is not there is refused"
        return self._balancer


_Act = Callable[[ServiceFaults, str, Effect], None]
_KINDS: Final[dict[str, tuple[_Act, _Act]]] = {
    "balancer refuses-registration": (ServiceFaults._refuse, ServiceFaults._refuse_no_more),
    "balancer draining": (ServiceFaults._drain_slowly, ServiceFaults._drain_again),
    "balancer restart": (ServiceFaults._restart, ServiceFaults._nothing),
    "controller": (ServiceFaults._crash, ServiceFaults._rise),
}
"""How a fault begins and how it is undone, by `Effect.case`."""
