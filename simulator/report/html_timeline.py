"""A deployment's hosts over time, as SVG: a row a host, a bar a lifecycle event, its story under the pointer."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Final

from simulator.report import words
from simulator.report.causes import log_lines
from simulator.report.stages import passed, said
from simulator.rollout.host import NEVER, Host, Record
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import TargetStatus

HOSTS_DRAWN_MAX: Final = 200
"""More hosts than this are counted, not drawn; those that failed come first."""
TICKS: Final = 5

_WIDTH: Final = 1000
_LETTER: Final = 8
_ROW: Final = 22
_BAR: Final = 14
_SLIVER: Final = 2.0
"""The least width of a bar, so that an instant can be pointed at."""


def timeline(rollout: Rollout) -> ET.Element:
    """The drawing. Its elements carry their status as a class; the page gives the colours."""
    hosts = list(rollout.hosts.values())
    if len(hosts) > HOSTS_DRAWN_MAX:
        hosts.sort(key=lambda host: host.status is not TargetStatus.FAILED)
    drawn, left_out = hosts[:HOSTS_DRAWN_MAX], len(hosts) - HOSTS_DRAWN_MAX
    end_ms = rollout.ended_ms if rollout.ended_ms != NEVER else _last(hosts, rollout.started_ms)
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
        bar = {
            "class": record.status.value,
            "x": _number(margin + (record.started_ms - start_ms) * scale),
            "y": _number(top + (_ROW - _BAR) / 2),
            "width": _number(max((record.ended_ms - record.started_ms) * scale - 0.5, _SLIVER)),
            "height": _number(_BAR),
            "rx": "2",
        }
        ET.SubElement(ET.SubElement(svg, "rect", bar), "title").text = _story(host, record)


def _story(host: Host, record: Record) -> str:
    assert record.started_ms is not None, "skipped events are not drawn"
    lasted = words.took(record.ended_ms - record.started_ms)
    lines = [f"{host.name} · {record.name} · {record.status} · {lasted}, from {words.took(record.started_ms)}"]
    if record.diagnostics is not None:
        lines.append(f"{record.diagnostics.error_code}: {record.diagnostics.message}")
        lines += log_lines(record.diagnostics)
    return "\n".join(lines)


def _last(hosts: list[Host], default_ms: int) -> int:
    return max((host.records[-1].ended_ms for host in hosts if host.records), default=default_ms)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
