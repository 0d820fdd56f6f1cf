"""Install, sentence by sentence: real bundles onto a real disk."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conformance.agent.host import GROUP, Host

HEAD = "version: 0.0\nos: linux\n"
ALL = HEAD + "files:\n  - source: /\n    destination: DISK/app\n"
WEB = HEAD + "files:\n  - source: web\n    destination: DISK/app\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="giving files to others needs root")


def install(host: Host, deployment: str, bundle: Path, **changes: object) -> dict[str, object]:
    return host.deploy(host.specification(deployment, bundle, **changes), "DownloadBundle", "Install")


def behaviour(option: str) -> dict[str, object]:
    return {"AgentActionOverrides": {"AgentOverrides": {"FileExistsBehavior": option}}}


def steps(host: Host) -> list[dict[str, object]]:
    content = (host.layout.instructions / f"{GROUP}-install.json").read_text()
    return list(json.loads(content)["instructions"])


def cleanup_lines(host: Host) -> list[str]:
    return (host.layout.instructions / f"{GROUP}-cleanup").read_text().splitlines()


def test_a_directory_is_copied_with_its_contents(host: Host) -> None:
    assert install(host, "d-1", host.bundle(WEB, {"web/a": "1", "web/sub/b": "2"}))["status"] == "Succeeded"
    assert (host.disk / "app/a").read_text() == "1"
    assert (host.disk / "app/sub/b").read_text() == "2"


def test_a_file_is_copied_below_its_destination(host: Host) -> None:
    appspec = HEAD + "files:\n  - source: conf/x.conf\n    destination: DISK/etc/shop\n"
    assert install(host, "d-1", host.bundle(appspec, {"conf/x.conf": "c"}))["status"] == "Succeeded"
    assert (host.disk / "etc/shop/x.conf").read_text() == "c"
    assert [step["type"] for step in steps(host)] == ["mkdir", "mkdir", "copy"]


def test_what_was_created_is_written_down_in_order(host: Host) -> None:
    install(host, "d-1", host.bundle(WEB, {"web/a": "1", "web/sub/b": "2"}))
    app = host.disk / "app"
    assert cleanup_lines(host) == [str(app), f"{app}/a", f"{app}/sub", f"{app}/sub/b"]


def test_copies_keep_mode_and_time(host: Host) -> None:
    bundle = host.bundle(WEB, {"web/run": "x"})
    (bundle / "web/run").chmod(0o751)
    os.utime(bundle / "web/run", (1_000_000_000, 1_000_000_000))
    install(host, "d-1", bundle)
    status = (host.disk / "app/run").stat()
    assert (status.st_mode & 0o7777, status.st_mtime) == (0o751, 1_000_000_000)


def test_a_symbolic_link_is_made_anew(host: Host) -> None:
    bundle = host.bundle(WEB, {"web/a": "1"})
    (bundle / "web/link").symlink_to("a")
    install(host, "d-1", bundle)
    assert (host.disk / "app/link").readlink() == Path("a")


def test_the_previous_deployments_files_never_conflict_and_are_removed(host: Host) -> None:
    assert install(host, "d-1", host.bundle(WEB, {"web/a": "1", "web/old": "1"}))["status"] == "Succeeded"
    assert install(host, "d-2", host.bundle(WEB, {"web/a": "2"}))["status"] == "Succeeded"
    assert (host.disk / "app/a").read_text() == "2"
    assert not (host.disk / "app/old").exists()


def test_a_strangers_file_conflicts_and_only_the_clean_up_has_happened(host: Host) -> None:
    install(host, "d-1", host.bundle(WEB, {"web/a": "1"}))
    (host.disk / "app/b").write_text("a stranger")
    result = install(host, "d-2", host.bundle(WEB, {"web/a": "2", "web/b": "2"}))
    assert (result["status"], result["error_code"]) == ("Failed", 5)
    assert str(host.disk / "app/b") in str(result["message"])
    assert "the host is left with neither revision" in str(result["message"])
    assert not (host.disk / "app/a").exists()
    assert (host.disk / "app/b").read_text() == "a stranger"


def test_a_new_host_that_meets_a_stranger_loses_nothing(host: Host) -> None:
    (host.disk / "app").mkdir()
    (host.disk / "app/b").write_text("a stranger")
    result = install(host, "d-1", host.bundle(WEB, {"web/b": "1"}))
    assert result["status"] == "Failed"
    assert "left with neither" not in str(result["message"])


def test_overwrite_copies_and_the_next_deployment_removes(host: Host) -> None:
    (host.disk / "app").mkdir()
    (host.disk / "app/b").write_text("a stranger")
    bundle = host.bundle(WEB, {"web/b": "new"})
    assert install(host, "d-1", bundle, **behaviour("OVERWRITE"))["status"] == "Succeeded"
    assert (host.disk / "app/b").read_text() == "new"
    install(host, "d-2", host.bundle(WEB, {"web/c": ""}))
    assert not (host.disk / "app/b").exists()


def test_retain_keeps_the_file_and_the_next_deployment_keeps_it_too(host: Host) -> None:
    (host.disk / "app").mkdir()
    (host.disk / "app/b").write_text("a stranger")
    bundle = host.bundle(WEB, {"web/b": "new", "web/c": "new"})
    assert install(host, "d-1", bundle, **behaviour("retain"))["status"] == "Succeeded"
    assert (host.disk / "app/b").read_text() == "a stranger"
    assert (host.disk / "app/c").read_text() == "new"
    install(host, "d-2", host.bundle(WEB, {"web/d": ""}))
    assert (host.disk / "app/b").read_text() == "a stranger"


def test_an_unknown_option_fails_only_where_a_file_exists(host: Host) -> None:
    bundle = host.bundle(WEB, {"web/b": "new"})
    assert install(host, "d-1", bundle, **behaviour("MERGE"))["status"] == "Succeeded"
    (host.disk / "app/x").write_text("")
    result = install(host, "d-2", host.bundle(WEB, {"web/x": ""}), **behaviour("MERGE"))
    for word in ("MERGE", "OVERWRITE", "RETAIN", "DISALLOW"):
        assert word in str(result["message"])


def test_the_appspecs_option_overrides_the_deployments(host: Host) -> None:
    (host.disk / "app").mkdir()
    (host.disk / "app/b").write_text("a stranger")
    bundle = host.bundle(WEB + "file_exists_behavior: OVERWRITE\n", {"web/b": "new"})
    assert install(host, "d-1", bundle, **behaviour("DISALLOW"))["status"] == "Succeeded"
    assert (host.disk / "app/b").read_text() == "new"


def test_a_dangling_link_at_the_destination_is_no_conflict(host: Host) -> None:
    (host.disk / "app").mkdir()
    (host.disk / "app/b").symlink_to(host.disk / "nowhere")
    assert install(host, "d-1", host.bundle(WEB, {"web/b": "new"}))["status"] == "Succeeded"


def test_overwrite_onto_a_directory_copies_into_it(host: Host) -> None:
    (host.disk / "app/b").mkdir(parents=True)
    bundle = host.bundle(WEB, {"web/b": "new"})
    assert install(host, "d-1", bundle, **behaviour("OVERWRITE"))["status"] == "Succeeded"
    assert (host.disk / "app/b/b").read_text() == "new"


def test_overwrite_of_a_file_by_a_link_fails(host: Host) -> None:
    (host.disk / "app").mkdir()
    (host.disk / "app/l").write_text("a stranger")
    bundle = host.bundle(WEB, {"web/a": "1"})
    (bundle / "web/l").symlink_to("a")
    result = install(host, "d-1", bundle, **behaviour("OVERWRITE"))
    assert (result["status"], result["error_code"]) == ("Failed", 5)
    assert "File exists" in str(result["message"])


def test_two_groups_conflict_on_one_host(host: Host) -> None:
    install(host, "d-1", host.bundle(WEB, {"web/a": "1"}))
    other = host.bundle(WEB, {"web/a": "2"})
    result = install(host, "d-2", other, DeploymentGroupId="another-group")
    assert str(host.disk / "app/a") in str(result["message"])


def test_a_missing_source_fails_when_it_is_copied(host: Host) -> None:
    appspec = WEB + "  - source: nothing\n    destination: DISK/etc\n"
    result = install(host, "d-1", host.bundle(appspec, {"web/a": "1"}))
    assert result["error_code"] == 5
    assert "No such file" in str(result["message"])
    assert (host.disk / "app/a").exists()


def test_two_sources_for_one_destination_are_refused(host: Host) -> None:
    appspec = HEAD + "".join(
        f"{x}  - source: {s}/a\n    destination: DISK/app\n" for x, s in (("files:\n", 1), ("", 2))
    )
    result = install(host, "d-1", host.bundle(appspec, {"1/a": "", "2/a": ""}))
    assert str(host.disk / "app/a") in str(result["message"])
    assert list(host.disk.iterdir()) == []


def test_a_file_where_a_directory_is_to_be_made_is_refused(host: Host) -> None:
    appspec = WEB + "  - source: app\n    destination: DISK\n"
    result = install(host, "d-1", host.bundle(appspec, {"web/x": "", "app": "file"}))
    assert "directory" in str(result["message"])
    assert list(host.disk.iterdir()) == []


def test_the_mark_is_written_at_the_end_of_install(host: Host) -> None:
    bundle = host.bundle(WEB + "hooks:\n  AfterInstall:\n    - location: gone.sh\n", {"web/a": ""})
    spec = host.specification("d-1", bundle)
    host.do("DownloadBundle", spec)
    assert host.layout.most_recent(GROUP) == host.place("d-1").root
    assert host.layout.last_successful(GROUP) is None
    host.do("Install", spec)
    assert host.layout.last_successful(GROUP) == host.place("d-1").root
    assert host.do("AfterInstall", spec)["status"] == "Failed"
    assert host.layout.last_successful(GROUP) == host.place("d-1").root


def test_clean_up_leaves_directories_that_hold_something_else(host: Host) -> None:
    install(host, "d-1", host.bundle(WEB, {"web/a": "1"}))
    (host.disk / "app/kept").write_text("")
    assert install(host, "d-2", host.bundle(HEAD))["status"] == "Succeeded"
    assert [path.name for path in (host.disk / "app").iterdir()] == ["kept"]


def test_clean_up_passes_over_an_unfinished_last_line(host: Host) -> None:
    install(host, "d-1", host.bundle(WEB, {"web/a": "1", "web/b": "1"}))
    file = host.layout.cleanup_file(GROUP)
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    install(host, "d-2", host.bundle(HEAD))
    assert [path.name for path in (host.disk / "app").iterdir()] == ["b"]


def test_unknown_hooks_are_ignored_unless_the_events_are_listed(host: Host) -> None:
    bundle = host.bundle(HEAD + "hooks:\n  AfterLunch:\n    - location: x.sh\n")
    assert install(host, "d-1", bundle)["status"] == "Succeeded"
    events = ["ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]
    events += ["BeforeBlockTraffic", "AfterBlockTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"]
    result = install(host, "d-2", bundle, AllPossibleLifecycleEvents=events)
    assert "AfterLunch" in str(result["message"])


# --- permissions ---------------------------------------------------------------------------------------------------


def modes(host: Host) -> dict[str, str]:
    app = host.disk / "app"
    return {str(path.relative_to(app)): f"{path.stat().st_mode & 0o7777:o}" for path in sorted(app.rglob("*"))}


def permission(*lines: str) -> str:
    return WEB + "permissions:\n  - object: DISK/app\n" + "".join(f"    {line}\n" for line in lines)


FILES = {"web/x.sh": "", "web/y.txt": "", "web/d/z.sh": ""}


@pytest.mark.parametrize(
    ("lines", "changed"),
    [
        (["mode: 640", "type: [file]"], {"x.sh", "y.txt", "d/z.sh"}),
        (["mode: 640", "type: [file]", 'pattern: "**"'], {"x.sh", "y.txt", "d/z.sh"}),
        (["mode: 640", "type: [file]", 'pattern: "*.sh"'], {"x.sh"}),
        (["mode: 640", "type: [file]", 'except: ["*.txt"]'], {"x.sh", "d/z.sh"}),
        (["mode: 640", "type: [directory]"], {"d"}),
    ],
)
def test_pattern_except_and_type_choose(host: Host, lines: list[str], changed: set[str]) -> None:
    before = {"x.sh": "644", "y.txt": "644", "d/z.sh": "644"}
    bundle = host.bundle(permission(*lines), FILES)
    for path in bundle.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert install(host, "d-1", bundle)["status"] == "Succeeded"
    after = modes(host)
    assert {name for name in after if after[name] == "640"} == changed
    assert {name: mode for name, mode in before.items() if name not in changed}.items() <= after.items()


def test_a_permission_leaves_strangers_alone(host: Host) -> None:
    (host.disk / "app").mkdir()
    (host.disk / "app/own").write_text("")
    (host.disk / "app/own").chmod(0o600)
    install(host, "d-1", host.bundle(permission("mode: 644"), FILES))
    assert modes(host)["own"] == "600"


def test_a_permission_of_one_file(host: Host) -> None:
    appspec = WEB + "permissions:\n  - object: DISK/app/x.sh\n    mode: 4755\n"
    assert install(host, "d-1", host.bundle(appspec, FILES))["status"] == "Succeeded"
    assert modes(host)["x.sh"] == "4755"


@pytest.mark.parametrize("line", ['pattern: "*.sh"', 'except: ["a"]'])
def test_a_pattern_for_a_file_is_refused(host: Host, line: str) -> None:
    appspec = WEB + f"permissions:\n  - object: DISK/app/x.sh\n    mode: 600\n    {line}\n"
    result = install(host, "d-1", host.bundle(appspec, FILES))
    assert str(host.disk / "app/x.sh") in str(result["message"])
    assert list(host.disk.iterdir()) == []


def test_two_permissions_for_one_object_are_refused(host: Host) -> None:
    appspec = permission("mode: 644") + "  - object: DISK/app/x.sh\n    mode: 600\n"
    result = install(host, "d-1", host.bundle(appspec, FILES))
    assert str(host.disk / "app/x.sh") in str(result["message"])


@as_root
def test_owner_and_group(host: Host) -> None:
    install(host, "d-1", host.bundle(permission("owner: nobody", "group: daemon"), FILES))
    path = host.disk / "app/x.sh"
    assert (path.owner(), path.group()) == ("nobody", "daemon")


def test_an_unknown_owner_fails_and_is_named(host: Host) -> None:
    result = install(host, "d-1", host.bundle(permission("owner: ec2-user"), FILES))
    assert result["error_code"] == 5
    assert "ec2-user" in str(result["message"])
    assert (host.disk / "app/x.sh").exists()


def test_the_order_is_mode_list_context_owner(host: Host) -> None:
    lines = ["mode: 640", 'acls: ["u:daemon:rw"]', "owner: nobody", "type: [file]", 'pattern: "x.sh"']
    context = ["context:", "  type: httpd_sys_content_t"]
    install(host, "d-1", host.bundle(permission(*lines, *context), FILES))
    kinds = [step["type"] for step in steps(host)]
    assert kinds[-4:] == ["chmod", "setfacl", "semanage", "chown"]


def test_an_access_control_list_is_set_beside_the_mode(host: Host) -> None:
    if not shutil.which("setfacl"):
        pytest.skip("this machine has no setfacl")
    install(host, "d-1", host.bundle(permission("mode: 640", 'acls: ["u:daemon:rw"]', "type: [file]"), FILES))
    command = ["getfacl", "--omit-header", "--absolute-names", str(host.disk / "app/x.sh")]
    listed = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    assert "user:daemon:rw-" in listed
    assert "other::---" in listed


def test_a_host_without_setfacl_says_so(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = host.specification("d-1", host.bundle(permission('acls: ["u:daemon:rw"]'), FILES))
    execution = host.announce(spec)
    assert host.result(host.send("DownloadBundle", execution))["status"] == "Succeeded"
    # Without a PATH there is no openssl either: the specification is one that was verified before.
    monkeypatch.setenv("PATH", str(host.folder / "no-tools"))
    result = host.result(host.send("Install", execution))
    assert result["error_code"] == 5
    assert "no `setfacl`" in result["message"]


def test_default_entries_on_a_file_are_refused(host: Host) -> None:
    result = install(host, "d-1", host.bundle(permission('acls: ["d:u:daemon:rw"]'), FILES))
    assert "default" in str(result["message"])
    assert list(host.disk.iterdir()) == []


def test_the_appspec_that_people_have_deploys_as_written(host: Host) -> None:
    """Unknown keys do nothing: ``overwrite`` does not overwrite, ``permission`` gives nothing to anybody."""
    appspec = (
        HEAD + "files:\n  - source: /\n    destination: DISK/home\n    overwrite: yes\n"
        "permission:\n  - object: DISK/home\n    owner: ec2-user\n"
        "hooks:\n  ApplicationStart:\n    - location: run_process.sh\n      timeout: 3600\n"
    )
    files = {"run_process.sh": "#!/bin/sh\necho up\n"}
    assert host.deploy(host.specification("d-1", host.bundle(appspec, files)))["status"] == "Succeeded"
    (host.disk / "home/mine").write_text("")
    result = host.deploy(host.specification("d-2", host.bundle(appspec, {**files, "mine": ""})))
    assert (result["event"], result["error_code"]) == ("Install", 5)
