"""Expectations that can never be met: of what does not exist, or of more than there is."""

from __future__ import annotations

from typing import Final

from scenarios.facts import (
    ADD_BALANCER,
    Facts,
    deployment_exists,
    known_group,
    known_host,
    known_revision,
    traffic_event,
)
from scenarios.platforms import SERVER
from scenarios.tree import Report, Tree

_ROLLBACKS: Final = ("rolled_back", "rollback_failed")
"""Outcomes that only a rollback can have."""


def check_expectations(facts: Facts, report: Report, warn: Report) -> None:
    """Report what `expect` cannot mean, and warn of an outcome that nothing in the scenario leads to."""
    expect = facts.tree.get("expect")
    if expect is None:
        return
    _service(facts, report, expect)
    _revisions(facts, report, expect)
    _deployments(facts, report, expect)
    outcome = expect.get("outcome")
    if outcome is not None and outcome.text in _ROLLBACKS and not facts.rolls_back:
        message = (
            f"nothing in this scenario leads to {outcome.text}: no group has auto_rollback, and no operator aborts "
            "(whoever aborts from another terminal may)"
        )
        warn(outcome.place, message, "add group.auto_rollback: [DEPLOYMENT_FAILURE], or expect another outcome")
    for event in expect.each("events"):
        known_host(facts, report, event.get("host"))
        deployment_exists(facts, report, event.get("deployment"))
        traffic_event(facts, report, event.get("event"))


def _service(facts: Facts, report: Report, expect: Tree) -> None:
    for key in ("in_service_min", "availability"):
        if expect.get(key) is not None and not facts.balancer:
            message = f"expect.{key} is measured at the balancer, and there is none"
            report(expect.keys[key], message, ADD_BALANCER)
    least = expect.get("in_service_min")
    most = facts.in_service_max
    if least is not None and least.number is not None and most and least.number > most:
        what = "hosts" if facts.platform == SERVER else "tasks"
        message = f"in_service_min: {least.number} is more than the {most} {what}"
        report(least.place, message, f"write at most {most}")


def _revisions(facts: Facts, report: Report, expect: Tree) -> None:
    if (revisions := expect.get("revisions")) is not None:
        for name in revisions.entries:
            key = Tree(*revisions.keys[name], name, name)
            known_revision(facts, report, key, "expect.revisions", none=True)
        _counts(facts, report, revisions, "expect.revisions")
    if (hosts := expect.get("hosts")) is not None:
        for name, revision in hosts.entries.items():
            known_host(facts, report, Tree(*hosts.keys[name], name, name))
            known_revision(facts, report, revision, "expect.hosts", none=True)


def _deployments(facts: Facts, report: Report, expect: Tree) -> None:
    deployments = list(expect.each("deployments"))
    if facts.deployments_max and len(deployments) > facts.deployments_max:
        extra = deployments[facts.deployments_max]
        rollbacks = "with a rollback each" if facts.rolls_back else "and nothing rolls back (group.auto_rollback)"
        message = f"{len(deployments)} deployments can never be: deploy has {facts.deploys}, {rollbacks}"
        report(extra.place, message, f"keep at most {facts.deployments_max}")
    for revision in expect.each("refused"):
        known_revision(facts, report, revision, "expect.refused")
    for deployment in deployments:
        known_group(facts, report, deployment.get("group"))
        known_revision(facts, report, deployment.get("revision"), "expect.deployments")
        if (hosts := deployment.get("hosts")) is not None:
            _counts(facts, report, hosts, "hosts")
    written = expect.get("deployments")
    if written is not None and not deployments and not written.text:
        report(written.place, "expect.deployments is empty, and there is always one", "leave the key out")


def _counts(facts: Facts, report: Report, counts: Tree, what: str) -> None:
    numbers = [node.number for node in counts.entries.values() if node.number is not None]
    if negative := next(
        (node for node in counts.entries.values() if node.number is not None and node.number < 0), None
    ):
        report(negative.place, f"{what}: expected 0 or more, found {negative.text}", "write 0 or more")
    elif facts.hosts and sum(numbers) > (most := max(facts.places, len(facts.hosts)) + facts.launched_max):
        message = f"{what}: these are {sum(numbers)} hosts, and there are {most}"
        report(counts.place, message, f"let them add up to at most {most}")
