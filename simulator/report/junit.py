"""A run as JUnit XML, which every CI service reads.

A suite per deployment has a case per host, and one per revision that was sent through the environments a case per
environment; two more suites have the expectations and the invariants. Where a scenario says what it expects, that is
what passes or fails, and a failed host is told without failing the build: many scenarios exist to see a host fail.
Where it says nothing, a failed host is a failure. The last suite is the run's own: it has a failure wherever the exit
code is not 0, and else none.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path

from simulator.control.exits import ExitCode, exit_code
from simulator.control.result import Finding, RunResult, RunStatus
from simulator.report.causes import failed_record, failure, log_lines, waited_since_ms
from simulator.report.stages import passed, said
from simulator.report.words import BY_HAND, again, clock, headline, not_created
from simulator.rollout.host import NEVER, Host
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Passage, Promotion
from simulator.rollout.statuses import DeploymentStatus, TargetStatus

_FORBIDDEN = {
    code: "\ufffd" for code in (*range(0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF) if code not in (9, 10, 13)
}
"""Characters that XML 1.0 cannot carry; scripts write them."""


def junit(result: RunResult, journal: Path | None = None) -> str:
    """The XML text. `journal`: where it was kept."""
    root = ET.Element("testsuites", name=f"drydeploy {result.scenario.name}", time=_seconds(result.duration_ms))
    strict = not result.expectations
    for number, rollout in enumerate(result.rollouts, 1):
        root.append(_deployment(result, number, rollout, strict))
    for number, promotion in enumerate(result.promotions, 1):
        root.append(_environments(result, number, promotion, strict))
    for title, findings in (("expectations", result.expectations), ("invariants", result.invariants)):
        if findings:
            root.append(_findings(f"{result.scenario.name}.{title}", findings))
    root.append(_run(result, journal))
    for name in ("tests", "failures", "skipped"):
        root.set(name, str(sum(int(suite.attrib[name]) for suite in root)))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _run(result: RunResult, journal: Path | None) -> ET.Element:
    """What the run came to: one of its cases fails wherever the exit code is not 0, and tells why."""
    name = f"{result.scenario.name}.run"
    suite = ET.Element("testsuite", name=name)
    sign, sentence = headline(result)
    code = exit_code(result)
    why = "\n".join([sentence, *_reasons(result)])
    case = ET.SubElement(suite, "testcase", classname=name, name="the run came to its end", time="0.000")
    if code in _UNENDED:
        kind = result.outcome if result.status is RunStatus.COMPLETED else result.status
        _failure(case, kind.value, sentence, why)
    by_hand = (BY_HAND,) if result.by_hand else ()
    _say(case, "\n".join((f"{sign} {sentence}", *by_hand, ": ".join(again(result, journal)))))
    case = ET.SubElement(suite, "testcase", classname=name, name="it went well, or as expected", time="0.000")
    if code in (ExitCode.FAILED, ExitCode.UNSAFE):
        _failure(case, result.outcome.value, sentence, why)
    if result.rolled_back:
        case = ET.SubElement(suite, "testcase", classname=name, name="the rollback was expected", time="0.000")
        if result.rolled_back_unexpectedly:
            unspoken = f"{sentence}, and the scenario does not speak of a rollback"
            _failure(case, "rolled back", unspoken, why)
    return _summed(suite)


_UNENDED = frozenset({ExitCode.INTERRUPTED, ExitCode.TIME_LIMIT, ExitCode.INCONCLUSIVE})
"""The exit codes of a run of which nobody can tell what it came to."""


def _reasons(result: RunResult) -> Iterator[str]:
    """Why a run did not come to what it should, a line a reason."""
    for rollout in result.rollouts:
        if rollout.error is not None and rollout.status is not DeploymentStatus.SUCCEEDED:
            yield f"{rollout.deployment_id}: {rollout.error.code}: {rollout.error.message}"
    for promotion in result.promotions:
        yield from (f"{name}: {promotion.revision}: {why}" for name, why in promotion.why.items())
    yield from (f"{clock(event.at_ms)} {not_created(event)}" for event in result.not_created)
    for finding in (*result.expectations, *result.invariants):
        if not finding.held:
            yield f"{finding.name}: {finding.why}"


def _environments(result: RunResult, number: int, promotion: Promotion, strict: bool) -> ET.Element:
    """How a revision fared on its way. What was not reached is skipped."""
    suite = ET.Element("testsuite", name=f"{result.scenario.name}.environments.{number}-{promotion.revision}")
    suite.set("time", "0.000")
    for environment, passage in promotion.passage.items():
        case = ET.SubElement(
            suite, "testcase", classname=_clean(suite.attrib["name"]), name=_clean(environment), time="0.000"
        )
        why = promotion.why.get(environment, passage.value)
        if passage in (Passage.FAILED, Passage.STOPPED):
            if strict:
                _failure(case, passage.value, why)
            else:
                _say(case, f"{passage}: {why}")
        elif passage is not Passage.SUCCEEDED:
            ET.SubElement(case, "skipped", message=_clean(why))
    return _summed(suite)


def _deployment(result: RunResult, number: int, rollout: Rollout, strict: bool) -> ET.Element:
    deployment = rollout.deployment
    group = f"{deployment.group}-" * (len(result.scenario.all_groups) > 1)
    name = f"{result.scenario.name}.{number}-{group}{deployment.revision}"
    lasted = 0 if rollout.ended_ms == NEVER else rollout.ended_ms - rollout.started_ms
    suite = ET.Element("testsuite", name=_clean(name), time=_seconds(lasted))
    properties = ET.SubElement(suite, "properties")
    for key, value in (
        ("deployment_id", deployment.deployment_id),
        ("creator", deployment.creator.value),
        ("status", rollout.status.value),
        ("strategy", deployment.strategy),
        ("deployment_config", deployment.config.name),
        *((f"stage {s.number}", f"{s.stage.name}: {s.stage}, {s.lasted(s.began_ms)}") for s in passed(rollout)),
        *((f"said at {_seconds(heard.at_ms)}", str(heard)) for heard in said(rollout)),
    ):
        ET.SubElement(properties, "property", name=key, value=_clean(value))
    for host in rollout.hosts.values():
        suite.append(_host(name, host, rollout, strict))
    return _summed(suite)


def _host(suite: str, host: Host, rollout: Rollout, strict: bool) -> ET.Element:
    first = next((record for record in host.records if record.started_ms is not None), None)
    lasted = 0
    if first is not None and first.started_ms is not None:
        waited_ms = waited_since_ms(host, first)
        lasted = host.records[-1].ended_ms - (first.started_ms if waited_ms is None else waited_ms)
    case = ET.Element("testcase", classname=_clean(suite), name=_clean(host.name), time=_seconds(lasted))
    if host.status is TargetStatus.FAILED:
        record = failed_record(host, rollout)
        why = failure(record) if record else "failed: no lifecycle event was reached"
        log = "\n".join(log_lines(record.diagnostics)) if record else ""
        if strict:
            _failure(case, record.name if record else "failed", why, log)
        else:
            _say(case, why + (f"\n{log}" if log else ""))
    elif host.status is not TargetStatus.SUCCEEDED:
        ET.SubElement(case, "skipped", message=host.status.value)
    return case


def _findings(name: str, findings: Iterable[Finding]) -> ET.Element:
    suite = ET.Element("testsuite", name=name, time="0.000")
    for finding in findings:
        case = ET.SubElement(suite, "testcase", classname=name, name=_clean(finding.name), time="0.000")
        if not finding.held:
            _failure(case, "not held", finding.why)
    return _summed(suite)


def _summed(suite: ET.Element) -> ET.Element:
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite


def _failure(case: ET.Element, kind: str, message: str, body: str = "") -> None:
    ET.SubElement(case, "failure", type=_clean(kind), message=_clean(message)).text = _clean(body or message)


def _say(case: ET.Element, text: str) -> None:
    ET.SubElement(case, "system-out").text = _clean(text)


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"


def _clean(text: str) -> str:
    return text.translate(_FORBIDDEN)
