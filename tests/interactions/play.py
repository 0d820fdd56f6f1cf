"""A play: a script of events, and under each what the core commanded and why.

    deployment hosts=4 minimum=OneAtATime
    create
    walk h1
    ----
    0s DeploymentCreated
      notify DeploymentStart: deploy v2 to 4 hosts, rolling, …
      …

Lines up to `----` are what happens; what stands below, up to the next empty line, is what came of it, and is written
by the runner. `#` begins a remark. The verbs are the methods `do_…` of `Play`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.rollout import lifecycle
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    CreateDeployment,
    Finish,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    StartAnalysis,
    StartTimer,
    TerminateHost,
)
from simulator.rollout.deployment import Limits, Target
from simulator.rollout.events import (
    AlarmChanged,
    AnalysisEnded,
    Diagnostics,
    Event,
    HealthCheckReported,
    HostEnded,
    HostProvisioned,
    HostTerminated,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    OperatorSpoke,
    StopRequested,
    TimerFired,
    TrafficShifted,
)
from simulator.rollout.messages import duration
from simulator.rollout.statuses import AlarmState, AnalysisOutcome, LifecycleErrorCode, OperatorVerb, RollbackEvent
from strategies.options import BlueGreen, Options, Share, Step
from tests.support.rollouts import LAST_SUCCESS, WORK, Hand, config, deployment, targets

RULE = "----"
_YES = {"yes": True, "no": False, "as-configured": None}


@dataclass(frozen=True)
class Scene:
    """A block of a script: its remarks and lines, and what is written below the rule."""

    lines: tuple[str, ...]
    written: tuple[str, ...]


def read(text: str) -> list[Scene]:
    """The scenes of a script. A block without a rule is a remark, or a scene whose answer is not written yet."""
    scenes = []
    for block in text.strip().split("\n\n"):
        lines = block.splitlines()
        cut = lines.index(RULE) if RULE in lines else len(lines)
        scenes.append(Scene(tuple(lines[:cut]), tuple(lines[cut + 1 :])))
    return scenes


def write(scenes: Sequence[Scene], answers: Sequence[Sequence[str]]) -> str:
    """The script with these answers."""
    blocks = []
    for scene, answer in zip(scenes, answers, strict=True):
        spoken = any(not line.startswith("#") for line in scene.lines)
        blocks.append("\n".join((*scene.lines, RULE, *answer) if spoken else scene.lines))
    return "\n\n".join(blocks) + "\n"


def perform(scenes: Sequence[Scene]) -> list[list[str]]:
    """What comes of every scene, each going on where the one before it ended."""
    play = Play()
    return [list(play.scene(scene)) for scene in scenes]


class Play:
    """The stage: one deployment, and after it perhaps its rollback."""

    hand: Hand

    def scene(self, scene: Scene) -> Iterator[str]:
        """Play the lines of a scene."""
        for line in scene.lines:
            words = shlex.split(line, comments=True)
            if words:
                yield from getattr(self, f"do_{words[0].replace('-', '_')}")(*words[1:])

    # -- the verbs ----------------------------------------------------------------------------------------------

    def do_deployment(self, *words: str) -> Iterator[str]:
        """hosts=4 minimum=OneAtATime healthy=all|none|h1,h3 balancer=yes rolls-back=… (see the scripts).

        strategy=canary share=1|25% bake=1m · strategy=zonal zones=a,b zone-minimum=… first-bake=1m ·
        strategy=steps steps=1,pause,50%,pause:1m,analysis:NAME:1m · strategy=blue-green ready-wait=1h|for-ever
        shift=10,50 terminate-after=1h|never green=g1,g2 generation=3 · alarms=NAME active-alarms=NAME.
        """
        given = dict(word.split("=", 1) for word in words)
        count = int(given.pop("hosts"))
        healthy = given.pop("healthy", "all")
        sound = {"all": [f"h{n + 1}" for n in range(count)], "none": []}.get(healthy, healthy.split(","))
        options: dict[str, Any] = {"minimum": given.pop("minimum", "OneAtATime")}
        options["balancer"] = _YES[given.pop("balancer", "no")]
        options["ignore_stop_failures"] = _YES[given.pop("ignore-application-stop-failures", "no")]
        options["rolls_back"] = [RollbackEvent(name) for name in given.pop("rolls-back", "").split(",") if name]
        success = given.pop("last-success", "v1")
        options["last_success"] = None if success == "none" else replace(LAST_SUCCESS, revision=success)
        limits = {name: int(given.pop(name)) for name in ("start_ms", "event_ms", "deployment_ms") if name in given}
        hosts = targets(count, healthy=lambda n: f"h{n}" in sound, zones=given.pop("zones", "").split(","))
        options["strategy"] = given.pop("strategy", "rolling")
        hosts += [Target(name) for name in given.get("green", "").split(",") if name]
        options["options"] = _options(given)
        alarms = {
            "alarms": tuple(given.pop("alarms", "").split(",")),
            "active_alarms": tuple(name for name in given.pop("active-alarms", "").split(",") if name),
            "ignore_poll_alarm_failure": _YES[given.pop("ignore-poll-alarm-failure", "no")],
        }
        if given:
            raise ValueError(f"unknown: {', '.join(given)}")
        asked = deployment(hosts, limits=Limits(**limits), **options)
        self.hand = Hand(replace(asked, **alarms))
        yield from ()

    def do_create(self) -> Iterator[str]:
        """The deployment is created."""
        yield from self._tell(self.hand.create())

    def do_rollback(self) -> Iterator[str]:
        """The rollback that was asked for becomes the deployment of the play."""
        before, undo = self.hand, self.hand.undo
        assert undo is not None, "no rollback was asked for"
        self.hand = Hand(undo, at_ms=before.now_ms, ids=iter(before.id, -1))
        yield f"= {undo.deployment_id} by {undo.creator}: {undo.description}"
        for target in undo.targets:
            health = "healthy" if target.healthy else "not healthy"
            yield f"= {target.name} has {target.revision or 'nothing that is known'}, {health}"

    def do_ok(self, host: str) -> Iterator[str]:
        """The event in hand ends well."""
        yield from self._tell(self.hand.end(host))

    def do_fails(self, host: str, message: str, script: str = "") -> Iterator[str]:
        """The event in hand fails."""
        code = LifecycleErrorCode.SCRIPT_FAILED if script else LifecycleErrorCode.UNKNOWN_ERROR
        yield from self._tell(self.hand.end(host, well=False, diagnostics=Diagnostics(code, message, script)))

    def do_completes(self, host: str, name: str, cause: str, how: str = "well") -> Iterator[str]:
        """A completion of any command, in hand or not: `completes h1 Install 4.0`, `completes h1 Install 4.0 badly`."""
        yield from self._tell(self.hand.end(host, cause=cause, name=name, well=how == "well"))

    def do_starts(self, host: str, cause: str | None = None) -> Iterator[str]:
        """The agent begins what it was given; or acknowledges any command, in hand or not."""
        yield from self._tell(self.hand.begin(host, cause=cause))

    def do_walk(self, host: str, _to: str = "", event: str = "") -> Iterator[str]:
        """`walk h1` or `walk h1 to Install`: all goes well. What is mere routine is told in one line."""
        hand, routine = self.hand, list[str]()
        while (state := hand.rollout.hosts[host]).command and state.event != event:
            name = state.event
            commands = hand.end(host)
            work = [command for command in commands if isinstance(command, WORK)]
            plain = len(work) == 1 and work[0].host == host and "succeeded" in work[0].why
            if plain and all(isinstance(command, (*WORK, StartTimer)) for command in commands):
                routine.append(name)
                continue
            yield from self._routine(host, routine)
            routine = []
            yield from self._tell(commands)
        yield from self._routine(host, routine)

    def do_sees(self, host: str, seen: str) -> Iterator[str]:
        """The balancer's health check sees this at the host."""
        yield from self._tell(self.hand.health(host, seen))

    def do_refused(self, host: str, minutes: str, cause: str | None = None) -> Iterator[str]:
        """The agent is refused: its clock is so many minutes ahead, or behind where they are negative."""
        yield from self._tell(self.hand.refuse(host, int(minutes) * 60_000, cause=cause))

    def do_timer(self, name: str) -> Iterator[str]:
        """The time of a timer comes: a host's, `deployment`, or `stage`."""
        yield from self._tell(self.hand.fire(name))

    def do_stop(self, auto_rollback: str = "as-configured") -> Iterator[str]:
        """The operator stops the deployment: `stop`, `stop yes`, `stop no` (whether to roll back)."""
        yield from self._tell(self.hand.stop(_YES[auto_rollback]))

    def do_say(self, verb: str, by: str = "the operator") -> Iterator[str]:
        """Somebody speaks: `say pause`, `say promote Ann`. The reason is told where it is impossible."""
        refusal = self.hand.rollout.refusal(OperatorVerb(verb))
        commands = self.hand.say(verb, by)
        yield from self._tell(commands, refusal)

    def do_done(self, *hosts: str) -> Iterator[str]:
        """The fleet has done what it was asked for these hosts (they are there, they are gone), or with the traffic."""
        for host in hosts or ("",):
            yield from self._tell(self.hand.answer(host))

    def do_late(self, host: str, cause: str) -> Iterator[str]:
        """The fleet answers a command that was answered already, or that nobody waits for any more."""
        yield from self._tell(self.hand.answer(host, cause=cause))

    def do_all(self) -> Iterator[str]:
        """All goes well on every host that is under way, one after the other, until none is."""
        while self.hand.busy:
            yield from self.do_walk(self.hand.busy[0])

    def do_ended(self, host: str) -> Iterator[str]:
        """A pool has terminated the host: no deployment is asked, and none is told."""
        yield from self._tell(self.hand.ended(host))

    def do_alarm(self, name: str, state: str, why: str = "p99 is 900ms, above 500ms") -> Iterator[str]:
        """An alarm has another state."""
        hand = self.hand
        yield from self._tell(hand.feed(AlarmChanged(hand.id(), hand.now_ms, "", name, AlarmState(state), why)))

    def do_analysis(self, outcome: str, why: str, cause: str = "") -> Iterator[str]:
        """The analysis that is under way, or the one of this command, comes to its end."""
        hand = self.hand
        asked = cause or next(c.id for c in reversed(hand.commands) if isinstance(c, StartAnalysis))
        found = AnalysisEnded(hand.id(), hand.now_ms, asked, hand.rollout.deployment_id, AnalysisOutcome(outcome), why)
        yield from self._tell(hand.feed(found))

    def do_wait(self, ms: str) -> Iterator[str]:
        """Time passes."""
        self.hand.wait(int(ms))
        yield from ()

    def do_state(self) -> Iterator[str]:
        """How the deployment and its hosts stand."""
        rollout = self.hand.rollout
        yield f"= {rollout.status}{f', {rollout.error.code}' if rollout.error else ''}"
        for host in rollout.hosts.values():
            ends = [f"{r.name} {r.status}" for r in host.records if r.status not in ("Succeeded", "Skipped")]
            at = f" at {host.event}" if host.event else ""
            troubles = f" ({', '.join(ends)})" if ends else ""
            side = f" ({host.label})" if host.label else ""
            stands = ", to come" if host.unborn else ", gone" if host.gone else ""
            revision = host.revision or "nothing that is known"
            yield f"= {host.name}{side} {host.status}{at}, {revision}{stands}{troubles}"
        for stage, word in rollout.unjudged.items():
            yield f"= no verdict of {stage}: {word.verb}, said {word.by}"
        if rollout.ignored:
            yield f"= {rollout.ignored} came too late and meant nothing"

    def do_group(self) -> Iterator[str]:
        """The group's hosts after the deployment."""
        for target in self.hand.rollout.aftermath:
            health = "healthy" if target.healthy else "not healthy"
            yield f"= {target.name} has {target.revision or 'nothing that is known'}, {health}"

    # -- the writing --------------------------------------------------------------------------------------------

    def _routine(self, host: str, names: Sequence[str]) -> Iterator[str]:
        if names:
            through = f"{names[0]} … {names[-1]}" if len(names) > 1 else names[0]
            yield f"{self._time()} {host} {through} Succeeded, each followed by the next"

    def _tell(self, commands: Sequence[Command], refusal: str | None = None) -> Iterator[str]:
        yield f"{self._time()} {_event(self.hand.events[-1])}"
        yield from (f"  {_command(command)}" for command in commands)
        if not commands:
            yield f"  nothing: {refusal}" if refusal else "  nothing"

    def _time(self) -> str:
        return duration(self.hand.now_ms) if self.hand.now_ms else "0s"


