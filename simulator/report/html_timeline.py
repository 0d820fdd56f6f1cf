"""A deployment's hosts over time, as SVG: a row a host, a bar a lifecycle event, its story under the pointer."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from simulator.report import words
from simulator.report.causes import log_lines, waited_since_ms
from simulator.report.stages import passed, said
from simulator.rollout.events import FaultChanged
from simulator.rollout.host import NEVER, Host, Record
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import EventStatus, TargetStatus

HOSTS_DRAWN_MAX: Final = 200
"""More hosts than this are counted, not drawn; those that failed come first."""
HOSTS_NAMED_MAX: Final = 10
"""A fault's story names so many of its hosts."""
NEVER_BEGUN: Final = "NeverBegun"
"""The class of an event that was handed out to an agent that never came for it."""
TICKS: Final = 5
_MEANINGS: Final = {
    EventStatus.SUCCEEDED: "a lifecycle event that succeeded",
    EventStatus.FAILED: "one that failed",
    EventStatus.IN_PROGRESS: "one under way",
    EventStatus.UNKNOWN: "one of which nobody knows",
}

_WIDTH: Final = 1000
_LETTER: Final = 8
_ROW: Final = 22
_BAR: Final = 14
_SMALL_LETTER: Final = 6.2
_FAULT: Final = 3
_SLIVER: Final = 2.0
"""The least width of a bar, so that an instant can be pointed at."""


def timeline(rollout: Rollout, faults: Sequence[FaultChanged] = ()) -> ET.Element:
    """The drawing. Its elements carry their status as a class; the page gives the colours."""
    hosts = list(rollout.hosts.values())
    if len(hosts) > HOSTS_DRAWN_MAX:
        hosts.sort(key=lambda host: host.status is not TargetStatus.FAILED)
    drawn, left_out = hosts[:HOSTS_DRAWN_MAX], len(hosts) - HOSTS_DRAWN_MAX
    end_ms = _end_ms(rollout)
    span_ms = max(end_ms - rollout.started_ms, 1)
    margin = _LETTER * (2 + max((len(host.name) for host in drawn), default=0))
    height = _ROW * (len(drawn) + 1 + (left_out > 0))
    label = f"Timeline of {rollout.deployment_id}: {words.count(len(hosts), 'host')}, {words.took(span_ms)}"
    svg = ET.Element("svg", {"viewBox": f"0 0 {_WIDTH} {height}", "role": "img", "aria-label": label})
    scale = (_WIDTH - margin - _LETTER) / span_ms
    for tick in range(TICKS + 1):
        at_ms = span_ms * tick // TICKS
        x = _number(margin + at_ms * scale)
        bottom = _number(height - _ROW)
        ET.SubElement(svg, "line", {"class": "axis", "x1": x, "x2": x, "y1": "0", "y2": bottom})
        anchor = "start" if tick == 0 else "end" if tick == TICKS else "middle"
        mark = {"class": "soft", "x": x, "y": _number(height - 6), "text-anchor": anchor}
        ET.SubElement(svg, "text", mark).text = words.took(rollout.started_ms + at_ms)
    _people(svg, rollout, height - _ROW, margin, scale)
    for row, host in enumerate(drawn):
        _host(svg, host, row, margin, scale, rollout.started_ms)
    rows = {host.name: row for row, host in enumerate(drawn)}
    for change, healed_ms in words.faults_over(faults):
        _fault(svg, change, healed_ms, rows, margin, scale, (rollout.started_ms, end_ms))
    if left_out > 0:
        place = {"class": "soft", "x": "0", "y": _number(_ROW * (len(drawn) + 1) - 7)}
        ET.SubElement(svg, "text", place).text = f"and {words.count(left_out, 'more host')}"
    return svg


def _people(svg: ET.Element, rollout: Rollout, bottom: int, margin: int, scale: float) -> None:
    """Behind the hosts: a band where nothing was deployed (a bake, a wait), a line where a person spoke."""
    for stage in passed(rollout):
        if not stage.waits:
            continue
        end_ms = stage.began_ms if stage.ended_ms is None else stage.ended_ms
        band = {
            "class": "wait",
            "x": _number(margin + (stage.began_ms - rollout.started_ms) * scale),
            "y": "0",
            "width": _number(max((end_ms - stage.began_ms) * scale, _SLIVER)),
            "height": _number(bottom),
        }
        story = f"{stage.heading}: {stage.stage} · {stage.lasted(end_ms)}"
        ET.SubElement(ET.SubElement(svg, "rect", band), "title").text = story
    for heard in said(rollout):
        x = _number(margin + (heard.at_ms - rollout.started_ms) * scale)
        line = ET.SubElement(svg, "line", {"class": "word", "x1": x, "x2": x, "y1": "0", "y2": _number(bottom)})
        ET.SubElement(line, "title").text = f"{words.clock(heard.at_ms)} {heard}"


