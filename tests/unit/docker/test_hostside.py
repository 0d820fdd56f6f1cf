"""The programs on a host beside the agent, as far as they can be tried without one."""

from __future__ import annotations

import importlib
import os
import select
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fleet.docker.hostside import disk_fault, tamper
from fleet.docker.hostside.health_fault import redirection
from fleet.docker.hostside.health_proxy import Served, closing, count, verdict
from fleet.docker.hostside.network_fault import rules

FLAPPING = {"status": 503, "down_ms": 1000, "up_ms": 3000, "since": 100.0}


@pytest.mark.parametrize(
    ("target", "fault", "now_s", "expected"),
    [
        ("/health", {"status": 404}, 0, (404, 0.0)),
        ("/health?x=1", {"status": 404}, 0, (404, 0.0)),
        ("/", {"status": 404}, 0, (None, 0.0)),
        ("/healthy", {"status": 404}, 0, (None, 0.0)),
        ("/health", {"slow_ms": 1500}, 0, (None, 1.5)),
        ("/health", FLAPPING, 100.5, (503, 0.0)),
        ("/health", FLAPPING, 101.5, (None, 0.0)),
        ("/health", FLAPPING, 104.5, (503, 0.0)),
    ],
)
def test_only_the_health_path_meets_the_fault(
    target: str, fault: dict[str, Any], now_s: float, expected: tuple[int | None, float]
) -> None:
    assert verdict({"path": "/health", "faults": {"f": fault}}, target, now_s, Counter()) == expected


@pytest.mark.parametrize(("target", "delay_s"), [("/other", 0.3), ("/health", 0.8)])
def test_latency_is_for_every_path(target: str, delay_s: float) -> None:
    state = {"path": "/health", "faults": {"far": {"latency_ms": 300}, "slow": {"slow_ms": 500}}}
    assert verdict(state, target, 0, Counter()) == (None, delay_s)


def test_a_cut_drops_what_comes_and_what_goes_and_loss_a_share_of_what_comes() -> None:
    found = [" ".join(rule) for rule in rules({"cut": ["10.0.0.1"], "loss": {"10.0.0.2": 30}})]
    assert found == [
        "DRYDEPLOY-IN -s 10.0.0.1 -j DROP",
        "DRYDEPLOY-OUT -d 10.0.0.1 -j DROP",
        "DRYDEPLOY-IN -s 10.0.0.2 -m statistic --mode random --probability 0.30 -j DROP",
    ]


def test_what_is_no_small_file_system_of_its_own_is_never_filled(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="is not filled"):
        disk_fault.fill(tmp_path)
    assert not list(tmp_path.iterdir())
    disk_fault.free(tmp_path)


def test_a_script_with_a_child_that_keeps_its_output_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It does what it did, in its own directory, ends as it ended, and its output does not."""
    monkeypatch.setattr(tamper, "ASIDE", tmp_path / "aside")
    archive = tmp_path / "archive"
    archive.mkdir()
    script = archive / "start.sh"
    text = '#!/bin/sh\necho "in $(basename "$(dirname "$0")")"\nexit 3\n'
    script.write_text(text)
    tamper.replace(script, "keeps-output-open")
    done = subprocess.Popen([script], stdout=subprocess.PIPE, process_group=0)
    try:
        assert done.stdout is not None
        assert done.stdout.readline() == b"in archive\n"
        assert done.wait(10) == 3
        assert select.select([done.stdout], [], [], 0.3)[0] == [], "an output that had ended could be read to its end"
    finally:
        os.killpg(done.pid, signal.SIGKILL)
        if done.stdout is not None:
            done.stdout.close()
    tamper.restore()
    assert [(file.name, file.read_text()) for file in archive.iterdir()] == [("start.sh", text)]


def test_a_sleep_that_libfaketime_leaves_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", time.sleep)  # the module replaces it, and it is put back
    sitecustomize = importlib.import_module("fleet.docker.hostside.clock.sitecustomize")
    began_s = time.monotonic()
    sitecustomize.sleep(0.05)
    assert 0.05 <= time.monotonic() - began_s < 5
    with pytest.raises(ValueError, match="non-negative"):
        sitecustomize.sleep(-1)


def test_faults_add_up() -> None:
    state = {"path": "/", "faults": {"a": {"slow_ms": 500}, "b": {"status": 500}}}
    assert verdict(state, "/", 0, Counter()) == (500, 0.5)


def test_a_fault_may_strike_everywhere_until_it_is_over() -> None:
    state = {"path": "/health", "faults": {"cold": {"status": 503, "everywhere": True, "until": 100.0}}}
    for target in ("/", "/health"):
        assert verdict(state, target, 99.9, Counter()) == (503, 0.0)
        assert verdict(state, target, 100.0, Counter()) == (None, 0.0)


def test_a_fault_may_wait_until_so_many_users_have_been_served() -> None:
    leak = {"status": 500, "everywhere": True, "after": 2, "since": 7.5}
    state = {"path": "/health", "faults": {"leak": leak, "other": {"slow_ms": 0}}}
    served: Served = Counter()
    answers = []
    for _ in range(4):
        answers.append(verdict(state, "/", 0, served)[0])
        if answers[-1] is None:
            count(state, served)
    assert answers == [None, None, 500, 500]
    assert verdict(state, "/health", 0, served)[0] == 500
    leak["since"] = 8.5  # the application has started again
    assert verdict(state, "/", 0, served)[0] is None


def test_a_request_is_the_last_of_its_connection() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
    assert closing(head) == b"GET / HTTP/1.1\r\nConnection: close\r\nHost: a\r\n\r\n"


def test_an_upgrade_is_left_alone() -> None:
    head = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert closing(head) == head


def test_only_the_applications_port_is_redirected() -> None:
    assert redirection(8080)[:5] == ["PREROUTING", "-p", "tcp", "--dport", "8080"]


@pytest.mark.parametrize("fault", ["missing", "corrupt"])
def test_a_bundle_is_put_back_as_it_was(fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tamper, "ASIDE", tmp_path / "aside")
    file = tmp_path / "v1.tgz"
    file.write_bytes(b"0123456789")
    tamper.bundle(str(file), fault)
    assert not file.exists() if fault == "missing" else file.read_bytes() == bytes(255 - byte for byte in b"01234")
    tamper.restore()
    assert file.read_bytes() == b"0123456789"
    tamper.restore()
    assert file.read_bytes() == b"0123456789"


def test_what_was_deleted_meanwhile_is_not_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tamper, "ASIDE", tmp_path / "aside")
    archive = tmp_path / "archive"
    archive.mkdir()
    (archive / "a.sh").write_text("exit 0")
    tamper.keep(archive / "a.sh")
    archive.rmdir()
    tamper.restore()
    assert not archive.exists()
    assert not list((tmp_path / "aside").iterdir())