def _options(given: dict[str, str]) -> Options:
    """What the strategy is told, taken out of the words of a deployment."""
    told: dict[str, Any] = {}
    if "share" in given:
        told["share"] = _share(given.pop("share"))
    for word, name in (("bake", "bake_ms"), ("first-bake", "first_bake_ms")):
        if word in given:
            told[name] = _ms(given.pop(word))
    if "zone-minimum" in given:
        told["minimum_per_zone"] = config(given.pop("zone-minimum")).minimum_healthy_hosts
    if "steps" in given:
        told["steps"] = tuple(_step(word) for word in given.pop("steps").split(","))
    blue_green: dict[str, Any] = {}
    if "green" in given:
        blue_green["green"] = tuple(given.pop("green").split(","))
    if "generation" in given:
        blue_green["generation"] = int(given.pop("generation"))
    if "ready-wait" in given:
        wait = given.pop("ready-wait")
        blue_green |= {"waits": True, "ready_wait_ms": None if wait == "for-ever" else _ms(wait)}
    if "shift" in given:
        blue_green["shift"] = tuple(int(percent) for percent in given.pop("shift").split(","))
    if "terminate-after" in given:
        wait = given.pop("terminate-after")
        blue_green["terminate_after_ms"] = None if wait == "never" else _ms(wait)
    if blue_green:
        told["blue_green"] = BlueGreen(**blue_green)
    return Options(**told)


