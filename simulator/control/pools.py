"""The pools of a run: their fold over the run's events, what of it concerns the groups, and words for its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from fleet.base import Emit, Fleet
from scenarios.fault_names import names_of
from scenarios.model import Effect, Expect, Group, NamedHost, PoolChange, Scenario
from simulator.control.groups import NOBODY, Folded, GroupInHand, Groups
from simulator.control.pool_rules import PoolRules
from simulator.control.request import checks_of
from simulator.control.result import Finding
from simulator.rollout.commands import Command, CreateDeployment, EndHost, HostCommand, LaunchHost
from simulator.rollout.deployment import Deployment, Limits, Target
from simulator.rollout.events import (
    Event,
    FaultChanged,
    HostEnded,
    HostLaunched,
    HostLost,
    LaunchTimedOut,
    PoolChanged,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.pool import HookSpec, Place, Pool, PoolSpec
from simulator.rollout.pools import Pools
from simulator.rollout.rollback import deployment_id
from simulator.rollout.statuses import Creator, OutdatedInstancesStrategy, PoolProcess, RollbackEvent
from strategies import DEFAULT_CONFIGS
from strategies.plan import Member

HEALTH_CHECK_MS: Final = 60_000
"""So long after a host was terminated behind its pool's back the pool finds out: EC2's status checks are made every
minute (EC2 user guide, "Status checks for Amazon EC2 instances"), and a pool replaces what is not running (EC2 Auto
Scaling user guide, "Health checks for instances in an Auto Scaling group")."""


class PoolsInHand:
    """Every pool of a run. `emit` journals what somebody does with one; `later` sets a timer."""

    def __init__(
        self,
        scenario: Scenario,
        groups: Groups,
        hosts: Sequence[NamedHost],
        seed: int,
        fleet: Fleet,
        emit: Emit,
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._scenario, self._groups, self._fleet = scenario, groups, fleet
        self._emit, self._later = emit, later
        hooks = {group.name: _hook(scenario, group, groups[group.name], seed) for group in scenario.all_groups}
        self._fold = Pools(_specs(scenario, hosts), hooks, scenario.limits.launch)
        self._rules = PoolRules(self._fold)
        self.answered = 0
        """So many commands has the event in hand been answered with."""
        self._launched: dict[str, HostLaunched] = {}
        named = tuple(zip(names_of(scenario.faults), scenario.faults, strict=True))
        self._to_come = {
            name
            for name, fault in named
            if fault.do.pool is not None and (fault.when is None or fault.when.at is not None)
        }
        """The faults by which something is to be done in any case: at a time, or at once."""
        self._open = 0
        """So many changes are made, and not heard of yet."""
        self._made: dict[str, PoolChanged] = {}
        """The last of them of each pool: what it stands at, whoever knows of it."""
        self._no_replacement: list[str] = []
        """Pools of which a replacement was to be changed while there was none."""
        self._terminators = {name for name, fault in named if fault.do.host == "terminate"}
        """The faults that terminate hosts behind their pools' backs."""
        self._lost: set[str] = set()
        """Hosts that were terminated so, and whose pool's health check is still to find out."""
        self.related: dict[str, str] = {}
        """Of each follow-on deployment, the one that it follows (`autoUpdateOutdatedInstancesRootDeploymentId`)."""

    @property
    def busy(self) -> bool:
        """Whether a host is on its way in or out."""
        return any(pool.under_way for pool in self._fold.pools.values())

    @property
    def waits(self) -> bool:
        """Whether something will be done with a pool in any case: at a time that is to come, or just now.

        Or a pool is still to find out that one of its hosts is no more.
        """
        return bool(self._to_come) or self._open > 0 or any(self._fold.home(host) for host in self._lost)

    def remember(self, others: PoolsInHand) -> None:
        """Know what those know. What somebody is still to do stands in the scenario, and nobody forgets it; nor is what
        a pool is still to find out the controller's.
        """
        self._fold, self._rules = others._fold, others._rules
        self._launched, self._no_replacement, self.related = others._launched, others._no_replacement, others.related

    # -- what happens -------------------------------------------------------------------------------------------

    def beside(self, event: Event, folded: Folded) -> Folded:
        """Fold an event, beside the deployments that have `folded` it: their answers, and the pools'."""
        self.answered = sum(len(commands) for _, commands in folded)
        commands = self._handle(event)
        self.answered += len(commands)
        if folded is NOBODY:
            return ((None, commands),)
        return (*folded, (None, commands)) if commands else folded

    def _handle(self, event: Event) -> tuple[Command, ...]:
        commands = self._fold.handle(event, self.answered)
        if isinstance(event, HostLaunched):
            self._launched[event.host] = event
            self._join_groups(event.host)
        elif isinstance(event, PoolChanged):
            self._open = max(self._open - 1, 0)  # in a replay nobody does anything, and it is heard of all the same
            if not self._open:
                self._made.clear()
            if event.pool not in self._fold.pools:
                self._no_replacement.append(event.pool)
        elif isinstance(event, HostEnded):
            self._groups.end_host(event.host)
        elif isinstance(event, HostLost):
            self._lost.discard(event.host)
        elif isinstance(event, FaultChanged) and event.active:
            self._struck(event)
        return self._checked(event, commands)

    def _struck(self, event: FaultChanged) -> None:
        self._to_come.discard(event.fault)
        if event.fault in self._terminators:
            for host in event.hosts:
                self._lost.add(host)
                self._later(HEALTH_CHECK_MS, partial(self._find_out, host))

    def over(self, event: Event, rollout: Rollout, *, undone: bool) -> tuple[Command, ...]:
        """A deployment has ended by this event; what is to be done. `undone`: its rollback is about to be created."""
        commands = self._fold.over(event, rollout, self.answered, undone=undone)
        self.answered += len(commands)
        for host in self._fold.copies.left_alone:
            self._groups.leave(host)
        for host in self._fold.copies.taken_back:
            self._groups.take_back(host)
        if not rollout.deployment.creator.beside:  # only the groups' own deployments give them other pools
            for host in (*self._fold.stranded, *self._fold.copies.taken_back):
                self._join_groups(host)
        elif rollout.deployment.creator is Creator.AUTOSCALING:
            for host in rollout.hosts:
                self._join_groups(host)
        return self._checked(event, commands)

    def check(self, event: Event, commands: Sequence[Command]) -> None:
        """A deployment has answered an event with these commands."""
        self._rules.check(event, commands)

    def begins(self, deployment: Deployment) -> None:
        """A deployment is created: a host whose termination deployment this is belongs to no group any more."""
        if deployment.creator is Creator.AUTOSCALING_TERMINATION:
            for target in deployment.targets:
                self._groups.leave(target.name)

    def carry(self, command: LaunchHost | EndHost) -> None:
        """Have a host launched, or terminated."""
        if isinstance(command, EndHost):
            self._groups.end_host(command.host)
        else:
            self._later(self._scenario.limits.launch, partial(self._expire, command))
        self._fleet.perform(command)

    def reached(self, command: Command) -> None:
        """A command reaches its host."""
        if isinstance(command, HostCommand):
            self._rules.reached(command)

    def strike(self, _fault: str, effect: Effect) -> None:
        """Somebody scales a pool, or suspends or resumes processes of it."""
        if effect.pool is not None:
            self._change(effect.pool)

    def heal(self, fault: str, effect: Effect) -> None:
        """What is done with a pool lasts."""

    def _change(self, change: PoolChange) -> None:
        self._open += 1

        def make(event_id: int, at_ms: int) -> PoolChanged:
            pool = self._fold.copy_of(change.name) if change.replacement else self._fold.current(change.name)
            if pool is None:
                return PoolChanged(event_id, at_ms, "", f"the replacement of {change.name}", change.desired or 0, ())
            stands = self._made.get(pool.name, pool)
            suspended = (set(stands.suspended) | set(change.suspend)) - set(change.resume)
            desired = stands.desired if change.desired is None else change.desired
            desired = min(max(desired, pool.minimum), pool.maximum)
            made = PoolChanged(event_id, at_ms, "", pool.name, desired, tuple(map(PoolProcess, sorted(suspended))))
            self._made[pool.name] = made
            return made

        self._emit(make)

    def host(self, event: HostLaunched) -> NamedHost:
        """The host that was launched, with its tags."""
        return self._scenario.pool_host(event.host, self._fold.pools[event.pool].hosts[event.host].zone)

    def _expire(self, command: LaunchHost) -> None:
        if self._fold.waits(command.pool, command.host):
            self._emit(lambda event_id, at_ms: LaunchTimedOut(event_id, at_ms, command.id, command.pool, command.host))

    def _find_out(self, host: str) -> None:
        """The health check of a host's pool: the host is no more, unless its pool has let it go meanwhile."""
        if (pool := self._fold.home(host)) is not None:
            self._emit(lambda event_id, at_ms: HostLost(event_id, at_ms, "", pool.name, host))

    def _join_groups(self, host: str) -> None:
        """A host is its pool's groups' as soon as its launch is over, in all of them; of some it may be already."""
        pool = self._fold.home(host)
        if pool is not None and pool.hosts[host].place is Place.IN_SERVICE:
            for name in pool.groups:
                self._groups[name].join(Target(host, pool.hosts[host].zone))

    def _checked(self, event: Event, commands: tuple[Command, ...]) -> tuple[Command, ...]:
        self._rules.check(event, commands)
        for command in commands:
            if isinstance(command, CreateDeployment) and command.deployment.creator is Creator.AUTO_UPDATE:
                self.related[command.deployment.deployment_id] = command.deployment_id
                self._groups[command.deployment.group].reserved = True
        return commands

    # -- the end ------------------------------------------------------------------------------------------------

    def findings(self) -> tuple[Finding, ...]:
        """The rules of pools, whether each held, and why."""
        forgotten = [host for host in self._launched if host not in self._groups.gone and not self._spoken_of(host)]
        return self._rules.findings(forgotten)

    def _spoken_of(self, host: str) -> bool:
        """Whether a host that was launched is in a group, or the run's end says why it is in none."""
        pool = self._fold.home(host)
        return pool is None or (  # a deployment has terminated it
            host in self._fold.stranded
            or not pool.groups
            or any(host in self._groups[name] for name in pool.groups)
            or pool.hosts[host].place is not Place.IN_SERVICE
        )

    def judge(self, expect: Expect) -> Iterator[Finding]:
        """Whether what is expected of pools has come about."""
        found = {
            "launch_loops": {pool.name: str(pool.loops[-1]) for pool in self._fold.pools.values() if pool.loops},
            "mixed_versions": {group.name: words for group in self._groups for words in self._mixed(group)},
            "stranded": dict(self._stranded()),
        }
        for name, there in found.items():
            wanted = getattr(expect, name)
            if wanted is not None:
                why = "; ".join(there.values()) or "there is none"
                what = f"{name.replace('_', ' ')}: {', '.join(wanted) or 'none'}"
                yield Finding(what, sorted(wanted) == sorted(there), why)

    @property
    def loops(self) -> dict[str, str]:
        """The loops in which pools have launched, in words, by the id of the last launch deployment of each."""
        return {loop.deployment: str(loop) for pool in self._fold.pools.values() for loop in pool.loops}

    def told(self) -> Iterator[str]:
        """What deserves a word at the end of the run."""
        for pool in self._fold.pools.values():
            yield from map(str, pool.loops)
            yield from self._held(pool)
            if pool.outgrown:
                yield pool.outgrown
        yield from (words for _, words in self._stranded())
        for group in self._groups:
            yield from self._mixed(group)
        for name in self._no_replacement:
            yield f"nobody scaled {name}: no blue/green deployment that copies the pool was under way then"
        for host, event in self._launched.items():
            if event.user_data:
                yield (
                    f"{host}'s user data script exited with {event.user_data}: nobody at AWS acts on that, and only "
                    "the host's own log (cloud-init's) tells it"
                )

    @staticmethod
    def _held(pool: Pool) -> Iterator[str]:
        if pool.retired or pool.there == pool.desired or pool.given_up:
            return
        process = PoolProcess.LAUNCH if pool.there < pool.desired else PoolProcess.TERMINATE
        if process in pool.suspended:
            yield f"{pool.words}: {process} is suspended"

    def _stranded(self) -> Iterator[tuple[str, str]]:
        """The hosts that stand in a pool and are nobody's, each with the reason."""
        for host, why in self._fold.stranded.items():
            if (pool := self._fold.home(host)) is not None:
                next_one = "; the next deployment of the group will" if pool.groups else ""
                yield (
                    host,
                    f"{host} is stranded in {pool.name}, without a revision and without traffic: {why}, "
                    f"so nobody deployed to it (aws-codedeploy-samples#80){next_one}",
                )

    def _mixed(self, group: GroupInHand) -> Iterator[str]:
        """The versions beside the one that the group has, on hosts that came up meanwhile."""
        success = group.last_success
        outdated = [host.name for host in self._fold.outdated(group.name)]
        if success is None or not outdated:
            return
        there = {target.name: target.revision or "none" for target in group.targets}
        stands = {host: there.get(host, "none") for host in outdated}
        names = ", ".join(
            f"{host} on {revision}" + ", where it failed" * (revision == success.revision)
            for host, revision in stands.items()
        )
        ignored = group.group.outdated_instances_strategy == OutdatedInstancesStrategy.IGNORE.value
        why = " (outdated_instances_strategy: IGNORE)" if ignored else ""
        yield f"{group.name} ends with mixed versions: {success.revision}, and {names}{why}"


