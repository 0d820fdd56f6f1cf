"""Whole runs on the virtual loop: how they end, what comes first, what an operator and a fault bring about."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fleet.virtual.fleet import VirtualFleet
from scenarios import library
from scenarios.loader import load
from scenarios.model import When
from simulator.control import rehearse
from simulator.control.journal import JournalError
from simulator.control.rehearse import VirtualLoop
from simulator.control.result import Outcome, RunResult, RunStatus, Traffic
from simulator.control.triggers import Trigger
from simulator.control.verdict import outcome
from simulator.rollout.commands import Command
from simulator.rollout.events import Event, FaultChanged, LifecycleEventCompleted, StopRequested
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus, TargetStatus
from tests.support.rehearsals import Watcher, broken, run, scenario, unmet
from tests.support.rollouts import Hand, deployment


def fault(do: dict[str, Any], **rest: Any) -> dict[str, Any]:
    return {"do": do, **rest}


# -- how a run ends ---------------------------------------------------------------------------------------------------


def test_the_happy_end() -> None:
    result = run(scenario())
    assert (result.status, result.outcome) == (RunStatus.COMPLETED, Outcome.SUCCEEDED)
    assert (result.in_service_min, result.in_service_required) == (3, 3)
    assert result.traffic is not None
    assert result.traffic.availability == 1.0
    assert dict(result.traffic.by_revision).keys() == {"v1", "v2"}
    assert result.as_expected
    assert broken(result) == []


def test_a_time_limit_aborts() -> None:
    result = run(scenario(fleet={"hosts": 100, "running": "v1"}), time_limit_ms=0)
    assert (result.status, result.outcome) == (RunStatus.ABORTED, Outcome.INCONCLUSIVE)
    assert result.events > 0


def test_too_many_steps_abort(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearse, "STEPS_MAX", 10)
    monkeypatch.setattr(rehearse, "_STEPS_UNWATCHED", 4)
    result = run(scenario())
    assert result.status is RunStatus.ABORTED
    assert result.events <= 12


def test_steps_that_make_no_event_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody says continue, and an alarm is asked every second that nothing ever changes."""
    monkeypatch.setattr(rehearse, "STEPS_MAX", 1_000)
    alarms = {"lonely": {"metric": "healthy_hosts", "below": 1, "period": "1s"}}
    group = {"strategy": {"steps": [{"setHosts": 1}, {"pause": {}}]}, "alarms": ["lonely"]}
    result = run(scenario(group=group, alarms=alarms))
    assert (result.status, result.rollouts[0].status) == (RunStatus.ABORTED, DeploymentStatus.READY)
    assert result.events < 50
    assert result.duration_ms > 100_000


