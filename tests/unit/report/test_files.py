"""The reports that are files: JUnit, HTML, graphs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from typing import Any

import pytest

from scenarios import library
from scenarios.loader import load
from simulator.control.exits import ExitCode, exit_code
from simulator.control.rehearse import virtual
from simulator.control.result import Finding, RunResult, RunStatus
from simulator.report.graph import PlannedDeployment, dot, mermaid, plan_document, plan_tree
from simulator.report.html import html
from simulator.report.html_timeline import HOSTS_DRAWN_MAX, timeline
from simulator.report.junit import junit
from simulator.rollout.events import FaultChanged
from strategies import Member, rolling
from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig, MinimumHealthyHosts, MinimumHealthyHostsType
from tests.support.rehearsals import run, scenario
from tests.unit.control.test_environments import through
from tests.unit.report.plays import result, start_fails
from tests.unit.report.test_text import drawn

MET = Finding("outcome is rolled_back", True, "it is")
ROLLED_BACK: dict[str, object] = {"outcome": "rolled_back"}
UNMET = Finding("outcome is succeeded", False, "it is rolled_back")


def test_junit_has_a_suite_a_deployment_and_a_case_a_host() -> None:
    root = ET.fromstring(junit(result(start_fails)))
    suites = {suite.attrib["name"]: suite for suite in root}
    assert list(suites) == ["play.1-v2", "play.2-v1", "play.invariants", "play.run"]
    first = suites["play.1-v2"].attrib
    assert (first["tests"], first["failures"], first["skipped"]) == ("4", "1", "3")
    failure = suites["play.1-v2"].find("testcase/failure")
    assert failure is not None
    assert failure.attrib["type"] == "ApplicationStart"
    assert failure.text is not None
    assert "<script>alert(1)</script>" in failure.text
    assert root.attrib["tests"] == "12"


def test_where_a_scenario_expects_something_that_alone_fails_the_build() -> None:
    assert ET.fromstring(junit(result(start_fails, expectations=(MET,), expect=ROLLED_BACK))).attrib["failures"] == "0"
    root = ET.fromstring(junit(result(start_fails, expectations=(MET, UNMET), expect=ROLLED_BACK)))
    assert root.attrib["failures"] == "2"
    unmet, own = root.iter("failure")
    assert unmet.attrib["message"] == "it is rolled_back"
    assert own.attrib["message"].endswith(": not as expected")
    assert own.text is not None
    assert own.text.endswith("outcome is succeeded: it is rolled_back")


def of_run(result: RunResult) -> list[tuple[str, str | None]]:
    """The failures of the run's own suite: headline and reasons."""
    failures = ET.fromstring(junit(result)).findall("testsuite[last()]/testcase/failure")
    return [(failure.attrib["message"], failure.text) for failure in failures]


@pytest.mark.parametrize(
    ("parts", "headline", "reason"),
    [
        ({"group": {"ec2_tag_filters": [{"key": "role", "value": "none"}]}}, "v2 failed", "NO_INSTANCES: no host"),
        ({"group": {"deployment_config": {"type": "HOST_COUNT", "value": 4}}}, "v2 failed", "CONSTRAINTS_INVALID"),
        ({"operator": [{"when": {"at": "100ms"}, "do": "stop"}]}, "v2 was stopped", "MANUAL_STOP: stopped by the op"),
    ],
)
def test_where_the_run_fails_its_own_suite_says_so(parts: dict[str, Any], headline: str, reason: str) -> None:
    failed = run(scenario(**parts))
    assert exit_code(failed) is ExitCode.FAILED
    ((message, text),) = of_run(failed)
    assert message == headline
    assert text is not None
    assert reason in text
    assert of_run(run(scenario())) == []


def test_junit_names_groups_and_environments() -> None:
    shut = run(through())
    suites = {suite.attrib["name"]: suite for suite in ET.fromstring(junit(shut))}
    assert [name for name in suites if name[-3:] == "-v2"] == [
        *("a-test.1-dev-v2", "a-test.2-test-v2", "a-test.environments.1-v2")
    ]
    *_, prod = suites["a-test.environments.1-v2"]
    (failure,) = prod
    assert (prod.attrib["name"], failure.attrib["type"]) == ("prod", "Stopped")
    assert failure.attrib["message"] == "nobody answered at the gate within 1m, and that is a no"
    assert of_run(shut) == [
        ("v2 was stopped", "v2 was stopped\nprod: v2: nobody answered at the gate within 1m, and that is a no")
    ]
    expected = run(through(expect={"outcome": "stopped"}))
    assert ET.fromstring(junit(expected)).attrib["failures"] == "0"


def test_a_rollback_that_nobody_expected_fails_the_build() -> None:
    (failure,) = ET.fromstring(junit(result(start_fails, expectations=(MET,)))).iter("failure")
    assert failure.attrib["type"] == "rolled back"
    assert "does not speak of a rollback" in failure.attrib["message"]


def never_begun() -> RunResult:
    return virtual(load(library.path_of("agent-not-running")), seed=0, scenario_sha256="", replay="")