def _specs(scenario: Scenario, hosts: Sequence[NamedHost]) -> Iterator[PoolSpec]:
    for name, pool in scenario.pools.items():
        groups = tuple(group.name for group in scenario.all_groups if name in group.pools)
        yield PoolSpec(
            name,
            pool.min,
            pool.desired,
            pool.max,
            pool.zones,
            tuple(Member(host.name, host.zone) for host in hosts if host.pool == name),
            groups,
            frozenset(map(PoolProcess, pool.suspended)),
            pool.termination_hook,
        )


def _hook(scenario: Scenario, group: Group, in_hand: GroupInHand, seed: int) -> HookSpec:
    limits = scenario.limits
    template = Deployment(
        deployment_id=deployment_id(scenario.name, seed, group.name, "pools"),
        application=group.application or scenario.application,
        group=group.name,
        revision="",
        strategy="rolling",
        config=DEFAULT_CONFIGS["rolling"],
        targets=(),
        with_balancer=scenario.balanced(group),
        limits=Limits(limits.start, limits.event, limits.deployment),
        checks=checks_of(scenario),
        auto_rollback=tuple(RollbackEvent(event) for event in group.auto_rollback),
        alarms=group.alarms,
        ignore_poll_alarm_failure=group.ignore_poll_alarm_failure,
    )
    return HookSpec(
        template,
        OutdatedInstancesStrategy(group.outdated_instances_strategy),
        frozenset(map(PoolProcess, group.auto_scaling_group_processes_to_suspend)),
        in_hand.last_success,
    )
