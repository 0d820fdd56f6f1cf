"""Rules of what people do meanwhile: that it can be said at all, and that its moment comes."""

from __future__ import annotations

from scenarios.checks_strategy import Planned
from scenarios.facts import Facts
from scenarios.tree import Report, Tree
from strategies.plan import Terminate


def check_people(facts: Facts, planned: tuple[Planned, ...] | None, report: Report) -> None:
    """Report words that can never be said, and moments that never come.

    `planned` None: some deployment's plan is unknown, so only the words themselves are looked at.
    """
    actions = list(facts.tree.each("operator"))
    verbs = [verb.text for action in actions if (verb := action.get("do")) is not None]
    for action in actions:
        verb = action.get("do")
        if verb is None:
            continue
        _rollback(action, verb, report)
        if verb.text == "resume" and "pause" not in verbs:
            report(verb.place, "resume can never be said: nobody pauses the deployment", "add do: pause before it")
        if planned is not None and not facts.gates:
            _word(verb, planned, report)
    if planned is None:
        return
    for when in _moments(facts):
        _moment(when, planned, report)


def _rollback(action: Tree, verb: Tree, report: Report) -> None:
    wish = action.get("auto_rollback")
    if wish is None or verb.text == "stop":
        return
    place = action.keys["auto_rollback"]
    if verb.text == "abort":
        report(place, "auto_rollback goes with stop; abort always rolls back", "take it away, or write do: stop")
    else:
        report(place, f"auto_rollback goes with stop; {verb.text} rolls nothing back", "take it away")


def _word(verb: Tree, planned: tuple[Planned, ...], report: Report) -> None:
    """A word that ends a wait, where no deployment has one."""
    asks = any(plan.approvals or _waits_to_terminate(plan) for plan in planned)
    bakes = any(plan.bakes or plan.analyses for plan in planned)
    if verb.text == "continue" and not asks:
        message = "continue can never be said: no deployment waits for a person"
        report(verb.place, message, "add pause: {} to the strategy's steps, or take this away")
    elif verb.text in ("promote", "promote-full") and not (asks or bakes):
        message = f"{verb.text} can never be said: no deployment has a wait to cut short"
        report(verb.place, message, "give the strategy a bake or a pause, or take this away")


def _waits_to_terminate(planned: Planned) -> bool:
    return any(isinstance(stage, Terminate) and stage.after_ms for stage in planned.plan)


def _moments(facts: Facts) -> list[Tree]:
    """Every `when` of the file."""
    return [
        when
        for key in ("operator", "faults")
        for item in facts.tree.each(key)
        if (when := item.get("when")) is not None
    ]


def _moment(when: Tree, planned: tuple[Planned, ...], report: Report) -> None:
    """A status, or a share of the traffic, that no deployment reaches."""
    weight = when.get("weight")
    if weight is not None and weight.number in range(1, 101) and not any(plan.shifts for plan in planned):
        message = f"the weight {weight.text} never comes: no deployment shifts traffic from hosts to others"
        report(weight.place, message, "name a status or an event, or deploy blue/green")
    status = when.get("status")
    if status is None:
        return
    if status.text == "Ready" and not any(plan.approvals for plan in planned):
        message = "Ready never comes: no deployment waits for a person"
        report(status.place, message, "add pause: {} to the strategy's steps, or name another status")
    elif status.text == "Baking" and not any(plan.bakes or plan.analyses for plan in planned):
        message = "Baking never comes: no deployment has a bake"
        report(status.place, message, "give the strategy a bake, or name another status")
