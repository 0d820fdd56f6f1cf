"""The tree: deployments, their hosts, where each stands. Drawn while a run goes on, and once at its end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text
from rich.tree import Tree

from simulator.control.operator_picture import of_groups, required, standing
from simulator.control.result import RunResult
from simulator.report import words
from simulator.report.causes import failed_record, failure, rule
from simulator.report.hosts import fate, in_order
from simulator.report.stages import PAUSED, at_hand, said
from simulator.rollout.commands import Command
from simulator.rollout.events import (
    Event,
    FaultChanged,
    HealthCheckReported,
    LifecycleEventCompleted,
    TrafficMeasured,
)
from simulator.rollout.host import NEVER, Host
from simulator.rollout.lifecycle import BLOCK_TRAFFIC
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, TargetStatus

HOSTS_ONE_BY_ONE_MAX: Final = 30
"""A larger fleet is summarised."""
WORDS_MAX: Final = 5
"""Of what people have said to a deployment, so many of the last words are shown."""
FAULTS_MAX: Final = 20
"""The final tree shows so many beginnings and ends of faults; the others are counted."""
HOSTS_NAMED_MAX: Final = 10
"""Of a summarised fleet, so many of the hosts at work and of the failed ones are shown."""

_ORDER: Final = (
    TargetStatus.SUCCEEDED,
    TargetStatus.FAILED,
    TargetStatus.IN_PROGRESS,
    TargetStatus.READY,
    TargetStatus.PENDING,
    TargetStatus.SKIPPED,
)


class LiveTree:
    """An observer that keeps what the tree shows, and a rich renderable that draws it whenever it is asked.

    `pace`: seconds of the run in each real one, so that its clock goes on between events.
    """

    def __init__(self, title: str, pace: float) -> None:
        self._title = title
        self._pace = pace
        self._seen_s = time.monotonic()
        self._rollouts: dict[str, Rollout] = {}
        self._at_ms = 0
        self._in_service: set[str] = set()
        self._traffic: TrafficMeasured | None = None
        self._faults: dict[str, tuple[str, ...]] = {}
        self._live = True
        self.question = ""
        """What somebody is asked, below the tree."""

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """Take in what happened: O(1), but for the first event of a deployment."""
        del commands
        self._at_ms = event.at_ms
        self._seen_s = time.monotonic()
        if rollout is not None and rollout.deployment_id not in self._rollouts:
            if not self._rollouts:
                self._in_service = {name for name, host in rollout.hosts.items() if host.target.healthy}
            self._rollouts[rollout.deployment_id] = rollout
        match event:
            case LifecycleEventCompleted(name=name, host=host) if name == BLOCK_TRAFFIC:
                self._in_service.discard(host)
            case HealthCheckReported(host=host, healthy=healthy):
                (self._in_service.add if healthy else self._in_service.discard)(host)
            case TrafficMeasured():
                self._traffic = event
            case FaultChanged(fault=fault, hosts=hosts, active=True):
                self._faults[fault] = hosts
            case FaultChanged(fault=fault):
                self._faults.pop(fault, None)
            case _:
                pass

    def settle(self) -> None:
        """The run is over: what was folded away while it went on is shown."""
        self._live = False
        self._faults = {}

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as it is now."""
        rollouts = list(self._rollouts.values())
        now_ms = self._at_ms
        if self._live and rollouts:
            now_ms += round((time.monotonic() - self._seen_s) * 1000 * self._pace)
        heading = f"{self._title} · {words.clock(now_ms)}" if self._live else self._title
        tree = Tree(Text(heading, style="bold"), guide_style="dim")
        if not rollouts:
            tree.add(_text(words.RUNNING, ("the hosts are being prepared", "")))
        for rollout in rollouts:
            folded = self._live and rollout.ended and rollout is not rollouts[-1]
            _add(tree, rollout, now_ms, folded=folded)
        if self._live:
            for line in self._footer(rollouts):
                tree.add(line)
        yield tree

    def _footer(self, rollouts: list[Rollout]) -> Iterator[Text]:
        parts = []
        last = next(reversed(of_groups(rollouts)), None)
        if last is not None and last.deployment.with_balancer:
            service = f"in service {len(self._in_service):,} of {len(standing(last)):,}"
            parts.append(f"{service}, {words.required(required(last))}")
        if self._traffic is not None:
            parts.append(f"{self._traffic.failed:,} of {self._traffic.total:,} requests failed")
        if parts:
            yield Text(" · ".join(parts))
        for fault, hosts in list(self._faults.items()):
            where = f" at {words.named(list(hosts))}" if hosts else ""
            yield Text(f"{words.WARNING} {fault}{where}", style=words.STYLES[words.WARNING])
        if self.question:
            yield Text(words.printable(self.question), style="bold")


def final_tree(title: str, result: RunResult) -> Tree:
    """The tree of a run that has ended. Nothing is cut off at the right: it stays on the screen, to be read."""
    tree = Tree(Text(title, style="bold"), guide_style="dim")
    for rollout in result.rollouts:
        _add(tree, rollout, result.duration_ms, folded=False)
    for change in result.faults[:FAULTS_MAX]:
        sign, sentence = words.fault(change)
        tree.add(_text(sign, (words.clock(change.at_ms), "dim"), (sentence, words.STYLES[sign])))
    if (more := len(result.faults) - FAULTS_MAX) > 0:
        tree.add(_text(words.WAITING, (f"{words.count(more, 'more change')} of faults: -v has every line", "dim")))
    _wrap(tree)
    return tree


