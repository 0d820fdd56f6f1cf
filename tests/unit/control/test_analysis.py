"""Analyses: four outcomes, thresholds and the comparison, and what becomes of the deployment."""

from __future__ import annotations

import importlib.util
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.base import FleetError, MakeEvent
from fleet.figures import Histogram, Tally
from fleet.virtual.fleet import VirtualFleet
from scenarios.signals import Analysis
from simulator.control import analysis as module
from simulator.control.analysis import Analyses, judge, require, thinned, worse
from simulator.control.exits import ExitCode, exit_code
from simulator.control.replay import replay
from simulator.control.result import Outcome
from simulator.report.junit import junit
from simulator.report.words import headline
from simulator.rollout.commands import StartAnalysis
from simulator.rollout.events import AnalysisEnded
from simulator.rollout.statuses import AnalysisOutcome, DeploymentStatus
from strategies.options import Options, Step
from tests.support.rehearsals import BALANCER, Watcher, broken, run, scenario
from tests.support.rollouts import Hand, deployment
from tests.unit.control.test_alarms import scenario_revisions

WITH_SCIPY = pytest.mark.skipif(
    importlib.util.find_spec("scipy") is None, reason="NO SCIPY: NOTHING ABOUT THE STATISTICAL TEST IS TESTED"
)
THRESHOLDS = [{"metric": "error_rate", "below": "5%"}, {"metric": "latency_p95", "below": "100ms"}]


def analysis(**parts: Any) -> Analysis:
    return Analysis.model_validate({"lasts": "10s", **parts})


def tally(requests: int, failed: int = 0, times_ms: Sequence[int] | None = None) -> Tally:
    times = Histogram()
    for time_ms in times_ms if times_ms is not None else [5] * requests:
        times.add(time_ms * 1000)
    return Tally(requests, failed, times)


# -- the judge --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "outcome", "words"),
    [
        (tally(100), "Successful", "error_rate is 0 %, wanted below 5%; latency_p95 is 4.99 ms, wanted below 100ms"),
        (tally(100, 5), "Failed", "error_rate is 5 %, wanted below 5%"),
        (tally(100, 0, [50] * 90 + [200] * 10), "Failed", "latency_p95 is 199"),
        (tally(0), "Inconclusive", "no request to the new version, and 20 are wanted to judge by"),
        (tally(1, 1), "Inconclusive", "1 request to the new version"),
        (tally(30, 0, []), "Inconclusive", "none was answered"),
    ],
)
def test_thresholds(new: Tally, outcome: str, words: str) -> None:
    found, why = judge(analysis(thresholds=THRESHOLDS), new, Tally())
    assert found == outcome
    assert words in why


@WITH_SCIPY
@pytest.mark.parametrize(
    ("metric", "new", "old", "outcome", "words"),
    [
        ("latency", tally(50), tally(200), "Successful", "not worse than the baseline"),
        ("latency", tally(50, 0, range(20, 70)), tally(50, 0, range(10, 60)), "Failed", "worse than the baseline"),
        ("latency", tally(50, 0, range(100, 150)), tally(50, 0, range(99, 149)), "Successful", "p ="),
        ("error_rate", tally(50, 20), tally(150, 1), "Failed", "error_rate 40 % against"),
        ("error_rate", tally(50, 20), tally(150, 1), "Failed", "points, 10 percentage points were allowed; p = "),
        (
            "latency",
            tally(50, 0, range(20, 70)),
            tally(50, 0, range(10, 60)),
            "Failed",
            "+28.8 %, 10 % were allowed; p = ",
        ),
        ("error_rate", tally(50, 1), tally(150, 0), "Successful", "(50 requests of each)"),
        ("error_rate", tally(50, 1), tally(3, 0), "Inconclusive", "3 requests to the baseline"),
        ("latency", tally(50, 0, [5]), tally(50), "Inconclusive", "1 answers of the new version"),
        ("latency", tally(50), tally(50, 0, [5]), "Inconclusive", "1 answers of the baseline"),
    ],
)
def test_the_comparison(metric: str, new: Tally, old: Tally, outcome: str, words: str) -> None:
    found, why = judge(analysis(compare={"metric": metric}), new, old)
    assert found == outcome, why
    assert words in why


def u_statistic(ones: list[int], others: list[int]) -> float:
    """Of every pair, whether the one is larger; equal ones count half."""
    return sum((one > other) + 0.5 * (one == other) for one in ones for other in others)


