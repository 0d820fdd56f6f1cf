"""Hooks, sentence by sentence: real scripts, run by the agent on behalf of a real service."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

import pytest

from tests.conformance.agent.host import GROUP, Host

HEAD = "version: 0.0\nos: linux\nhooks:\n"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="runas needs root: su asks others for a password")


def hook(event: str, *lines: str) -> str:
    """A hook of one script, ``run.sh``, with further keys."""
    return f"  {event}:\n    - location: run.sh\n" + "".join(f"      {line}\n" for line in lines)


def run(host: Host, script: str, *lines: str, deployment: str = "d-1") -> dict[str, object]:
    """Deploy a bundle whose BeforeInstall is ``script``; the result of that event."""
    spec = host.specification(deployment, host.bundle(HEAD + hook("BeforeInstall", *lines), {"run.sh": script}))
    assert host.do("DownloadBundle", spec)["status"] == "Succeeded"
    return host.do("BeforeInstall", spec)


def test_the_environment(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "yes")
    monkeypatch.setenv("BUNDLE_ETAG", "stale")
    out = host.folder / "env"
    assert run(host, f"#!/bin/sh\nenv > {out}\n")["status"] == "Succeeded"
    env = dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)
    assert env["LIFECYCLE_EVENT"] == "BeforeInstall"
    assert env["DEPLOYMENT_ID"] == "d-1"
    assert env["APPLICATION_NAME"] == "shop"
    assert env["DEPLOYMENT_GROUP_NAME"] == "prod"
    assert env["DEPLOYMENT_GROUP_ID"] == GROUP
    assert env["INHERITED"] == "yes"


def test_the_script_runs_from_the_root_without_input_in_a_group_of_its_own(host: Host) -> None:
    out = host.folder / "out"
    lines = ["#!/bin/sh", "pwd", "cat", "echo $0", "echo $$", "cut -d' ' -f5 /proc/$$/stat"]
    script = f"\nexec >> {out}\n".join(["\n".join(lines[:1]), "\n".join(lines[1:])]) + "\n"
    assert run(host, script)["status"] == "Succeeded"
    directory, path, *ids = out.read_text().split()  # the process, and its group
    assert directory == "/"
    assert path == str(host.place("d-1").archive / "run.sh")
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_the_log_of_the_deployment(host: Host) -> None:
    run(host, "#!/bin/sh\necho out\necho err >&2\n")
    stamp = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d "
    lines = host.place("d-1").scripts_log.read_text().splitlines()
    assert all(re.match(stamp, line) for line in lines)
    said = [line[20:] for line in lines]
    assert said[:2] == ["LifecycleEvent - BeforeInstall", "Script - run.sh"]
    assert sorted(said[2:]) == ["[stderr]err", "[stdout]out"]


def test_the_log_of_all_deployments(host: Host) -> None:
    run(host, "#!/bin/sh\necho one\n")
    run(host, "#!/bin/sh\necho two\n", deployment="d-2")
    log = host.layout.deployments_log.read_text()
    assert "[d-1][stdout]one\n" in log
    assert "[d-2][stdout]two\n" in log


def test_a_failing_script_has_code_4_its_exit_code_and_its_log(host: Host) -> None:
    result = run(host, "#!/bin/sh\necho going down\nexit 3\n")
    assert (result["status"], result["error_code"], result["script_name"]) == ("Failed", 4, "run.sh")
    assert "exit code 3" in str(result["message"])
    assert result["log"] == "LifecycleEvent - BeforeInstall\nScript - run.sh\n[stdout]going down\n"


def test_the_tail_holds_2048_characters(host: Host) -> None:
    result = run(host, "#!/bin/sh\nfor i in $(seq 1 1000); do echo line $i; done\nexit 1\n")
    log = str(result["log"])
    assert 2000 < len(log) <= 2048
    assert log.endswith("[stdout]line 1000\n")
    assert log.startswith("[stdout]line ")


def test_a_missing_script_has_code_1_and_is_named(host: Host) -> None:
    spec = host.specification("d-1", host.bundle(HEAD + hook("BeforeInstall"), {"scripts/run.sh": "#!/bin/sh\n"}))
    host.do("DownloadBundle", spec)
    result = host.do("BeforeInstall", spec)
    assert (result["error_code"], result["script_name"]) == (1, "run.sh")
    assert str(host.place("d-1").archive / "run.sh") in result["message"]
    assert "scripts/run.sh" in result["message"]


def test_a_script_that_is_not_executable_is_made_so(host: Host) -> None:
    bundle = host.bundle(HEAD + hook("BeforeInstall"), {"run.sh": "#!/bin/sh\n"}, executable=False)
    spec = host.specification("d-1", bundle)
    host.do("DownloadBundle", spec)
    assert host.do("BeforeInstall", spec)["status"] == "Succeeded"
    assert (host.place("d-1").archive / "run.sh").stat().st_mode & 0o111 == 0o111


def test_a_script_without_a_shebang_is_run_by_sh(host: Host) -> None:
    assert run(host, "echo plain\nexit 0\n")["status"] == "Succeeded"
    assert "[stdout]plain" in host.place("d-1").scripts_log.read_text()


def test_a_shebang_with_a_carriage_return_is_explained(host: Host) -> None:
    result = run(host, "#!/bin/sh\r\necho hi\r\n")
    assert result["error_code"] == 4
    assert "carriage return" in str(result["message"])


def test_a_missing_interpreter_is_explained(host: Host) -> None:
    result = run(host, "#!/usr/bin/no-such-shell\n")
    assert result["error_code"] == 4
    assert "/usr/bin/no-such-shell" in str(result["message"])


def test_a_script_past_its_timeout_has_code_3(host: Host) -> None:
    result = run(host, "#!/bin/sh\necho begun\nsleep 60\n", "timeout: 1")
    assert (result["error_code"], result["script_name"]) == (3, "run.sh")
    assert "1 s" in str(result["message"])
    assert "[stdout]begun" in str(result["log"])


def test_the_timeout_ends_the_whole_group(host: Host) -> None:
    pids = host.folder / "pids"
    script = f"#!/bin/sh\nsleep 61 &\necho $! > {pids}\nwait\n"
    assert run(host, script, "timeout: 1")["error_code"] == 3
    child = int(pids.read_text())
    state = Path(f"/proc/{child}/stat")
    assert not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_a_script_that_does_not_heed_sigterm_is_killed(host: Host) -> None:
    done = host.folder / "done"
    script = f"#!/bin/sh\ntrap 'echo heard' TERM\nfor i in $(seq 1 300); do sleep 0.1; done\ntouch {done}\n"
    result = run(host, script, "timeout: 1")
    assert result["error_code"] == 3
    assert "[stdout]heard" in str(result["log"])
    assert not done.exists()


def test_a_child_in_the_group_has_its_grace_too(host: Host) -> None:
    done = host.folder / "done"
    child = f"(trap 'sleep 0.5; touch {done}; exit' TERM; while :; do sleep 0.1; done) >/dev/null 2>&1 &"
    assert run(host, f"#!/bin/sh\n{child}\nsleep 60\n", "timeout: 1")["error_code"] == 3
    assert done.exists()


def test_a_child_that_keeps_stdout_open_has_code_6_and_is_named(host: Host) -> None:
    result = run(host, "#!/bin/sh\nsleep 3.21 &\n", "timeout: 1")
    assert (result["error_code"], result["script_name"]) == (6, "run.sh")
    assert "sleep 3.21" in str(result["message"])
    assert "STDOUT" in str(result["message"])


def test_a_background_child_with_its_output_elsewhere_is_left_alone(host: Host) -> None:
    pid = host.folder / "pid"
    result = run(host, f"#!/bin/sh\nsleep 5 >/dev/null 2>&1 </dev/null &\necho $! > {pid}\n", "timeout: 3")
    assert result["status"] == "Succeeded"
    assert Path(f"/proc/{int(pid.read_text())}").exists()


def test_scripts_run_in_order_and_the_first_failure_ends_the_event(host: Host) -> None:
    out = host.folder / "out"
    scripts = {
        "a.sh": f"#!/bin/sh\necho a >> {out}\n",
        "b.sh": f"#!/bin/sh\necho b >> {out}\nexit 1\n",
        "c.sh": f"#!/bin/sh\necho c >> {out}\n",
    }
    hooks = "  AfterInstall:\n" + "".join(f"    - location: {name}\n" for name in scripts)
    spec = host.specification("d-1", host.bundle(HEAD + hooks, scripts))
    host.do("DownloadBundle", spec)
    assert host.do("AfterInstall", spec)["script_name"] == "b.sh"
    assert out.read_text() == "a\nb\n"


def test_an_event_without_scripts_succeeds(host: Host) -> None:
    spec = host.specification("d-1", host.bundle("version: 0.0\nos: linux\n"))
    assert host.deploy(spec)["status"] == "Succeeded"


@as_root
def test_runas_runs_by_su(host: Host) -> None:
    out = host.folder / "out"
    assert run(host, f"#!/bin/sh\nid -un > {out}\n", "runas: root")["status"] == "Succeeded"
    assert out.read_text() == "root\n"


@as_root
def test_a_failure_of_runas_names_the_user(host: Host) -> None:
    shell = pwd.getpwnam("nobody").pw_shell
    if not shell.endswith("nologin"):
        pytest.skip(f"nobody has the shell {shell} here")
    result = run(host, "#!/bin/sh\n", "runas: nobody")
    assert result["error_code"] == 4
    assert "run as nobody" in str(result["message"])


@as_root
def test_runas_of_an_unknown_user_fails(host: Host) -> None:
    result = run(host, "#!/bin/sh\n", "runas: no-such-user")
    assert (result["error_code"], result["script_name"]) == (4, "run.sh")
    assert "no-such-user" in str(result["message"])


# --- whose scripts run ---------------------------------------------------------------------------------------------


def telling(host: Host, event: str, word: str) -> dict[str, str]:
    return {"run.sh": f"#!/bin/sh\necho {word} $LIFECYCLE_EVENT $DEPLOYMENT_ID >> {host.folder / 'told'}\n"}


def told(host: Host) -> list[str]:
    path = host.folder / "told"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize("event", ["BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"])
def test_events_before_the_download_run_the_last_successful_installs_scripts(host: Host, event: str) -> None:
    first = host.specification("d-1", host.bundle(HEAD + hook(event), telling(host, event, "old")))
    assert host.do(event, first)["status"] == "Succeeded"
    assert told(host) == []
    host.deploy(first, "DownloadBundle", "Install")
    second = host.specification("d-2", host.bundle(HEAD + hook(event), telling(host, event, "new")))
    assert host.do(event, second)["status"] == "Succeeded"
    assert told(host) == [f"old {event} d-2"]
    host.do("DownloadBundle", second)
    assert host.do(event, second)["status"] == "Succeeded"
    assert told(host)[1:] == [f"new {event} d-2"]


def test_the_old_revisions_stop_script_poisons_the_next_deployment(host: Host) -> None:
    bad = host.bundle(HEAD + hook("ApplicationStop"), {"run.sh": "#!/bin/sh\nexit 3\n"})
    assert host.deploy(host.specification("d-1", bad))["status"] == "Succeeded"
    good = host.specification("d-2", host.bundle("version: 0.0\nos: linux\n"))
    result = host.deploy(good)
    assert (result["event"], result["error_code"]) == ("ApplicationStop", 4)
    (host.layout.instructions / f"{GROUP}_last_successful_install").unlink()
    assert host.deploy(good)["status"] == "Succeeded"


def test_a_rollback_of_blue_green_blocks_with_the_most_recent_and_allows_with_the_last_successful(
    host: Host,
) -> None:
    def bundle(word: str) -> Path:
        hooks = "".join(hook(event) for event in ("BeforeBlockTraffic", "BeforeAllowTraffic"))
        return host.bundle(HEAD + hooks, telling(host, "", word))

    assert host.deploy(host.specification("d-1", bundle("installed")))["status"] == "Succeeded"
    host.do("DownloadBundle", host.specification("d-2", bundle("downloaded")))
    rollback = host.specification(
        "d-3", bundle("rollback"), DeploymentCreator="codeDeployRollback", DeploymentType="BLUE_GREEN"
    )
    host.do("BeforeBlockTraffic", rollback)
    host.do("BeforeAllowTraffic", rollback)
    assert told(host) == ["downloaded BeforeBlockTraffic d-3", "installed BeforeAllowTraffic d-3"]


def test_hook_events_look_for_appspec_yml_alone_but_install_takes_yaml(host: Host) -> None:
    bundle = host.bundle(None, {"appspec.yaml": "version: 0.0\nos: linux\n"})
    spec = host.specification("d-1", bundle)
    assert host.deploy(spec, "DownloadBundle", "Install")["status"] == "Succeeded"
    result = host.do("BeforeInstall", spec)
    assert result["error_code"] == 5
    assert "appspec.yaml" in result["message"]
    named = host.specification("d-1", bundle, AppSpecFilename="appspec.yaml")
    assert host.do("BeforeInstall", named)["status"] == "Succeeded"
