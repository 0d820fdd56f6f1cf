"""The balancer's virtual twin: registration, draining, health checks as events (its traffic: `fleet.balancer.fluid`).

Health checks are made every `interval` from a host's registration on; `rise` passing checks in a row make a host
healthy, `fall` failing ones unhealthy. The checks themselves are not played: between two changes of what a host
answers, the moment at which the balancer will change its mind is known, and only that moment is an event.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import partial
from typing import NamedTuple

from fleet.balancer.fluid import Fluid, Kind, Share, tries
from fleet.balancer.meters import Meters
from fleet.virtual.draws import mix, stream
from scenarios.model import Balancer
from simulator.rollout.events import Event, HealthCheckReported
from simulator.rollout.messages import duration

_TIMED_OUT = "timed out"
Action = Callable[[int, int], Event | None]
Schedule = Callable[[int, Action], None]
"""Do this at that time: `schedule(at_ms, lambda id, at_ms: event or None)`."""


class Answer(NamedTuple):
    """What a host answers: to the health check (words, pass or fail) and to a user (which revision, well or not).

    `answers_ms`: about how long an answer to a user takes, in milliseconds. `lost`: so many percent of the packets on
    the way there are lost.
    """

    seen: str
    passes: bool
    serves: str | None
    serves_well: bool
    answers_ms: int = 0
    lost: int = 0


SILENT = Answer("connection refused", False, None, False)
"""Nothing listens."""


def timed_out(timeout_ms: int) -> str:
    """What a health check sees that gets no answer."""
    return f"{_TIMED_OUT} after {duration(timeout_ms)}"


def is_lost(seed: int, host: str, now_ms: int, percent: int, tries: int) -> bool:
    """Whether a check of this host at this time never gets there, where so many percent of the packets are lost."""
    draws = stream(seed, "loss", host, now_ms)
    return all(mix(draws, number) % 100 < percent for number in range(tries))


class _Server:
    """One host as the balancer knows it."""

    __slots__ = (
        "answer",
        "cause",
        "generation",
        "healthy",
        "held",
        "name",
        "origin_ms",
        "registered",
        "row",
        "streak_ms",
        "told",
        "waiting",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.answer = SILENT
        self.registered = False
        self.healthy = False
        self.held = False
        """Whether whoever speaks to the balancer wants the host out of traffic."""
        self.origin_ms = 0
        self.streak_ms = 0
        """Since when every check has passed, or every check has failed."""
        self.row = 0
        """Where packets are lost: so many checks have passed in a row, or, where it is negative, have failed."""
        self.generation = 0
        self.cause = ""
        self.told: tuple[bool, str] | None = None
        self.waiting: dict[str, str] = {}
        """Who has registered it, by group, and has not heard yet that it is healthy."""


class VirtualBalancer:
    """Hosts behind one address. `schedule` puts an action on the virtual loop; `seed` says which packets are lost."""

    def __init__(self, config: Balancer, schedule: Schedule, seed: int = 0) -> None:
        self._config = config
        self._seed = seed
        self._tries = tries(config.health_check.timeout)
        self._schedule = schedule
        self._servers: dict[str, _Server] = {}
        self._fluid = Fluid(config.traffic.rate, self._tries)
        self._shifted: frozenset[str] = frozenset()
        self._away = 0
        """How many restarts are under way: meanwhile nobody is checked, and nobody has requests."""
        self._looks = 0
        """Counts what makes a look at the meters void: a later one."""
        self._group = 0
        """How many hosts the group had when the run began."""
        self.in_service_min: int | None = None

    def add(self, name: str, answer: Answer, *, in_service: bool, in_group: bool = True) -> None:
        """A host that the balancer may be asked about. One that is not `in_group` stands by, or replaces another."""
        self._group += in_group
        server = self._servers[name] = _Server(name)
        server.answer, server.held = answer, not in_group
        if in_service:
            server.registered = server.healthy = True
            server.told = (True, answer.seen)
            self._count(server, +1)
        if in_group and 0 < self.in_service == self._group:
            self.in_service_min = self.in_service

    def remove(self, name: str, now_ms: int) -> None:
        """A host is gone for good."""
        self.deregister(name, now_ms)
        del self._servers[name]

    def shift(self, names: Iterable[str], percent: int, now_ms: int) -> None:
        """These servers together get this share of the traffic, the others the rest.

        It holds until the next shift, or until the side whose share is nothing has left.
        """
        self._divide(frozenset(names), percent, now_ms)

    def _divide(self, shifted: frozenset[str], percent: int | None, now_ms: int) -> None:
        self._fluid.settle(now_ms)
        serving = [server for server in self._servers.values() if server.registered and server.healthy]
        for server in serving:
            self._count(server, -1)
        self._shifted = shifted
        self._fluid.shift(percent)
        for server in serving:
            self._count(server, +1)

    @property
    def in_service(self) -> int:
        """Hosts in service."""
        return self._fluid.in_service

    def register(self, name: str, now_ms: int, cause: str, group: str = "") -> None:
        """Take a host in. It gets no request until it has passed `rise` checks.

        `cause` is told with what is seen of it, and `group` is whose it is: of several that wait for a host each hears
        that it is healthy. One that is registered already stays as it is, and what is seen of it is told again.
        """
        server = self._servers[name]
        server.cause = server.waiting[group] = cause
        if not server.registered:
            self._take_in(server, now_ms)
            return
        self._hold(server, now_ms, held=False)
        if server.healthy:
            self._schedule(now_ms, partial(self._tell_another, server))
        else:
            server.told = None
            self._reconsider(server, now_ms)

    def _take_in(self, server: _Server, now_ms: int) -> None:
        """Have a host checked, from nothing."""
        server.registered, server.origin_ms, server.streak_ms = True, now_ms, now_ms
        server.held, server.row, server.told = False, 0, None
        self._reconsider(server, now_ms)

    def hold(self, name: str, now_ms: int) -> None:
        """From now on a host is to get no request: one that reaches it all the same is a stray."""
        self._hold(self._servers[name], now_ms, held=True)

    def _hold(self, server: _Server, now_ms: int, *, held: bool) -> None:
        in_service = server.registered and server.healthy
        if in_service:
            self._fluid.settle(now_ms)
            self._count(server, -1)
        server.held = held
        if in_service:
            self._count(server, +1)

    def deregister(self, name: str, now_ms: int) -> None:
        """Take a host out: from now on it gets no new request."""
        server = self._servers[name]
        self._leave(server, now_ms)
        server.registered = server.healthy = False
        server.generation += 1
        sides: dict[int | None, bool] = {0: True, 100: False}
        empty_side = sides.get(self._fluid.percent)
        if empty_side is (name in self._shifted) and not any(
            other.registered and (other.name in self._shifted) is empty_side for other in self._servers.values()
        ):
            self._divide(frozenset(), None, now_ms)

    def answers(self, name: str, answer: Answer, now_ms: int) -> None:
        """What a host answers has changed."""
        server = self._servers[name]
        if server.answer == answer:
            return
        in_service = server.registered and server.healthy
        if in_service:
            self._fluid.settle(now_ms)
            self._count(server, -1)
        if server.answer.lost:
            self._leave_loss(server, answer, now_ms)
        elif answer.lost:
            server.row = self._checks(server, now_ms) - self._checks(server, server.streak_ms)
            server.row *= 1 if server.answer.passes else -1
        elif server.answer.passes != answer.passes:
            server.streak_ms = now_ms
        server.answer = answer
        if in_service:
            self._count(server, +1)
        if server.registered:
            self._reconsider(server, now_ms)

    def restart(self, now_ms: int, lasts_ms: int) -> None:
        """It goes and comes back, and knows then who is registered and the shares, but nothing of anybody's health."""
        self._away += 1
        for server in self._servers.values():
            self._leave(server, now_ms)
            server.healthy = False
            server.generation += 1

        def back(_: int, back_ms: int) -> None:
            self._away -= 1
            for server in self._servers.values():
                if server.registered and not self._away:
                    self._take_in(server, back_ms)

        self._schedule(now_ms + lasts_ms, back)

    def request_ms(self, number: int) -> int:
        """When the users have made so many requests since the run began."""
        return -(-number * 1000 // self._fluid.rate)

    # -- meters -------------------------------------------------------------------------------------------------

    def meter(self, key: Hashable, name: str, requests: int, now_ms: int, call: Callable[[], None]) -> None:
        """Call once this host has been given so many of the users' requests from now on."""
        self._fluid.settle(now_ms)
        if self._fluid.meters is None:
            self._fluid.meters = Meters(self._fluid.rate)
        server = self._servers[name]
        in_service = server.registered and server.healthy
        self._fluid.meters.add(key, name, name in self._shifted if in_service else None, requests, call)
        self._look_later(now_ms)

    def unmeter(self, key: Hashable, name: str) -> None:
        """Measure no more."""
        if self._fluid.meters is not None:
            self._fluid.meters.remove(key, name)

    def _look_later(self, at_ms: int) -> None:
        """Look at the meters then. What changes meanwhile brings another look, and this one is void."""
        self._looks += 1
        number = self._looks

        def look(_: int, now_ms: int) -> None:
            meters = self._fluid.meters
            if self._looks != number or meters is None:
                return
            self._fluid.settle(now_ms)
            for call in meters.reached():
                call()
            if self._looks == number and (wait_ms := self._fluid.next_meter_ms()) is not None:
                self._look_later(now_ms + wait_ms)

        self._schedule(at_ms, look)

    # -- health checks ------------------------------------------------------------------------------------------

    def _reconsider(self, server: _Server, now_ms: int) -> None:
        """Something changed: what the balancer is going to think of this server, and when."""
        server.generation += 1
        if self._away:
            return
        generation, check, answer = server.generation, self._config.health_check, server.answer
        if answer.lost:
            self._check_at(self._next_check(server, now_ms), server)
            return
        late_ms = check.timeout if answer.seen.startswith(_TIMED_OUT) else 0
        first_ms = self._next_check(server, now_ms) + late_ms
        if not server.healthy and not answer.passes and server.told != (False, answer.seen):
            self._tell_at(first_ms, server, generation, answer.seen, healthy=False)
        if answer.passes != server.healthy:
            needed = check.rise if answer.passes else check.fall
            turns_ms = self._next_check(server, server.streak_ms) + (needed - 1) * check.interval + late_ms
            self._tell_at(max(turns_ms, now_ms), server, generation, answer.seen, healthy=answer.passes)

    def _checks(self, server: _Server, now_ms: int) -> int:
        """How many checks there have been of a server by now."""
        return (now_ms - server.origin_ms) // self._config.health_check.interval

    def _next_check(self, server: _Server, now_ms: int) -> int:
        return server.origin_ms + (self._checks(server, now_ms) + 1) * self._config.health_check.interval

    def _tell_at(self, at_ms: int, server: _Server, generation: int, seen: str, *, healthy: bool) -> None:
        def tell(event_id: int, now_ms: int) -> Event | None:
            if server.generation != generation:
                return None
            if healthy != server.healthy:
                self._fluid.settle(now_ms)
                server.healthy = healthy
                self._count(server, +1 if healthy else -1)
                self._note_minimum()
            server.told = (healthy, seen)
            return self._report(server, event_id, now_ms)

        self._schedule(at_ms, tell)

    def _tell_another(self, server: _Server, event_id: int, now_ms: int) -> Event | None:
        """Another group that waits for a host hears that it is healthy."""
        return self._report(server, event_id, now_ms) if server.healthy and server.waiting else None

    def _report(self, server: _Server, event_id: int, now_ms: int) -> Event:
        """What was seen last of a server. That it is healthy is told to each group that waits, one after the other."""
        assert server.told is not None, "it has been checked"
        (healthy, seen), cause, check = server.told, server.cause, self._config.health_check
        if healthy and server.waiting:
            cause = server.waiting.pop(next(iter(server.waiting)))
            if server.waiting:
                self._schedule(now_ms, partial(self._tell_another, server))
        return HealthCheckReported(event_id, now_ms, cause, server.name, healthy, check.path, str(check.status), seen)

    # -- where packets are lost, each check is played ------------------------------------------------------------

    def _check_at(self, at_ms: int, server: _Server) -> None:
        generation = server.generation

        def check(_: int, now_ms: int) -> None:
            if server.generation == generation:
                self._check(server, now_ms)
                self._check_at(self._next_check(server, now_ms), server)

        self._schedule(at_ms, check)

    def _check(self, server: _Server, now_ms: int) -> None:
        """One health check, whose first packet may be lost; TCP sends it again."""
        config, answer = self._config.health_check, server.answer
        lost = is_lost(self._seed, server.name, now_ms, answer.lost, self._tries)
        passes, seen = answer.passes and not lost, timed_out(config.timeout) if lost else answer.seen
        late_ms = config.timeout if seen.startswith(_TIMED_OUT) else 0
        server.row = max(server.row, 0) + 1 if passes else min(server.row, 0) - 1
        turns = passes != server.healthy and abs(server.row) == (config.rise if passes else config.fall)
        if turns or (not server.healthy and not passes and server.told != (False, seen)):
            self._tell_at(now_ms + late_ms, server, server.generation, seen, healthy=passes)

    def _leave_loss(self, server: _Server, answer: Answer, now_ms: int) -> None:
        """The next answers are not a matter of luck: the checks in a row so far count on."""
        counts_on = answer.lost or (server.row != 0 and (server.row > 0) == answer.passes)
        last = self._checks(server, now_ms)
        interval = self._config.health_check.interval
        server.streak_ms = server.origin_ms + (last - abs(server.row)) * interval if counts_on else now_ms

    # -- traffic ------------------------------------------------------------------------------------------------

    def _leave(self, server: _Server, now_ms: int) -> None:
        if server.registered and server.healthy:
            self._fluid.settle(now_ms)
            self._count(server, -1)
            self._note_minimum()

    def _count(self, server: _Server, change: int) -> None:
        answer = server.answer
        shifted = server.name in self._shifted
        self._fluid.count(Kind(shifted, *answer[2:], server.held), change)
        if (meters := self._fluid.meters) is not None:
            if change > 0:
                meters.comes(server.name, shifted)
            else:
                meters.leaves(server.name)
            self._look_later(self._fluid.settled_ms)

    def _note_minimum(self) -> None:
        if self.in_service_min is not None:
            self.in_service_min = min(self.in_service_min, self.in_service)
        elif self.in_service and self.in_service >= self._group:
            self.in_service_min = self.in_service

    def measure(self, now_ms: int) -> tuple[int, int, tuple[tuple[str, int], ...]]:
        """Requests since the run began: all, failed, and by the revision that answered, as whole numbers."""
        return self._fluid.measure(now_ms)

    @property
    def strays(self) -> int:
        """Requests that reached a host which was to get none."""
        return self._fluid.strays

    def shares(self, now_ms: int) -> tuple[dict[Share, int], int]:
        """Requests since the run began by their fate, and those that nobody was there to answer."""
        return self._fluid.shares(now_ms)
