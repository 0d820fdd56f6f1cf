"""Bundles, reports, refusals and the engine's absence: what needs no container."""

from __future__ import annotations

import random
import re
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
from docker.errors import APIError
from requests import Response

from fleet.base import FleetError
from fleet.docker import images, labels, sources
from fleet.docker.bundles import pack, pack_all
from fleet.docker.cleanup import remove_stale
from fleet.docker.doctor import doctor
from fleet.docker.engine import connect
from fleet.docker.mailbox import Completion
from fleet.docker.needs import DISK_BYTES, DISK_TIMES, Needs
from fleet.docker.refusals import refuse
from fleet.docker.reports import diagnostics_of
from fleet.docker.roster import HOSTS_MAX, Roster
from fleet.docker.specification import specification
from scenarios.model import Scenario
from simulator.cli.image import Steps
from simulator.rollout.deployment import Deployment, Target
from simulator.rollout.statuses import Creator
from strategies.configuration import ALL_AT_ONCE
from tests.support import services

STARTS = "version: 0.0\nos: linux\nhooks:\n  ApplicationStart: [{location: a.sh}]\n"
STARTS_NOT = "version: 0.0\nos: linux\n"


def scenario(**more: Any) -> Scenario:
    base = {"name": "x", "fleet": {"hosts": 1}, "revisions": {"v1": "b"}, "deploy": [{"revision": "v1"}]}
    return Scenario.model_validate({**base, **more})


def directory(root: Path, appspec: str) -> Path:
    (root / "b" / "scripts").mkdir(parents=True)
    (root / "b" / "appspec.yml").write_text(appspec)
    (root / "b" / "scripts" / "a.sh").write_text("exit 0")
    (root / "b" / "scripts" / "a.sh").chmod(0o755)
    return root / "b"


@pytest.mark.parametrize(("appspec", "starts"), [(STARTS, True), (STARTS_NOT, False), ("{", False), ("[]", False)])
def test_a_directory_becomes_an_archive_the_same_each_time(tmp_path: Path, appspec: str, starts: bool) -> None:
    root = directory(tmp_path, appspec)
    packed = pack("v1", root)
    assert (packed.bundle_type, packed.starts, packed.location) == ("tgz", starts, "/opt/drydeploy/revisions/v1.tgz")
    path = tmp_path / "again.tgz"
    path.write_bytes(packed.content)
    with tarfile.open(path) as tar:
        modes = {entry.name: (entry.mode & 0o777, entry.uname) for entry in tar}
    assert modes["scripts/a.sh"] == (0o755, "root")


@pytest.mark.parametrize("top", ["", "web/"])
def test_an_archive_is_taken_as_it_is(tmp_path: Path, top: str) -> None:
    path = tmp_path / "web.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{top}appspec.yml", STARTS)
    packed = pack("v1", path)
    assert (packed.bundle_type, packed.starts, packed.content) == ("zip", True, path.read_bytes())


def test_a_broken_archive_is_the_agents_to_refuse(tmp_path: Path) -> None:
    path = tmp_path / "web.tar.gz"
    path.write_bytes(b"\x1f\x8bnot really")
    assert pack("v1", path).starts is False


@pytest.mark.parametrize("name", ["missing", "web.rar"])
def test_what_is_no_bundle_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / "web.rar").write_bytes(b"")
    with pytest.raises(FleetError, match=r"revision v1"):
        pack("v1", tmp_path / name)


@pytest.mark.parametrize(
    ("completion", "code"),
    [
        (Completion(True, 0, "Succeeded"), None),
        (Completion(True, 0, "Succeeded", log="said"), "Success"),
        (Completion(False, 1, "m"), "ScriptMissing"),
        (Completion(False, 2, "m"), "ScriptNotExecutable"),
        (Completion(False, 3, "m"), "ScriptTimedOut"),
        (Completion(False, 4, "m"), "ScriptFailed"),
        (Completion(False, 5, "m"), "UnknownError"),
        (Completion(False, 6, "m"), "UnknownError"),
        (Completion(False, 7, "m"), "UnknownError"),
        (Completion(False, 0, "m"), "UnknownError"),
        (Completion(False, 99, "m"), "UnknownError"),
    ],
)
def test_an_agents_numbers_become_the_apis_words(completion: Completion, code: str | None) -> None:
    diagnostics = diagnostics_of(completion)
    assert (diagnostics and str(diagnostics.error_code)) == code


