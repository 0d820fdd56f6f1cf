"""Rules for faults of a host: its network, its clock, its end."""

from __future__ import annotations

from scenarios.facts import ADD_BALANCER, Facts, exactly_one
from scenarios.host_faults import NETWORK_EFFECTS, SKEW_MAX_MS, offset_ms
from scenarios.tree import Report, Tree


def check_host_fault(facts: Facts, fault: Tree, effect: Tree, report: Report, warn: Report) -> None:
    """Report what cannot be done to a host, and warn of what changes nothing."""
    if (network := effect.get("network")) is not None:
        exactly_one(report, network, NETWORK_EFFECTS, "network")
        if not facts.balancer:
            _without_balancer(effect, network, report)
    host, lasts = effect.get("host"), fault.get("for")
    if host is not None and host.text == "terminate" and lasts is not None:
        message = "a host that is terminated does not come back, so the fault has no end"
        report(fault.keys["for"], message, "take for away, or write host: crash")
    if (offset := effect.get("clock", "offset")) is not None:
        _offset(offset, warn)


def _without_balancer(effect: Tree, network: Tree, report: Report) -> None:
    cut = network.get("cut")
    if cut is not None and cut.text in ("balancer", "both"):
        message = "there is no balancer from which a host could be cut off"
        report(cut.place, message, "add balancer: {port: …}, or write cut: controller")
    elif cut is None and any(network.get(name) is not None for name in NETWORK_EFFECTS):
        message = "a fault of the network strikes what comes from the balancer, and there is no balancer"
        report(effect.keys["network"], message, ADD_BALANCER)


def _offset(offset: Tree, warn: Report) -> None:
    try:
        ahead_ms = offset_ms(offset.value)
    except ValueError:
        return  # told already, as every value of a wrong form is
    if isinstance(ahead_ms, int) and abs(ahead_ms) <= SKEW_MAX_MS:
        message = f"a clock that is wrong by {offset.text.lstrip('-')} is believed: AWS allows five minutes"
        warn(offset.place, message, "write more than 5m, or take the fault away")
