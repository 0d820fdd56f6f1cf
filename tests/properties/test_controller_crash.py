"""The controller may die between any two steps: the end is the one without the crash."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from scenarios.model import Fault, Scenario
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.events import DeploymentCreated, DeploymentNotCreated, Event, FaultChanged, PromotionRequested
from simulator.rollout.lifecycle import IN_PLACE_WITH_BALANCER
from simulator.rollout.statuses import Creator
from tests.support.random_scenarios import rehearsals
from tests.support.rehearsals import Watcher, broken, run, scenario
from tests.unit.control.test_environments import through

STRATEGIES = st.sampled_from(
    [
        "rolling",
        {"canary": {"hosts": 1, "bake": "3s"}},
        {"linear": {"hosts": 2, "every": "2s"}},
        {"steps": [{"setHosts": 1}, {"pause": {"duration": "2s"}}]},
        {"blue-green": {"traffic": {"canary": {"percent": 20, "every": "2s"}}, "terminate_blue": {"wait_time": "3s"}}},
    ]
)
TROUBLES = st.lists(
    st.one_of(
        st.builds(
            lambda name, nth: {"when": {"event": name, "nth": nth}, "do": {"script": {"exit": 1}}},
            st.sampled_from(["BeforeInstall", "ApplicationStart", "ValidateService"]),
            st.integers(1, 4),
        ),
        st.just({"where": {"revision": "v2"}, "do": {"bundle": "missing"}}),
        st.just({"where": {"revision": "v2"}, "do": {"health": {"status": 500}}}),
    ),
    max_size=2,
)
MOMENTS = st.one_of(
    st.integers(0, 60_000).map(lambda ms: {"at": f"{ms}ms"}),
    st.builds(
        lambda name, nth: {"event": name, "nth": nth}, st.sampled_from(IN_PLACE_WITH_BALANCER), st.integers(1, 4)
    ),
    st.sampled_from(["InProgress", "Failed"]).map(lambda status: {"status": status}),
)
CRASHES = st.lists(
    st.builds(
        lambda when, lasts_ms: {"when": when, "do": {"controller": "crash"}, "for": f"{lasts_ms}ms"},
        MOMENTS,
        st.integers(1, 4_000),
    ),
    min_size=1,
    max_size=3,
)


def played(strategy: Any, faults: list[dict[str, Any]]) -> Scenario:
    numbered = [{"name": f"fault {number}", **fault} for number, fault in enumerate(faults)]
    group = {"strategy": strategy, "auto_rollback": ["DEPLOYMENT_FAILURE"]}
    deploy = [{"revision": "v2"}, {"revision": "v2"}]
    return scenario(group=group, deploy=deploy, faults=numbered, limits={"start": "60s", "event": "60s"})


def end(result: RunResult) -> Any:
    """Where a run has ended, but for its times."""
    assert result.status is RunStatus.COMPLETED
    deployments = [
        (
            rollout.deployment_id,
            rollout.status,
            rollout.error and rollout.error.code,
            {name: (host.status, host.revision) for name, host in rollout.hosts.items()},
        )
        for rollout in result.rollouts
    ]
    return result.outcome, deployments, sorted(str(note.trigger) for note in result.notifications), broken(result)


@given(strategy=STRATEGIES, troubles=TROUBLES, crashes=CRASHES, seed=st.integers(0, 99))
@settings(deadline=None)
def test_the_end_is_the_one_without_the_crash(
    strategy: Any, troubles: list[dict[str, Any]], crashes: list[dict[str, Any]], seed: int
) -> None:
    told = played(strategy, [*troubles, *crashes])
    whole = run(played(strategy, troubles), seed)
    died = run(told, seed)
    assert end(died) == end(whole)
    names = {fault.name for fault in told.faults if fault.do.controller}
    event(f"died: {any(isinstance(change, FaultChanged) and change.fault in names for change in died.faults)}")
    again = run(told, seed)
    assert again.journal_sha256 == died.journal_sha256


DEATHS = st.lists(
    st.builds(
        lambda at_ms, lasts_ms: {"when": {"at": f"{at_ms}ms"}, "do": {"controller": "crash"}, "for": f"{lasts_ms}ms"},
        st.integers(0, 30_000),
        st.integers(1, 20_000),
    ),
    min_size=1,
    max_size=3,
)
"""Nobody names them."""


def answer(event: Event) -> int | None:
    """Which of the scenario's deployments has its last answer by an event; None: none has."""
    match event:
        case DeploymentCreated() if event.deployment.creator is Creator.USER:
            return event.entry
        case PromotionRequested() | DeploymentNotCreated(queued=False):
            return event.entry
    return None


