"""`drydeploy validate` (and `plan`) of what people hand it: bundles, archives, and what is neither."""

from __future__ import annotations

import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from fleet.agent.tree import DiskTree
from simulator.cli.appspecs import of_bundle
from tests.cli.program import drydeploy, small_scenario

APPSPEC = """\
version: 0.0
os: linux
permissions:
  - object: /srv
    owner: deploy
    group: web
hooks:
  AfterInstall:
    - location: a.sh
      runas: deploy
  ApplicationStart:
    - location: a.sh
      runas: www-data
    - location: a.sh
      runas: ec2-user
"""


def bundle(directory: Path, appspec: str = APPSPEC) -> Path:
    directory.mkdir()
    (directory / "appspec.yml").write_text(appspec)
    (directory / "a.sh").write_text("#!/bin/sh\n")
    return directory


def test_whom_the_hosts_of_a_bare_bundle_lack(tmp_path: Path) -> None:
    bundle(tmp_path / "b")
    done = drydeploy("validate", "b", state=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split(":")[1] for line in lines] == ["4", "4", "9", "12"]
    assert "whom drydeploy's hosts lack (beside the system's own they have ec2-user)" in lines[0]
    assert lines[0].endswith("fleet: {users: [ec2-user, deploy]}")
    assert "the group of `/srv` is `web`" in lines[1]
    assert "`a.sh` of `AfterInstall` is run as `deploy`" in lines[2]
    assert "is run as `www-data`, who has no shell" in lines[3]


def test_a_scenario_tells_of_its_bundles(tmp_path: Path) -> None:
    path = small_scenario(tmp_path)
    (tmp_path / "bundle" / "appspec.yml").write_text(APPSPEC.replace("os: linux", "os: windows"))
    done = drydeploy("validate", path.name, state=tmp_path)
    assert done.returncode == 2, done.stdout  # it is v1's, too, which is to run before
    assert "bundle/appspec.yml:2:5: warning: `os` is windows" in done.stdout
    (tmp_path / "bundle" / "appspec.yml").write_text(APPSPEC)
    told = drydeploy("validate", path.name, state=tmp_path).stdout
    assert "bundle/appspec.yml:9:7: warning: the script `a.sh` of `AfterInstall` is run as `deploy`" in told
    assert "bundle/appspec.yml:9:7: warning: the script `a.sh` of `AfterInstall` is not in the bundle" in told
    path.write_text(path.read_text().replace("  running: v1\n", "  running: v1\n  users: [deploy, web]\n"))
    told = drydeploy("validate", path.name, state=tmp_path).stdout
    assert "`deploy`" not in told
    assert "`web`" not in told
    assert "run as `ec2-user`" in told


def test_an_appspec_for_windows_is_an_error(tmp_path: Path) -> None:
    bundle(tmp_path / "b", "version: 0.0\nos: windows\nfiles:\n  - source: /\n    destination: c:\\web\n")
    done = drydeploy("validate", "b", state=tmp_path)
    assert done.returncode == 2
    assert done.stdout.splitlines() == [
        "b/appspec.yml:2:5: error: `os` is windows, and this host runs linux: its agent refuses the file; "
        "write `os: linux`, or deploy it elsewhere"
    ]


def test_plan_tells_what_is_wrong_with_a_bundle(tmp_path: Path) -> None:
    bundle(tmp_path / "b", "version: 0.0\nos: windows\n")
    done = drydeploy("plan", "b", state=tmp_path)
    assert done.returncode == 0
    assert "deploy to 4 hosts" in done.stdout
    assert "b/appspec.yml:2:5: error: `os` is windows" in done.stderr
    assert "error" not in drydeploy("plan", "b", "-o", "json", state=tmp_path).stdout


def archive(name: str, source: Path) -> Path:
    path = source.parent / name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path, "w") as packed:
            for file in source.iterdir():
                packed.write(file, file.name)
    else:
        with tarfile.open(path, "w:gz" if name.endswith("gz") else "w") as packed:
            packed.add(source, ".")
    return path