@WITH_SCIPY
@settings(deadline=None)
@given(st.lists(st.integers(0, 30), min_size=3, max_size=25), st.lists(st.integers(0, 30), min_size=3, max_size=25))
def test_the_test_is_that_of_mann_and_whitney(ones: list[int], others: list[int]) -> None:
    """Against the textbook: the pairs counted one by one, the normal approximation with its corrections."""
    import math

    pool = sorted(ones + others)
    n, m, size = len(ones), len(others), len(ones) + len(others)
    ties = sum((count := pool.count(value)) ** 3 - count for value in set(pool))
    variance = n * m / 12 * ((size + 1) - ties / (size * (size - 1)))
    if variance == 0:
        assert worse(ones, others) == 1.0
        return
    z = (u_statistic(ones, others) - n * m / 2 - 0.5) / math.sqrt(variance)
    assert worse(ones, others) == pytest.approx(0.5 * math.erfc(z / math.sqrt(2)), abs=1e-9)


@given(st.lists(st.integers(), min_size=1, max_size=60), st.data())
def test_thinning_keeps_the_order_and_the_middle(values: list[int], data: st.DataObject) -> None:
    values.sort()
    size = data.draw(st.integers(1, len(values)))
    kept = thinned(values, size)
    assert len(kept) == size
    assert kept == sorted(kept)
    assert set(kept) <= set(values)
    if size == len(values):
        assert kept == values


def test_without_the_statistics_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    asks = scenario(analyses={"users": {"lasts": "1s", "compare": {"metric": "latency"}}})
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FleetError, match=r"pip install 'drydeploy\[analysis\]'"):
        require(asks)
    require(scenario(analyses={"users": {"lasts": "1s", "thresholds": THRESHOLDS}}))


# -- in a run ---------------------------------------------------------------------------------------------------------


def judged(**parts: Any) -> dict[str, Any]:
    """One host of four, then an analysis, then the others."""
    steps = [{"setHosts": 1}, {"analysis": "users"}]
    users = {"lasts": "10s", "thresholds": THRESHOLDS}
    group = {"strategy": {"steps": steps}, "auto_rollback": ["DEPLOYMENT_FAILURE"]}
    return {"analyses": {"users": {**users, **parts.pop("analysis", {})}}, "group": group, **parts}


def behaving(**behaves: Any) -> dict[str, Any]:
    revisions = scenario_revisions()
    return {**revisions, "v2": {**revisions["v2"], "behaves": behaves}}


CHECKED_ELSEWHERE = {**BALANCER, "health_check": {**BALANCER["health_check"], "path": "/health"}}


@pytest.mark.parametrize(
    ("behaves", "outcome", "found"),
    [
        ({}, Outcome.SUCCEEDED, "Successful"),
        ({"answers": {"/": 500}}, Outcome.ROLLED_BACK, "Failed"),
        ({"latency": "200ms"}, Outcome.ROLLED_BACK, "Failed"),
    ],
)
def test_the_deployment_goes_by_what_was_found(behaves: dict[str, Any], outcome: Outcome, found: str) -> None:
    watcher = Watcher()
    result = run(scenario(**judged(revisions=behaving(**behaves), balancer=CHECKED_ELSEWHERE)), observers=[watcher])
    assert result.outcome is outcome
    assert [event.outcome for event, _ in watcher.seen if isinstance(event, AnalysisEnded)] == [found]
    assert broken(result) == []


SELDOM = {**BALANCER, "traffic": {"rate": 1}}


