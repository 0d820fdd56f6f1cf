"""Rules of waits: that there is time for them, that what is written of them has an effect, that somebody can answer.

Most are warnings: the run would go as it is written, and surprise whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.checks_environments import ANSWERS
from scenarios.checks_strategy import Planned, bake_place, duration_of
from scenarios.facts import Facts
from scenarios.model import Limits
from scenarios.tree import Place, Report, Tree
from scenarios.words import duration_text
from strategies.plan import Analyse, Approve, Bake, Terminate

_ONE_BY_ONE = frozenset({"continue", "promote"})
"""Answers that are for one wait alone."""
_ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
_LIMITS_MS = {"blue-green": 109 * 3_600_000, "ecs": 120 * 3_600_000, "lambda": 50 * 3_600_000}
"""By the strategy, how long a deployment may last that is given no limit (user guide, "CodeDeploy quotas")."""


def check_waits(facts: Facts, planned: tuple[Planned, ...] | None, report: Report, warn: Report) -> None:
    """Everything about waits. `planned` None: some deployment's plan is unknown, so only keys are looked at."""
    for node in (*facts.groups, *facts.tree.each("deploy")):
        if (blue_green := node.get("strategy", "blue-green")) is not None:
            _without_effect(blue_green, warn)
    actions = list(facts.tree.each("operator"))
    for action in actions:
        _to_nobody(facts, action, report)
    if planned is None:
        return
    for plan in {plan.place: plan for plan in planned}.values():
        _too_long(facts, plan, warn)
    if facts.gates:
        return  # they are answered in environments, and not in a deployment
    _too_late(facts, actions, planned, warn)
    words = [verb.text for action in actions if (verb := action.get("do")) is not None]
    if not ANSWERS & set(words):
        _unanswered(facts, planned, warn)
    elif not (ANSWERS - _ONE_BY_ONE) & set(words):
        _too_few(planned, sum(word in _ONE_BY_ONE for word in words), warn)


def _without_effect(node: Tree, warn: Report) -> None:
    """A time to wait, where what is written beside it does not wait."""
    ready, blue = node.get("deployment_ready"), node.get("terminate_blue")
    action = ready.get("action_on_timeout") if ready is not None else None
    if ready is not None and ready.get("wait_time") is not None and (action is None or action.text[:4] != "STOP"):
        message = "wait_time has no effect: CONTINUE_DEPLOYMENT reroutes the traffic at once, and waits for nobody"
        warn(ready.keys["wait_time"], message, "add action_on_timeout: STOP_DEPLOYMENT, or take wait_time away")
    action = blue.get("action") if blue is not None else None
    if blue is not None and blue.get("wait_time") is not None and action is not None and action.text == "KEEP_ALIVE":
        message = "wait_time has no effect: with KEEP_ALIVE the original hosts are not terminated"
        warn(blue.keys["wait_time"], message, "take it away, or write action: TERMINATE")


def _to_nobody(facts: Facts, action: Tree, report: Report) -> None:
    """Words as a deployment ends: it hears nothing any more, and in its group none is under way."""
    status, verb = action.get("when", "status"), action.get("do")
    if status is None or verb is None or status.text not in _ENDED or facts.gates:
        return
    if len(facts.groups) < 2 and action.get("group") is None:
        message = f"{verb.text} can never be said: a deployment that is {status.text} has ended, and hears nothing"
        report(status.place, message, "name a status before it, an event or a time")


# -- time -----------------------------------------------------------------------------------------------------------


def limit_ms(facts: Facts, plan: Planned) -> int:
    """How long a deployment may last."""
    usual = _LIMITS_MS.get(plan.strategy, Limits().deployment)
    return duration_of(facts.tree.get("limits"), "deployment", usual)


def _waits(plan: Planned) -> Iterator[tuple[int, Place]]:
    """Every wait that has an end of its own: how long, and where it is written."""
    written = plan.written
    for stage in plan.plan:
        path: tuple[str, ...] = ()
        match stage:
            case Bake(lasts_ms=lasts_ms) | Analyse(lasts_ms=lasts_ms):
                pass
            case Approve(waits_ms=int(lasts_ms)):
                path = ("blue-green", "deployment_ready", "wait_time")
            case Terminate(after_ms=lasts_ms):
                path = ("blue-green", "terminate_blue", "wait_time")
            case _:
                continue
        place = written.get(*path) if written is not None and path else None
        yield lasts_ms, place.place if place is not None else bake_place(plan)


def _too_long(facts: Facts, plan: Planned, warn: Report) -> None:
    """Waits that the deployment's own limit does not leave time for."""
    waits, limit = [*_waits(plan)], limit_ms(facts, plan)
    total = sum(lasts_ms for lasts_ms, _ in waits)
    if total >= limit:
        what = "bakes" if total == sum(bake.lasts_ms for bake in plan.bakes) else "waits"
        message = f"the {what} add up to {duration_text(total)}, and a deployment may last {duration_text(limit)}"
        warn(max(waits, key=lambda wait: wait[0])[1], message, "shorten them, or raise limits.deployment")


# -- answers --------------------------------------------------------------------------------------------------------


def _too_late(facts: Facts, actions: list[Tree], planned: tuple[Planned, ...], warn: Report) -> None:
    """Answers that come when no deployment can wait for them."""
    limits = sum(limit_ms(facts, plan) for plan in planned)
    for action in actions:
        verb, when = action.get("do"), action.get("when")
        if verb is None or when is None:
            continue
        at, event = when.get("at"), when.get("event")
        if at is not None and duration_of(when, "at", 0) >= limits:
            message = f"{verb.text} comes too late: by {at.text} the limit ({duration_text(limits)}) has ended it all"
            warn(at.place, message, "let it be said earlier, or raise limits.deployment")
        elif event is not None and verb.text in _ONE_BY_ONE and len(facts.groups) < 2:
            message = (
                f"{verb.text} cannot be heard: while a deployment waits no host enters {event.text}, and otherwise "
                "there is no wait to end"
            )
            warn(event.place, message, "write when: {status: Ready}, or {status: Baking}")


def _unanswered(facts: Facts, planned: tuple[Planned, ...], warn: Report) -> None:
    """A wait for a person, and nobody to answer; unless that is what the scenario is about."""
    outcome = facts.tree.get("expect", "outcome")
    if outcome is not None and outcome.text != "succeeded":
        return
    for plan in planned:
        if not plan.approvals:
            continue
        waits_ms = plan.approvals[0].waits_ms
        end = (
            f"waits until its own limit ({duration_text(limit_ms(facts, plan))}) ends it"
            if waits_ms is None
            else f"is Stopped after {duration_text(waits_ms)}"
        )
        message = f"nobody answers: without continue or abort in `operator`, or from a terminal, the deployment {end}"
        warn(_pauses(plan)[0], message, "add operator: [{when: {status: Ready}, do: continue}]")


def _too_few(planned: tuple[Planned, ...], answers: int, warn: Report) -> None:
    """More waits than answers, each of which is for one alone."""
    places = [place for plan in planned for place in _pauses(plan)[: len(plan.approvals)]]
    if len(places) > answers:
        message = f"{len(places)} waits for a person and {answers} to answer: an action of `operator` is said once"
        remedy = "write the action once for each wait, or say promote-full"
        warn(places[answers], message, remedy)


def _pauses(plan: Planned) -> list[Place]:
    """Where the waits for a person are written."""
    pauses = [
        step.keys["pause"]
        for step in (plan.written.each("steps") if plan.written is not None else ())
        if step.get("pause") is not None and step.get("pause", "duration") is None
    ]
    return pauses or [plan.place]
