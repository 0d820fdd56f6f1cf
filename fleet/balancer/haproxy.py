"""The load balancer of a Docker fleet: HAProxy in a container of its own, driven through its runtime API.

It behaves as a load balancer of AWS does. A host that is registered is *initial*: it is checked, and gets
no request until `rise` checks in a row have passed. A host that is deregistered gets no new request; those
under way may end, within the draining time. A host that is not registered is not checked.

Hosts may come and go while it runs (`add server`, `del server`), and traffic may be shifted between them: the servers
have weights then (`fleet.balancer.weights`), which are set anew whenever the hosts in service change. What HAProxy
itself notices, a host that fails its checks, is followed `WATCH_MS` later at most.

The runtime API and the users' port are published on 127.0.0.1 only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fleet.balancer.haproxy_config import (
    BACKEND,
    UNCHECKED,
    ServerState,
    parse_stat,
    render,
    server_arguments,
)
from fleet.balancer.haproxy_container import HaproxyContainer
from fleet.balancer.haproxy_runtime import LOST_S, Runtime
from fleet.balancer.members import Member, Membership
from fleet.balancer.weights import ALONE, Shift, weights
from fleet.base import FleetError
from fleet.threads import in_thread
from scenarios.model import Balancer

if TYPE_CHECKING:
    from docker import DockerClient

WATCH_MS: Final = 100
"""How often HAProxy is asked what it sees."""
STALE_MARGIN_MS: Final = 200


class HaproxyBalancer:
    """HAProxy before the hosts of a run.

    `told(host, healthy, seen, cause)` is called on the event loop whenever a registered host's health, or
    what the check sees, changes; `changed()` whenever the hosts in service do.
    """

    def __init__(
        self,
        spec: Balancer,
        hosts: Mapping[str, str],
        told: Callable[[str, bool, str, str], None],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._spec = spec
        self._hosts = dict(hosts)
        self._told = told
        self._changed = changed
        self._members = {host: Member() for host in hosts}
        self._later: dict[str, str] = {}
        """The addresses of hosts that came while it ran: its file does not know them."""
        self._shift: Shift | None = None
        self._container = HaproxyContainer()
        self._runtime = Runtime(lambda: self._container.control_port)
        self.refuses = False
        """Whether whoever registers hosts has lost the right to; HAProxy itself refuses then."""
        self.draining_ms: int | None = None
        """How long it takes to let go of a host; None: as long as requests are under way, within the draining time."""
        self._lock = asyncio.Lock()

    def boot(self, client: DockerClient, create: Mapping[str, Any]) -> None:
        """Make and start the container. It waits: call it in a thread.

        `create` is what the fleet adds to the container: image, name, labels, network.
        """
        self._container.boot(client, create, self._config())

    def _config(self) -> str:
        """HAProxy's configuration."""
        return render(self._spec, self._hosts)

    @property
    def url(self) -> str:
        """Where the service's users knock; another place after a restart."""
        return self._container.url

    @property
    def in_service(self) -> frozenset[str]:
        """The hosts that get requests."""
        return frozenset(
            host for host, member in self._members.items() if member.membership is Membership.IN_SERVICE and member.up
        )

    def held_out(self, host: str, since_s: float) -> bool:
        """Whether a request that began then (event loop's clock) ought not to have reached this host."""
        member = self._members[host]
        return any(
            out_since_s is not None and since_s > out_since_s
            for out_since_s in (member.out_since_s, member.weightless_since_s)
        )

    async def connect(self) -> None:
        """Wait until HAProxy answers. Raises FleetError where it does not."""
        await self._poll()

    async def watch(self) -> None:
        """Report what HAProxy sees, until cancelled. Raises FleetError where it is lost."""
        while True:
            await self._poll()
            await asyncio.sleep(WATCH_MS / 1000)

    async def register(self, host: str, cause: str = "", group: str = "") -> str | None:
        """Take a host in: it is checked from now on, and gets requests once it is healthy.

        `cause` is told with what is seen of it, and `group` is whose it is: of several that wait for a host each hears
        that it is healthy. Answers what HAProxy says where it refuses; None where it does not. With a host that has
        gone nothing is done.
        """
        member = self._members[host]
        async with self._lock:
            if member.membership is Membership.GONE:
                return None
            if self.refuses:
                return (await self._runtime.ask(f"operator; set server {BACKEND}/{host} state drain")).strip()
            member.cause = member.waiting[group] = cause
            if member.registered:
                # It stays as it is, and what is seen of it is told again.
                member.reported = None
                return None
            await self._take_in(host)
        return None

    async def _take_in(self, host: str) -> None:
        """Have a host checked, from nothing."""
        member, server = self._members[host], f"{BACKEND}/{host}"
        # One that was added later is not checked before this; for the others it changes nothing.
        checks = f"enable health {server}"
        await self._runtime.say(f"{checks}; set server {server} state drain; set server {server} health down")
        # Only now: of a server in maintenance HAProxy does not tell the last check.
        member.before = (await self._ask_states())[host].check
        member.membership = Membership.INITIAL
        member.since_s = asyncio.get_running_loop().time()
        member.reported = None
        member.up = False

    async def restart(self) -> None:
        """HAProxy goes and comes back, and is told who was registered, and the shares; it knows of nobody's health."""
        async with self._lock:
            await in_thread(self._container.restart)
            for host, member in self._members.items():
                if host not in self._hosts and member.membership is not Membership.GONE:
                    await self._add(host, self._later[host])
                member.weight = ALONE
                if member.registered:
                    await self._take_in(host)
                elif member.membership is Membership.DRAINING:
                    member.membership = Membership.OUT
            await self._weigh(self.in_service)
        self._changed()

    async def deregister(self, host: str) -> None:
        """Take a host out: no new request, then wait for those under way, at most the draining time."""
        member = self._members[host]
        server = f"{BACKEND}/{host}"
        async with self._lock:
            if member.membership in (Membership.OUT, Membership.GONE):
                return
            await self._runtime.say(f"set server {server} state drain")
            await self._leaves(host, Membership.DRAINING)
        self._changed()
        loop, slow_ms = asyncio.get_running_loop(), self.draining_ms
        end_s = loop.time() + (self._spec.draining if slow_ms is None else slow_ms) / 1000
        while member.membership is Membership.DRAINING and (left_s := end_s - loop.time()) > 0:
            async with self._lock:
                state = (await self._ask_states()).get(host)
            if slow_ms is None and (state is None or not state.sessions):
                break
            await asyncio.sleep(min(WATCH_MS / 1000, left_s))
        async with self._lock:
            if member.membership is not Membership.DRAINING:
                return
            await self._runtime.say(f"set server {server} state maint; shutdown sessions server {server}")
            member.membership = Membership.OUT

    # -- hosts that come and go ---------------------------------------------------------------------------------

    async def add(self, host: str, address: str) -> None:
        """A host that did not exist before: it is out of traffic, and unchecked, until it is registered."""
        async with self._lock:
            await self._add(host, address)
            self._later[host] = address
            self._members[host] = Member(out_since_s=asyncio.get_running_loop().time())

    async def _add(self, host: str, address: str) -> None:
        await self._runtime.add(f"{BACKEND}/{host}", server_arguments(self._spec, address))

    async def remove(self, host: str) -> None:
        """A host goes for good, with the requests that it still had. One that is not there is as good."""
        member = self._members.get(host)
        if member is None or member.membership is Membership.GONE:
            return
        server = f"{BACKEND}/{host}"
        async with self._lock:
            await self._runtime.say(f"set server {server} state maint; shutdown sessions server {server}")
            await self._leaves(host, Membership.GONE)
        self._changed()
        end_s = asyncio.get_running_loop().time() + LOST_S
        # HAProxy refuses as long as one of the sessions has not seen that it was shut down. One that was restarted
        # meanwhile has never heard of a host that came later.
        while not (answer := await self._delete(server)).startswith(("Server deleted", "No such server")):
            if asyncio.get_running_loop().time() > end_s:
                raise FleetError(f"the balancer does not let go of {host}: {answer.strip() or 'no answer'}")
            await asyncio.sleep(WATCH_MS / 1000)

    async def _delete(self, server: str) -> str:
        async with self._lock:
            return (await self._runtime.ask(f"del server {server}")).strip()

    async def _leaves(self, host: str, membership: Membership) -> None:
        member = self._members[host]
        member.membership = membership
        if member.out_since_s is None:
            member.out_since_s = asyncio.get_running_loop().time()
        self._end_shift(host)
        await self._weigh(self.in_service)

    # -- shares of the traffic ----------------------------------------------------------------------------------

    async def shift(self, hosts: Iterable[str], percent: int) -> None:
        """From now on these hosts together get `percent` of the requests, and the others the rest.

        It holds until the next shift, or until the side whose share is nothing has left.
        """
        async with self._lock:
            self._shift = Shift(frozenset(hosts), percent)
            await self._weigh(self.in_service)

    def _end_shift(self, left: str) -> None:
        """A host has left: a shift from or to a side of which nobody is there any more is over."""
        shift = self._shift
        if shift is None:
            return
        empty_side = {0: True, 100: False}.get(shift.percent)
        if empty_side is (left in shift.hosts) and not any(
            member.registered and (host in shift.hosts) is empty_side for host, member in self._members.items()
        ):
            self._shift = None

    async def _weigh(self, in_service: frozenset[str], *then: str) -> None:
        """Have these hosts, in service, have their shares, and say what is to be said at once with it."""
        there = [host for host, member in self._members.items() if member.membership is not Membership.GONE]
        wanted = weights(self._shift, there, in_service).items()
        new = {host: weight for host, weight in wanted if self._members[host].weight != weight}
        for host, weight in new.items():
            if weight:  # requests may reach it as soon as HAProxy has heard, and that is before we have its answer
                self._members[host].weightless_since_s = None
        await self._runtime.say_all(
            [*(f"set server {BACKEND}/{host} weight {weight}" for host, weight in new.items()), *then]
        )
        now_s = asyncio.get_running_loop().time()
        for host, weight in new.items():
            self._members[host].weight = weight
            if not weight:
                self._members[host].weightless_since_s = now_s

    # -- what HAProxy sees --------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        async with self._lock:
            states = await self._ask_states()
            ready = [
                host
                for host, member in self._members.items()
                if member.registered and self._look(host, member, states[host])
            ]
            let_in = (f"set server {BACKEND}/{host} state ready" for host in ready)
            for host in ready:
                self._members[host].out_since_s = None
            await self._weigh(self.in_service | frozenset(ready), *let_in)
            if ready:
                for host in ready:
                    self._members[host].membership = Membership.IN_SERVICE
                self._changed()

    def _look(self, host: str, member: Member, state: ServerState) -> bool:
        """Report what is new of a host; whether it is to have requests from now on."""
        if not self._fresh(member, state):
            return False
        seen = state.seen(self._spec.health_check.timeout)
        if seen is None:
            if member.reported is None:
                return False
            seen = member.reported[1]
        was, member.up = member.up, state.up
        now = (state.up, seen)
        ready = member.membership is Membership.INITIAL and state.up
        if now != member.reported:
            member.reported = now
            for cause in member.hearers(healthy=state.up):
                self._told(host, *now, cause)
        if was != member.up and not ready:
            self._changed()
        return ready

    def _fresh(self, member: Member, state: ServerState) -> bool:
        """Whether the last check was made since the host was registered."""
        if member.before is None:
            return True
        if state.check[0].removeprefix("* ") in UNCHECKED:
            return False
        check = self._spec.health_check
        age_ms = (asyncio.get_running_loop().time() - member.since_s) * 1000
        certain = age_ms > check.interval + check.timeout + STALE_MARGIN_MS
        if state.passed or state.check != member.before or certain:
            member.before = None
            return True
        return False

    async def _ask_states(self) -> dict[str, ServerState]:
        nobody = all(member.membership is Membership.GONE for member in self._members.values())
        return parse_stat(await self._runtime.ask(f"show stat {BACKEND} 4 -1"), empty=nobody)
