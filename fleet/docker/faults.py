"""Faults made real on containers: what is wrong with each host now, and the commands that make it so.

A health fault lasts until it is healed; a script fault strikes the next time that its event's scripts run;
a bundle fault strikes every download until it is healed. What a fault needs on a host's disk or in its
network is done by the programs in `hostside`, as root, through the engine.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from fleet.agent.layout import ROOT_DIR
from fleet.docker import outages
from fleet.docker.bundles import Bundle
from fleet.docker.mailbox import Bundles
from scenarios.host_faults import NetworkFault
from scenarios.model import Balancer, Effect, HealthFault, ScriptExit
from simulator.rollout import lifecycle

WARMING: Final = 503
"""What an application answers that has not started yet."""
OUT_OF_MEMORY: Final = 500


class Machines(Protocol):
    """The hosts' containers, as far as faults need them; see `fleet.docker.hosts.Hosts`."""

    def run(self, host: str, command: list[str]) -> str:
        """Run a program on a host."""

    def crash(self, host: str) -> None:
        """The host loses its power."""

    def restart(self, host: str) -> None:
        """The host boots again."""

    def pause(self, host: str) -> None:
        """The host stands still."""

    def unpause(self, host: str) -> None:
        """The host goes on."""

    def remove(self, host: str) -> None:
        """The host is no more, with its disk."""


@dataclass(slots=True)
class Ills:
    """What is wrong with one host."""

    health: dict[str, dict[str, Any]] = field(default_factory=dict)
    network: dict[str, NetworkFault] = field(default_factory=dict)
    clock: dict[str, int] = field(default_factory=dict)
    """How far each fault sets the clock ahead, in milliseconds."""
    scripts: dict[str, str] = field(default_factory=dict)
    bundles: dict[str, str] = field(default_factory=dict)
    """What is wrong with the bundles that it downloads, by the fault's name; the newest fault counts."""
    slow: dict[str, int] = field(default_factory=dict)
    """How long the application answers nobody after a start, milliseconds, by the fault's name."""
    leaks: dict[str, int] = field(default_factory=dict)
    """How many requests the application can answer from its start on, by the fault's name."""
    stopped: set[str] = field(default_factory=set)
    """The faults that keep its agent stopped; so with `full` (its disk), `crashed` and `paused`."""
    full: set[str] = field(default_factory=set)
    crashed: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    reopened: list[NetworkFault] = field(default_factory=list)
    """What cut it off, is over, and was not taken away yet."""
    files: list[list[str]] = field(default_factory=list)
    """What writes strangers' files on its disk or takes them away, in order, and was not run yet."""
    tended: dict[Tend, None] = field(default_factory=dict)
    """What of it has had a fault: done again when it comes back, because there it may have missed a change."""
    tampered: bool = False
    """Whether something lies aside that must be put back."""

    @property
    def of_the_start(self) -> bool:
        """Whether something begins with the application's start."""
        return bool(self.slow or self.leaks)

    @property
    def reachable(self) -> bool:
        """Whether a program can be run on the host."""
        return not (self.crashed or self.paused)

    @property
    def bundle(self) -> str | None:
        """What a download meets."""
        return next(reversed(self.bundles.values()), None)


Tend = Callable[["DockerFaults", str, Ills], None]
"""Makes a part of a host agree with what is wrong with it. The host can be reached."""


class Strike(NamedTuple):
    """One fault that strikes: its name, what it does, and the lifecycle event whose scripts a script fault strikes."""

    name: str
    effect: Effect
    event: str | None


