"""A small driver of a Docker fleet for tests: it gives one command at a time and waits for what comes of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from fleet.balancer.haproxy_config import HOST_HEADER
from fleet.base import MakeEvent
from fleet.docker.fleet import DockerFleet
from scenarios.model import Effect, Scenario
from simulator.api.host_commands import HostCommandEndpoint
from simulator.rollout import lifecycle
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment, Target
from simulator.rollout.events import (
    Event,
    HealthCheckReported,
    HostProvisioned,
    HostTerminated,
    LifecycleEventCompleted,
    TrafficShifted,
)
from simulator.rollout.statuses import EventStatus, FileExistsBehavior
from strategies.configuration import ALL_AT_ONCE

WAIT_S = 30
TIMED_OUT = "timed out after 2s"
"""What is said of a host that does not answer the checks of `BALANCER`."""
BALANCER: dict[str, Any] = {
    # Patient with an answer: on a busy machine a host that is well may take its time.
    "health_check": {"path": "/health", "interval": "200ms", "timeout": "2s", "rise": 2, "fall": 2},
    "draining": "2s",
    "traffic": {"rate": 50},
}
USERS = 3
"""So many ask at once: Python's own server keeps no more than five waiting."""
T = TypeVar("T")
E = TypeVar("E", bound=Event)
SERVER = """\
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"{word}")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8080), Page).serve_forever()
"""
APPSPEC = """\
version: 0.0
os: linux
files:
  - {source: /server.py, destination: /srv/app}
file_exists_behavior: OVERWRITE
hooks:
  ApplicationStop: [{location: stop.sh, timeout: 10}]
  ApplicationStart: [{location: start.sh, timeout: 10}]
  ValidateService: [{location: validate.sh, timeout: 10}]
"""


def bundle(directory: Path, word: str) -> Path:
    """An application of no particular make that answers 200 and this word to everything."""
    root = directory / word
    root.mkdir()
    (root / "appspec.yml").write_text(APPSPEC)
    (root / "server.py").write_text(SERVER.format(word=word))
    (root / "stop.sh").write_text("#!/bin/sh\npkill -f /srv/app/server.py || true\n")
    (root / "start.sh").write_text("#!/bin/sh\nsetsid python3 /srv/app/server.py >/dev/null 2>&1 </dev/null &\n")
    (root / "validate.sh").write_text(
        "#!/bin/sh\nfor i in $(seq 50); do curl -so /dev/null localhost:8080 && exit 0; sleep 0.1; done\nexit 1\n"
    )
    return root


def scenario(directory: Path, *, hosts: int = 1, faults: tuple[dict[str, Any], ...] = (), **more: Any) -> Scenario:
    """Hosts behind a balancer that checks five times a second, with the revisions v1 and v2."""
    return Scenario.model_validate(
        {
            "name": "test",
            "fleet": {"hosts": hosts},
            "balancer": BALANCER,
            "revisions": {word: {"bundle": bundle(directory, word)} for word in ("v1", "v2")},
            "deploy": [{"revision": "v2"}],
            "faults": faults,
            **more,
        }
    )