def _share(word: str) -> Share:
    return Share(percent=int(word[:-1])) if word.endswith("%") else Share(hosts=int(word))


def _step(word: str) -> Step:
    what, *rest = word.split(":")
    if what == "analysis":
        return Step(analysis=rest[0], lasts_ms=_ms(rest[1]))
    if what == "pause":
        return Step(pause=True, lasts_ms=_ms(rest[0]) if rest else None)
    return Step(_share(what))


def _ms(word: str) -> int:
    return int(word[:-1]) * {"s": 1_000, "m": 60_000, "h": 3_600_000}[word[-1]]


def _event(event: Event) -> str:
    kind = type(event).__name__
    if isinstance(event, LifecycleEventCompleted):
        why = f": {event.diagnostics.message}" if event.diagnostics else ""
        return f"{event.host} {event.name} {event.status} ({event.cause}){why}"
    if isinstance(event, LifecycleEventStarted):
        return f"{event.host} {event.name} started ({event.cause})"
    if isinstance(event, HealthCheckReported):
        health = "healthy" if event.healthy else "not healthy"
        return f"{event.host} is {health}: GET {event.path} {event.seen}, wanted {event.wanted}"
    if isinstance(event, TimerFired):
        return f"{kind} {event.timer}"
    if isinstance(event, OperatorSpoke):
        return f"{kind}: {event.verb}, says {event.by}"
    if isinstance(event, HostProvisioned | HostTerminated | TrafficShifted):
        return f"{kind} {getattr(event, 'host', '')}".rstrip() + f" ({event.cause})"
    if isinstance(event, HostEnded):
        return f"{kind} {event.host}"
    if isinstance(event, AlarmChanged):
        return f"{kind} {event.alarm} {event.state}: {event.why}"
    if isinstance(event, AnalysisEnded):
        return f"{kind} {event.outcome} ({event.cause}): {event.why}"
    if isinstance(event, StopRequested):
        wish = {True: ", roll back", False: ", do not roll back", None: ""}[event.auto_rollback]
        return f"{kind} by {event.by}{wish}"
    return kind


