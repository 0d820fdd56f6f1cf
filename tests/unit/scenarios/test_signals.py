"""Alarms and analyses in a scenario: what is understood, and each mistake at its place with its remedy."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from scenarios.loader import loads
from scenarios.model import Scenario
from scenarios.problems import ScenarioError
from scenarios.signals import threshold_of
from tests.support.rehearsals import BUNDLES

HEAD = """\
name: a-test
fleet: {hosts: 4, running: v1}
revisions: {v1: web-v1, v2: web-v2}
deploy: [{revision: v2}]
"""
BALANCER = "balancer: {}\n"


def mistakes(text: str, *, balancer: bool = True) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(HEAD + (BALANCER if balancer else "") + text, name="f", directory=BUNDLES)
    return [problem.render() for problem in caught.value.problems]


def sound(text: str) -> Scenario:
    return loads(HEAD + BALANCER + text, name="f", directory=BUNDLES)


@pytest.mark.parametrize(
    ("metric", "text", "value"),
    [
        ("error_rate", "5%", Fraction(1, 20)),
        ("error_rate", "0.5 %", Fraction(1, 200)),
        ("error_rate", "0.05", Fraction(1, 20)),
        ("latency_p95", "250ms", 250),
        ("latency_p50", "1.5s", 1500),
        ("healthy_hosts", "3", 3),
    ],
)
def test_thresholds_have_the_metrics_unit(metric: str, text: str, value: Fraction) -> None:
    assert threshold_of(metric, text) == value
    written = json.dumps({"metric": metric, "above": text})
    assert sound(f"alarms: {{a: {written}}}\ngroup: {{alarms: [a]}}\n").alarms["a"].bound is not None


def test_what_is_written_out_can_be_read_again() -> None:
    text = """\
alarms:
  errors: {metric: error_rate, above: 0.05, period: 1s}
  pager: {scripted: true}
analyses:
  users: {lasts: 10s, compare: {metric: latency, significance: 1%}}
group:
  alarms: [errors, pager]
  strategy: {canary: {hosts: 1, bake: 1m, analysis: users}}
"""
    scenario = sound(text)
    again = Scenario.model_validate(scenario.model_dump(mode="json", by_alias=True, exclude_unset=True))
    assert again == scenario
    compare = scenario.analyses["users"].compare
    assert compare is not None
    assert (compare.significance, compare.minimum_effect) == (0.01, 0.1)


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        ("group: {alarms: [eror]}\nalarms: {error: {scripted: true}}", "6:18", "no alarm is called eror", "error?"),
        ("group: {alarms: [a]}", "6:18", "no alarm is called a", "declare it under alarms: {a: …}"),
        ("faults: [{do: {alarm: {name: b}}}]\ngroup: {alarms: [a]}\nalarms: {a: {scripted: true}}", "6:30", "called b", ""),  # noqa: E501
        ("group: {strategy: {steps: [{setHosts: 1}, {analysis: user}]}}\nanalyses: {users: {lasts: 1s, thresholds: "
         "[{metric: error_rate, below: 1%}]}}", "6:54", "no analysis is called user", "did you mean users?"),
        ("group: {strategy: {canary: {hosts: 1, analysis: x}}}", "6:49", "no analysis is called x", "analyses: {x: …}"),
        ("alarms: {a: {metric: error_rate, above: 1, below: 0}}", "6:44", "above and below exclude each other", "keep"),
        ("alarms: {a: {metric: error_rate}}", "6:13", "none of above or below is written", "write one"),
        ("alarms: {a: {metric: error_rate, above: 500%}}", "6:41", "a share from 0 to 1", "such as 5%"),
        ("alarms: {a: {metric: latency_p95, above: 250}}", "6:42", "a latency is a duration", "250ms"),
        ("alarms: {a: {metric: healthy_hosts, below: 50%}}", "6:44", "whole number", "write a number of hosts"),
        ("alarms: {a: {metric: error_rate, above: lots}}", "6:41", "found lots", ""),
        ("alarms: {a: {metric: eror_rate, above: 1%}}", "6:22", "expected error_rate", "did you mean error_rate?"),
        ("alarms: {a: {scripted: true, above: 1%}}", "6:30", "scripted, so it measures nothing", "take above away"),
        ("alarms: {a: {period: 1s}}", "6:13", "neither a metric nor scripted", "write a metric"),
        ("analyses: {a: {lasts: 1s}}", "6:15", "none of thresholds or compare is written", "write one"),
        ("analyses: {a: {lasts: 1s, thresholds: [{metric: healthy_hosts, below: 3}]}}", "6:49", "judges requests", "alarm"),  # noqa: E501
        ("analyses: {a: {lasts: 1s, compare: {metric: latency, significance: 0}}}", "6:68", "more than 0", "write 5%"),
        ("analyses: {a: {lasts: 1s, compare: {metric: latency, significance: 5}}}", "6:68", "from 0 to 1", ""),
    ],
)  # fmt: skip
def test_each_mistake(text: str, place: str, message: str, remedy: str) -> None:
    found = [line for line in mistakes(text + "\n") if message in line]
    assert len(found) == 1, mistakes(text + "\n")
    assert found[0].startswith(f"f:{place}: error: ")
    assert remedy in found[0]


@pytest.mark.parametrize(
    "text",
    [
        "alarms: {a: {metric: error_rate, above: 1%}}\ngroup: {alarms: [a]}\n",
        "analyses: {a: {lasts: 1s, thresholds: [{metric: error_rate, below: 1%}]}}\n",
    ],
)
def test_without_a_balancer_nothing_is_measured(text: str) -> None:
    (line,) = mistakes(text, balancer=False)
    assert "is measured at the balancer, and there is none; add balancer" in line


def test_a_group_has_ten_alarms_at_most() -> None:
    names = [f"a{number}" for number in range(11)]
    alarms = json.dumps({name: {"scripted": True} for name in names})
    (line,) = mistakes(f"alarms: {alarms}\ngroup: {{alarms: [{', '.join(names)}]}}\n")
    assert "expected at most 10" in line


def test_a_file_that_a_script_leaves_has_an_absolute_path(tmp_path: Path) -> None:
    text = HEAD.replace(
        "v2: web-v2", "v2: {bundle: web-v2, behaves: {scripts: {scripts/run_process.sh: {leaves: [data]}}}}"
    )
    with pytest.raises(ScenarioError, match="absolute path"):
        loads(text, name="f", directory=BUNDLES)
