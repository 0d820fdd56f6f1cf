"""A stage's hosts among all the others: which side each is on, how it stands, and who is counted on."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from simulator.rollout.deployment import Target
from simulator.rollout.events import HealthCheckReported
from simulator.rollout.health import Standing
from simulator.rollout.host import Host
from simulator.rollout.statuses import Label, TargetStatus
from simulator.rollout.walk import HostWalk
from strategies.plan import Deploy, Part, Provision, Terminate


class FleetWalk(HostWalk):
    """The part of the machine that knows a stage's hosts from the rest of the fleet."""

    def _label_hosts(self) -> None:
        """Add the hosts that the plan provisions, and tell the old ones from the new."""
        for stage in self.stages:
            if isinstance(stage, Provision):
                for member in stage.hosts:
                    self.hosts[member.name] = host = Host(Target(member.name, member.zone))
                    host.unborn = True
                self.counts[TargetStatus.PENDING] += len(stage.hosts)
        green = {
            name
            for stage in self.stages
            if isinstance(stage, Deploy) and stage.part is Part.INSTALL
            for name in stage.hosts
        }
        told = self.deployment.options.blue_green
        green.update((*told.green, *told.let_in, *told.doomed) if told else ())
        if green:
            for host in self.hosts.values():
                host.label = Label.GREEN if host.name in green else Label.BLUE

    def _rank(self, target: Target) -> int:
        """CodeDeploy's order: unhealthy hosts, and then of the healthy ones unknown, old, current."""
        if not target.healthy or target.revision is None:
            return int(target.healthy)
        return 3 if target.revision == self.deployment.revision else 2

    def _in_health(self, host: Host) -> bool:
        """Whether a host that nobody is at counts as healthy: a Ready one is not in service yet."""
        if host.status is TargetStatus.PENDING:
            return host.target.healthy
        return host.status is TargetStatus.SUCCEEDED and host.name not in self.sick

    def _among(self, stage: Deploy) -> Collection[str]:
        """The hosts over which a stage's minimum is counted; where these are all, nobody goes through them."""
        return self.hosts if stage.fleet == len(self.hosts) else frozenset(stage.among)

    def _standing(self, stage: Deploy, own: Sequence[Host]) -> Standing:
        """How the hosts beside the stage's own stand, of those over which its minimum is counted.

        `own` are still to come. In place, where there may be as many stages as hosts, the counters tell. One side of a
        blue/green deployment is gone through: it has a few stages, however large it is.
        """
        rest = stage.fleet - len(own)
        if rest and stage.fleet == len(self.hosts):
            succeeded = self.counts[TargetStatus.SUCCEEDED]
            healthy = self.healthy_to_come - sum(self._in_health(host) for host in own) + succeeded - len(self.sick)
            return Standing(rest, healthy, succeeded, self.counts[TargetStatus.FAILED])
        mine = {host.name for host in own}
        others = [self.hosts[name] for name in stage.among if name not in mine]
        return Standing(
            len(others),
            sum(self._in_health(host) for host in others),
            sum(host.status is TargetStatus.SUCCEEDED for host in others),
            sum(host.status is TargetStatus.FAILED for host in others),
        )

    def _sick_among_these(self) -> list[HealthCheckReported]:
        """What was last seen of hosts that this stage counts on, and that have turned unhealthy."""
        stage = self.stages[self.stage]
        among = self._among(stage) if isinstance(stage, Deploy) else ()
        return [seen for name, seen in self.sick.items() if name in among]

    def _look_at_the_new(self, stage: Deploy | Terminate) -> None:
        """Note that old hosts leave and no new one is well: CodeDeploy does not look, so nothing follows from it."""
        if not stage.hosts or self.hosts[stage.hosts[0]].label is not Label.BLUE:
            return
        new = [h for h in self.hosts.values() if h.label is Label.GREEN and h.status is TargetStatus.SUCCEEDED]
        if new and all(host.name in self.sick for host in new):
            self.forsaken.append(stage.name)