def test_too_little_to_judge_by_is_no_success(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    result = run(scenario(**judged(balancer=SELDOM)), journal=path)
    assert result.outcome is Outcome.INCONCLUSIVE
    assert exit_code(result) is ExitCode.INCONCLUSIVE
    (rollout,) = result.rollouts
    assert rollout.status is DeploymentStatus.STOPPED
    assert rollout.judged is not None
    assert rollout.judged.outcome is AnalysisOutcome.INCONCLUSIVE
    assert rollout.error is not None
    assert "Inconclusive: 2 requests to the new version" in rollout.error.message
    assert replay(path).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize(
    ("expect", "code", "words", "failures"),
    [
        (None, ExitCode.INCONCLUSIVE, ("⚠", "inconclusive"), ["inconclusive"]),
        ({"in_service_min": 1}, ExitCode.INCONCLUSIVE, ("⚠", "inconclusive"), ["inconclusive"]),
        (
            {"outcome": "rolled_back"},
            ExitCode.INCONCLUSIVE,
            ("✖", "inconclusive: not as expected"),
            ["not held", "inconclusive"],
        ),
        ({"outcome": "inconclusive"}, ExitCode.AS_EXPECTED, ("✔", "inconclusive, as expected"), []),
    ],
)
def test_nobody_asked_for_the_stop_so_it_is_not_rolled_back_as_on_request(
    expect: dict[str, Any] | None, code: ExitCode, words: tuple[str, str], failures: list[str], tmp_path: Path
) -> None:
    path, asked = tmp_path / "journal", judged(balancer=SELDOM, expect=expect)
    asked["group"] |= {"auto_rollback": ["DEPLOYMENT_STOP_ON_REQUEST", "DEPLOYMENT_STOP_ON_ALARM"]}
    result = run(scenario(**asked), journal=path)
    (rollout,) = result.rollouts
    assert rollout.status is DeploymentStatus.STOPPED
    assert {target.revision for target in rollout.aftermath} == {"v1", "v2"}
    assert result.outcome is Outcome.INCONCLUSIVE
    assert exit_code(result) is code
    assert headline(result) == words
    assert [found.attrib["type"] for found in ET.fromstring(junit(result)).iter("failure")] == failures
    assert replay(path).outcome is Outcome.INCONCLUSIVE


def test_a_stop_in_the_midst_of_an_analysis_is_no_inconclusive_end() -> None:
    stop = [{"when": {"status": "Baking"}, "do": "stop"}]
    assert run(scenario(**judged(operator=stop))).outcome is Outcome.STOPPED


@pytest.mark.parametrize("verb", ["promote", "promote-full"])
def test_a_person_does_without_the_verdict_and_the_judge_goes_home(tmp_path: Path, verb: str) -> None:
    watcher, path = Watcher(), tmp_path / "journal"
    bad = judged(revisions=behaving(answers={"/": 500}), balancer=CHECKED_ELSEWHERE)
    asked = scenario(**bad, operator=[{"when": {"status": "Baking"}, "do": verb}])
    result = run(asked, observers=[watcher], journal=path)
    assert result.outcome is Outcome.SUCCEEDED
    assert [event for event, _ in watcher.seen if isinstance(event, AnalysisEnded)] == []
    assert broken(result) == []
    (rollout,) = result.rollouts
    why = f"Succeeded although nobody waited for a verdict of step 02 analyses: the operator said {verb}"
    assert result.flags == (f"{rollout.deployment_id} {why}",)
    assert replay(path).flags == result.flags


def test_a_verdict_that_nobody_waits_for_any_more_is_no_event() -> None:
    """What a driver of either fleet is given to call: a stop or a word of a person makes it void."""
    hand = Hand(deployment(2, strategy="steps", options=Options(steps=(Step(analysis="users", lasts_ms=5_000),))))
    hand.create()
    due: list[tuple[int, MakeEvent]] = []
    asked = scenario(**judged())
    analyses = Analyses(asked, VirtualFleet(asked, 0, lambda *_: None), lambda *what: due.append(what))
    (command,) = [command for command in hand.commands if isinstance(command, StartAnalysis)]
    analyses.start(command, hand.rollout)
    ((at_ms, make),) = due
    assert at_ms == 5_000
    assert isinstance(make(7, at_ms), AnalysisEnded)
    hand.say("promote")
    assert make(7, at_ms) is None


@WITH_SCIPY
@pytest.mark.parametrize(
    ("parts", "found", "words"),
    [
        ({"revisions": behaving(latency="8ms")}, "Failed", "worse than the baseline: latency_p50"),
        ({}, "Successful", "not worse"),
        ({"deploy": [{"revision": "v1"}]}, "Error", "v1 is deployed over v1"),
        ({"fleet": {"hosts": 4}}, "Error", "no version before this one"),
    ],
)
def test_the_new_version_beside_the_old(parts: dict[str, Any], found: str, words: str) -> None:
    watcher = Watcher()
    compared = {"analysis": {"thresholds": None, "compare": {"metric": "latency"}}}
    asked = judged(**compared, **parts)
    del asked["analyses"]["users"]["thresholds"]
    run(scenario(**asked), observers=[watcher])
    (ended,) = [event for event, _ in watcher.seen if isinstance(event, AnalysisEnded)]
    assert (str(ended.outcome), words in ended.why) == (found, True), ended.why


@pytest.mark.parametrize(
    ("strategy", "times"),
    [
        ({"canary": {"hosts": 1, "bake": "2s", "analysis": "users"}}, 1),
        ({"linear": {"hosts": 1, "every": "2s", "analysis": "users"}}, 3),
        ({"blue-green": {"traffic": {"canary": {"percent": 20, "every": "2s"}, "analysis": "users"}}}, 1),
    ],
)
def test_other_strategies_are_judged_after_their_bakes(strategy: dict[str, Any], times: int) -> None:
    watcher = Watcher()
    asked = judged()
    asked["group"]["strategy"] = strategy
    result = run(scenario(limits={"start": "5s", "event": "30s"}, **asked), observers=[watcher])
    assert result.outcome is Outcome.SUCCEEDED
    assert [str(event.outcome) for event, _ in watcher.seen if isinstance(event, AnalysisEnded)] == [
        "Successful"
    ] * times