def test_only_the_tail_of_a_log_is_kept() -> None:
    diagnostics = diagnostics_of(Completion(False, 4, "m", "a.sh", "é" * 3000))
    assert diagnostics is not None
    assert 2040 < len(diagnostics.log_tail.encode()) <= 2048


def scaled(desired: int, **more: Any) -> dict[str, Any]:
    return {"when": {"at": "1s"}, "do": {"pool": {"name": "web", "desired": desired, **more}}}


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"fleet": {"hosts": HOSTS_MAX + 1}}, "fleet.hosts"),
        ({"fleet": {"hosts": HOSTS_MAX // 2 + 1}, "balancer": {}, "group": {"strategy": "blue-green"}}, "fleet.hosts"),
        (
            {"pools": {"web": {"desired": 3, "max": 500}}, "faults": [scaled(HOSTS_MAX)], "group": {"pools": ["web"]}},
            f"pools: {HOSTS_MAX + 1} hosts; the Docker fleet takes at most",
        ),
        (
            {
                "pools": {"web": {"desired": 3, "max": 500}},
                "faults": [scaled(HOSTS_MAX // 2, replacement=True)],
                "group": {"pools": ["web"], "strategy": "blue-green"},
                "balancer": {},
            },
            f"pools: {HOSTS_MAX // 2 + 1} hosts, and {HOSTS_MAX // 2} new ones beside them",
        ),
        ({"fleet": {"hosts": 1, "users": ["no user"]}}, "fleet.users"),
        ({"fleet": {"hosts": 1, "files": {"relative": ""}}}, "fleet.files"),
        ({"fleet": {"hosts": 1, "files": {"/a/../b": ""}}}, "fleet.files"),
        ({"fleet": {"hosts": [{"name": "a"}, {"name": "A"}]}}, "fleet.hosts"),
        ({"faults": [{"do": {"health": {"status": 500}}}]}, "faults[0].do.health"),
        ({"faults": [{"do": {"network": {"cut": "both"}}}]}, "faults[0].do.network"),
        ({"faults": [{"do": {"network": {"latency": "1s"}}}]}, "faults[0].do.network"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(more: dict[str, Any], word: str) -> None:
    (reason,) = refuse(scenario(**more))
    assert reason.startswith(word)


@pytest.mark.parametrize(
    "effect",
    [{"balancer": "restart"}, {"slow_start": "1s"}, {"memory": {"leak_after": 1}}, {"health": {"status": 500}}],
)
def test_what_strikes_at_a_balancer_is_refused_where_there_is_none(effect: dict[str, Any]) -> None:
    (reason,) = refuse(scenario(faults=[{"do": effect}]))
    assert reason.startswith(f"faults[0].do.{next(iter(effect))}: ")
    assert reason.endswith("because the scenario has no balancer")


@pytest.mark.parametrize("word", ["missing", "corrupt"])
def test_a_bundle_cannot_be_on_the_disk_and_in_a_bucket(word: str) -> None:
    faults = [{"name": "a", "do": {"bundle": word}}, {"name": "b", "do": {"bundle": "access-denied"}}]
    (reason,) = refuse(scenario(faults=faults))
    assert reason.startswith(f"faults[0].do.bundle: {word} is for bundles on the hosts' disks")
    assert "(faults[1])" in reason


def test_bundles_are_in_a_bucket_only_where_somebody_is_not_let_into_it(tmp_path: Path) -> None:
    root = str(directory(tmp_path, STARTS))
    denied = scenario(revisions={"v1": root}, faults=[{"do": {"bundle": "access-denied"}}])
    (there,) = pack_all(denied).values()
    (here,) = pack_all(scenario(revisions={"v1": root})).values()
    assert here.revision_location["RevisionType"] == "Local File"
    assert there.revision_location == {
        "RevisionType": "S3",
        "S3Revision": {"Bucket": "drydeploy-revisions", "Key": "v1.tgz", "BundleType": "tgz"},
    }


@pytest.mark.parametrize("back", [{"for": "1s"}, {"where": {"revision": "v1"}}])
def test_a_disk_in_memory_does_not_outlast_a_loss_of_power(tmp_path: Path, back: dict[str, Any]) -> None:
    revisions = {"v1": str(directory(tmp_path, STARTS))}
    full: dict[str, Any] = {"do": {"disk": "full"}}
    (reason,) = refuse(scenario(revisions=revisions, faults=[full, {"do": {"host": "crash"}, **back}]))
    assert reason.startswith("faults[1].do.host: crash")
    assert refuse(scenario(revisions=revisions, faults=[full, {"do": {"host": "crash"}}])) == []


def test_disks_that_take_too_much_memory_are_refused(tmp_path: Path) -> None:
    large = directory(tmp_path, STARTS)
    (large / "noise").write_bytes(random.Random(7).randbytes(1 << 20))
    revisions, faults = {"v1": str(large)}, [{"do": {"disk": "full"}}]
    assert refuse(scenario(revisions=revisions, faults=faults, fleet={"hosts": 20})) == []
    (reason,) = refuse(scenario(revisions=revisions, faults=faults, fleet={"hosts": 40}))
    assert re.match(r"faults\.do\.disk: 40 hosts .* 1,4\d\d MiB of memory .* 1,024 MiB is the most", reason)


def test_a_host_has_no_more_than_its_faults_need() -> None:
    none = Needs.of(scenario(), [1])
    assert (none, none.tmpfs) == (Needs(), {})
    faults = [{"do": do} for do in ({"network": {"cut": "controller"}}, {"clock": {"offset": "1h"}}, {"disk": "full"})]
    needs = [Needs.of(scenario(faults=[fault]), [1]) for fault in faults]
    assert needs == [Needs(network=True), Needs(clock=True), Needs(disk_bytes=DISK_BYTES + DISK_TIMES)]
    assert list(needs[2].tmpfs) == ["/opt/codedeploy-agent/deployment-root"]


def test_what_can_be_done_is_not_refused() -> None:
    assert refuse(scenario(faults=[{"do": {"network": {"cut": "controller"}}}])) == []
    assert refuse(scenario(balancer={}, faults=[{"do": {"health": {"status": 500}}}])) == []
    most = {"pools": {"web": {"desired": 3, "max": 500}}, "group": {"pools": ["web"]}}
    assert refuse(scenario(faults=[scaled(HOSTS_MAX - 1), scaled(1)], **most)) == []


@pytest.mark.parametrize(
    ("strategy", "kind"),
    [("blue-green", "BLUE_GREEN"), ("back-to-blue", "BLUE_GREEN"), ("in-place", "IN_PLACE"), ("canary", "IN_PLACE")],
)
@pytest.mark.parametrize(("creator", "word"), [(Creator.USER, "user"), (Creator.ROLLBACK, "codeDeployRollback")])
def test_agents_are_told_whether_a_deployment_is_blue_green(
    tmp_path: Path, strategy: str, kind: str, creator: Creator, word: str
) -> None:
    deployment = Deployment("d-1", "web", "g", "v1", strategy, ALL_AT_ONCE, (Target("h1"),), True, creator=creator)
    told = specification(deployment, pack("v1", directory(tmp_path, STARTS)))
    # Whoever asks for a way back: to an agent it is a rollback, as nothing is downloaded whose scripts could run.
    word = "codeDeployRollback" if strategy == "back-to-blue" else word
    assert (told["DeploymentType"], told["DeploymentCreator"]) == (kind, word)


def test_hosts_that_come_later_have_addresses_of_their_own() -> None:
    roster = Roster(scenario(fleet={"hosts": 2, "files": {"/etc/x": "y"}}))
    plan = roster.add("h1-g2", hosts_max=4)
    assert (plan.index, dict(plan.files)) == (2, {"/etc/x": "y"})
    roster.remove("h1")
    assert "h1" not in roster
    # The newest address is taken first, so that one that was in use a moment ago is not.
    assert [roster.add(name, hosts_max=4).index for name in ("a", "b")] == [3, 0]
    with pytest.raises(FleetError, match=r"c cannot be provisioned: 4 hosts .* at most 4 at once"):
        roster.add("c", hosts_max=4)


def test_a_host_that_stands_is_not_replaced() -> None:
    roster = Roster(scenario(fleet={"hosts": 1}))
    roster.add("h1-g2", hosts_max=4)
    with pytest.raises(FleetError, match=r"h1-g2 cannot be provisioned: a host of that name is there already"):
        roster.add("h1-g2", hosts_max=4)
    roster.remove("h1-g2")
    assert roster.add("h1-g2", hosts_max=4).name == "h1-g2"


def test_every_host_is_every_one_that_has_not_left_the_group() -> None:
    roster = Roster(scenario(fleet={"hosts": 2}))
    roster.add("h1-g2", hosts_max=4)
    assert roster.everybody == 2
    roster.join("h1-g2")
    assert roster.everybody == 3
    roster.leave("h1")
    roster.remove("h2")
    assert roster.everybody == 1
    assert "h1" in roster


def test_without_an_engine_the_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    with pytest.raises(FleetError, match=r"no Docker engine.*Start Docker.*--fleet virtual"):
        connect()
    findings = {finding.name: finding for finding in doctor()}
    assert not findings["engine"].ok
    assert findings["engine"].remedy.startswith("Start Docker")


def test_an_engine_on_another_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    with pytest.raises(FleetError, match="another machine"):
        connect()


def test_without_registry_and_mmdebstrap_both_remedies_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_pull", lambda _: "no such host")
    monkeypatch.setattr(images.shutil, "which", lambda _: None)
    with pytest.raises(FleetError, match=r"no such host.*apt-get install mmdebstrap"):
        images._build_base(None, None, lambda _: None)  # type: ignore[arg-type]


def test_the_image_holds_the_agent_and_nothing_else_of_the_project() -> None:
    files = sources.host_files()
    assert files["opt/drydeploy/fleet/__init__.py"] == b""
    assert "opt/drydeploy/fleet/agent/__main__.py" in files
    assert "opt/drydeploy/hostside/supervisor.sh" in files
    assert not [path for path in files if path.endswith(".pyc") or "docker" in path.split("/")]


def test_the_hash_follows_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    before = sources.host_hash()
    assert sources.host_hash() == before
    monkeypatch.setattr(sources, "PACKAGES", (*sources.PACKAGES, "nginx"))
    assert sources.host_hash() != before


class _Image:
    def __init__(self, id: str, *tags: str) -> None:
        self.id, self.tags = id, [*tags]


class _Images:
    """An engine's images: what is `used` cannot be removed."""

    def __init__(self, there: list[_Image], used: set[str]) -> None:
        self.there, self.used = there, used
        self.images = self

    def list(self, filters: dict[str, str]) -> list[_Image]:
        assert filters == {"label": labels.IMAGE}
        return self.there

    def remove(self, name: str) -> None:
        if name in self.used:
            response = Response()
            response.status_code = 409
            raise APIError("conflict", response)


def test_images_of_other_sources_are_removed_and_current_and_used_ones_are_not() -> None:
    there = [
        _Image("1", sources.host_tag(), sources.version_tag()),
        _Image("2", sources.base_tag()),
        _Image("3", "drydeploy/host:old", "drydeploy/host:0.0.1"),
        _Image("4"),
        _Image("5", "drydeploy/base:old"),
    ]
    client: Any = _Images(there, {"drydeploy/base:old"})
    assert remove_stale(client) == ("drydeploy/host:old", "drydeploy/host:0.0.1", "4")


def test_each_step_of_a_build_is_told_with_its_time(capsys: pytest.CaptureFixture[str]) -> None:
    steps = Steps()
    for step in ("the first", "the second"):
        steps(step)
    steps.done()
    steps.done()
    lines = capsys.readouterr().err.splitlines()
    assert [lines[0], lines[2]] == ["the first …", "the second …"]
    assert [line.startswith("  took ") for line in lines] == [False, True, False, True]


def test_what_docker_would_have_to_run_is_refused_by_name_where_it_is_not_there() -> None:
    scenario = services.ecs(functions={"visit-test-traffic": {}}, revisions={
        "v1": services.revision("ecs-v1"), "v2": {"bundle": str(services.BUNDLES / "ecs-v2")},
    })  # fmt: skip
    assert refuse(scenario) == [
        "functions.visit-test-traffic: Docker calls the function itself, and it has no handler",
        "revisions.v2: Docker runs the task itself, and it has no task: {command: […]}",
    ]
    assert refuse(services.aws_lambda(functions={})) == []
