"""Faults of a host's agent, network, disk and clock, and of the host as a whole, made real on a container.

Each function is one half of a line of the table in `fleet.docker.faults`, or makes a host agree with what is wrong with
it (`apply_…`). What a host's kernel or its container cannot be asked for (latency by tc, a clock of its own) is done
one step nearer to the application: see `docs/explanation`.
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

STOPPED: Final = "/run/drydeploy/agent.stopped"
PID: Final = "/run/drydeploy/agent.pid"
CLOCK: Final = "/run/drydeploy/clock"
_SET_CLOCK: Final = f'echo "$0" >{CLOCK}.new && mv {CLOCK}.new {CLOCK}'
_DISK: Final = ("python3", "-m", "hostside.disk_fault")
_STOP: Final = f'touch {STOPPED}; kill -TERM "$(cat {PID})" 2>/dev/null; true'
_START: Final = f"rm -f {STOPPED}"
_WRITE: Final = 'mkdir -p "$(dirname "$0")" && printf %s "$1" >"$0"'
_UNWRITE: Final = '[ "$(cat "$0" 2>/dev/null; echo .)" != "$1." ] || rm -f "$0"'
"""Removes a stranger's file, unless a deployment has put something else there meanwhile."""
_RESTART: Final = f'kill -KILL "$(cat {PID})" 2>/dev/null; true'


# -- the agent, and the host as a whole -------------------------------------------------------------------------------


def stop_agent(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """It ends what it has in hand and takes up no more."""
    ills.stopped.add(strike.name)
    faults.tend(host, ills, apply_agent)


def start_agent(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """It runs again, unless another fault keeps it stopped."""
    ills.stopped.discard(strike.name)
    faults.tend(host, ills, apply_agent)


def apply_agent(faults: DockerFaults, host: str, ills: Ills) -> None:
    """Have a host's supervisor keep the agent running, or not."""
    faults.machines.run(host, ["sh", "-c", _STOP if ills.stopped else _START])


def restart_agent(faults: DockerFaults, host: str, ills: Ills, _: Strike) -> None:
    """It drops what it had. On a host that is down or stands still there is nobody to restart it."""
    if ills.reachable:
        faults.machines.run(host, ["sh", "-c", _RESTART])


def crash(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """The host loses its power. That ends a pause: nothing is left to stand still."""
    faults.machines.crash(host)
    ills.crashed.add(strike.name)
    ills.paused.clear()


def boot(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """It boots, unless another fault keeps it down."""
    if strike.name in ills.crashed:
        ills.crashed.remove(strike.name)
        if not ills.crashed:
            faults.machines.restart(host)
            faults.back(host, ills)


def pause(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """It stands still, if there is anything to stand still."""
    if not ills.crashed:
        faults.machines.pause(host)
        ills.paused.add(strike.name)


def resume(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """It goes on, unless another fault holds it."""
    if strike.name in ills.paused:
        ills.paused.remove(strike.name)
        if not ills.paused:
            faults.machines.unpause(host)
            faults.back(host, ills)


def terminate(faults: DockerFaults, host: str, _: Ills, __: Strike) -> None:
    """The container is removed. The balancer is not told: it finds out."""
    faults.remove(host)


# -- the network ------------------------------------------------------------------------------------------------------


def network(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """Packets are dropped from now on."""
    assert strike.effect.network is not None
    ills.network[strike.name] = strike.effect.network
    faults.tend(host, ills, apply_network)


def network_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """Whoever was cut off can be reached again, unless another fault is in the way."""
    fault = ills.network.pop(strike.name, None)
    if fault is not None:
        ills.reopened.append(fault)
        faults.tend(host, ills, apply_network)


def apply_network(faults: DockerFaults, host: str, ills: Ills) -> None:
    """Have a host's netfilter agree with its faults."""
    cut = _peers(faults, ills.network.values())
    losses = [fault.loss for fault in ills.network.values() if fault.loss is not None]
    state = {"cut": cut, "loss": {faults.balancer_address: max(losses)} if losses else {}}
    again = [peer for peer in _peers(faults, ills.reopened) if peer not in cut]
    ills.reopened.clear()
    faults.machines.run(host, ["python3", "-m", "hostside.network_fault", json.dumps(state), *again])


def _peers(faults: DockerFaults, cuts: Iterable[NetworkFault]) -> list[str]:
    """Whom these faults cut a host off from."""
    peers = {"balancer": faults.balancer_address, "controller": CONTROLLER}
    found = list(cuts)
    return [peer for side, peer in peers.items() if any(fault.cuts(side) for fault in found)]


def latency(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """The proxy that answers for health faults makes every request wait."""
    assert strike.effect.network is not None
    ills.health[strike.name] = {"latency_ms": strike.effect.network.latency}
    faults.tend(host, ills, type(faults).apply_health)


def latency_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """Requests wait no longer."""
    ills.health.pop(strike.name, None)
    faults.tend(host, ills, type(faults).apply_health)


# -- the disk, and the clock -----------------------------------------------------------------------------------------


def disk(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """The agent's deployment root, a file system of its own, is filled."""
    ills.full.add(strike.name)
    faults.tend(host, ills, apply_disk)


def disk_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """There is room again, unless another fault takes it."""
    ills.full.discard(strike.name)
    faults.tend(host, ills, apply_disk)


def apply_disk(faults: DockerFaults, host: str, ills: Ills) -> None:
    """Have a host's disk be full, or not."""
    faults.machines.run(host, [*_DISK, "fill" if ills.full else "free", ROOT_DIR])


def file(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """A stranger's file stands there."""
    _file(faults, host, ills, strike, _WRITE)


def file_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """It is taken away."""
    _file(faults, host, ills, strike, _UNWRITE)


def _file(faults: DockerFaults, host: str, ills: Ills, strike: Strike, script: str) -> None:
    assert strike.effect.file is not None
    ills.files.append(["sh", "-c", script, strike.effect.file.path, strike.effect.file.content])
    faults.tend(host, ills, apply_files)


def apply_files(faults: DockerFaults, host: str, ills: Ills) -> None:
    """Do what is outstanding on a host's disk. It is done once: what stands there afterwards may be a deployment's."""
    for command in ills.files:
        faults.machines.run(host, command)
    ills.files.clear()


def clock(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """libfaketime, which the agent and its scripts run under, tells another time."""
    assert strike.effect.clock is not None
    ills.clock[strike.name] = strike.effect.clock.offset
    faults.tend(host, ills, apply_clock)


def clock_again(faults: DockerFaults, host: str, ills: Ills, strike: Strike) -> None:
    """The clock is right again, as far as this fault goes."""
    ills.clock.pop(strike.name, None)
    faults.tend(host, ills, apply_clock)


def apply_clock(faults: DockerFaults, host: str, ills: Ills) -> None:
    """Set a host's clock by its faults. It lies on the disk, and a host that boots finds it there."""
    faults.machines.run(host, ["sh", "-c", _SET_CLOCK, f"{sum(ills.clock.values()) / 1000:+.3f}"])