def test_a_keyboard_interrupt_keeps_the_journal(tmp_path: Path) -> None:
    def impatient(event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        if event.id == 7:
            raise KeyboardInterrupt

    result = run(scenario(), 0, tmp_path / "journal", observers=[impatient])
    assert (result.status, result.outcome) == (RunStatus.INTERRUPTED, Outcome.INCONCLUSIVE)
    assert len((tmp_path / "journal").read_bytes().splitlines()) == 1 + 7
    assert result.traffic is not None
    assert result.traffic.total == round(result.duration_ms * 20 / 1000), "what was seen until then is measured"


def test_speed_lets_real_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(VirtualLoop, "_listen", lambda loop, seconds, speed: waited.append(seconds))
    monkeypatch.setattr(rehearse.time, "monotonic", lambda: 0.0)
    result = run(scenario(), speed=10.0)
    assert waited == sorted(waited)
    assert waited[-1] == pytest.approx(result.duration_ms / 1000 / 10)


def test_strict_asks_for_every_host() -> None:
    last_fails = fault({"script": {"exit": 1}}, when={"event": "ValidateService", "nth": 4})
    result = run(scenario(faults=[last_fails]), strict=True)
    assert result.outcome is Outcome.SUCCEEDED
    assert not result.as_expected
    assert unmet(result)[0].startswith("every host of every deployment succeeds: 1 failed: h")
    assert len(result.flags) == 1
    assert "Succeeded although 1 of 4 hosts failed" in result.flags[0]
    assert run(scenario(), strict=True).as_expected


@pytest.mark.parametrize(
    ("status", "creator", "expected"),
    [
        ("Succeeded", "user", Outcome.SUCCEEDED),
        ("Failed", "user", Outcome.FAILED),
        ("Stopped", "user", Outcome.STOPPED),
        ("Succeeded", "codeDeployRollback", Outcome.ROLLED_BACK),
        ("Failed", "codeDeployRollback", Outcome.ROLLBACK_FAILED),
        ("Stopped", "codeDeployRollback", Outcome.ROLLBACK_FAILED),
        ("InProgress", "user", Outcome.INCONCLUSIVE),
    ],
)
def test_outcomes(status: str, creator: Any, expected: Outcome) -> None:
    rollout = Hand(deployment(1, creator=Creator(creator))).rollout
    rollout.status = DeploymentStatus(status)
    assert outcome([rollout]) is expected


def test_no_deployment_is_no_outcome() -> None:
    assert outcome([]) is Outcome.INCONCLUSIVE


def test_availability_needs_requests() -> None:
    assert Traffic(0, 0, ()).availability is None
    assert Traffic(3, 1, ()).availability == 0.666667


# -- the loop ---------------------------------------------------------------------------------------------------------


def test_what_is_due_at_once_comes_in_the_order_in_which_it_was_asked_for() -> None:
    loop, happened = VirtualLoop(), list[str]()
    for at_ms, name in ((5, "b"), (0, "a"), (5, "c"), (3, "early")):
        loop.at(at_ms, lambda _id, at_ms, name=name: happened.append(f"{at_ms} {name}"))  # type: ignore[misc]

    class Done:
        crash = None

        @property
        def done(self) -> bool:
            return len(happened) == 4

        def handle(self, event: Event) -> None:
            raise AssertionError("nothing here makes an event")

    fleet = VirtualFleet(scenario(), 0, loop.at)
    assert loop.run(Done(), fleet, deadline_s=None, speed=None) is RunStatus.COMPLETED  # type: ignore[arg-type]
    assert happened == ["0 a", "3 early", "5 b", "5 c"]
    assert loop.now_ms() == 5


def test_an_event_is_journalled_before_its_commands_are_carried_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, order = tmp_path / "journal", list[str]()
    write, perform = rehearse.Journal.write, VirtualFleet.perform

    def noted_write(self: rehearse.Journal, event: Event) -> None:
        order.append(f"journal {event.id}")
        write(self, event)

    def noted_perform(self: VirtualFleet, command: Command) -> None:
        order.append(f"perform {command.id.partition('.')[0]}")
        perform(self, command)

    monkeypatch.setattr(rehearse.Journal, "write", noted_write)
    monkeypatch.setattr(VirtualFleet, "perform", noted_perform)
    run(scenario(), 0, path)
    for number, what in enumerate(order):
        if what.startswith("perform"):
            assert order.index(what.replace("perform", "journal")) < number


# -- people and faults ------------------------------------------------------------------------------------------------


def events_of(result: Watcher, kind: type[Event]) -> list[Event]:
    return [event for event, _ in result.seen if type(event) is kind]


def watched(**parts: Any) -> tuple[RunResult, Watcher]:
    watcher = Watcher()
    return run(scenario(**parts), 1, observers=[watcher]), watcher


@pytest.mark.parametrize(
    ("configured", "wanted", "expected"),
    [
        ([], None, Outcome.STOPPED),
        ([], True, Outcome.ROLLED_BACK),
        (["DEPLOYMENT_STOP_ON_REQUEST"], None, Outcome.ROLLED_BACK),
        (["DEPLOYMENT_STOP_ON_REQUEST"], False, Outcome.STOPPED),
    ],
)
def test_an_operator_stops(configured: list[str], wanted: bool | None, expected: Outcome) -> None:
    result, watcher = watched(
        group={"auto_rollback": configured},
        operator=[{"when": {"at": "1500ms"}, "do": "stop", "auto_rollback": wanted}],
    )
    assert result.outcome is expected
    (stop,) = events_of(watcher, StopRequested)
    assert stop.at_ms == 1_500
    assert result.rollouts[0].status is DeploymentStatus.STOPPED


def test_an_operator_acts_once_and_only_while_there_is_something_to_stop() -> None:
    _, watcher = watched(operator=[{"when": {"event": "Install"}, "do": "stop"}])
    assert len(events_of(watcher, StopRequested)) == 1
    result, watcher = watched(operator=[{"when": {"at": "1h"}, "do": "stop"}])
    assert not events_of(watcher, StopRequested)
    assert result.outcome is Outcome.SUCCEEDED


def test_an_operator_stops_as_a_status_is_reached() -> None:
    result, watcher = watched(operator=[{"when": {"status": "InProgress"}, "do": "stop"}])
    assert result.outcome is Outcome.STOPPED
    assert events_of(watcher, StopRequested)[0].at_ms == 0


def test_a_fault_by_revision_follows_the_revision() -> None:
    """The fault strikes every host that v2 comes to, and is healed where v1 comes back."""
    result, watcher = watched(faults=[fault({"health": {"status": 404}}, where={"revision": "v2"})])
    assert result.outcome is Outcome.ROLLED_BACK
    changes = [(e.active, e.hosts) for e in events_of(watcher, FaultChanged) if isinstance(e, FaultChanged)]
    (host,) = changes[0][1]
    assert changes == [(True, (host,)), (False, (host,))]
    error = result.rollouts[0].error
    assert error is not None
    assert "answered 404, wanted 200" in error.message


def test_a_fault_is_healed_once_by_its_time_or_by_another_revision() -> None:
    brief = fault({"health": {"status": 404}}, where={"revision": "v2"}, **{"for": "500ms"})
    bad = fault({"script": {"exit": 1}}, when={"event": "ValidateService", "nth": 1, "deployment": 1})
    result, watcher = watched(faults=[brief, bad])
    assert result.outcome is Outcome.ROLLED_BACK
    changes = [e.active for e in events_of(watcher, FaultChanged) if isinstance(e, FaultChanged) if "404" in e.fault]
    assert changes == [True, False]


def test_a_fault_has_a_name_of_its_effect() -> None:
    _, watcher = watched(
        faults=[
            fault({"health": {"status": 404}}, where={"hosts": ["h1"]}),
            fault({"agent": "restart"}, where={"hosts": ["h2"]}),
            fault({"script": {"exit": 3}}, when={"event": "ApplicationStart"}),
            fault({"file": {"path": "/tmp/stranger"}}),
            fault({"host": "pause"}, name="a name of its own", **{"for": "1s"}),
        ]
    )
    names = {e.fault for e in events_of(watcher, FaultChanged) if isinstance(e, FaultChanged)}
    assert names == {"health 404", "agent restart", "script exit 3", "file /tmp/stranger", "a name of its own"}


def test_a_fault_ends_after_its_time() -> None:
    _, watcher = watched(faults=[fault({"agent": "stop"}, when={"at": "1s"}, **{"for": "2s"})])
    changes = [(e.at_ms, e.active) for e in events_of(watcher, FaultChanged) if isinstance(e, FaultChanged)]
    assert changes == [(1_000, True), (3_000, False)]


def test_random_hosts_are_drawn_by_the_seed() -> None:
    def struck(seed: int) -> tuple[str, ...]:
        watcher = Watcher()
        asked = scenario(
            fleet={"hosts": 20, "running": "v1"}, faults=[fault({"bundle": "corrupt"}, where={"random": 3})]
        )
        run(asked, seed, observers=[watcher])
        return next(e.hosts for e in events_of(watcher, FaultChanged) if isinstance(e, FaultChanged))

    assert len(struck(1)) == 3
    assert struck(1) == struck(1)
    assert len({struck(seed) for seed in range(5)}) > 1


def test_a_fault_selects_by_zone_and_tag() -> None:
    hosts = [
        {"name": "a", "zone": "z1", "tags": {"role": "web"}},
        {"name": "b", "zone": "z1"},
        {"name": "c", "zone": "z2", "tags": {"role": "web"}},
    ]
    for where, wanted in (({"zone": "z1"}, {"a", "b"}), ({"tag": {"role": "web"}}, {"a", "c"})):
        _, watcher = watched(
            fleet={"hosts": hosts, "running": "v1"}, faults=[fault({"agent": "stop"}, where=where, **{"for": "1s"})]
        )
        first = next(e for e in events_of(watcher, FaultChanged) if isinstance(e, FaultChanged))
        assert set(first.hosts) == wanted


def test_a_trigger_without_a_when_is_due_at_once() -> None:
    assert Trigger(None).at_ms == 0
    assert Trigger(When(event="Install")).at_ms is None


def test_the_nth_host_is_counted_in_each_deployment() -> None:
    trigger = Trigger(When(event="Install", nth=2))
    assert [trigger.on_event("Install", host, 1) for host in ("h1", "h2", "h3")] == [False, True, False]
    assert [trigger.on_event("Install", host, 2) for host in ("h1", "h2")] == [False, True]
    assert not trigger.on_event("AfterInstall", "h2", 1)


def test_deployments_come_one_after_the_other_and_the_next_begins_where_the_last_ended() -> None:
    result, _ = watched(deploy=[{"revision": "v2"}, {"revision": "v1"}])
    assert [r.deployment.revision for r in result.rollouts] == ["v2", "v1"]
    assert result.rollouts[1].deployment.targets == result.rollouts[0].aftermath
    last = result.rollouts[1].deployment.last_success
    assert last is not None
    assert last.deployment_id == result.rollouts[0].deployment_id


def test_a_deployment_after_one_that_rolled_back_goes_back_to_the_same_revision() -> None:
    bad = fault({"script": {"exit": 1}}, when={"event": "ApplicationStart", "nth": 1})
    result, _ = watched(
        deploy=[{"revision": "v2"}, {"revision": "v2"}], faults=[bad | {"when": {**bad["when"], "deployment": 1}}]
    )
    revisions = [(r.deployment.revision, r.deployment.creator, r.status) for r in result.rollouts]
    assert revisions == [
        ("v2", "user", "Failed"),
        ("v1", "codeDeployRollback", "Succeeded"),
        ("v2", "user", "Succeeded"),
    ]


def test_a_config_of_the_deployment_goes_before_the_groups_and_the_strategys_before_both() -> None:
    result, _ = watched(
        group={"deployment_config": "CodeDeployDefault.HalfAtATime"},
        deploy=[
            {"revision": "v2"},
            {"revision": "v1", "deployment_config": {"type": "HOST_COUNT", "value": 1}},
            {"revision": "v2", "strategy": "in-place"},
        ],
    )
    assert [r.deployment.config.name for r in result.rollouts] == [
        "CodeDeployDefault.HalfAtATime",
        "HOST_COUNT 1",
        "CodeDeployDefault.AllAtOnce",
    ]
    assert result.in_service_required == 2  # the most of any


@pytest.mark.parametrize(("name", "required"), [("scale-out-mid-deployment", 2), ("ecs-canary", 0)])
def test_what_follows_on_to_one_host_requires_nothing_of_the_group(name: str, required: int) -> None:
    assert run(load(library.path_of(name))).in_service_required == required


def test_a_late_completion_of_a_host_that_was_given_up_is_harmless() -> None:
    """The host is paused in the midst of Install for longer than the limit; it ends it after it has been given up."""
    result, watcher = watched(
        group={"deployment_config": {"type": "HOST_COUNT", "value": 1}},
        faults=[fault({"host": "pause"}, when={"event": "Install", "nth": 1}, **{"for": "5200ms"})],
        limits={"start": "3s", "event": "5s"},
    )
    assert broken(result) == []
    assert result.rollouts[0].counts[TargetStatus.FAILED] == 1
    (host,) = (h.name for h in result.rollouts[0].hosts.values() if h.status is TargetStatus.FAILED)
    late = [
        event
        for event in events_of(watcher, LifecycleEventCompleted)
        if isinstance(event, LifecycleEventCompleted) and (event.host, event.name) == (host, "Install")
    ]
    assert len(late) == 1
    assert result.rollouts[0].ignored >= 1
    assert result.rollouts[0].hosts[host].revision is None, "nobody can tell what an Install that broke off left there"


def test_a_run_that_is_slowed_down_keeps_its_time_limit() -> None:
    began_s = time.monotonic()
    result = run(scenario(), speed=0.01, time_limit_ms=200)
    assert result.status is RunStatus.ABORTED
    assert time.monotonic() - began_s < 30


def test_a_journal_that_cannot_grow_ends_the_run_in_words() -> None:
    with pytest.raises(JournalError, match="No space left on device"):
        run(scenario(), journal=Path("/dev/full"))


def test_the_way_back_to_the_old_hosts_requires_its_minimum_of_them_alone() -> None:
    """It was counted over both sides: three of four hosts were never fewer than the seven that were required."""
    group = {"strategy": "blue-green", "auto_rollback": ["DEPLOYMENT_STOP_ON_REQUEST"]}
    result = run(scenario(group=group, operator=[{"when": {"at": "1s"}, "do": "abort"}]))
    assert [rollout.deployment.strategy for rollout in result.rollouts] == ["blue-green", "back-to-blue"]
    assert (result.in_service_min, result.in_service_required) == (4, 3)
