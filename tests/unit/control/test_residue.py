"""Residue: what a rollback leaves otherwise than it was, told once for each file, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleet.agent.appspec import load
from fleet.docker.hostside.listing import listing
from fleet.residue import Listing, differences, directories, gather
from simulator.control.replay import replay
from simulator.control.residue import TOLD_MAX, judge, told
from simulator.control.result import Outcome
from simulator.rollout.events import DisksCompared, Residue
from tests.support.rehearsals import BUNDLES, broken, run, scenario

DATA = "/home/ec2-user/web/data"
FAILS = {"scripts/run_process.sh": {"exit": 1}}


def revisions(**v2: Any) -> dict[str, Any]:
    bundle = {"v1": {"bundle": str(BUNDLES / "web-v1")}, "v2": {"bundle": str(BUNDLES / "web-v2-leaves-a-file")}}
    bundle["v2"]["behaves"] = {"scripts": {**FAILS, **v2}}  # type: ignore[assignment]
    return bundle


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ({}, {"/a/x": "1"}, {"/a/x": "left"}),
        ({"/a/x": "1"}, {}, {"/a/x": "gone"}),
        ({"/a/x": "1", "/a/own": "2"}, {}, {"/a/x": "gone", "/a/own": "replaced"}),
        ({"/a/x": "1"}, {"/a/x": "2"}, {"/a/x": "replaced"}),
        ({"/a/x": "1"}, {"/a/x": "1"}, {}),
        ({}, {"/a/fault": "1"}, {}),
    ],
)
def test_differences(before: dict[str, str], after: dict[str, str], found: dict[str, str]) -> None:
    assert differences(Listing(before, ()), Listing(after, {"/a/own"}), {"/a/fault"}) == found


def test_alike_hosts_are_told_together() -> None:
    listed = gather([("h1", {"/b": "left", "/a": "gone"}), ("h2", {"/b": "left"}), ("h3", {})])
    assert listed == (Residue("/a", "gone", ("h1",)), Residue("/b", "left", ("h1", "h2")))


def test_the_directories_are_those_of_the_revisions() -> None:
    texts = ["/srv/app", "/srv/app/site", "/srv/application", "/", "/etc", "/usr/share/x/"]
    entries = "".join(f"  - {{source: /a, destination: {text}}}\n" for text in texts)
    appspec = load(f"version: 0.0\nos: linux\nfiles:\n{entries}", host_os="linux")
    assert directories([appspec]) == ("/srv/app", "/srv/application", "/usr/share/x")


def test_what_a_script_wrote_outlives_the_rollback(tmp_path: Path) -> None:
    leaves = {"scripts/migrate.sh": {"leaves": [f"{DATA}/schema", "/var/lib/elsewhere"]}}
    path = tmp_path / "journal"
    result = run(scenario(revisions=revisions(**leaves)), journal=path)
    assert result.outcome is Outcome.ROLLED_BACK
    assert broken(result) == []
    (flag,) = result.flags
    host = next(host.name for host in result.rollouts[0].hosts.values() if host.records)
    undone = result.rollouts[0].deployment_id
    assert flag == f"residue: {host}: {DATA}/schema was not there before v2 ({undone}), and the rollback left it"
    assert replay(path).flags == result.flags


def test_what_the_old_revision_writes_itself_is_no_residue() -> None:
    leaves = {"scripts/migrate.sh": {"leaves": [f"{DATA}/schema"]}}
    both = revisions(**leaves)
    both["v1"]["behaves"] = {"scripts": {"scripts/run_process.sh": {"leaves": [f"{DATA}/schema"]}}}
    result = run(scenario(revisions=both))
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.flags == ()


def test_a_host_that_is_down_is_not_looked_at() -> None:
    down = [{"name": "down", "when": {"at": "1s"}, "where": {"hosts": ["h1"]}, "do": {"host": "crash"}}]
    result = run(scenario(faults=down, revisions=revisions(), group={"auto_rollback": ["DEPLOYMENT_FAILURE"]}))
    assert "nobody could look for residue on h1: not reachable" in result.flags


def test_a_file_of_a_fault_is_the_scenarios_own() -> None:
    stranger = [{"when": {"at": "1s"}, "do": {"file": {"path": f"{DATA}/by-hand"}}}]
    result = run(scenario(faults=stranger, revisions=revisions()))
    assert result.outcome is Outcome.ROLLED_BACK
    assert result.flags == ()


def test_a_deployment_that_succeeds_is_compared_with_nothing() -> None:
    assert run(scenario()).flags == ()


def test_many_files_are_counted() -> None:
    many = tuple(Residue(f"/a/{number:03}", "left", ("h1", "h2", "h3", "h4")) for number in range(TOLD_MAX + 5))
    (*first, last) = told([DisksCompared(1, 0, "", "d-1", many, ("/a",), ())], [])
    assert len(first) == TOLD_MAX
    assert first[0].startswith("residue: h1, h2, h3 and 1 more: /a/000 was not there before")
    assert last == "residue: 5 more files are not as they were before it (d-1)"


@pytest.mark.parametrize(
    ("wanted", "held"),
    [
        (None, []),
        ({"/a": "left"}, [True, True]),
        ({"/a": "gone"}, [False, True]),
        ({}, [False]),
        ({"/a": "left", "/b": "left"}, [True, False, True]),
    ],
)
def test_what_is_expected_of_it(wanted: dict[str, str] | None, held: list[bool]) -> None:
    found = DisksCompared(1, 0, "", "d-1", (Residue("/a", "left", ("h1",)),), ("/",), ())
    assert [finding.held for finding in judge(wanted, [found])] == held


def test_no_comparison_is_no_absence_of_residue() -> None:
    (finding,) = judge({}, [])
    assert (finding.held, finding.why) == (False, "none was found; no disks were compared")
    unseen = DisksCompared(1, 0, "", "d-1", (), (), ("h3",))
    (finding,) = judge({}, [unseen])
    assert (finding.held, "h3" in finding.why) == (False, True)


def test_the_program_on_a_host_lists_what_no_install_owns(tmp_path: Path) -> None:
    root, app = tmp_path / "root", tmp_path / "app"
    (root / "deployment-instructions").mkdir(parents=True)
    (app / "site").mkdir(parents=True)
    (app / "site" / "index.html").write_text("new")
    (app / "by-hand").write_text("mine")
    (app / "link").symlink_to("by-hand")
    (app / "nowhere").symlink_to("nothing")
    owned = f"{app}/site\n{app}/site/index.html\n{app}/removed\n"
    (root / "deployment-instructions" / "g-cleanup").write_text(owned)
    found = listing(root, [str(app), str(tmp_path / "missing")])
    assert found["owned"] == [f"{app}/site/index.html"]
    strangers = found["strangers"]
    assert isinstance(strangers, dict)
    assert list(strangers) == [f"{app}/by-hand", f"{app}/link", f"{app}/nowhere"]
    assert strangers[f"{app}/link"] == "link to by-hand"