class Rig:
    """A fleet that is up, and the events that it emitted."""

    def __init__(self, fleet: DockerFleet, hosts: list[str]) -> None:
        self.fleet = fleet
        self.hosts = hosts
        self.events: list[Event] = []
        self._more = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._commands = 0
        self._deployments = 0

    def emit(self, make: MakeEvent) -> None:
        at_ms = int((self._loop.time() - self._began_s) * 1000)
        event = make(len(self.events) + 1, at_ms)
        if event is not None:
            self.events.append(event)
            self._more.set()

    async def until(self, wanted: Callable[[], T | None], limit_s: float = WAIT_S) -> T:
        """What `wanted` answers as soon as it answers anything; it is asked again after every event, and in between."""
        end_s = self._loop.time() + limit_s
        while not (found := wanted()):
            left_s = end_s - self._loop.time()
            assert left_s > 0, f"not within {limit_s} s; last events: {self.events[-5:]}"
            self._more.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._more.wait(), min(left_s, 0.1))
        return found

    def begin(self, revision: str = "v1", strategy: str = "in-place", group: str = "group", **more: Any) -> str:
        """Begin a deployment to every host; its id."""
        self._deployments += 1
        id = f"d-TEST{self._deployments:05}"
        targets = tuple(Target(host) for host in self.hosts)
        self.fleet.begin(Deployment(id, "web", group, revision, strategy, ALL_AT_ONCE, targets, True, **more))
        return id

    def send(self, deployment: str, host: str, name: str) -> str:
        """Give a host a lifecycle event; the command's id."""
        id = self._next_id()
        command: Command
        if name == lifecycle.BLOCK_TRAFFIC:
            command = BlockTraffic(id, deployment, "", host)
        elif name == lifecycle.ALLOW_TRAFFIC:
            command = AllowTraffic(id, deployment, "", host)
        else:
            command = RunLifecycleEvent(id, deployment, "", host, name)
        self.fleet.perform(command)
        return id

    def _next_id(self) -> str:
        self._commands += 1
        return f"{self._commands}.0"

    def answer(self, command: str, kind: type[E]) -> E | None:
        """The event of this kind that a command brought about, if there is one."""
        return next((e for e in self.events if isinstance(e, kind) and e.cause == command), None)

    def ask_for(self, deployment: str, host: str) -> str:
        """Ask for a new host; the command's id."""
        command = self._next_id()
        self.fleet.perform(ProvisionHost(command, deployment, "", host, ""))
        return command

    async def provision(self, deployment: str, host: str) -> None:
        """Ask for a new host and wait until it is there."""
        command = self.ask_for(deployment, host)
        assert (await self.until(lambda: self.answer(command, HostProvisioned))).host == host

    async def shift(self, deployment: str, hosts: list[str], percent: int) -> None:
        """Shift traffic and wait until the balancer obeys."""
        command = self._next_id()
        self.fleet.perform(ShiftTraffic(command, deployment, "", tuple(hosts), percent))
        await self.until(lambda: self.answer(command, TrafficShifted))

    async def terminate(self, deployment: str, host: str, *, keep: bool = False) -> None:
        """End a host and wait until it is gone."""
        command = self._next_id()
        self.fleet.perform(TerminateHost(command, deployment, "", host, keep))
        assert (await self.until(lambda: self.answer(command, HostTerminated))).host == host

    def completion(self, command: str) -> LifecycleEventCompleted | None:
        """How a command ended, if it has."""
        found = (event for event in self.events if isinstance(event, LifecycleEventCompleted))
        return next((event for event in found if event.cause == command), None)

    async def do(self, deployment: str, host: str, name: str) -> LifecycleEventCompleted:
        """Give a host a lifecycle event and wait for its end."""
        command = self.send(deployment, host, name)
        return await self.until(lambda: self.completion(command))

    async def install(self, host: str = "h1", revision: str = "v1", deployment: str | None = None) -> str:
        """All events of an installation, which must succeed; the deployment's id."""
        deployment = deployment or self.begin(revision, file_exists_behavior=FileExistsBehavior.OVERWRITE)
        for name in lifecycle.IN_PLACE:
            ended = await self.do(deployment, host, name)
            assert ended.status is EventStatus.SUCCEEDED, ended
        return deployment

    def health(self, host: str = "h1", after: int = 0) -> HealthCheckReported | None:
        """What was last reported of a host's health, after so many events."""
        found = [e for e in self.events[after:] if isinstance(e, HealthCheckReported) and e.host == host]
        return found[-1] if found else None

    async def sees(self, healthy: bool, seen: str, host: str = "h1", after: int = 0) -> HealthCheckReported:
        """Wait until this is what is known of a host's health, by a report after so many events."""

        def seen_so() -> HealthCheckReported | None:
            found = self.health(host, after)
            return found if found and (found.healthy, found.seen) == (healthy, seen) else None

        return await self.until(seen_so)

    async def in_service(self, host: str = "h1") -> None:
        """Install and register a host, and wait until it gets requests."""
        await self.allow(await self.install(host), host)

    async def allow(self, deployment: str, host: str) -> None:
        """Register a host, and wait until it gets requests, or would if its share were not nothing."""
        self.send(deployment, host, lifecycle.ALLOW_TRAFFIC)
        await self.sees(True, "200", host)
        await self.until(lambda: host in self.fleet._the_balancer().in_service)

    async def ask(self, requests: int) -> Counter[str]:
        """Who answers so many requests, by host; by the status code where it is not 200."""
        import aiohttp

        url, found = self.fleet._the_balancer().url, Counter[str]()
        gate = asyncio.Semaphore(USERS)

        async def one(users: aiohttp.ClientSession) -> None:
            async with gate, users.get(url) as answer:
                found[answer.headers[HOST_HEADER] if answer.status == 200 else str(answer.status)] += 1

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True)) as users:
            await asyncio.gather(*(one(users) for _ in range(requests)))
        return found

    def strike(self, event: str | None = None, at: str = "h1", **effect: Any) -> Effect:
        """Inject a fault at a host."""
        fault = Effect.model_validate(effect)
        self.fleet.inject("fault", fault, [at], event=event)
        return fault


async def on(rig: Rig, *command: str) -> str:
    """Run a program at the host h1; what it printed."""
    return await asyncio.to_thread(rig.fleet._hosts.run, "h1", list(command))


async def struck(rig: Rig) -> None:
    """Wait until everything that was asked for at the host h1 is done."""
    done = asyncio.Event()

    async def over() -> None:
        done.set()

    rig.fleet._lane("h1", over)
    await asyncio.wait_for(done.wait(), WAIT_S)


@asynccontextmanager
async def up(scenario: Scenario) -> AsyncIterator[Rig]:
    """A fleet for this scenario, and nothing of it afterwards."""
    fleet = DockerFleet(HostCommandEndpoint())
    rig = Rig(fleet, [host.name for host in scenario.fleet.named_hosts()])
    try:
        await fleet.start(scenario, rig.emit, 0)
        yield rig
    finally:
        await fleet.close()