def check_answers(asked: Scenario, deaths: list[dict[str, Any]], seed: int) -> None:
    """It ends, safely, its journal tells the same, and each deployment that is asked for is answered once."""
    faults = (*asked.faults, *(Fault.model_validate_json(json.dumps(death)) for death in deaths))
    told, watcher = asked.model_copy(update={"faults": faults}), Watcher()
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journal"
        result = run(told, seed, journal, observers=(watcher,), time_limit_ms=60_000)
        again = replay(journal)
    assert result.status is RunStatus.COMPLETED
    assert broken(result) == []
    assert all(rollout.status.terminal for rollout in result.rollouts)
    assert not any(promotion.busy for promotion in result.promotions)
    assert (again.status, again.outcome, again.journal_sha256) == (result.status, result.outcome, result.journal_sha256)
    assert [rollout.key() for rollout in again.rollouts] == [rollout.key() for rollout in result.rollouts]
    seen = {happened.id: happened for happened, _ in watcher.seen}  # one event may concern several deployments
    answers = Counter(entry for happened in seen.values() if (entry := answer(happened)))
    assert set(answers.values()) <= {1}
    for number, deploy in enumerate(told.deploy, 1):
        if deploy.when is None or deploy.when.at is not None:
            assert answers[number] == 1
    event(f"answers: {len(answers)}")


@given(asked=rehearsals(), deaths=DEATHS, seed=st.integers(0, 99))
@settings(deadline=None)
def test_whatever_is_rehearsed_ends_though_the_controller_dies(
    asked: Scenario, deaths: list[dict[str, Any]], seed: int
) -> None:
    """What is asked for while it is down may be answered otherwise than without the crash; it is answered once."""
    check_answers(asked, deaths, seed)


WHEN = st.one_of(
    st.none(),
    st.integers(0, 12_000).map(lambda ms: {"at": f"{ms}ms"}),
    st.sampled_from(["ApplicationStop", "Install"]).map(lambda name: {"event": name}),
)
ASKED = st.lists(
    st.fixed_dictionaries(
        {
            "revision": st.sampled_from(["v1", "v2"]),
            "group": st.sampled_from([None, "dev", "test", "prod"]),
            "when": WHEN,
            "if_active": st.sampled_from(["queue", "refuse"]),
        }
    ).map(
        lambda entry: {key: value for key, value in entry.items() if value and (key != "if_active" or entry["when"])}
    ),
    min_size=2,
    max_size=6,
)
TOGETHER = st.lists(
    st.builds(
        lambda at_ms, lasts_ms: {"when": {"at": f"{at_ms}ms"}, "do": {"controller": "crash"}, "for": f"{lasts_ms}ms"},
        st.integers(0, 12_000),
        st.integers(500, 8_000),
    ),
    max_size=2,
)


@given(deploy=ASKED, deaths=TOGETHER, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=max(settings().max_examples, 200))
def test_what_is_asked_for_at_once_is_answered_once(
    deploy: list[dict[str, Any]], deaths: list[dict[str, Any]], seed: int
) -> None:
    """Many things are asked for in three environments, alike and in the same seconds, while the controller dies."""
    check_answers(through({"after": ["test"]}, deploy=deploy), deaths, seed)
