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
from typing import Any, Final, Protocol

from fleet.docker.bundles import Bundle
from fleet.docker.hosts import ROOT_DIR, USER_NAME
from fleet.docker.roster import HOSTS_MAX
from scenarios.model import Balancer, Effect, HealthFault, Scenario, ScriptExit
from scenarios.strategies import strategy_name
from simulator.rollout import lifecycle

STOPPED: Final = "/run/drydeploy/agent.stopped"
PID: Final = "/run/drydeploy/agent.pid"


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


@dataclass(slots=True)
class Ills:
    """What is wrong with one host."""

    health: dict[str, dict[str, Any]] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    bundle: str | None = None
    crashed: bool = False
    paused: bool = False
    tampered: bool = False
    """Whether something lies aside that must be put back."""

    @property
    def reachable(self) -> bool:
        """Whether a program can be run on the host."""
        return not (self.crashed or self.paused)


class DockerFaults:
    """The faults of a run.

    `inject`, `heal`, `prepare` and `restore` wait for the engine: call them in a thread, for one host at a time. A
    fault may outlive its host: at a host that is not there nothing is done.
    """

    def __init__(self, hosts: list[str], machines: Machines, balancer: Balancer | None) -> None:
        self._machines = machines
        self._balancer = balancer
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
        if effect.health is not None:
            ills.health[name] = _health(effect.health)
            self._apply_health(host)
        elif effect.script is not None:
            assert event is not None, "a script fault strikes at a lifecycle event"
            script = effect.script
            ills.scripts[event] = f"exit:{script.exit}" if isinstance(script, ScriptExit) else script
        elif effect.agent is not None:
            self._agent(host, restart=effect.agent == "restart")
        elif effect.host == "crash":
            self._machines.crash(host)
            ills.crashed, ills.paused = True, False
        elif effect.host == "pause" and ills.reachable:
            self._machines.pause(host)
            ills.paused = True
        elif effect.bundle is not None:
            ills.bundle = effect.bundle
        elif effect.file is not None and ills.reachable:
            self._machines.run(host, ["sh", "-c", _WRITE, effect.file.path, effect.file.content])

    def heal(self, host: str, name: str, effect: Effect) -> None:
        """Undo `inject`. Raises FleetError where the engine or the host refuses."""
        ills = self._ills.get(host)
        if ills is None:
            return
        if effect.health is not None:
            ills.health.pop(name, None)
            self._apply_health(host)
        elif effect.agent is not None and ills.reachable:
            self._machines.run(host, ["rm", "-f", STOPPED])
        elif effect.host == "crash" and ills.crashed:
            self._machines.restart(host)
            ills.crashed = False
            self._back(host)
        elif effect.host == "pause" and ills.paused:
            self._machines.unpause(host)
            ills.paused = False
            self._back(host)
        elif effect.bundle is not None:
            ills.bundle = None
        elif effect.file is not None and ills.reachable:
            self._machines.run(host, ["sh", "-c", _UNWRITE, effect.file.path, effect.file.content])

    def needs_preparation(self, host: str, event: str) -> bool:
        """Whether something must be done at a host before it is given this lifecycle event."""
        ills = self._ills.get(host)
        if ills is None:
            return False
        strikes = event in ills.scripts or (event == lifecycle.DOWNLOAD_BUNDLE and ills.bundle is not None)
        return ills.tampered or strikes

    def prepare(self, host: str, event: str, specification: Mapping[str, Any], bundle: Bundle) -> None:
        """Before a host is given a lifecycle event: change what it is going to meet on its disk."""
        ills = self._ills[host]
        if not ills.reachable:
            return
        self.restore(host)
        if fault := ills.scripts.pop(event, None):
            text = json.dumps(dict(specification))
            self._tamper(host, "script", event, text, fault, ROOT_DIR)
        if event == lifecycle.DOWNLOAD_BUNDLE and ills.bundle is not None:
            self._tamper(host, "bundle", bundle.location, ills.bundle)

    def is_tampered(self, host: str) -> bool:
        """Whether something must be put back once the lifecycle event is over."""
        return host in self._ills and self._ills[host].tampered

    def restore(self, host: str) -> None:
        """After the lifecycle event: put the disk right."""
        ills = self._ills.get(host)
        if ills is not None and ills.tampered and ills.reachable:
            self._machines.run(host, [*_TAMPER, "restore"])
            ills.tampered = False

    def _tamper(self, host: str, *words: str) -> None:
        self._ills[host].tampered = True
        self._machines.run(host, [*_TAMPER, *words])

    def _agent(self, host: str, *, restart: bool) -> None:
        """A stopped agent ends what it has in hand and takes up no more.

        A restarted one drops what it had.
        """
        if not self._ills[host].reachable:
            return
        self._machines.run(host, ["sh", "-c", _RESTART if restart else _STOP])

    def _back(self, host: str) -> None:
        """A host came back: netfilter forgets its rules when a container stops."""
        if self._ills[host].health:
            self._apply_health(host)

    def _apply_health(self, host: str) -> None:
        if not self._ills[host].reachable:
            return
        assert self._balancer is not None, "a scenario with a health fault and no balancer is refused"
        state = {"path": self._balancer.health_check.path, "faults": self._ills[host].health}
        port = str(self._balancer.port)
        self._machines.run(host, ["python3", "-m", "hostside.health_fault", port, json.dumps(state)])


