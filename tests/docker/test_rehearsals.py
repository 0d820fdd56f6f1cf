"""The same scenario on both fleets: what is decided, and what is said of every host, is the same.

Every scenario of the library is played with the same seed on virtual hosts and on containers, one after the other:
they are real time, and two at once would disturb each other. Times differ, and so may the order in which hosts that
work side by side are heard of; nothing else may.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleet.base import FleetError
from fleet.docker.sources import host_tag
from fleet.virtual.accounts import SYSTEM_GROUPS, SYSTEM_USERS
from scenarios import library
from scenarios.loader import load
from scenarios.model import Scenario
from simulator.api.host_commands import HostCommandEndpoint
from simulator.control.controller import docker
from simulator.control.rehearse import virtual
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.host import Host
from simulator.rollout.machine import Rollout
from tests.support import rehearsals
from tests.support.decisions import Decisions
from tests.support.rehearsals import broken, unmet

if TYPE_CHECKING:
    from docker import DockerClient

SEED = 7
TIMES = re.compile(r"\b\d+(\.\d+)?(ms|s|m|h)\b")
REQUESTS = re.compile(r"\b\d+ requests\b")
"""How many there were while an analysis watched is a matter of the clock, too."""
BY_THE_CLOCK = frozenset({"alarm-in-mid-flight"})
"""Where an alarm strikes in the midst of a deployment, how far the hosts have come by then is a matter of time."""
IN_SERVICE_BY_THE_CLOCK = BY_THE_CLOCK | {"canary-no-bake"}
"""Where hosts turn bad behind the deployment's back, how many are left at its end is a matter of time."""
HOSTS = re.compile(r"\b(?:(?:h|web-)\d+(?:-g\d+)?|(?:blue|green)\d+)\b")
PLACE = re.compile(r"/opt/codedeploy-agent/deployment-root/[^/ ]+/[^/ ]+/(?=deployment-archive/)")
"""Where a deployment lies on a real host; a virtual one has no such place."""


@dataclass(frozen=True)
class Played:
    """A run, and what was decided in it."""

    result: RunResult
    decisions: Decisions


def on_virtual_hosts(scenario: Scenario) -> Played:
    decisions = Decisions()
    return Played(virtual(scenario, seed=SEED, scenario_sha256="", replay="", observers=(decisions,)), decisions)


def on_containers(scenario: Scenario, journal: Path) -> Played:
    decisions = Decisions()
    result = docker(
        scenario,
        commands=HostCommandEndpoint(),
        seed=SEED,
        scenario_sha256="",
        replay="",
        journal=journal,
        observers=(decisions,),
    )
    return Played(result, decisions)


def in_groups(result: RunResult) -> list[Rollout]:
    """The deployments, group by group: those of two groups that are under way at once have no order between them."""
    return sorted(result.rollouts, key=lambda rollout: rollout.deployment.group)


def told(rollout: Rollout) -> dict[str, Any]:
    """Everything that is said of a deployment and its hosts, but for times and logs."""
    error = rollout.error
    return {
        "group": rollout.deployment.group,
        "revision": rollout.deployment.revision,
        "status": rollout.status,
        "error": error and (error.code, in_short(error.message)),
        "hosts": {name: told_of_host(host) for name, host in rollout.hosts.items()},
    }


def in_short(message: str) -> str:
    """Without times, counts and places, and without hosts: which of several at work at once fails first is free."""
    return HOSTS.sub("a host", PLACE.sub("", REQUESTS.sub("… requests", TIMES.sub("…", message))))


def told_of_host(host: Host) -> dict[str, Any]:
    events = [(record.name, record.status, record.diagnostics) for record in host.records]
    return {
        "status": host.status,
        "revision": host.revision,
        "events": [
            (name, status, d and (d.error_code, d.script_name, in_short(d.message))) for name, status, d in events
        ],
    }