@pytest.mark.parametrize("name", ["v1.zip", "v1.tar", "v1.tgz", "v1.tar.gz"])
def test_an_archive_is_looked_into(name: str, tmp_path: Path) -> None:
    archive(name, bundle(tmp_path / "b", APPSPEC.replace("location: a.sh", "location: b.sh", 1)))
    done = drydeploy("validate", name, state=tmp_path)
    assert done.returncode == 0, done.stdout
    assert f"{name}/appspec.yml:9:7: warning: the script `b.sh` of `AfterInstall` is not in the bundle" in done.stdout
    assert json.loads(drydeploy("validate", name, "-o", "json", state=tmp_path).stdout)["kind"] == "appspec"


def test_an_archive_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "v1.zip").write_text("hello\n")
    done = drydeploy("validate", "v1.zip", state=tmp_path)
    assert done.returncode == 2
    assert "cannot be unpacked as zip" in done.stdout
    assert "it looks like no archive" in done.stdout
    archive("v2.tgz", bundle(tmp_path / "b")).rename(tmp_path / "v2.zip")
    assert "it looks like tgz" in drydeploy("validate", "v2.zip", state=tmp_path).stdout


def test_an_archive_without_an_appspec(tmp_path: Path) -> None:
    source = bundle(tmp_path / "b")
    (source / "appspec.yml").unlink()
    archive("v1.zip", source)
    done = drydeploy("validate", "v1.zip", state=tmp_path)
    assert done.returncode == 2
    assert "v1.zip: error: the bundle has no appspec.yml at its top; it holds a.sh" in done.stdout


@pytest.mark.parametrize("verb", ["run", "plan", "validate"])
def test_what_is_not_what_it_should_be(verb: str, tmp_path: Path) -> None:
    bundle(tmp_path / "b")
    (tmp_path / "picture").write_bytes(b"\x89PNG\0")
    missing = drydeploy(verb, "./bb", state=tmp_path)
    assert missing.returncode == 2
    assert "./bb: error: there is no such file or directory; did you mean b?" in missing.stdout + missing.stderr
    picture = drydeploy(verb, "picture", state=tmp_path)
    assert picture.returncode == 2
    assert "picture: error: this is no text, and by its name no archive" in picture.stdout + picture.stderr
    if verb != "validate":
        done = drydeploy(verb, "b/appspec.yml", state=tmp_path)
        assert done.stderr == (
            "b/appspec.yml:1:1: error: this is an AppSpec, and not a scenario; name its bundle, `b`\n"
        )


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read(tmp_path: Path) -> None:
    small_scenario(tmp_path)
    (tmp_path / "small.yml").chmod(0)
    for verb in ("run", "validate"):
        done = drydeploy(verb, "small.yml", state=tmp_path)
        assert done.returncode == 2
        assert "small.yml: error: cannot be read: permission denied" in done.stdout + done.stderr


def test_a_bundle_with_what_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    appspec = "version: 9\nos: linux\nfiles:\n  - {source: closed, destination: /srv}\n"
    source = bundle(tmp_path / "b", appspec)
    (source / "closed").mkdir()

    def refuse(_tree: DiskTree, path: str) -> list[str]:
        raise PermissionError(13, "Permission denied", str(source / path))

    monkeypatch.setattr(DiskTree, "names", refuse)
    unread, error = of_bundle(source)
    assert unread.render().startswith(f"{source}/closed: error: cannot be read: permission denied; look at")
    assert error.line == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_init_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    done = drydeploy("init", "closed/here", state=tmp_path)
    assert done.returncode == 2
    assert "closed/here: permission denied; change its permissions" in done.stderr
    assert "Errno" not in done.stderr


def test_init_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = drydeploy("init", "file/here", state=tmp_path)
    assert done.returncode == 2
    assert "not a directory" in done.stderr
    assert "Errno" not in done.stderr


ECS_APPSPEC = """\
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: arn:aws:ecs:us-east-1:123456789012:task-definition/shop:2
        LoadBalancerInfo: {ContainerName: shop}
Hooks:
  - AfterAllowTestTrafic: visit
"""


