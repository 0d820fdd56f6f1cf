"""The reports that a person reads: lines, tree, verdict."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from scenarios import library
from scenarios.loader import load
from simulator.control.result import Finding, RunResult, RunStatus
from simulator.report.causes import LOG_LINES_MAX, causes
from simulator.report.lines import Lines
from simulator.report.tree import LiveTree, final_tree
from simulator.report.verdict import print_verdict, verdict
from simulator.rollout.commands import ShutGate
from simulator.rollout.events import (
    Diagnostics,
    Event,
    FaultChanged,
    GateTimerFired,
    HealthCheckReported,
    TimerFired,
    TrafficMeasured,
)
from simulator.rollout.statuses import LifecycleErrorCode
from strategies.configuration import ALL_AT_ONCE
from tests.support.rehearsals import run
from tests.unit.report.plays import Fails, play, result, scenario, start_fails


def drawn(thing: object, *, width: int = 120) -> str:
    out = io.StringIO()
    Console(file=out, width=width, color_system=None, highlight=False).print(thing)
    return out.getvalue()


def told(fails: Fails = start_fails, *, every: bool = False) -> list[str]:
    lines: list[str] = []
    play(fails, observers=[Lines(lines.append, every=every)])
    return lines


def judged(*args: Fails, **more: object) -> list[str]:
    out = io.StringIO()
    every = bool(more.pop("every", False))
    print_verdict(Console(file=out, highlight=False, width=40), verdict(result(*args, **more), every=every))  # type: ignore[arg-type]
    return out.getvalue().splitlines()


def test_alike_failures_are_one_cause() -> None:
    rollouts, _ = play(start_fails, hosts=9, config=ALL_AT_ONCE)
    (cause,) = causes(rollouts[0])
    assert str(cause) == "h1, h2, h3 and 6 more failed at ApplicationStart: run.sh on h1 exited with 1"
    assert cause.script == "run.sh"
    assert cause.log[0] == "… 9 lines before"
    assert len(cause.log) == LOG_LINES_MAX + 1


def test_different_failures_are_different_causes() -> None:
    def fails(revision: str, host: str, event: str) -> Diagnostics | None:
        if event == {"h1": "Install", "h2": "AfterInstall"}.get(host):
            return Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, "the disk is full")
        return None

    rollouts, _ = play(fails, config=ALL_AT_ONCE)
    assert [str(cause) for cause in causes(rollouts[0])] == [
        "h1 failed at Install: the disk is full",
        "h2 failed at AfterInstall: the disk is full",
    ]


def test_lines_tell_each_event_and_each_decision_with_its_reason() -> None:
    lines = told()
    text = "\n".join(lines)
    assert "◌ begins: deploy v2 to 4 hosts, rolling, CodeDeployDefault.OneAtATime" in lines[1]
    assert "h1           ◌ taken: 4 of 4 healthy and 3 needed, so one may be taken out" in lines[2]
    assert "✖ ApplicationStart failed after 100ms: ScriptFailed in run.sh" in text
    assert "UnknownError" not in text
    assert "✖ Failed at ApplicationStart: run.sh on h1 exited with 1" in text
    assert "✖ Failed, HEALTH_CONSTRAINTS: " in text
    assert "creates d-" in text
    assert "✔ AllowTraffic, " in text
    assert "GET / answered 200" in text
    assert lines[-1].endswith("✔ Succeeded: 4 of 4 hosts succeeded")
    assert "RunLifecycleEvent" not in text


def test_every_command_is_told_on_demand() -> None:
    text = "\n".join(told(every=True))
    assert "→ RunLifecycleEvent Install: the event before it succeeded" in text
    assert "→ StartTimer deployment, due at 8:00:00.000: a deployment may not last longer" in text
    lines: list[str] = []
    Lines(lines.append, every=True)(TimerFired(9, 17_745, "1.1", "d-AAAAAAAAA", "host:h1"), (), None)
    assert lines == ["  17.745s  d-AAAAAAAAA  · TimerFired host:h1"]


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (FaultChanged(1, 5, "", "full disk", ("h1", "h2"), True), "⚠ full disk begins at h1 and h2"),
        (FaultChanged(1, 5, "", "full disk", (), False), "✔ full disk is healed"),
        (HealthCheckReported(1, 5, "", "h1", False, "/", "200", "404"), "GET / answered 404, wanted 200"),
        (HealthCheckReported(1, 5, "", "h1", False, "/", "200", "200"), "not yet healthy"),
        (TrafficMeasured(1, 5, "", 10, 1, (("v1", 9),), 3, 0), "1 of 10 requests failed so far; answered by v1 9"),
    ],
)
def test_lines_tell_what_the_core_does_not_decide_by(event: Event, words: str) -> None:
    lines: list[str] = []
    Lines(lines.append)(event, (), None)
    assert words in lines[0]
    assert lines[0].startswith("   0.005s  ")


def test_a_gate_is_told_by_what_is_decided_there() -> None:
    lines: list[str] = []
    tell = Lines(lines.append)
    stale = GateTimerFired(9, 60_000, "8.1", "prod")
    tell(stale, (), None)
    assert lines == []
    tell(stale, (ShutGate("9.0", "", "v2 does not enter prod: nobody answered", "prod", "v2"),), None)
    assert [line.split(maxsplit=3)[1:] for line in lines] == [["prod", "॥", "v2 does not enter prod: nobody answered"]]


def test_the_final_tree_has_a_branch_a_deployment_and_a_leaf_a_host() -> None:
    tree = drawn(final_tree("play", result(start_fails)))
    lines = tree.splitlines()
    assert lines[0] == "play"
    assert lines[1].startswith("├── ✖ d-AAAAAAAAA v2 Failed HEALTH_CONSTRAINTS")
    assert lines[2] == "│   ├── ✖ 3 healthy are left and 3 must stay so, so no other may be taken out; 3 skipped"
    assert lines[3].startswith("│   ├── ✖ h1 failed at ApplicationStart: run.sh on h1 exited with 1")
    assert lines[6] == "│   └── – h4 skipped, stays on v1"
    assert lines[-1] == "    └── ✔ h4 v1 1.3s"


def test_a_large_fleet_is_summarised() -> None:
    tree = drawn(final_tree("play", result(start_fails, hosts=100)))
    assert "✖ 1 Failed   – 99 Skipped" in tree
    assert "✔ 100 Succeeded" in tree
    assert len(tree.splitlines()) < 10


def test_the_live_tree_shows_the_event_at_hand_who_is_in_service_and_the_faults() -> None:
    live = LiveTree("play", 0)
    play(observers=[live], steps_max=6)
    live(FaultChanged(90, 700, "", "slow disk", ("h3",), True), (), None)
    live(TrafficMeasured(91, 700, "", 12, 2, (), 3, 0), (), None)
    tree = drawn(live)
    assert "◌ h1 6/13 BeforeInstall" in tree
    assert "in service 3 of 4, 3 required · 2 of 12 requests failed" in tree
    assert "⚠ slow disk at h3" in tree
    live(FaultChanged(92, 800, "", "slow disk", ("h3",), False), (), None)
    assert "slow disk" not in drawn(live)


def test_the_live_tree_folds_deployments_that_have_ended() -> None:
    live = LiveTree("play", 0)
    play(start_fails, observers=[live])
    assert "skipped" not in drawn(live)
    live.settle()
    assert "skipped" in drawn(live)


def test_a_narrow_terminal_cuts_the_live_tree_and_wraps_the_final_one() -> None:
    live = LiveTree("play", 0)
    play(start_fails, observers=[live])
    live.settle()
    final = drawn(final_tree("play", result(start_fails)), width=40)
    cut = drawn(live, width=40)
    assert all(len(line) <= 40 for line in (*final.splitlines(), *cut.splitlines()))
    assert len(cut.splitlines()) == 12
    assert "…" in cut
    assert "…" not in final


def test_the_verdict_says_what_happened_why_and_what_it_cost() -> None:
    lines = judged(start_fails)
    text = "\n".join(lines)
    assert lines[0] == "✖ play (virtual fleet, seed 7): v2 failed and was rolled back to v1"
    assert "✖ d-AAAAAAAAA  v2  Failed after 900ms: 1 of 4 hosts failed, 3 skipped" in text
    assert "✔ d-" in text
    assert "  ✖ h1 failed at ApplicationStart: run.sh on h1 exited with 1" in text
    assert "    the end of what run.sh on h1 wrote:" in text
    assert "    │ line 19" in text
    assert "HEALTH_CONSTRAINTS: 3 healthy are left and 3 must stay so" in text
    assert "availability   99.9 %: 1 of 1,000 requests failed; answered by v1 700, v2 299" in text
    assert "in service     never fewer than 3, 3 required" in text
    assert "⚠ one host is odd" in text
    assert lines[-1] == "run again: drydeploy run play --seed 7"
    assert "\x1b" not in text


def test_the_verdict_names_what_did_not_hold_and_counts_what_did() -> None:
    findings = (Finding("outcome is succeeded", False, "it is rolled_back"), Finding("3 in service", True, "3 were"))
    lines = judged(start_fails, expectations=findings)
    assert "  ✖ outcome is succeeded  it is rolled_back" in lines
    assert "  ✔ 1 expectation held" in lines
    assert "  ✔ 3 in service  3 were" in judged(start_fails, expectations=findings, every=True)


def test_the_expectations_of_a_run_that_did_not_end_are_not_judged() -> None:
    lines = judged(status=RunStatus.INTERRUPTED, expectations=(Finding("outcome is succeeded", False, "it is not"),))
    assert lines[0].startswith("⚠ play (virtual fleet, seed 7): interrupted")
    assert "  – what was expected is not judged: the run did not come to its end" in lines
    assert "outcome is succeeded" not in "".join(lines)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "empty-pool-launch",
            [
                "✖ web-1, web-2 and web-3 failed at AllowTraffic: "
                "GET / answered 404, wanted 200; not healthy within 3s",
                "✖ d-HSU86RGSQ, d-FTEPS8VO4 and d-0MTCQWSE7: HEALTH_CONSTRAINTS: 1 had to succeed and 0 did",
            ],
        ),
        (
            "ecs-unhealthy",
            [
                "✖ web failed at Install: the replacement task set did not become steady within 12s: "
                "GET /health.html answered 404, wanted 200",
                "✖ d-DI3MCQ1ZF: ECS_UPDATE_ERROR",
            ],
        ),
    ],
)
def test_a_cause_is_told_once(name: str, why: list[str]) -> None:
    told = drawn_verdict(run(load(library.path_of(name)))).partition("\nWhy\n")[2].partition("\n\n")[0]
    assert [line.strip() for line in told.splitlines()] == why


def test_on_a_terminal_the_verdict_is_wrapped_but_for_what_is_copied() -> None:
    out = io.StringIO()
    console = Console(file=out, width=50, force_terminal=True, color_system=None, highlight=False)
    print_verdict(console, verdict(result(start_fails)))
    lines = out.getvalue().splitlines()
    assert all(len(line) <= 50 for line in lines[:-1])
    assert [line.rstrip() for line in lines[:3]] == [
        "✖ play (virtual fleet, seed 7): v2 failed and was",
        "rolled back to v1",
        "",
    ]
    assert lines[-1] == "run again: drydeploy run play --seed 7"


def test_of_new_hosts_it_is_said_since_when_they_are_counted() -> None:
    found = result()
    new = scenario(fleet={"hosts": 4}, balancer={"traffic": {"rate": 10}})
    for first_ms, words in (
        (12_000, "no host was in service for the first 12s, in which about 120 requests came"),
        (None, "no host was ever in service"),
    ):
        text = drawn_verdict(replace(found, scenario=new, first_in_service_ms=first_ms))
        assert "never fewer than 3 once all were first in service, 3 required" in text
        assert f"at first       {words}" in text
    assert "at first" not in drawn_verdict(found)


def drawn_verdict(found: RunResult) -> str:
    out = io.StringIO()
    print_verdict(Console(file=out, highlight=False), verdict(found))
    return out.getvalue()


def test_the_final_tree_keeps_the_faults() -> None:
    faults = (
        FaultChanged(3, 1_000, "", "crash", ("h1", "h2"), True),
        FaultChanged(4, 2_000, "", "crash", ("h1",), False),
    )
    text = drawn(final_tree("play", replace(result(), faults=faults)))
    assert "⚠ 1.000s crash begins at h1 and h2" in text
    assert "✔ 2.000s crash is healed at h1" in text
    assert "10 more changes of faults" in drawn(final_tree("play", replace(result(), faults=faults * 15)))