def assert_same(scenario: Scenario, journal: Path) -> tuple[Played, Played]:
    """Play a scenario on both fleets, and hold one to the other."""
    here, there = on_virtual_hosts(scenario), on_containers(scenario, journal)
    for played in (here, there):
        assert played.result.status is RunStatus.COMPLETED
        assert (unmet(played.result), broken(played.result)) == ([], [])
    assert there.result.outcome == here.result.outcome
    assert there.decisions.by_deployment == here.decisions.by_deployment
    assert there.decisions.by_pool == here.decisions.by_pool
    if scenario.name not in BY_THE_CLOCK:
        assert there.decisions.by_host == here.decisions.by_host
        for ours, theirs in zip(in_groups(here.result), in_groups(there.result), strict=True):
            assert told(theirs) == told(ours)
        if len(scenario.all_groups) == 1:
            assert [r.deployment_id for r in there.result.rollouts] == [r.deployment_id for r in here.result.rollouts]
    if scenario.name not in IN_SERVICE_BY_THE_CLOCK:
        assert there.result.in_service_min == here.result.in_service_min
    again = Decisions()
    folded = replay(journal, (again,))
    assert (again, folded.outcome, folded.journal_sha256) == (
        there.decisions,
        there.result.outcome,
        there.result.journal_sha256,
    )
    return here, there


@pytest.mark.parametrize("name", library.names())
def test_a_scenario_of_the_library_is_decided_alike_on_both_fleets(
    engine: DockerClient, tmp_path: Path, name: str
) -> None:
    assert_same(load(library.path_of(name)), tmp_path / "journal.jsonl")


PATIENT = {**rehearsals.BALANCER, "health_check": {**rehearsals.BALANCER["health_check"], "timeout": "2s"}}
"""A balancer that does not take a host that is well for a bad one because this machine is busy."""
STRATEGIES: dict[str, object] = {
    "in-place": "in-place",
    "rolling": "rolling",
    "canary": {"canary": {"hosts": 1, "bake": "1s"}},
    "linear": {"linear": {"hosts": 2, "every": "1s"}},
    "zonal": {"zonal": {"monitor_duration": "1s"}},
    "steps": {"steps": [{"setHosts": 1}, {"pause": {"duration": "1s"}}, {"setWeight": 50}]},
    "blue-green": "blue-green",
    "blue-green-shifted": {"blue-green": {"traffic": {"canary": {"percent": 20, "every": "1s"}}}},
}