def _host(svg: ET.Element, host: Host, row: int, margin: int, scale: float, start_ms: int) -> None:
    top = row * _ROW
    ET.SubElement(svg, "text", {"x": "0", "y": _number(top + _BAR)}).text = f"{words.SIGNS[host.status]} {host.name}"
    for record in host.records:
        if record.started_ms is None:
            continue
        waited_ms = waited_since_ms(host, record)
        began_ms = record.started_ms if waited_ms is None else waited_ms
        x, width = margin + (began_ms - start_ms) * scale, max((record.ended_ms - began_ms) * scale - 0.5, _SLIVER)
        bar = {
            "class": record.status.value if waited_ms is None else NEVER_BEGUN,
            "x": _number(x),
            "y": _number(top + (_ROW - _BAR) / 2),
            "width": _number(width),
            "height": _number(_BAR),
            "rx": "2",
        }
        story = _story(host, record, began_ms, begun=waited_ms is None)
        ET.SubElement(ET.SubElement(svg, "rect", bar), "title").text = story
        if width >= _SMALL_LETTER * len(record.name) + 4:
            place = {"class": "name", "x": _number(x + 3), "y": _number(top + _BAR + 0.5)}
            ET.SubElement(svg, "text", place).text = record.name


def _fault(
    svg: ET.Element,
    change: FaultChanged,
    healed_ms: int | None,
    rows: dict[str, int],
    margin: int,
    scale: float,
    span: tuple[int, int],
) -> None:
    """A line under each host that a fault struck, as long as it held within this deployment."""
    start_ms, end_ms = span
    from_ms, to_ms = max(change.at_ms, start_ms), end_ms if healed_ms is None else min(healed_ms, end_ms)
    if from_ms > to_ms:
        return
    for host in change.hosts:
        if host not in rows:
            continue
        line = {
            "class": "fault",
            "x": _number(margin + (from_ms - start_ms) * scale),
            "y": _number((rows[host] + 1) * _ROW - _FAULT),
            "width": _number(max((to_ms - from_ms) * scale, _SLIVER)),
            "height": _number(_FAULT),
        }
        ET.SubElement(ET.SubElement(svg, "rect", line), "title").text = fault_story(change, healed_ms)


def fault_story(change: FaultChanged, healed_ms: int | None) -> str:
    """When, which, where: `script exits 1 at h2: from 3.1s, healed at 8s`."""
    where = f" at {words.named(list(change.hosts), HOSTS_NAMED_MAX)}" if change.hosts else ""
    end = "to the end of the run" if healed_ms is None else f"healed at {words.took(healed_ms)}"
    return f"{change.fault}{where}: from {words.took(change.at_ms)}, {end}"


def legend(rollouts: Sequence[Rollout], faults: Sequence[FaultChanged]) -> list[tuple[str, str]]:
    """What the drawings are made of: the class and the meaning of each thing that occurs in them."""
    hosts = [host for rollout in rollouts for host in [*rollout.hosts.values()][:HOSTS_DRAWN_MAX]]
    drawn = [(host, record) for host in hosts for record in host.records if record.started_ms is not None]
    never = any(waited_since_ms(host, record) is not None for host, record in drawn)
    found = {record.status for host, record in drawn if waited_since_ms(host, record) is None}
    meanings = [(status.value, meaning) for status, meaning in _MEANINGS.items() if status in found]
    meanings += [(NEVER_BEGUN, "handed out, and never begun by the agent")] * never
    meanings += [("fault", "a fault at that host")] * any(change.hosts for change in faults)
    waits = any(stage.waits for rollout in rollouts for stage in passed(rollout))
    meanings += [("wait", "a bake or a wait: nothing is deployed")] * waits
    return meanings + [("word", "a person spoke")] * any(said(rollout) for rollout in rollouts)


def _story(host: Host, record: Record, began_ms: int, *, begun: bool) -> str:
    lasted = words.took(record.ended_ms - began_ms)
    status = record.status.value if begun else "never begun"
    lines = [f"{host.name} · {record.name} · {status} · {lasted}, from {words.took(began_ms)}"]
    if record.diagnostics is not None:
        lines.append(f"{record.diagnostics.error_code}: {record.diagnostics.message}")
        lines += log_lines(record.diagnostics)
    return "\n".join(lines)


def _end_ms(rollout: Rollout) -> int:
    if rollout.ended_ms != NEVER:
        return rollout.ended_ms
    hosts = rollout.hosts.values()
    return max((host.records[-1].ended_ms for host in hosts if host.records), default=rollout.started_ms)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
