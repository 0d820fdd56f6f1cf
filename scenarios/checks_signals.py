"""Rules of alarms and analyses: that what is named exists, and that a threshold means something to its metric."""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.facts import ADD_BALANCER, Facts, exactly_one
from scenarios.problems import suggest
from scenarios.signals import JUDGES, METRICS, SIDES, amount_text, share, threshold_of
from scenarios.tree import Report, Tree

_REMEDIES = {
    "error_rate": "write a share or a percentage, such as 5%",
    "healthy_hosts": "write a number of hosts",
}
_LATENCY_REMEDY = "write a duration with its unit, such as 250ms"
DECLARE = "declare it under {}"


def check_signals(facts: Facts, report: Report, warn: Report) -> None:
    """Report what no alarm and no analysis can be, and warn of alarms that watch nothing."""
    tree = facts.tree
    alarms = _named(tree, "alarms")
    for name, alarm in alarms.items():
        _alarm(facts, name, alarm, report)
    analyses = _named(tree, "analyses")
    for name, analysis in analyses.items():
        _analysis(facts, name, analysis, report)
    used = set()
    for alarm in (alarm for group in facts.groups for alarm in group.each("alarms")):
        used.add(alarm.text)
        _known(alarm, alarms, "alarm", "alarms", report)
    for group in facts.groups:
        _rollback_on_alarm(group, warn)
    for fault in tree.each("faults"):
        if (name_node := fault.get("do", "alarm", "name")) is not None:
            _known(name_node, alarms, "alarm", "alarms", report)
    for node in _uses(facts):
        _known(node, analyses, "analysis", "analyses", report)
    for name in alarms:
        if name not in used:
            message = f"the alarm {name} stops nothing: it is not one of the group's"
            warn(tree.entries["alarms"].keys[name], message, f"add it to group.alarms: [{name}]")


def _rollback_on_alarm(group: Tree, warn: Report) -> None:
    """Warn of a rollback for which no alarm can ask."""
    if any(group.each("alarms")):
        return
    for event in group.each("auto_rollback"):
        if event.text == "DEPLOYMENT_STOP_ON_ALARM":
            message = "DEPLOYMENT_STOP_ON_ALARM undoes nothing: no alarm stops a deployment of this group"
            warn(event.place, message, "add alarms: […] to the group, or take it away")


def _named(tree: Tree, key: str) -> dict[str, Tree]:
    found = tree.get(key)
    return found.entries if found is not None else {}


def _known(node: Tree, known: dict[str, Tree], kind: str, section: str, report: Report) -> None:
    if node.word is not None and node.word not in known:
        remedy = suggest(node.word, known) if known else DECLARE.format(f"{section}: {{{node.word}: …}}")
        report(node.place, f"no {kind} is called {node.word}", remedy)


def _uses(facts: Facts) -> Iterator[Tree]:
    """Every place of the file where a strategy names an analysis."""
    for strategy in (node.get("strategy") for node in (*facts.groups, *facts.tree.each("deploy"))):
        if strategy is None:
            continue
        for path in (("canary",), ("linear",), ("blue-green", "traffic")):
            if (node := strategy.get(*path, "analysis")) is not None:
                yield node
        for step in strategy.each("steps"):
            if (node := step.get("analysis")) is not None:
                yield node


def _alarm(facts: Facts, name: str, alarm: Tree, report: Report) -> None:
    if not isinstance(alarm.value, dict):
        return
    scripted = alarm.get("scripted")
    if scripted is not None and scripted.value is True:
        for key in ("metric", *SIDES):
            if alarm.get(key) is not None:
                message = f"the alarm {name} is scripted, so it measures nothing"
                report(alarm.keys[key], message, f"take {key} away, or scripted")
        return
    if alarm.get("metric") is None:
        if "metric" not in alarm.keys:
            message = f"the alarm {name} has neither a metric nor scripted: true"
            report(alarm.place, message, "write a metric with above or below, or scripted: true")
        return
    _bound(alarm, f"the alarm {name}", report)
    _measured(facts, alarm, f"the alarm {name}", report)


def _analysis(facts: Facts, name: str, analysis: Tree, report: Report) -> None:
    if not isinstance(analysis.value, dict):
        return
    what = f"the analysis {name}"
    exactly_one(report, analysis, JUDGES, what)
    for bound in analysis.each("thresholds"):
        _bound(bound, what, report)
        metric = bound.get("metric")
        if metric is not None and metric.text == "healthy_hosts":
            report(metric.place, f"{what} judges requests, and hosts are not requests", "make healthy_hosts an alarm")
    significance = analysis.get("compare", "significance")
    if significance is not None and _is_certain(significance):
        message = f"significance is more than 0 and less than 1, found {significance.text}"
        report(significance.place, message, "write 5%")
    _measured(facts, analysis, what, report)


def _is_certain(significance: Tree) -> bool:
    """Whether it is nothing or all; what is no share at all is told beside the model's other mistakes."""
    try:
        return share(significance.value) in (0.0, 1.0)
    except ValueError:
        return False


def _bound(node: Tree, what: str, report: Report) -> None:
    """One side of one threshold, in the metric's own unit."""
    exactly_one(report, node, SIDES, what)
    metric = node.get("metric")
    if metric is None or metric.text not in METRICS:
        return
    for side in SIDES:
        if (written := node.get(side)) is None:
            continue
        try:
            text = amount_text(written.value)
        except ValueError:
            continue  # its form is told beside the model's other mistakes
        try:
            threshold_of(metric.text, str(text))
        except ValueError as error:
            report(written.place, f"{side}: {error}", _REMEDIES.get(metric.text, _LATENCY_REMEDY))


def _measured(facts: Facts, node: Tree, what: str, report: Report) -> None:
    if not facts.balancer:
        report(node.place, f"{what} is measured at the balancer, and there is none", ADD_BALANCER)