def _command(command: Command) -> str:
    if isinstance(command, RunLifecycleEvent):
        what = f"{command.host} {command.name}"
    elif isinstance(command, BlockTraffic | AllowTraffic):
        name = lifecycle.BLOCK_TRAFFIC if isinstance(command, BlockTraffic) else lifecycle.ALLOW_TRAFFIC
        what = f"{command.host} {name} (balancer)"
    elif isinstance(command, ProvisionHost):
        what = f"provision {command.host}{f' in {command.zone}' if command.zone else ''}"
    elif isinstance(command, TerminateHost):
        what = f"{'let go of' if command.keep else 'terminate'} {command.host}"
    elif isinstance(command, ShiftTraffic):
        what = f"shift {command.percent} % to {', '.join(command.hosts) or 'nobody'}"
    elif isinstance(command, StartAnalysis):
        what = f"analyse by {command.analysis} until {duration(command.until_ms)}"
    elif isinstance(command, StartTimer):
        what = f"timer {command.timer} at {duration(command.at_ms)}"
    elif isinstance(command, Notify):
        what = f"notify {command.trigger}{f' {command.host}' if command.host else ''}"
    elif isinstance(command, CreateDeployment):
        what = f"create {command.deployment.deployment_id}: {command.deployment.revision}"
    elif isinstance(command, Finish):
        what = f"finish {command.status}{f' {command.error.code}' if command.error else ''}"
    else:
        raise TypeError(f"how is {type(command).__name__} told?")
    return f"{command.id} {what} — {command.why}"