def _wrap(tree: Tree) -> None:
    for leaf in tree.children:
        if isinstance(leaf.label, Text):
            leaf.label.no_wrap, leaf.label.overflow = False, "fold"
        _wrap(leaf)


def _add(tree: Tree, rollout: Rollout, now_ms: int, *, folded: bool) -> None:
    branch = tree.add(_deployment(rollout))
    if folded:
        return
    for leaf in _stands(rollout, now_ms):
        branch.add(leaf)
    if rollout.error is not None:
        told = rollout.counts[TargetStatus.FAILED] > 0
        branch.add(_text(words.SIGNS[rollout.status], (rule(rollout.error, told=told), "red")))
    hosts = list(rollout.hosts.values())
    if len(hosts) <= HOSTS_ONE_BY_ONE_MAX:
        width = max((len(_name(host)) for host in hosts), default=0)
        for host in in_order(rollout):
            branch.add(_host(host, rollout, now_ms, width))
        return
    branch.add(_counts(rollout))
    shown = [*_first(hosts, TargetStatus.IN_PROGRESS), *_first(hosts, TargetStatus.FAILED)]
    width = max((len(_name(host)) for host in shown), default=0)
    for host in shown:
        branch.add(_host(host, rollout, now_ms, width))


def _first(hosts: list[Host], status: TargetStatus) -> list[Host]:
    found = (host for host in hosts if host.status is status)
    return [host for host, _ in zip(found, range(HOSTS_NAMED_MAX), strict=False)]


def _text(sign: str, *parts: tuple[str, str]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(sign, style=words.STYLES.get(sign, ""))
    for part, style in parts:
        if part:
            text.append(" ").append(words.printable(part), style=style)
    return text


def _deployment(rollout: Rollout) -> Text:
    deployment = rollout.deployment
    by_itself = deployment.creator is Creator.ROLLBACK
    how = f"rollback of {deployment.rollback_of}" if by_itself else deployment.config.name
    error = rollout.error.code if rollout.error else ""
    return _text(
        words.SIGNS[rollout.status],
        (deployment.deployment_id, "bold"),
        (deployment.revision, "magenta"),
        (rollout.status.value, words.STYLES[words.SIGNS[rollout.status]]),
        (error, "red"),
        (f"({deployment.strategy}, {how})", "dim"),
    )


def _stands(rollout: Rollout, now_ms: int) -> Iterator[Text]:
    """What people have said, and the stage in which a deployment of several stands."""
    for heard in said(rollout)[-WORDS_MAX:]:
        yield _text(heard.sign, (words.clock(heard.at_ms), "dim"), (str(heard), words.STYLES[heard.sign]))
    if rollout.paused and not rollout.ended:
        yield _text(words.STOPPED, (PAUSED, words.STYLES[words.STOPPED]))
    if (stage := at_hand(rollout)) is not None:
        yield _text(stage.sign, (f"{stage.heading}:", "bold"), (str(stage.stage), ""), (stage.lasted(now_ms), "dim"))


def _counts(rollout: Rollout) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for status in _ORDER:
        if number := rollout.counts[status]:
            sign = words.SIGNS[status]
            text.append(f"{sign} {number:,} {status}   ", style=words.STYLES[sign])
    text.rstrip()
    return text


def _host(host: Host, rollout: Rollout, now_ms: int, width: int) -> Text:
    sign = words.SIGNS[host.status]
    name = _name(host).ljust(width)
    if (left := fate(rollout, host.name)) and host.status is not TargetStatus.FAILED:
        return _text(words.SKIPPED, (name, ""), (host.revision or "", "magenta"), (left, "dim"))
    match host.status:
        case TargetStatus.IN_PROGRESS:
            since = host.sent_ms if host.started_ms == NEVER else host.started_ms
            step = f"{host.step + 1}/{len(rollout.sequence)}"
            at = f"{host.event or 'between events'} {words.took(max(now_ms - since, 0))}"
            return _text(sign, (name, "bold"), (step, "dim"), (at, "cyan"), (_seen(host), "yellow"))
        case TargetStatus.FAILED if (record := failed_record(host, rollout)) is not None:
            return _text(sign, (name, "bold"), (failure(record), "red"))
        case TargetStatus.SUCCEEDED:
            lasted = words.took(host.records[-1].ended_ms - (host.records[0].started_ms or 0))
            return _text(
                sign,
                (name, "bold"),
                (host.revision or "no revision", "magenta"),
                (lasted, "dim"),
                (_since(host), "yellow"),
            )
        case TargetStatus.SKIPPED:
            kept = f"stays on {host.revision}" if host.revision else "stays as it was"
            return _text(sign, (name, ""), (f"skipped, {kept}", "dim"))
        case _:
            return _text(sign, (name, ""), (host.revision or "no revision", "dim"))


def _name(host: Host) -> str:
    """A host's name, with its zone where it has one."""
    return f"{host.name} {host.target.zone}".rstrip()


def _since(host: Host) -> str:
    """What is wrong with a host that had passed everything."""
    return f"unhealthy since: {seen}" if (seen := _seen(host)) else ""


def _seen(host: Host) -> str:
    health = host.health
    if health is None or health.healthy or health.seen == health.wanted:
        return ""
    return f"GET {health.path} answers {health.seen}"
