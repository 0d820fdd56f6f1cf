"""Rules of faults that strike the service around the hosts: that there is something to strike, and an end to it."""

from __future__ import annotations

from typing import Final

from scenarios.facts import ADD_BALANCER, Facts
from scenarios.tree import Report, Tree

_AT_THE_BALANCER: Final = {
    "health": "a health fault strikes the balancer's health check",
    "balancer": "a fault of the balancer strikes the balancer",
    "slow_start": "a slow start is seen by the balancer",
    "memory": "the balancer's users fill the memory",
}
"""Effects that are nothing where there is no balancer, and why."""


def check_service_faults(facts: Facts, report: Report) -> None:
    """Report faults that nothing can come of."""
    for fault in facts.tree.each("faults"):
        if (effect := fault.get("do")) is not None:
            _effect(facts, fault, effect, report)
        if (probability := fault.get("probability")) is not None and probability.number == 0:
            report(probability.place, "a fault with probability 0 never strikes", "write a share above 0, such as 30%")


def _effect(facts: Facts, fault: Tree, effect: Tree, report: Report) -> None:
    for kind, why in _AT_THE_BALANCER.items():
        if effect.get(kind) is not None and not facts.balancer:
            report(effect.keys[kind], f"{why}, and there is no balancer", ADD_BALANCER)
    lasts = fault.get("for")
    if effect.get("controller") is not None and lasts is None:
        message = "a controller that stays away decides nothing more, and the run never ends"
        report(effect.keys["controller"], message, "add for: 5s")
    balancer = effect.get("balancer")
    if balancer is not None and balancer.text == "restart" and lasts is not None:
        report(fault.keys["for"], "a restart of the balancer is over by itself", "take for away")
    alarm = effect.get("alarm")
    if alarm is not None and alarm.get("state") is not None and alarm.get("flapping") is not None:
        message = "an alarm that flaps has no state of its own: it is in ALARM and OK in turn"
        report(alarm.keys["state"], message, "keep one of state or flapping")