def test_who_waited_for_an_agent_took_the_time_of_the_wait() -> None:
    first = next(ET.fromstring(junit(never_begun())).iter("testcase"))
    assert (first.attrib["name"], first.attrib["time"]) == ("h1", "5.000")


def test_the_page_shows_the_wait_for_an_agent_and_the_faults() -> None:
    text = html(never_begun())
    page = ET.fromstring(re.sub(r"<meta[^>]*>", "", text.removeprefix("<!doctype html>")))
    (bar,) = (rect for rect in page.iter("rect") if rect.get("class") == "NeverBegun" and rect.get("height") == "14")
    assert float(bar.attrib["width"]) > 900
    assert bar[0].text is not None
    assert bar[0].text.startswith("h1 · BeforeBlockTraffic · never begun · 5s, from 0ms")
    assert len([rect for rect in page.iter("rect") if rect.get("class") == "fault"]) == 4 + 1  # and the legend's
    for word in (
        "the agents have stopped at h1, h2, h3 and h4: from 0ms, to the end of the run",
        "handed out, and never begun by the agent",
        "0 of 100",
        "virtual time",
    ):
        assert word in text


def test_faults_are_drawn_where_and_while_they_held() -> None:
    faults = (
        FaultChanged(1, 100, "", "early", ("h1",), True),
        FaultChanged(2, 300, "", "early", ("h1",), False),
        FaultChanged(3, 99_000, "", "late", ("h1", "elsewhere"), True),
    )
    (rollout,) = result().rollouts
    titles = [rect[0].text for rect in timeline(rollout, faults).iter("rect") if rect.get("class") == "fault"]
    assert titles == ["early at h1: from 100ms, healed at 300ms"]
    shown = [rect[0].text for rect in timeline(rollout, faults[:1]).iter("rect") if rect.get("class") == "fault"]
    assert shown == ["early at h1: from 100ms, to the end of the run"]


def test_a_run_that_did_not_end_fails_the_build() -> None:
    root = ET.fromstring(junit(result(status=RunStatus.INTERRUPTED)))
    assert [f.attrib["type"] for f in root.iter("failure")] == ["interrupted"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")]


def test_the_page_needs_nothing_and_obeys_nobody() -> None:
    text = html(result(start_fails, expectations=(MET, UNMET)))
    page = _Page()
    page.feed(text)
    assert text.startswith("<!doctype html>")
    assert page.links == []
    assert "script" not in page.tags
    assert not re.search(r"url\(|@import", text)
    assert "&lt;script&gt;alert(1)" in text
    assert text.count('role="img"') == 2
    for word in (
        "v2 failed and was rolled back to v1",
        "drydeploy run play --seed 7",
        "99.9 %",
        "outcome is succeeded",
    ):
        assert word in text


def test_the_page_names_groups_and_environments() -> None:
    text = re.sub(r"<[^>]*>", "", html(run(through())))
    assert "✔ dev · v2 · Succeeded · d-" in text
    assert "✔ test · v2 · Succeeded · d-" in text
    assert "॥ prod · v2 · Stopped: nobody answered at the gate within 1m, and that is a no" in text
    assert "Environments" not in html(result())


def test_the_page_of_a_large_fleet_is_bounded() -> None:
    text = html(result(start_fails, hosts=HOSTS_DRAWN_MAX + 50))
    assert "and 50 more hosts" in text
    assert "✖ h1" in text


def planned(config: DeploymentConfig = ONE_AT_A_TIME, *, with_balancer: bool = True) -> list[PlannedDeployment]:
    hosts = [Member(f"h{n}") for n in range(12)]
    return [
        PlannedDeployment(number, revision, "rolling", config, rolling(hosts, config), with_balancer=with_balancer)
        for number, revision in ((1, "v2"), (2, 'v"3"'))
    ]


def test_the_plan_as_a_tree() -> None:
    tree = drawn(plan_tree("shop", planned()), width=300)
    assert "1. v2  rolling, CodeDeployDefault.OneAtATime " in tree
    assert "deploy: deploy to 12 hosts, 1 at once, 11 must stay healthy" in tree
    assert "h0, h1, h2, h3, h4, h5, h6, h7 and 4 more" in tree
    assert "BlockTraffic → AfterBlockTraffic" in tree
    assert "BlockTraffic" not in drawn(plan_tree("shop", planned(with_balancer=False)), width=300)


def test_a_plan_that_cannot_be_carried_out_says_so() -> None:
    all_of_them = DeploymentConfig("Twelve", MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 12))
    assert "nothing can be deployed" in drawn(plan_tree("shop", planned(all_of_them)))


def test_the_plan_for_programs() -> None:
    found = plan_document("shop", planned())
    (stage,) = found["deployments"][0]["stages"]
    assert (stage["at_once"], stage["minimum_healthy_hosts"], len(stage["hosts"])) == (1, 11, 12)


@pytest.mark.parametrize(("draw", "edge"), [(mermaid, "d1_deploy --> d2_deploy"), (dot, "d1_deploy -> d2_deploy;")])
def test_graphs_join_the_deployments(draw, edge: str) -> None:  # type: ignore[no-untyped-def]
    text = draw(planned())
    assert edge in text
    assert 'v"3"' not in text