class DockerFaults:
    """The faults of a run.

    `inject`, `heal`, `prepare` and `restore` wait for the engine: call them in a thread, for one host at a time. A
    fault may outlive its host: at a host that is not there nothing is done.
    """

    def __init__(
        self, hosts: list[str], machines: Machines, bundles: Bundles, balancer: Balancer | None, balancer_address: str
    ) -> None:
        self._machines = machines
        self._bundles = bundles
        self._balancer = balancer
        self.balancer_address = balancer_address
        """Where the balancer's checks and its users' requests come from."""
        self._ills = {host: Ills() for host in hosts}

    def arrived(self, host: str) -> None:
        """A new host is there, and nothing is wrong with it."""
        self._ills[host] = Ills()

    def left(self, host: str) -> None:
        """A host is not there any more."""
        self._ills.pop(host, None)

    def inject(self, host: str, name: str, effect: Effect, event: str | None) -> None:
        """Make a fault real at a host. Raises FleetError where the engine or the host refuses."""
        ills = self._ills.get(host)
        if ills is None:
            return
        _KINDS[effect.case].strikes(self, host, ills, Strike(name, effect, event))

    def heal(self, host: str, name: str, effect: Effect) -> None:
        """Undo `inject`. Raises FleetError where the engine or the host refuses."""
        ills = self._ills.get(host)
        if ills is None:
            return
        _KINDS[effect.case].heals(self, host, ills, Strike(name, effect, None))

    @property
    def machines(self) -> Machines:
        """The hosts' containers."""
        return self._machines

    def tend(self, host: str, ills: Ills, what: Tend) -> None:
        """Have a part of a host agree with its faults: now if a program can be run there, else when it comes back."""
        ills.tended[what] = None
        if ills.reachable:
            what(self, host, ills)

    def back(self, host: str, ills: Ills) -> None:
        """A host came back: faults came and went meanwhile, and netfilter forgets its rules where a container stops."""
        for what in ills.tended:
            what(self, host, ills)

    def remove(self, host: str) -> None:
        """A host is terminated by a fault."""
        self._machines.remove(host)
        self.left(host)

    def needs_preparation(self, host: str, event: str, bundle: Bundle) -> bool:
        """Whether something must be done at a host before it is given this lifecycle event."""
        ills = self._ills.get(host)
        if ills is None:
            return False
        strikes = event in ills.scripts or (event == lifecycle.DOWNLOAD_BUNDLE and ills.bundle is not None)
        return ills.tampered or strikes or (event == _starts(bundle) and bool(ills.of_the_start))

    def prepare(self, host: str, event: str, specification: Mapping[str, Any], bundle: Bundle) -> None:
        """Before a host is given a lifecycle event: change what it will meet on its disk, and what it answers."""
        ills = self._ills[host]
        if not ills.reachable:
            return
        self._put_back(host, ills)
        if fault := ills.scripts.pop(event, None):
            text = json.dumps(dict(specification))
            self._tamper(host, "script", event, text, fault, ROOT_DIR)
        if event == lifecycle.DOWNLOAD_BUNDLE and ills.bundle is not None:
            self._tamper(host, "bundle", bundle.location, ills.bundle)
        if event == _starts(bundle) and ills.of_the_start:
            self._starts(host, ills, since=None)

    def needs_restoring(self, host: str, event: str, bundle: Bundle) -> bool:
        """Whether something must be done at a host now that this lifecycle event is over."""
        ills = self._ills.get(host)
        return ills is not None and (ills.tampered or (event == _starts(bundle) and bool(ills.of_the_start)))

    def restore(self, host: str, event: str, bundle: Bundle) -> None:
        """After the lifecycle event: put the disk right, and note whether the application has started with it."""
        ills = self._ills.get(host)
        if ills is None or not ills.reachable:
            return
        self._put_back(host, ills)
        if event == _starts(bundle) and ills.of_the_start:
            self._starts(host, ills, since=time.time())

    def _put_back(self, host: str, ills: Ills) -> None:
        if ills.tampered:
            self._machines.run(host, [*_TAMPER, "restore"])
            ills.tampered = False

    def _tamper(self, host: str, *words: str) -> None:
        self._ills[host].tampered = True
        self._machines.run(host, [*_TAMPER, *words])

    # -- health -------------------------------------------------------------------------------------------------

    def _health(self, host: str, ills: Ills, strike: Strike) -> None:
        assert strike.effect.health is not None
        ills.health[strike.name] = _health(strike.effect.health)
        self.tend(host, ills, DockerFaults.apply_health)

    def _health_again(self, host: str, ills: Ills, strike: Strike) -> None:
        ills.health.pop(strike.name, None)
        self.tend(host, ills, DockerFaults.apply_health)

    # -- the application as a whole -----------------------------------------------------------------------------

    def _slow_start(self, _host: str, ills: Ills, strike: Strike) -> None:
        assert strike.effect.slow_start is not None
        ills.slow[strike.name] = strike.effect.slow_start

    def _start_again(self, host: str, ills: Ills, strike: Strike) -> None:
        ills.slow.pop(strike.name, None)
        self._health_again(host, ills, strike)

    def _leak(self, host: str, ills: Ills, strike: Strike) -> None:
        assert strike.effect.memory is not None
        ills.leaks[strike.name] = strike.effect.memory.leak_after
        ills.health[strike.name] = _leaking(strike.effect.memory.leak_after, time.time())
        self.tend(host, ills, DockerFaults.apply_health)

    def _leak_no_more(self, host: str, ills: Ills, strike: Strike) -> None:
        ills.leaks.pop(strike.name, None)
        self._health_again(host, ills, strike)

    def _starts(self, host: str, ills: Ills, *, since: float | None) -> None:
        """The application starts now; None: it is about to, and answers nobody before it has."""
        for name, lasts_ms in ills.slow.items():
            warm = {} if since is None else {"until": since + lasts_ms / 1000}
            ills.health[name] = {"status": WARMING, "everywhere": True, **warm}
        if since is not None:
            ills.health |= {name: _leaking(after, since) for name, after in ills.leaks.items()}
        self.tend(host, ills, DockerFaults.apply_health)

    def apply_health(self, host: str, ills: Ills) -> None:
        """Have the proxy before the host's application agree with its faults."""
        assert self._balancer is not None, "what a balancer meets needs one: such a scenario is refused without"
        state = {"path": self._balancer.health_check.path, "faults": ills.health}
        port = str(self._balancer.port)
        self._machines.run(host, ["python3", "-m", "hostside.health_fault", port, json.dumps(state)])

    # -- what a host meets on its disk --------------------------------------------------------------------------

    def _script(self, _host: str, ills: Ills, strike: Strike) -> None:
        assert strike.event is not None, "a script fault strikes at a lifecycle event"
        script = strike.effect.script
        ills.scripts[strike.event] = f"exit:{script.exit}" if isinstance(script, ScriptExit) else str(script)

    def _bundle(self, _host: str, ills: Ills, strike: Strike) -> None:
        ills.bundles[strike.name] = str(strike.effect.bundle)

    def _bundle_again(self, _host: str, ills: Ills, strike: Strike) -> None:
        ills.bundles.pop(strike.name, None)

    def _deny(self, host: str, _: Ills, strike: Strike) -> None:
        self._bundles.deny(host, strike.name)

    def _allow(self, host: str, _: Ills, strike: Strike) -> None:
        self._bundles.allow(host, strike.name)