@pytest.mark.parametrize("release", ["good", "bad"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_decides_alike_on_both_fleets(
    engine: DockerClient, tmp_path: Path, strategy: str, release: str
) -> None:
    bad = {"bundle": str(rehearsals.BUNDLES / "web-v2-empty"), "behaves": {"answers": {"/": 404}}}
    revisions = {
        "v1": str(rehearsals.BUNDLES / "web-v1"),
        "v2": bad if release == "bad" else str(rehearsals.BUNDLES / "web-v2"),
    }
    group = {"strategy": STRATEGIES[strategy], "auto_rollback": ["DEPLOYMENT_FAILURE"]}
    limits = {"start": "10s", "event": "12s" if release == "bad" else "20s"}  # a bad release waits for it
    if strategy.startswith("blue-green"):
        group["deployment_config"] = "CodeDeployDefault.AllAtOnce"
        limits["event"] = "25s"  # a new host takes longer to come up
    scenario = rehearsals.scenario(
        fleet={"hosts": 3, "running": "v1", "zones": ["a", "b"]},
        balancer=PATIENT,
        revisions=revisions,
        group=group,
        limits=limits,
    )
    here, _ = assert_same(scenario, tmp_path / "journal.jsonl")
    assert here.result.outcome == ("rolled_back" if release == "bad" else "succeeded")


SCRIPT = "#!/bin/sh\nexit 0\n"
PERMISSIONS = """\
version: 0.0
os: linux
files:
  - {{source: page, destination: /srv/web}}
permissions:
  - object: /srv/web/page
    {}
"""
MISTAKES = {
    "no-appspec": {"index.html": "hello\n"},
    "appspec-elsewhere": {"app/appspec.yml": "version: 0.0\nos: linux\n", "README": "hello\n"},
    "appspec-broken": {"appspec.yml": "version: 0.0\nos: linux\nfiles: [\n"},
    "appspec-for-windows": {"appspec.yml": "version: 0.0\nos: windows\n"},
    "script-missing": {
        "appspec.yml": "version: 0.0\nos: linux\nhooks:\n  BeforeInstall:\n    - location: before.sh\n",
        "scripts/before.sh": SCRIPT,
    },
    "script-is-a-directory": {
        "appspec.yml": "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - location: scripts\n",
        "scripts/after.sh": SCRIPT,
    },
    "source-missing": {
        "appspec.yml": "version: 0.0\nos: linux\nfiles:\n  - source: /page.html\n    destination: /srv/web\n"
    },
    "owner-unknown": {"appspec.yml": PERMISSIONS.format("owner: tomcat"), "page": "hello\n"},
    "group-unknown": {"appspec.yml": PERMISSIONS.format("group: tomcat"), "page": "hello\n"},
    "runas-unknown": {
        "appspec.yml": "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - {location: x, runas: tomcat}\n",
        "x": SCRIPT,
    },
    "runas-without-a-shell": {
        "appspec.yml": "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - {location: x, runas: www-data}\n",
        "x": SCRIPT,
    },
    "runas-a-directory": {
        "appspec.yml": "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - {location: x, runas: ec2-user}\n",
        "x/after.sh": SCRIPT,
    },
    "twice-the-same": {
        "appspec.yml": "version: 0.0\nos: linux\nfiles:\n"
        "  - source: a/page\n    destination: /srv/web\n  - source: b/page\n    destination: /srv/web\n",
        "a/page": "a\n",
        "b/page": "b\n",
    },
}
"""Bundles as people pack them by mistake: the files of each."""


def test_mistakes_in_a_bundle_fail_alike_on_both_fleets(engine: DockerClient, tmp_path: Path) -> None:
    """One host, one deployment after the other, each of a bundle with a mistake; then one that is well."""
    for name, files in MISTAKES.items():
        write(tmp_path / name, files)
    write(tmp_path / "well", WELL)
    names = [*MISTAKES, "well"]
    scenario = one_host(
        revisions={name: str(tmp_path / name) for name in names}, deploy=[{"revision": name} for name in names]
    )
    here, _ = assert_same(scenario, tmp_path / "journal.jsonl")
    assert [rollout.status for rollout in here.result.rollouts] == ["Failed"] * len(MISTAKES) + ["Succeeded"]


@pytest.mark.parametrize(("name", "event"), [("no-appspec", "BeforeInstall"), ("owner-unknown", "Install")])
def test_what_cannot_be_deployed_cannot_be_running_on_either_fleet(
    engine: DockerClient, tmp_path: Path, name: str, event: str
) -> None:
    write(tmp_path / name, MISTAKES[name])
    write(tmp_path / "well", WELL)
    scenario = rehearsals.scenario(
        fleet={"hosts": 1, "running": name},
        balancer=None,
        revisions={revision: str(tmp_path / revision) for revision in (name, "well")},
        deploy=[{"revision": "well"}],
    )
    why = f"the fleet is to run {name} before the rehearsal begins, and {name} cannot be deployed: .*{event}"
    with pytest.raises(FleetError, match=why):
        on_virtual_hosts(scenario)
    with pytest.raises(FleetError, match=why):
        on_containers(scenario, tmp_path / "journal.jsonl")


def test_a_virtual_host_knows_the_users_and_groups_of_the_image(engine: DockerClient) -> None:
    for file, known in (("passwd", SYSTEM_USERS), ("group", SYSTEM_GROUPS)):
        content = engine.containers.run(host_tag(), ["cat", f"/etc/{file}"], remove=True, network_mode="none")
        assert {line.partition(":")[0] for line in content.decode().splitlines()} == known


WELL = {
    "appspec.yml": """\
version: 0.0
os: linux
files:
  - {source: page, destination: /srv/web}
hooks:
  BeforeInstall: [{location: hook.sh, timeout: 2}]
  ApplicationStart: [{location: hook.sh, timeout: 2, runas: ec2-user}]
""",
    "hook.sh": SCRIPT,
    "page": "hello\n",
}
STRIKES = (
    ("BeforeInstall", {"script": "missing"}, None),
    ("ApplicationStart", {"script": {"exit": 3}}, None),
    ("ApplicationStart", {"script": "hang"}, None),
    ("ApplicationStart", {"script": "keeps-output-open"}, None),
    ("ApplicationStart", {"agent": "restart"}, None),
    ("Install", {"host": "pause"}, "2s"),
)
"""What strikes each deployment in turn: at which event, with what effect, for how long."""
BUNDLES = ("missing", "corrupt-directory", "corrupt-zip", "corrupt-tar", "corrupt-tgz", "really.zip", "really.tgz")
"""Revisions whose bundle does not arrive as it was packed; of the last two it was damaged before."""


def test_faults_are_told_alike_on_both_fleets(engine: DockerClient, tmp_path: Path) -> None:
    """One host; every deployment meets another fault, but for the last."""
    write(tmp_path / "well", WELL)
    revisions = {"well": str(tmp_path / "well")}
    for name in BUNDLES:
        kind = name.partition("-")[2]
        revisions[name] = (
            str(packed(tmp_path / "well", tmp_path / f"{name}.{kind}", kind))
            if kind in ("zip", "tar", "tgz")
            else str(tmp_path / "well")
        )
    for name in ("really.zip", "really.tgz"):
        whole = packed(tmp_path / "well", tmp_path / name, name.rpartition(".")[2])
        whole.write_bytes(whole.read_bytes()[:-40])
        revisions[name] = str(whole)
    scenario = one_host(
        revisions=revisions,
        deploy=[{"revision": name} for name in (*["well"] * len(STRIKES), *BUNDLES, "well")],
        faults=[
            {"when": {"event": event, "deployment": number}, "do": effect, **({"for": lasts} if lasts else {})}
            for number, (event, effect, lasts) in enumerate(STRIKES, start=1)
        ]
        + [
            {"where": {"revision": name}, "do": {"bundle": name.partition("-")[0]}}
            for name in BUNDLES
            if not name.startswith("really")
        ],
    )
    here, _ = assert_same(scenario, tmp_path / "journal.jsonl")
    failed = [rollout.status == "Failed" for rollout in here.result.rollouts]
    assert failed == [True] * 5 + [False] + [True] * len(BUNDLES) + [False]


def write(directory: Path, files: dict[str, str]) -> None:
    for path, content in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)


def packed(directory: Path, archive: Path, kind: str) -> Path:
    form = {"tgz": "gztar"}.get(kind, kind)
    made = shutil.make_archive(str(archive.with_suffix("")), form, directory)
    return Path(made).rename(archive)


def one_host(**parts: Any) -> Scenario:
    """A host without a balancer, to which one thing after the other is deployed."""
    group = {"deployment_config": "CodeDeployDefault.AllAtOnce"}
    limits = {"start": "10s", "event": "20s"}
    return rehearsals.scenario(fleet={"hosts": 1}, balancer=None, group=group, limits=limits, **parts)


def test_draws_and_moments_strike_alike_on_both_fleets(engine: DockerClient, tmp_path: Path) -> None:
    """Which hosts the dice spare decides who fails; a share of the traffic, and a request, bring the others."""
    group = {
        "strategy": {"blue-green": {"traffic": {"linear": {"percent": 40, "every": "1s"}}}},
        "deployment_config": "CodeDeployDefault.AllAtOnce",
    }
    scenario = rehearsals.scenario(
        fleet={"hosts": 3, "running": "v1"},
        balancer=PATIENT,
        group=group,
        limits={"start": "20s", "event": "25s"},
        alarms={"pager": {"scripted": True}},
        faults=[
            {"name": "drawn", "when": {"event": "BeforeInstall"}, "do": {"script": {"exit": 1}}, "probability": "50%"},
            {"name": "shifted", "when": {"weight": 80}, "do": {"file": {"path": "/srv/left-here"}}},
            {"name": "asked", "when": {"request": 20}, "do": {"alarm": {"name": "pager"}}, "for": "1s"},
        ],
    )
    here, there = assert_same(scenario, tmp_path / "journal.jsonl")
    for played in (here, there):
        assert {change.fault for change in played.result.faults} == {"drawn", "shifted", "asked"}
