"""The controller may die between any two steps: the end is the one without the crash."""

from __future__ import annotations

from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from scenarios.model import Scenario
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.events import FaultChanged
from simulator.rollout.lifecycle import IN_PLACE_WITH_BALANCER
from tests.support.rehearsals import broken, run, scenario

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
