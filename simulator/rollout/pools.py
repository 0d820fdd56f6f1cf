"""What pools do: a second fold, beside the deployments', over the same events.

    events ──▶ Pools.handle(event) ──▶ commands
    a deployment's end ──▶ Pools.over(event, rollout) ──▶ commands

A host that a pool launches gets each of its groups' last successful revision by a launch deployment, and is abandoned
where that fails: terminated, and launched again. One that missed a deployment gets a follow-on deployment. One that is
to go has a termination deployment first, where the group has that hook.

Source: AWS CodeDeploy user guide, "Integrating CodeDeploy with Amazon EC2 Auto Scaling" and "Troubleshoot Amazon EC2
Auto Scaling issues". Like the machine of deployments it is pure: the time is the event's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from simulator.rollout.commands import Command, CreateDeployment, EndHost, GiveUpLaunching, LaunchHost
from simulator.rollout.deployment import Deployment, Success, Target
from simulator.rollout.events import (
    DeploymentCreated,
    Event,
    HostEnded,
    HostLaunched,
    HostProvisioned,
    HostTerminated,
    LaunchTimedOut,
    PoolChanged,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import duration
from simulator.rollout.pool import Failures, HookSpec, Place, Pool, PoolBook, PoolHost, PoolSpec
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN, deployment_id
from simulator.rollout.statuses import Creator, DeploymentStatus, OutdatedInstancesStrategy, PoolProcess
from strategies.blue_green import successors
from strategies.configuration import ALL_AT_ONCE, ONE_AT_A_TIME
from strategies.options import NONE, BlueGreen

LAUNCH: Final = "launch"
TERMINATION: Final = "termination"


class _Hook:
    """A deployment group in the course of a run, as far as its pools are concerned."""

    def __init__(self, spec: HookSpec) -> None:
        self.spec = spec
        self.last_success = spec.last_success
        self.active = False
        """Whether a deployment is under way, or a rollback about to be."""


class Pools(PoolBook):
    """Every pool of a run. `handle` and `over` are the only things that change them. `launch_ms`: a launch's limit."""

    def __init__(self, pools: Iterable[PoolSpec], hooks: Mapping[str, HookSpec], launch_ms: int) -> None:
        super().__init__(pools)
        self._hooks = {name: _Hook(spec) for name, spec in hooks.items()}
        self._launch_ms = launch_ms
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
            pool.failures, pool.given_up = Failures(), ""  # whoever resumes it has looked at the image
        self._converge(pool, event)

    def _host_launched(self, event: HostLaunched) -> None:
        pool = self.pools[event.pool]
        host = pool.hosts.get(event.host)
        if host is None or host.place is not Place.LAUNCHING:
            return
        host.place = Place.DEPLOYING
        for name in pool.groups:
            hook = self._hooks[name]
            success = hook.last_success
            host.missed[name] = success.revision if success else None
            if success is not None:
                why = f"{host.name} was launched, and {success.revision} is the group's last successful revision"
                host.awaited.add(self._deploy(hook, success, host, LAUNCH, event, why))
        if not pool.groups and pool.copied_by:
            host.reason = "the replacement pool has no lifecycle hook before its deployment has ended"
        if not host.awaited:
            self._join(pool, host, event)

    def _host_ended(self, event: HostEnded) -> None:
        pool = self.pools[event.pool]
        if pool.hosts.pop(event.host, None) is not None:
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
        told = deployment.options.blue_green or BlueGreen()
        if deployment.strategy == BLUE_GREEN and not told.green:
            targets = [target.name for target in deployment.targets]
            new = dict(zip(targets, successors(targets, told.generation), strict=True))
            for pool in self.of(deployment.group):
                self._copy(pool, deployment, new)

    def _copy(self, pool: Pool, deployment: Deployment, new: Mapping[str, str]) -> None:
        """COPY_AUTO_SCALING_GROUP: a pool like this one, whose hosts the deployment brings up.

        `new`: the name of the host that replaces each of the deployment's.
        """
        name = f"CodeDeploy_{deployment.group}_{deployment.deployment_id}"
        if name in self.pools:
            name = f"{name}_{pool.image}"
        members = {new[host.name]: host.zone for host in pool.hosts.values() if host.name in new}
        sizes = pool.minimum, len(members), pool.maximum
        spec = PoolSpec(name, *sizes, pool.zones, (), (), pool.suspended, pool.termination_hook)
        self.pools[name] = copy = Pool(spec, pool.image)
        copy.copied_by, copy.complete, copy.awaits = deployment.deployment_id, not members, members

    def _provisioned(self, event: HostProvisioned) -> None:
        for copy in self.pools.values():
            if copy.copied_by != event.deployment_id:
                continue
            if event.host in copy.awaits:
                copy.hosts[event.host] = PoolHost(event.host, copy.awaits[event.host], Place.IN_SERVICE)
                # In the order of those that they replace, whichever came up first.
                copy.hosts = {name: copy.hosts[name] for name in copy.awaits if name in copy.hosts}
                copy.complete = copy.complete or len(copy.hosts) >= copy.desired

    def _terminated(self, event: HostTerminated) -> None:
        """A blue/green deployment has ended a host itself, and its pool has that much less to have."""
        pool = self.home(event.host)
        if pool is not None:
            del pool.hosts[event.host]
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
            self._abandon(pool, host, at, reason, rollout.deployment_id)
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
        deployment, succeeded = rollout.deployment, rollout.status is DeploymentStatus.SUCCEEDED
        hook = self._hooks[deployment.group]
        hook.active = undone
        for pool in self.pools.values():
            for host in pool.hosts.values():
                if host.name in rollout.hosts:
                    host.missed.pop(deployment.group, None)
        if succeeded:
            hook.last_success = Success(deployment.deployment_id, deployment.revision, deployment.file_exists_behavior)
            self._replace_pools(deployment)
        if deployment.strategy == BACK_TO_BLUE:
            self._drop_copies(deployment)
        if not undone:
            for copy in self.pools.values():
                if copy.copied_by == deployment.deployment_id:
                    copy.copied_by, copy.retired = "", True  # it failed: what it has brought up is left standing
            self._follow(deployment.group)
            for pool in self.of(deployment.group):
                self._converge(pool, event)

    def _replace_pools(self, deployment: Deployment) -> None:
        """A blue/green deployment has succeeded: its copies are the group's pools now."""
        told = deployment.options.blue_green
        for copy in tuple(self.pools.values()):
            if copy.copied_by != deployment.deployment_id:
                continue
            original = self.current(copy.image)
            copy.groups, copy.copied_by, copy.complete = original.groups, "", True
            original.retired, original.groups = True, ()
            if told is None or told.terminate_after_ms is not None:  # otherwise it is kept alive
                self._end_all(original, f"{original.name} is deleted, with what it has launched meanwhile")

    def _drop_copies(self, rollback: Deployment) -> None:
        """The way back to blue ends what the deployment had brought up; its pool goes, with all that is in it."""
        for copy in self.pools.values():
            if copy.copied_by == rollback.rollback_of:
                copy.retired = True
                self._end_all(copy, f"{copy.name} is deleted: its deployment was rolled back")

    def _follow(self, group: str) -> None:
        """Hosts that were launched meanwhile have missed what the group has now: a follow-on deployment, or none."""
        hook = self._hooks[group]
        success = hook.last_success
        if success is None or hook.active or hook.spec.outdated is OutdatedInstancesStrategy.IGNORE:
            return
        outdated = list(self.outdated(group))
        if not outdated:
            return
        hook.active = True
        targets = tuple(
            Target(host.name, host.zone, host.missed[group] is not None, host.missed[group]) for host in outdated
        )
        names = ", ".join(target.name for target in targets)
        why = f"{success.revision} was deployed by {success.deployment_id} while {names} came up without it"
        deployment = replace(
            hook.spec.template,
            deployment_id=deployment_id(success.deployment_id, "auto-update", *(target.name for target in targets)),
            revision=success.revision,
            strategy="rolling",
            config=ONE_AT_A_TIME,
            targets=targets,
            creator=Creator.AUTO_UPDATE,
            description=why,
            file_exists_behavior=success.file_exists_behavior,
            last_success=success,
        )
        self._commands.append(CreateDeployment(self._next_id(), success.deployment_id, why, deployment))
        for host in outdated:
            del host.missed[group]

    def outdated(self, group: str) -> Iterator[PoolHost]:
        """The hosts of a group's pools in which a launch has left something else than the group has now."""
        success = self._hooks[group].last_success
        for pool in self.of(group):
            for host in pool.hosts.values():
                there = host.place is Place.IN_SERVICE and group in host.missed
                if there and success is not None and host.missed[group] != success.revision:
                    yield host

    # -- launching and terminating ------------------------------------------------------------------------------

    def _converge(self, pool: Pool, event: Event) -> None:
        """Launch what is missing, and let go what is too many, as far as no process is suspended."""
        if pool.retired or not pool.complete:
            return
        while pool.there < pool.desired and not pool.given_up and self._runs(pool, PoolProcess.LAUNCH):
            zone, name, until_ms = pool.emptiest_zone(), self._next_name(pool), event.at_ms + self._launch_ms
            why = f"{pool.name} has {pool.there} of {pool.desired} hosts"
            pool.hosts[name] = PoolHost(name, zone, Place.LAUNCHING, until_ms)
            self._commands.append(LaunchHost(self._next_id(), "", why, pool.name, pool.image, name, zone, until_ms))
        while pool.there > pool.desired and self._runs(pool, PoolProcess.TERMINATE):
            host = pool.surplus()
            if host is None:
                break
            self._let_go(pool, host, event)

    def _runs(self, pool: Pool, process: PoolProcess) -> bool:
        """Whether a process of a pool is suspended neither by somebody, nor by a deployment of its group."""
        hooks = (self._hooks[name] for name in pool.groups)
        return process not in pool.suspended and not any(h.active and process in h.spec.suspends for h in hooks)

    def _let_go(self, pool: Pool, host: PoolHost, event: Event) -> None:
        why = f"{pool.name} has {pool.there} hosts, and {pool.desired} are wanted: {host.name} goes"
        host.place = Place.LEAVING
        for name in pool.groups if pool.termination_hook else ():
            hook = self._hooks[name]
            if (success := hook.last_success) is not None:
                host.awaited.add(self._deploy(hook, success, host, TERMINATION, event, why))
        if not host.awaited:
            self._end(pool, host, why)

    def _join(self, pool: Pool, host: PoolHost, event: Event) -> None:
        """A launch has gone well: the host is one of its pool's."""
        host.place = Place.IN_SERVICE
        pool.failures = Failures()
        for name in pool.groups:
            self._follow(name)
        self._converge(pool, event)

    def _abandon(self, pool: Pool, host: PoolHost, at: str, reason: str, deployment: str = "") -> None:
        """A launch has failed (its hook is completed with ABANDON): the host goes, and another one comes."""
        self._end(pool, host, f"{host.name}'s launch is abandoned: {f'{at}: ' if at else ''}{reason}")
        if pool.failures.another(at):
            pool.given_up_at = deployment
            launches = pool.failures.row
            where = f"at {at}: {reason}" if at else reason
            pool.given_up = (
                f"{pool.name} launches in a loop: {launches} launches in a row have failed, the last one, {host.name}, "
                f"{where}. On AWS this goes on until somebody suspends Launch, or mends the image"
            )
            self._commands.append(
                GiveUpLaunching(self._next_id(), "", pool.given_up, pool.name, host.name, at, reason, launches)
            )

    def _end_all(self, pool: Pool, why: str) -> None:
        for host in pool.hosts.values():
            if host.place is not Place.ENDING:
                self._end(pool, host, why)

    def _end(self, pool: Pool, host: PoolHost, why: str) -> None:
        host.place = Place.ENDING
        self._commands.append(EndHost(self._next_id(), "", why, pool.name, host.name))

    def _deploy(self, hook: _Hook, success: Success, host: PoolHost, kind: str, event: Event, why: str) -> str:
        """Create a launch or termination deployment; its id."""
        template = hook.spec.template
        identity = deployment_id(template.deployment_id, kind, host.name)
        limit_ms = max(host.until_ms - event.at_ms, 1) if kind == LAUNCH else self._launch_ms
        had = None if kind == LAUNCH else success.revision
        deployment = replace(
            template,
            deployment_id=identity,
            revision=success.revision,
            strategy=kind,
            config=ALL_AT_ONCE,
            options=NONE,
            targets=(Target(host.name, host.zone, kind == TERMINATION, had),),
            creator=Creator.AUTOSCALING if kind == LAUNCH else Creator.AUTOSCALING_TERMINATION,
            description=why,
            file_exists_behavior=success.file_exists_behavior,
            limits=replace(template.limits, deployment_ms=limit_ms),
            last_success=success,
        )
        self._commands.append(CreateDeployment(self._next_id(), "", why, deployment))
        return identity

    def _next_name(self, pool: Pool) -> str:
        """A name that no host of the pool, or of its copies, has had."""
        self._named[pool.image] += 1
        return f"{pool.image}-{self._named[pool.image]}"

    def _begin(self, event: Event, first: int) -> None:
        self._event_id, self._first, self._commands = event.id, first, []

    def _next_id(self) -> str:
        return f"{self._event_id}.{self._first + len(self._commands)}"


_TABLE: Final[Mapping[type[Event], Callable[..., None]]] = {
    PoolChanged: Pools._changed,
    HostLaunched: Pools._host_launched,
    HostEnded: Pools._host_ended,
    LaunchTimedOut: Pools._timed_out,
    DeploymentCreated: Pools._created,
    HostProvisioned: Pools._provisioned,
    HostTerminated: Pools._terminated,
}