_Act = Callable[[DockerFaults, str, Ills, Strike], None]


class _Kind(NamedTuple):
    """What a kind of fault does to a host, and how it is undone."""

    strikes: _Act
    heals: _Act


def _over(_faults: DockerFaults, _host: str, _ills: Ills, _strike: Strike) -> None:
    """Nothing is left to undo: it strikes once, and what it does is over by itself."""


_KINDS: Final[dict[str, _Kind]] = {
    "health": _Kind(DockerFaults._health, DockerFaults._health_again),
    "script": _Kind(DockerFaults._script, _over),
    "agent stop": _Kind(outages.stop_agent, outages.start_agent),
    "agent restart": _Kind(outages.restart_agent, _over),
    "host crash": _Kind(outages.crash, outages.boot),
    "host pause": _Kind(outages.pause, outages.resume),
    "bundle missing": _Kind(DockerFaults._bundle, DockerFaults._bundle_again),
    "bundle corrupt": _Kind(DockerFaults._bundle, DockerFaults._bundle_again),
    "bundle access-denied": _Kind(DockerFaults._deny, DockerFaults._allow),
    "slow_start": _Kind(DockerFaults._slow_start, DockerFaults._start_again),
    "memory": _Kind(DockerFaults._leak, DockerFaults._leak_no_more),
    "host terminate": _Kind(outages.terminate, _over),
    "network cut": _Kind(outages.network, outages.network_again),
    "network loss": _Kind(outages.network, outages.network_again),
    "network latency": _Kind(outages.latency, outages.latency_again),
    "disk": _Kind(outages.disk, outages.disk_again),
    "clock": _Kind(outages.clock, outages.clock_again),
    "file": _Kind(outages.file, outages.file_again),
}
"""By `Effect.case`."""


_TAMPER: Final = ("python3", "-m", "hostside.tamper")


def _starts(bundle: Bundle) -> str:
    """The lifecycle event with which the application of a revision starts."""
    return lifecycle.APPLICATION_START if bundle.starts else lifecycle.INSTALL


def _leaking(after: int, since: float) -> dict[str, Any]:
    return {"status": OUT_OF_MEMORY, "everywhere": True, "after": after, "since": since}


def _health(fault: HealthFault) -> dict[str, Any]:
    """A fault as `hostside.health_proxy` reads it."""
    if fault.flapping is not None:
        flapping = fault.flapping
        return {
            "status": flapping.status,
            "down_ms": flapping.down,
            "up_ms": flapping.up,
            "since": time.time(),
        }
    if fault.slow is not None:
        return {"slow_ms": fault.slow}
    return {"status": fault.status}


def health_state(path: str, faults: Mapping[str, HealthFault]) -> str:
    """What `hostside.health_fault` is told of these faults, by name, at this path."""
    return json.dumps({"path": path, "faults": {name: _health(fault) for name, fault in faults.items()}})
