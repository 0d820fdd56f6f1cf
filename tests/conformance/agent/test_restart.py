"""The agent as a process: its start, its end by a signal, and its death in the middle of an event."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conformance.agent.host import REPOSITORY, Host

EXIT_S = 30
APPSPEC = "version: 0.0\nos: linux\nhooks:\n  BeforeInstall:\n    - location: run.sh\n      timeout: 60\n"


@contextmanager
def agent_process(host: Host) -> Iterator[subprocess.Popen[bytes]]:
    process = host.spawn()
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def waiting_script(gate: Path) -> dict[str, str]:
    return {"run.sh": f"#!/bin/sh\necho $$ > {gate}.pid\nwhile [ ! -e {gate} ]; do sleep 0.02; done\n"}


def test_sigterm_while_idle_ends_the_agent_at_once(idle_host: Host) -> None:
    with agent_process(idle_host) as process:
        idle_host.service.wait_for("PollHostCommand")
        process.send_signal(signal.SIGTERM)
        assert process.wait(EXIT_S) == 0
    log = (idle_host.folder / "log" / "codedeploy-agent.log").read_text()
    assert "started" in log
    assert "stopped" in log


def test_sigterm_while_the_service_is_away_ends_the_agent_at_once(idle_host: Host) -> None:
    idle_host.settings["wait_after_error"] = 600
    log = idle_host.folder / "log" / "codedeploy-agent.log"
    idle_host.service.close()
    with agent_process(idle_host) as process:
        while not (log.exists() and "(6 in a row)" in log.read_text()):
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(EXIT_S) == 0


def test_sigterm_lets_the_command_in_hand_finish(idle_host: Host) -> None:
    gate = idle_host.folder / "gate"
    with agent_process(idle_host) as process:
        spec = idle_host.specification("d-1", idle_host.bundle(APPSPEC, waiting_script(gate)))
        idle_host.do("DownloadBundle", spec)
        command = idle_host.send("BeforeInstall", idle_host.announce(spec))
        idle_host.service.wait_for("PutHostCommandAcknowledgement", command=command)
        process.send_signal(signal.SIGTERM)
        gate.touch()
        assert idle_host.result(command)["status"] == "Succeeded"
        assert process.wait(EXIT_S) == 0
    assert idle_host.layout.interrupted() == {}


def test_sigterm_waits_no_longer_than_configured(idle_host: Host) -> None:
    idle_host.settings["kill_agent_max_wait_time_seconds"] = 0.1
    gate = idle_host.folder / "gate"
    with agent_process(idle_host) as process:
        spec = idle_host.specification("d-1", idle_host.bundle(APPSPEC, waiting_script(gate)))
        idle_host.do("DownloadBundle", spec)
        command = idle_host.send("BeforeInstall", idle_host.announce(spec))
        idle_host.service.wait_for("PutHostCommandAcknowledgement", command=command)
        process.send_signal(signal.SIGTERM)
        assert process.wait(EXIT_S) == 1
    gate.touch()
    assert idle_host.layout.interrupted() in ({"d-1": command}, {})


def test_an_event_that_was_in_progress_fails_with_code_7_at_the_next_start(idle_host: Host) -> None:
    gate = idle_host.folder / "gate"
    with agent_process(idle_host) as process:
        spec = idle_host.specification("d-1", idle_host.bundle(APPSPEC, waiting_script(gate)))
        idle_host.do("DownloadBundle", spec)
        command = idle_host.send("BeforeInstall", idle_host.announce(spec))
        idle_host.service.wait_for("PutHostCommandAcknowledgement", command=command)
        pid_file = Path(f"{gate}.pid")
        while not (pid_file.exists() and pid_file.read_text()):
            assert process.poll() is None
        process.kill()
        process.wait(EXIT_S)
    assert (idle_host.root / "ongoing-deployment" / "d-1").read_text() == command
    polls = idle_host.service.operations().count("PollHostCommand")
    with agent_process(idle_host):
        result = idle_host.result(command)
        assert (result["status"], result["error_code"]) == ("Failed", 7)
        idle_host.service.wait_for("PollHostCommand", count=polls + 1)
        assert not (idle_host.root / "ongoing-deployment" / "d-1").exists()
    gate.touch()


def test_a_mark_older_than_a_day_is_dropped(idle_host: Host) -> None:
    idle_host.layout.track("d-old", "command-old")
    mark = idle_host.root / "ongoing-deployment" / "d-old"
    a_day_ago_s = mark.stat().st_mtime - 24 * 3600 - 60
    os.utime(mark, (a_day_ago_s, a_day_ago_s))
    idle_host.start()
    idle_host.service.wait_for("PollHostCommand")
    assert not mark.exists()
    assert "PutHostCommandComplete" not in idle_host.service.operations()
    idle_host.stop()


def test_the_mark_holds_the_commands_identifier_while_it_runs(host: Host) -> None:
    mark = host.root / "ongoing-deployment" / "d-1"
    seen = host.folder / "seen"
    script = {"run.sh": f"#!/bin/sh\ncat {mark} > {seen}\n"}
    spec = host.specification("d-1", host.bundle(APPSPEC, script))
    host.do("DownloadBundle", spec)
    command = host.send("BeforeInstall", host.announce(spec))
    host.result(command)
    assert seen.read_text() == command


def test_a_wrong_configuration_is_explained_and_ends_with_2(tmp_path: Path) -> None:
    config = tmp_path / "agent.yml"
    config.write_text("deploy_control_endpiont: http://x\n")
    done = subprocess.run(
        [sys.executable, "-m", "fleet.agent", "--config", str(config)],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
    )
    assert done.returncode == 2
    said = done.stderr.decode()
    for word in ("`deploy_control_endpoint` is missing", "host_identifier", "region", "signer_certificate"):
        assert word in said
    assert "`deploy_control_endpoint` is meant?" in said
