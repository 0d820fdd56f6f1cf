"""A rehearsal from a bundle alone: `drydeploy run ./my-bundle --hosts 4 --strategy rolling`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import scenarios
from scenarios import bundle_scenario, library
from scenarios.problems import ScenarioError
from tests.support.rehearsals import run

BUNDLES = Path(library.__file__).parent.parent / "bundles"


def test_new_hosts_and_one_deployment() -> None:
    scenario = bundle_scenario(BUNDLES / "web-v1", hosts=3)
    assert scenario.name == "web-v1"
    assert len(scenario.fleet.named_hosts()) == 3
    assert scenario.fleet.running is None
    assert [deploy.revision for deploy in scenario.deploy] == ["web-v1"]
    assert scenario.revisions["web-v1"].bundle == BUNDLES / "web-v1"
    assert scenario.group.deployment_config == "CodeDeployDefault.OneAtATime"
    assert scenario.group.auto_rollback == ()
    assert scenario.balancer is None
    assert scenario.expect is None


def test_in_place_is_all_at_once_unless_told_otherwise() -> None:
    assert bundle_scenario(BUNDLES / "web-v1", hosts=1, strategy="in-place").group.deployment_config == (
        "CodeDeployDefault.AllAtOnce"
    )
    assert bundle_scenario(BUNDLES / "web-v1", hosts=1, config="HalfAtATime").group.deployment_config == "HalfAtATime"


def test_what_ran_before_is_what_a_failure_goes_back_to() -> None:
    scenario = bundle_scenario(BUNDLES / "web-v2", hosts=2, running=BUNDLES / "web-v1", port=80, path="/health")
    assert scenario.fleet.running == "web-v1"
    assert scenario.revisions["web-v1"].bundle == BUNDLES / "web-v1"
    assert scenario.group.auto_rollback == ("DEPLOYMENT_FAILURE",)
    assert scenario.balancer is not None
    assert scenario.balancer.health_check.path == "/health"


def test_the_same_bundle_may_run_before() -> None:
    scenario = bundle_scenario(BUNDLES / "web-v1", hosts=2, running=BUNDLES / "web-v1")
    assert set(scenario.revisions) == {"web-v1", "web-v1-before"}


@pytest.mark.parametrize(
    ("kind", "platform", "example"),
    [
        ("AWS::ECS::Service", "ECS", "drydeploy show ecs-canary`"),
        ("AWS::Lambda::Function", "Lambda", "drydeploy show lambda-canary`"),
        ("AWS::Lamda::Function", "ECS or Lambda", "ecs-canary or lambda-canary"),
    ],
)
@pytest.mark.parametrize("name", ["appspec.yml", "appspec.json"])
def test_a_bundle_for_another_platform_is_refused_and_told_where_to_begin(
    tmp_path: Path, kind: str, platform: str, example: str, name: str
) -> None:
    spec = {"version": 0.0, "Resources": [{"shop": {"Type": kind}}]}
    (tmp_path / name).write_text(json.dumps(spec))
    with pytest.raises(ScenarioError) as caught:
        bundle_scenario(tmp_path, hosts=1)
    (problem,) = caught.value.problems
    assert problem.message == f"its AppSpec is for {platform}, and a bundle by itself is deployed to servers"
    assert f"compute_platform: {platform}" in problem.remedy
    assert example in problem.remedy


@pytest.mark.parametrize("appspec", [None, "broken: ["])
@pytest.mark.parametrize("name", ["My Bundle!", "none", "...", "9" * 80])
def test_what_is_in_it_does_not_matter(tmp_path: Path, name: str, appspec: str | None) -> None:
    bundle = tmp_path / name
    bundle.mkdir()
    if appspec is not None:
        (bundle / "appspec.yml").write_text(appspec)
    scenario = bundle_scenario(bundle, hosts=1)
    assert scenario.revisions[scenario.deploy[0].revision].bundle == bundle


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        bundle_scenario(
            tmp_path / "a", hosts=0, strategy="roling", config="OneAtTime", running=tmp_path / "b", port=70_000
        )
    told = str(caught.value)
    assert len(caught.value.problems) == 6
    for word in ("there is no bundle here", "--hosts", "did you mean rolling?", "OneAtATime", "--port"):
        assert word in told


def test_the_package_names_nothing_else() -> None:
    with pytest.raises(AttributeError):
        _ = scenarios.nothing


def test_a_bare_bundle_is_asked_often_and_its_path_and_interval_are_checked() -> None:
    usual = bundle_scenario(BUNDLES / "web-v1", hosts=2, port=80).balancer
    assert usual is not None
    check = usual.health_check
    assert (check.interval, check.timeout, check.rise, check.fall) == (1_000, 1_000, 2, 3)
    slow = bundle_scenario(BUNDLES / "web-v1", hosts=2, port=80, interval="30s").balancer
    assert slow is not None
    assert (slow.health_check.interval, slow.health_check.timeout) == (30_000, 5_000)
    with pytest.raises(ScenarioError) as caught:
        bundle_scenario(BUNDLES / "web-v1", hosts=2, port=80, path="x", interval="0s")
    assert [problem.file for problem in caught.value.problems] == ["--interval", "--path"]
    assert "write /x" in str(caught.value)


@pytest.mark.parametrize("damage", ["encrypted", "unknown compression", "broken data"])
def test_nor_whether_it_can_be_read(tmp_path: Path, damage: str) -> None:
    """The deployment fails at DownloadBundle, as it would on AWS; each of these broke off the program."""
    path = tmp_path / "shop.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("appspec.yml", "version: 0.0\nos: linux\n" * 20)
    written = bytearray(path.read_bytes())
    directory = written.index(b"PK\x01\x02")
    match damage:
        case "encrypted":
            written[6] |= 1
            written[directory + 8] |= 1
        case "unknown compression":
            written[8] = written[directory + 10] = 99
        case _:
            data = 30 + len("appspec.yml")
            written[data : data + 4] = b"\xff" * 4
    path.write_bytes(written)
    result = run(bundle_scenario(path, hosts=1))
    assert result.rollouts[0].hosts["h1"].records[-1].status == "Skipped"
    failed = next(each for each in result.rollouts[0].hosts["h1"].records if str(each.status) == "Failed")
    assert failed.name == "DownloadBundle"
    assert failed.diagnostics is not None
    assert "cannot be unpacked as zip" in failed.diagnostics.message


def test_nor_how_deep_its_appspec_is_nested(tmp_path: Path) -> None:
    (tmp_path / "appspec.yml").write_text("[" * 5_000)
    assert bundle_scenario(tmp_path, hosts=1).fleet.hosts == 1
