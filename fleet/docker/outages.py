"""Faults of a host's network, disk and clock, and its end, made real on a container.

Each function is one half of a line of the table in `fleet.docker.faults`. What a host's kernel or its container cannot
be asked for (latency by tc, a clock of its own) is done one step nearer to the application: see `docs/explanation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from fleet.agent.layout import ROOT_DIR
from fleet.docker.network import CONTROLLER

if TYPE_CHECKING:
    from fleet.docker.faults import DockerFaults, Ills, Strike
    from scenarios.host_faults import NetworkFault

CLOCK: Final = "/run/drydeploy/clock"
_SET_CLOCK: Final = f'echo "$0" >{CLOCK}.new && mv {CLOCK}.new {CLOCK}'
_DISK: Final = ("python3", "-m", "hostside.disk_fault")


# -- the network ------------------------------------------------------------------------------------------------------


def network(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """Packets are dropped from now on."""
    assert strike.effect.network is not None
    ills.network[strike.name] = strike.effect.network
    apply_network(faults, host, ills)


def network_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """Whoever was cut off can be reached again, unless another fault is in the way."""
    fault = ills.network.pop(strike.name, None)
    if fault is not None:
        apply_network(faults, host, ills, (fault,))


def apply_network(faults: DockerFaults, host: str, ills: Ills, healed: Iterable[NetworkFault] = ()) -> None:
    """Have a host's netfilter agree with its faults. `healed`: those that are over."""
    cut = _peers(faults, ills.network.values())
    losses = [fault.loss for fault in ills.network.values() if fault.loss is not None]
    state = {"cut": cut, "loss": {faults.balancer_address: max(losses)} if losses else {}}
    again = [peer for peer in _peers(faults, healed) if peer not in cut]
    faults.run(host, ["python3", "-m", "hostside.network_fault", json.dumps(state), *again])


def _peers(faults: DockerFaults, cuts: Iterable[NetworkFault]) -> list[str]:
    """Whom these faults cut a host off from."""
    peers = {"balancer": faults.balancer_address, "controller": CONTROLLER}
    found = list(cuts)
    return [peer for side, peer in peers.items() if any(fault.cuts(side) for fault in found)]


def latency(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """The proxy that answers for health faults makes every request wait."""
    assert strike.effect.network is not None
    ills.health[strike.name] = {"latency_ms": strike.effect.network.latency}
    faults.apply_health(host)


def latency_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """Requests wait no longer."""
    ills.health.pop(strike.name, None)
    faults.apply_health(host)


# -- the disk, the clock, the host ------------------------------------------------------------------------------------


def disk(faults: DockerFaults, host: str, _: Ills, __: Strike) -> None:
    """The agent's deployment root, a file system of its own, is filled."""
    faults.run(host, [*_DISK, "fill", ROOT_DIR])


def disk_again(faults: DockerFaults, host: str, _: Ills, __: Strike) -> None:
    """There is room again."""
    faults.run(host, [*_DISK, "free", ROOT_DIR])


def clock(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """libfaketime, which the agent and its scripts run under, tells another time."""
    assert strike.effect.clock is not None
    ills.clock[strike.name] = strike.effect.clock.offset
    apply_clock(faults, host, ills)


def clock_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """The clock is right again, as far as this fault goes."""
    ills.clock[strike.name] = 0
    apply_clock(faults, host, ills)


def apply_clock(faults: DockerFaults, host: str, ills: Ills) -> None:
    """Set a host's clock by its faults. It lies on the disk, and a host that boots finds it there."""
    faults.run(host, ["sh", "-c", _SET_CLOCK, f"{sum(ills.clock.values()) / 1000:+.3f}"])


def terminate(faults: DockerFaults, host: str, _: Ills, __: Strike) -> None:
    """The container is removed. The balancer is not told: it finds out."""
    faults.remove(host)