_TAMPER: Final = ("python3", "-m", "hostside.tamper")
_WRITE: Final = 'mkdir -p "$(dirname "$0")" && printf %s "$1" >"$0"'
_UNWRITE: Final = '[ "$(cat "$0" 2>/dev/null; echo .)" != "$1." ] || rm -f "$0"'
"""Removes a stranger's file, unless a deployment has put something else there meanwhile."""
_STOP: Final = f'touch {STOPPED}; kill -TERM "$(cat {PID})" 2>/dev/null; true'
_RESTART: Final = f'kill -KILL "$(cat {PID})" 2>/dev/null; true'


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


def refuse(scenario: Scenario) -> list[str]:
    """What the Docker fleet cannot do of this scenario, by name; empty where it can do everything."""
    return [reason for check in _CHECKS for reason in check(scenario)]


def _too_many_hosts(scenario: Scenario) -> list[str]:
    count = len(scenario.named_hosts())
    replaced = _replaced(scenario)
    if count + replaced <= HOSTS_MAX:
        return []
    beside = f", and {replaced:,} new ones beside them" if replaced else ""
    return [f"fleet.hosts: {count:,} hosts{beside}; the Docker fleet takes at most {HOSTS_MAX} (use --fleet virtual)"]


def _replaced(scenario: Scenario) -> int:
    """How many hosts a blue/green deployment provisions: there are as many twice, until the old ones have gone."""
    if scenario.standing_by():
        return 0
    named = scenario.named_hosts()
    asked = [(deploy, scenario.group_of(deploy)) for deploy in scenario.deploy]
    replaced = {
        group.name: len(scenario.members(group, named))
        for deploy, group in asked
        if strategy_name(deploy.strategy or group.strategy) == "blue-green"
    }
    return sum(replaced.values())


def _health_without_balancer(scenario: Scenario) -> list[str]:
    return [
        f"faults[{number}].do.health: nobody checks the hosts' health, because the scenario has no balancer"
        for number, fault in enumerate(scenario.faults)
        if fault.do.health is not None and scenario.balancer is None
    ]


def _users(scenario: Scenario) -> list[str]:
    return [
        f"fleet.users: `{user}` is not a name that Linux takes for a user"
        for user in scenario.fleet.users
        if not USER_NAME.match(user)
    ]


def _files(scenario: Scenario) -> list[str]:
    paths = {path for host in scenario.named_hosts() for path in host.files}
    paths.update(path for pool in scenario.pools.values() for path in pool.image.files)
    return [
        f"fleet.files: `{path}` is not an absolute path of a file"
        for path in sorted(paths)
        if not path.startswith("/") or path.endswith("/") or ".." in path.split("/")
    ]


def _same_name(scenario: Scenario) -> list[str]:
    names = [host.name.lower() for host in scenario.named_hosts()]
    return [
        f"fleet.hosts: {name} is there in more than one spelling; host names differ by more than their case"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


_CHECKS: Final[tuple[Callable[[Scenario], list[str]], ...]] = (
    _too_many_hosts,
    _health_without_balancer,
    _users,
    _files,
    _same_name,
)
