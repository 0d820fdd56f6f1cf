"""A run as one HTML page that needs nothing else: no script, no font, no image from anywhere.

The page is built as elements and escaped by the serializer, so whatever a script wrote is shown, never obeyed.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

from simulator.control.result import Finding, RunResult, RunStatus
from simulator.report import words
from simulator.report.causes import causes
from simulator.report.html_timeline import fault_story, legend, timeline
from simulator.report.stages import passed, said
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus

_STYLE: Final = """
:root { color-scheme: light dark; --text: #1b1f24; --soft: #59636e; --back: #fff; --line: #d1d9e0; --good: #1a7f37;
  --bad: #cf222e; --warn: #9a6700; --idle: #8c959f; --zebra: #f6f8fa; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --soft: #9198a1; --back: #0d1117; --line: #3d444d;
  --good: #3fb950; --bad: #f85149; --warn: #d29922; --idle: #656c76; --zebra: #151b23; } }
body { font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; color: var(--text);
  background: var(--back); max-width: 72rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.1rem; margin-top: 2rem;
  border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin-bottom: .3rem; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); }
.figures { display: flex; flex-wrap: wrap; gap: 1rem; padding: 0; }
.figures div { border: 1px solid var(--line); border-radius: 6px; padding: .5rem 1rem; }
.figures b { display: block; font-size: 1.3rem; }
ul { list-style: none; padding: 0; } li { margin: .2rem 0; }
pre { background: var(--zebra); border: 1px solid var(--line); border-radius: 6px; padding: .6rem; overflow-x: auto; }
code { font-family: ui-monospace, monospace; }
.drawing svg { width: 100%; height: auto; }
.legend { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; } .legend svg { width: 16px; height: 12px; }
svg text { font: 12px ui-monospace, monospace; fill: var(--text); }
svg .axis { stroke: var(--line); } svg .soft { fill: var(--soft); }
svg .Succeeded { fill: var(--good); } svg .Failed { fill: var(--bad); } svg .InProgress { fill: var(--warn); }
svg text.name { font-size: 10px; fill: var(--back); pointer-events: none; }
svg .NeverBegun { fill: var(--bad); fill-opacity: .25; stroke: var(--bad); stroke-dasharray: 4 2; }
svg .NeverBegun + text.name { fill: var(--text); } svg .fault { fill: #8250df; }
svg .wait { fill: var(--warn); opacity: .15; } svg .word { stroke: var(--bad); stroke-dasharray: 3 3; }
svg .Skipped, svg .Pending, svg .Unknown { fill: var(--idle); }
"""

_CLASSES: Final = {words.SUCCEEDED: "good", words.FAILED: "bad", words.WARNING: "warn", words.STOPPED: "warn"}


def html(result: RunResult, journal: Path | None = None) -> str:
    """The page's text. `journal`: where it was kept."""
    sign, sentence = words.headline(result)
    root = ET.Element("html", lang="en")
    head = ET.SubElement(root, "head")
    ET.SubElement(head, "meta", charset="utf-8")
    ET.SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    _add(head, "title", f"{result.scenario.name}: {sentence}")
    _add(head, "style", _STYLE)
    body = ET.SubElement(root, "body")
    heading = _add(body, "h1", "")
    _add(heading, "span", sign, _CLASSES.get(sign, "soft")).tail = f" {result.scenario.name}: {sentence}"
    if result.scenario.title:
        _add(body, "p", result.scenario.title, "soft")
    _figures(body, result)
    _add(body, "h2", "Deployments")
    for rollout in result.rollouts:
        _deployment(body, rollout, result)
    _legend(body, result)
    if result.promotions:
        _add(body, "h2", "Environments")
        _list(body, [(sign, f"{name} · {revision} · {told}") for sign, name, revision, told in words.passages(result)])
    _faults(body, result)
    if result.status is RunStatus.COMPLETED:
        _findings(body, "Expected", result.expectations)
    _findings(body, "Safety rules", result.invariants)
    if result.flags:
        _add(body, "h2", "Worth knowing")
        _list(body, [(words.WARNING, flag) for flag in result.flags])
    _add(body, "h2", "Play it again")
    if result.by_hand:
        _add(body, "p", f"{words.BY_HAND[0].upper()}{words.BY_HAND[1:]}.", "soft")
    _code(body, words.again(result, journal)[1])
    shas = f"scenario sha256 {result.scenario_sha256} · journal sha256 {result.journal_sha256}"
    _add(body, "p", f"drydeploy {result.version} · {shas}", "soft")
    return "<!doctype html>\n" + ET.tostring(root, encoding="unicode", method="html") + "\n"


def _figures(body: ET.Element, result: RunResult) -> None:
    box = _add(body, "div", "", "figures")
    traffic = result.traffic
    time = "virtual time" if result.fleet == "virtual" else "time"
    figures = [("fleet", result.fleet), ("seed", str(result.seed)), (time, words.took(result.duration_ms))]
    if traffic is not None and traffic.availability is not None:
        figures.append(("availability", words.percent(traffic.availability)))
        figures.append(("requests failed", f"{traffic.failed:,} of {traffic.total:,}"))
        figures += [(f"answered by {revision or 'nobody'}", f"{n:,}") for revision, n in traffic.by_revision]
    if result.in_service_min is not None:
        required = "" if result.in_service_required is None else f", {words.required(result.in_service_required)}"
        since = " once all were first in service" if result.begins_empty else ""
        figures.append((f"least in service{since}", f"{result.in_service_min:,}{required}"))
    for name, value in figures:
        figure = ET.SubElement(box, "div")
        _add(figure, "b", value)
        _add(figure, "span", name, "soft")
    if (nobody := words.nobody_yet(result)) is not None:
        _add(body, "p", nobody[0].upper() + nobody[1:] + ".", "soft")


def _legend(body: ET.Element, result: RunResult) -> None:
    """What the drawings mean, of that which occurs in them."""
    box = _add(body, "p", "", "legend soft")
    for css, meaning in legend(result.rollouts, result.faults):
        entry = _add(box, "span", "")
        svg = ET.SubElement(entry, "svg", {"viewBox": "0 0 16 12", "aria-hidden": "true"})
        if css == "word":
            ET.SubElement(svg, "line", {"class": css, "x1": "8", "x2": "8", "y1": "0", "y2": "12"})
        else:
            top, height = ("7", "4") if css == "fault" else ("1", "10")
            ET.SubElement(svg, "rect", {"class": css, "x": "1", "y": top, "width": "14", "height": height, "rx": "2"})
        svg.tail = f" {meaning}"
    _add(box, "span", "Point at a bar for its name and its story.")


def _faults(body: ET.Element, result: RunResult) -> None:
    struck = [*words.faults_over(result.faults)]
    if struck:
        _add(body, "h2", "Faults")
        _list(body, [(words.WARNING, fault_story(change, healed_ms)) for change, healed_ms in struck])


def _deployment(body: ET.Element, rollout: Rollout, result: RunResult) -> None:
    deployment = rollout.deployment
    sign = words.SIGNS[rollout.status]
    group = f" {deployment.group} ·" * (len(result.scenario.all_groups) > 1)
    title = f"{group} {deployment.revision} · {rollout.status.value} · {deployment.deployment_id}"
    heading = _add(body, "h3", "")
    _add(heading, "span", sign, _CLASSES.get(sign, "soft")).tail = title
    how = f"{deployment.strategy}, {deployment.config.name}, by {deployment.creator}"
    if deployment.creator is Creator.ROLLBACK:
        how += f", rollback of {deployment.rollback_of}"
    _add(body, "p", how, "soft")
    found = causes(rollout)
    if rollout.error is not None and rollout.status is not DeploymentStatus.SUCCEEDED:
        _list(body, [(sign, f"{rollout.error.code}: {rollout.error.message}")])
    for cause in found:
        _list(body, [(words.FAILED, str(cause))])
        if cause.log:
            _code(body, "\n".join(cause.log))
    if len(rollout.stages) > 1:
        _list(body, [(s.sign, f"{s.heading}: {s.stage} · {s.lasted(result.duration_ms)}") for s in passed(rollout)])
    _list(body, [(heard.sign, f"{words.clock(heard.at_ms)} {heard}") for heard in said(rollout)])
    _add(body, "div", "", "drawing").append(timeline(rollout, result.faults))


def _findings(body: ET.Element, title: str, findings: tuple[Finding, ...]) -> None:
    if not findings:
        return
    _add(body, "h2", title)
    items = []
    for finding in findings:
        why = f": {finding.why}" if finding.why else ""
        items.append((words.SUCCEEDED if finding.held else words.FAILED, finding.name + why))
    _list(body, items)


def _list(body: ET.Element, items: list[tuple[str, str]]) -> None:
    if not items:
        return
    box = ET.SubElement(body, "ul")
    for sign, text in items:
        item = ET.SubElement(box, "li")
        _add(item, "span", sign, _CLASSES.get(sign, "soft")).tail = f" {text}"


def _code(body: ET.Element, text: str) -> None:
    _add(ET.SubElement(body, "pre"), "code", text)


def _add(parent: ET.Element, tag: str, text: str, css: str = "") -> ET.Element:
    element = ET.SubElement(parent, tag, {"class": css} if css else {})
    element.text = text
    return element
