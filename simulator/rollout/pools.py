"""What pools do: a second fold, beside the deployments', over the same events.

    events ──▶ Pools.handle(event) ──▶ commands
    a deployment's end ──▶ Pools.over(event, rollout) ──▶ commands

A host that a pool launches gets each of its groups' last successful revision by a launch deployment, and is abandoned
where that fails: terminated, and launched again. One that missed a deployment gets a follow-on deployment. One that is
to go has a termination deployment first, where the group has that hook. One that somebody else has terminated is
replaced.

Source: AWS CodeDeploy user guide, "Integrating CodeDeploy with Amazon EC2 Auto Scaling" and "Troubleshoot Amazon EC2
Auto Scaling issues". Like the machine of deployments it is pure: the time is the event's. And like there an event costs
O(1), but for those that begin or end a deployment: they cost as much as it has hosts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from simulator.rollout.commands import Command, CreateDeployment, EndHost, GiveUpLaunching, LaunchHost
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    AlarmChanged,
    DeploymentCreated,
    Event,
    HostEnded,
    HostLaunched,
    HostLost,
    HostProvisioned,
    HostTerminated,
    LaunchTimedOut,
    PoolChanged,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import duration
from simulator.rollout.pool import (
    LOOPS_MAX,
    Failures,
    HookSpec,
    Loop,
    Place,
    Pool,
    PoolBook,
    PoolHost,
    PoolSpec,
)
from simulator.rollout.pool_copies import PoolCopies
from simulator.rollout.pool_hooks import Hook
from simulator.rollout.statuses import AlarmState, Creator, DeploymentStatus, PoolProcess, TargetStatus


class Pools(PoolBook):
    """Every pool of a run. `handle` and `over` are the only things that change them. `launch_ms`: a launch's limit."""

    def __init__(self, pools: Iterable[PoolSpec], hooks: Mapping[str, HookSpec], launch_ms: int) -> None:
        super().__init__(pools)
        self._hooks = {name: Hook(spec) for name, spec in hooks.items()}
        self._launch_ms = launch_ms
        self.stranded: dict[str, str] = {}
        """The hosts that stand in a pool and are no deployment's, and why."""
        self.copies = PoolCopies(self)
        self._named = {pool.name: len(pool.hosts) for pool in self.pools.values()}
        """How many names the hosts of a pool and of its copies have had."""
        self._commands: list[Command] = []
        self._event_id = 0
        self._first = 0

    # -- the fold -----------------------------------------------------------------------------------------------

    def handle(self, event: Event, first: int = 0) -> tuple[Command, ...]:
        """Take an event in, and say what is to be done. `first`: the number of the first command."""
        handler = _TABLE.get(type(event))
        if handler is None:
            return ()
        self._begin(event, first)
        handler(self, event)
        return tuple(self._commands)

    def over(self, event: Event, rollout: Rollout, first: int = 0, *, undone: bool = False) -> tuple[Command, ...]:
        """A deployment has ended by this event. `undone`: a rollback of it is about to be created."""
        self._begin(event, first)
        self.copies.left_alone, self.copies.taken_back = [], []
        creator = rollout.deployment.creator
        if creator is Creator.AUTOSCALING:
            self._launched(event, rollout)
        elif creator is Creator.AUTOSCALING_TERMINATION:
            self._taken_leave(rollout)
        else:
            self._deployed(event, rollout, undone=undone)
        return tuple(self._commands)

    def waits(self, pool: str, host: str) -> bool:
        """Whether a host's launch is not over yet."""
        found = self.pools[pool].hosts.get(host)
        return found is not None and found.place in (Place.LAUNCHING, Place.DEPLOYING)

    # -- handlers -----------------------------------------------------------------------------------------------

    def _changed(self, event: PoolChanged) -> None:
        pool = self.pools.get(event.pool)
        if pool is None:
            return  # a replacement that was not there
        held, pool.desired = PoolProcess.LAUNCH in pool.suspended, event.desired
        pool.suspended = frozenset(PoolProcess(name) for name in event.suspended)
        if held and PoolProcess.LAUNCH not in pool.suspended:
            _let_out(pool, "somebody resumed Launch")  # and has looked at the image
        self._converge(pool, event)

    def _host_launched(self, event: HostLaunched) -> None:
        pool = self.pools[event.pool]
        host = pool.hosts.get(event.host)
        if host is None or host.place is not Place.LAUNCHING:
            return
        pool.move(host, Place.DEPLOYING)
        for name in pool.groups:
            hook = self._hooks[name]
            success = hook.last_success
            host.missed[name] = success.revision if success else None
            if success is not None:
                why = f"{host.name} was launched, and {success.revision} is the group's last successful revision"
                self._deploy(host, hook.launches(host, success, why, event.at_ms))
        if not pool.groups and pool.copied_by:
            self.stranded[host.name] = "the replacement pool has no lifecycle hook before its deployment has ended"
        if not host.awaited:
            self._join(pool, host, event)

    def _host_ended(self, event: HostEnded) -> None:
        pool = self.pools[event.pool]
        if pool.remove(event.host) is not None:
            self._converge(pool, event)

    def _host_lost(self, event: HostLost) -> None:
        """Its place is free, and `HostEnded` gives it to another. No termination deployment: nobody would answer it."""
        pool = self.pools[event.pool]
        host = pool.hosts.get(event.host)
        if host is not None and host.place is not Place.ENDING:
            self._end(pool, host, f"{host.name} is not running any more, says the health check of {pool.name}")

    def _alarm_changed(self, event: AlarmChanged) -> None:
        """Where an alarm has stopped the launches, the next one that is tried on AWS goes through now."""
        if event.state is not AlarmState.OK:
            return
        for group, hook in self._hooks.items():
            for pool in self.of(group) if event.alarm in hook.spec.template.alarms else ():
                if pool.given_up and pool.failures.alarm and len(pool.loops) < LOOPS_MAX:
                    _let_out(pool, f"{event.alarm} was OK again")
                    self._converge(pool, event)

    def _timed_out(self, event: LaunchTimedOut) -> None:
        pool = self.pools[event.pool]
        host = pool.hosts.get(event.host)
        if host is not None and host.place is Place.LAUNCHING:
            limit = duration(self._launch_ms)
            self._abandon(pool, host, "", f"its agent never asked for work within {limit}")

    def _created(self, event: DeploymentCreated) -> None:
        deployment = event.deployment
        if deployment.creator.beside:
            return
        self._hooks[deployment.group].active = True
        self.copies.make(deployment)

    def _terminated(self, event: HostTerminated) -> None:
        """A blue/green deployment has ended a host itself, and its pool has that much less to have."""
        pool = self.home(event.host)
        if pool is not None:
            self._leaves(pool.hosts[event.host])
            pool.remove(event.host)
            pool.replaced += 1
            pool.desired = max(pool.desired - 1, 0)
            pool.minimum = min(pool.minimum, pool.desired)

    # -- a deployment's end -------------------------------------------------------------------------------------

    def _launched(self, event: Event, rollout: Rollout) -> None:
        (name,) = rollout.hosts
        pool = self.home(name)
        if pool is None or (host := pool.hosts[name]).place is not Place.DEPLOYING:
            return
        host.awaited.discard(rollout.deployment_id)
        if rollout.status is not DeploymentStatus.SUCCEEDED:
            failed = rollout.failures[0] if rollout.failures else None
            said = rollout.error.message if rollout.error else str(rollout.status)
            at, reason = (failed.event, failed.message) if failed else ("", said)
            self._abandon(pool, host, at, reason, rollout)
        elif not host.awaited:
            self._join(pool, host, event)

    def _taken_leave(self, rollout: Rollout) -> None:
        (name,) = rollout.hosts
        pool = self.home(name)
        if pool is None or (host := pool.hosts[name]).place is not Place.LEAVING:
            return
        host.awaited.discard(rollout.deployment_id)
        if not host.awaited:
            self._end(pool, host, f"{name} is to go, and its termination deployment {rollout.status}")

    def _deployed(self, event: Event, rollout: Rollout, *, undone: bool) -> None:
        deployment = rollout.deployment
        hook = self._hooks[deployment.group]
        hook.active = undone
        for name in rollout.hosts:
            if (pool := self.home(name)) is not None:
                hook.deployed(pool.hosts[name], rollout)
                if rollout.hosts[name].status is not TargetStatus.SKIPPED:
                    self.stranded.pop(name, None)
        brings_another = hook.over(rollout)
        if not undone:
            for pool in self.copies.take_over(rollout):
                self._end_all(pool, f"{pool.name} is deleted, with what it has launched meanwhile")
        if brings_another:
            for pool in self.of(deployment.group):
                _let_out(pool, f"{deployment.deployment_id} had deployed {deployment.revision}")
        for copy in self.copies.drop(rollout):
            self._end_all(copy, f"{copy.name} is deleted: its deployment was rolled back")
        if not undone:
            self.copies.leave_standing(deployment)
            self._follow(deployment.group)
            for pool in self.of(deployment.group):
                self._converge(pool, event)

    def _follow(self, group: str) -> None:
        """Hosts that were launched meanwhile have missed what the group has now: a follow-on deployment, or none."""
        hook = self._hooks[group]
        if (deployment := hook.follow_on()) is not None:
            why = deployment.description
            self._commands.append(CreateDeployment(self._next_id(), hook.root, why, deployment))

    def outdated(self, group: str) -> Iterator[PoolHost]:
        """The hosts of a group's pools in which a launch has left something else than the group has now.

        It walks the pools: for the end of a run.
        """
        hook = self._hooks[group]
        for pool in self.of(group):
            for host in pool.in_order():
                there = host.place is Place.IN_SERVICE and group in host.missed
                if there and not hook.has(host.missed[group]):
                    yield host

    # -- launching and terminating ------------------------------------------------------------------------------

    def _converge(self, pool: Pool, event: Event) -> None:
        """Launch what is missing, and let go what is too many, as far as no process is suspended."""
        if pool.retired or not pool.complete:
            return
        while pool.there < pool.desired and not pool.given_up and self._runs(pool, PoolProcess.LAUNCH):
            zone, name, until_ms = pool.emptiest_zone(), self._next_name(pool), event.at_ms + self._launch_ms
            why = f"{pool.name} has {pool.there} of {pool.desired} hosts"
            pool.launch(name, zone, until_ms)
            self._commands.append(LaunchHost(self._next_id(), "", why, pool.name, pool.image, name, zone, until_ms))
        while pool.there > pool.desired and self._runs(pool, PoolProcess.TERMINATE):
            host = pool.surplus()
            if host is None:
                break
            self._let_go(pool, host)

    def _runs(self, pool: Pool, process: PoolProcess) -> bool:
        """Whether a process of a pool is suspended neither by somebody, nor by a deployment of its group."""
        hooks = (self._hooks[name] for name in pool.groups)
        return process not in pool.suspended and not any(h.active and process in h.spec.suspends for h in hooks)

    def _let_go(self, pool: Pool, host: PoolHost) -> None:
        why = f"{pool.words}: {host.name} goes"
        pool.move(host, Place.LEAVING)
        self._leaves(host)
        for name in pool.groups if pool.termination_hook else ():
            hook = self._hooks[name]
            if (success := hook.last_success) is not None:
                self._deploy(host, hook.terminates(host, success, why, self._launch_ms))
        if not host.awaited:
            self._end(pool, host, why)

    def _join(self, pool: Pool, host: PoolHost, event: Event) -> None:
        """A launch has gone well: the host is one of its pool's."""
        pool.move(host, Place.IN_SERVICE)
        pool.failures = Failures()
        for name in pool.groups:
            self._hooks[name].joined(host)
            self._follow(name)
        self._converge(pool, event)

    def _abandon(self, pool: Pool, host: PoolHost, at: str, reason: str, rollout: Rollout | None = None) -> None:
        """A launch has failed (its hook is completed with ABANDON): the host goes, and another one comes."""
        self._end(pool, host, f"{host.name}'s launch is abandoned: {f'{at}: ' if at else ''}{reason}")
        if pool.failures.another(at, alarm=rollout is not None and bool(rollout.alarm)):
            if pool.given_up:  # and this one was on its way already
                pool.loops.pop()
            launches = pool.failures.row
            where = f"at {at}: {reason}" if at else reason
            pool.given_up = (
                f"{pool.name} launches in a loop: {launches} launches in a row have failed, the last one, {host.name}, "
                f"{where}. On AWS this goes on until somebody suspends Launch, mends the image, or deploys a revision "
                "that starts"
            )
            pool.loops.append(Loop(pool.given_up, rollout.deployment_id if rollout else ""))
            self._commands.append(
                GiveUpLaunching(self._next_id(), "", pool.given_up, pool.name, host.name, at, reason, launches)
            )

    def _end_all(self, pool: Pool, why: str) -> None:
        for host in pool.in_order():
            if host.place is not Place.ENDING:
                self._end(pool, host, why)

    def _end(self, pool: Pool, host: PoolHost, why: str) -> None:
        pool.move(host, Place.ENDING)
        self._leaves(host)
        self._commands.append(EndHost(self._next_id(), "", why, pool.name, host.name))

    def _leaves(self, host: PoolHost) -> None:
        """A host goes: nothing that was missing on it is missing any more."""
        self.stranded.pop(host.name, None)
        for group in host.missed:
            self._hooks[group].left(host)

    def _deploy(self, host: PoolHost, deployment: Deployment) -> None:
        """Create a launch or termination deployment, for which the host waits."""
        host.awaited.add(deployment.deployment_id)
        self._commands.append(CreateDeployment(self._next_id(), "", deployment.description, deployment))

    def _next_name(self, pool: Pool) -> str:
        """A name that no host of the pool, or of its copies, has had."""
        self._named[pool.image] += 1
        return f"{pool.image}-{self._named[pool.image]}"

    def _begin(self, event: Event, first: int) -> None:
        self._event_id, self._first, self._commands = event.id, first, []

    def _next_id(self) -> str:
        return f"{self._event_id}.{self._first + len(self._commands)}"


def _let_out(pool: Pool, why: str) -> None:
    """What made a pool's launches fail may be gone: it launches again."""
    if pool.given_up:
        pool.loops[-1].ended = why
    pool.failures, pool.given_up = Failures(), ""


_TABLE: Final[Mapping[type[Event], Callable[..., None]]] = {
    PoolChanged: Pools._changed,
    HostLaunched: Pools._host_launched,
    HostEnded: Pools._host_ended,
    HostLost: Pools._host_lost,
    AlarmChanged: Pools._alarm_changed,
    LaunchTimedOut: Pools._timed_out,
    DeploymentCreated: Pools._created,
    HostProvisioned: lambda pools, event: pools.copies.provisioned(event),
    HostTerminated: Pools._terminated,
}