@pytest.mark.parametrize("name", ["appspec.yaml", "appspec.json", "shop.yml"])
def test_an_appspec_of_ecs_is_known_by_what_is_in_it(tmp_path: Path, name: str) -> None:
    import yaml

    text = json.dumps(yaml.safe_load(ECS_APPSPEC), indent=2) if name.endswith("json") else ECS_APPSPEC
    (tmp_path / name).write_text(text)
    done = drydeploy("validate", name, state=tmp_path)
    assert done.returncode == 2
    assert "`ContainerPort` is expected to be a port of 1 to 65535, and is absent" in done.stdout
    assert "did you mean `AfterAllowTestTraffic`?" in done.stdout
    if not name.endswith("json"):
        assert f"{name}:7:9: error:" in done.stdout
        assert f"{name}:9:5: error:" in done.stdout


def test_a_good_appspec_is_called_by_its_platform(tmp_path: Path) -> None:
    shop, web = tmp_path / "shop", bundle(tmp_path / "web", "version: 0.0\nos: linux\n")
    shop.mkdir()
    text = ECS_APPSPEC.replace("shop}", "shop, ContainerPort: 8080}").replace("Trafic", "Traffic")
    (shop / "appspec.yaml").write_text(text)
    with tarfile.open(tmp_path / "web.tar", "w") as archive:
        archive.add(web, arcname=".")
    for name, said in (("shop", "ECS"), ("shop/appspec.yaml", "ECS"), ("web", "servers"), ("web.tar", "servers")):
        assert drydeploy("validate", name, state=tmp_path).stdout.endswith(f": a valid appspec for {said}\n")
    for verb in ("plan", "run"):
        done = drydeploy(verb, "shop", state=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("shop: error: its AppSpec is for ECS")


def test_a_scenario_tells_of_bundles_for_another_platform_and_of_functions_that_are_not_there(tmp_path: Path) -> None:
    bundle(tmp_path / "servers")
    good = tmp_path / "ecs"
    good.mkdir()
    text = ECS_APPSPEC.replace("shop}", "shop, ContainerPort: 8080}").replace("Trafic", "Traffic")
    (good / "appspec.yaml").write_text(text)
    (tmp_path / "s.yml").write_text(
        "name: s\nfleet: {hosts: 2, running: v1}\nbalancer: {port: 8080}\n"
        "revisions: {v1: ecs, v2: servers}\ngroup: {compute_platform: ECS}\n"
        "functions: {visits: {}}\ndeploy: [{revision: v2}]\n"
    )
    done = drydeploy("validate", "s.yml", state=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "servers/appspec.yml:2:1: warning: this file is for servers (`os`), and ECS needs `Resources`" in done.stdout
    assert "AfterAllowTestTraffic calls visit, and the scenario has no such function" in done.stdout
    assert "did you mean visits?" in done.stdout


def test_a_running_revision_that_cannot_be_deployed_is_the_error_that_the_run_tells(tmp_path: Path) -> None:
    path = small_scenario(tmp_path)
    of_servers = "  strategy: rolling\n  deployment_config: CodeDeployDefault.OneAtATime\n"
    path.write_text(path.read_text().replace(of_servers, "  compute_platform: ECS\n"))
    checked, ran = (drydeploy(verb, path.name, state=tmp_path) for verb in ("validate", "run"))
    assert (checked.returncode, ran.returncode) == (2, 2), checked.stdout + ran.stderr
    why = "the fleet is to run v1 before the rehearsal begins, and v1 cannot be deployed"
    assert f"small.yml:4:12: error: {why}" in checked.stdout
    assert why in ran.stderr


def test_strict_is_content_with_nothing_less_than_no_warning(tmp_path: Path) -> None:
    path = small_scenario(tmp_path)
    assert [drydeploy("validate", *more, path.name, state=tmp_path).returncode for more in ([], ["--strict"])] == [0, 0]
    path.write_text(path.read_text().replace("event: 10s", "event: 900ms"))
    assert [drydeploy("validate", *more, path.name, state=tmp_path).returncode for more in ([], ["--strict"])] == [0, 1]
