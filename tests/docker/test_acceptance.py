"""What a user is promised of `drydeploy run --fleet docker`, with the installed command and a real engine."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from fleet.docker.hosts import CAPABILITIES, FAULT_CAPABILITY
from fleet.docker.labels import OWNER_PID, ROLE, RUN
from tests.cli.program import PROGRAM, drydeploy, environment

if TYPE_CHECKING:
    from docker import DockerClient

LIMIT_S = 60
T = TypeVar("T")

OBJECT = {
    *("scenario", "fleet", "seed", "version", "scenario_sha256", "journal_sha256", "status", "outcome", "deployments"),
    *("in_service_min", "in_service_required", "availability", "requests", "duration_ms", "expectations"),
    *("invariants", "replay"),
}
"""The keys of the object that `-o json` prints, and of what is within it."""
PREPARED = "drydeploy: the hosts are being prepared …\ndrydeploy: the hosts are there: time 0\n"
"""What is said beside the object while there is nothing to say in it."""
DEPLOYMENT = {"deployment_id", "revision", "strategy", "creator", "status", "error", "rollback_of", "hosts"}
EVENT = {"name", "status", "started_ms", "ended_ms", "diagnostics"}


def until(wanted: Callable[[], T | None], what: str, limit_s: float = LIMIT_S) -> T:
    """What `wanted` answers, as soon as it answers anything."""
    end_s = time.monotonic() + limit_s
    while not (found := wanted()):
        assert time.monotonic() < end_s, f"not within {limit_s} s: {what}"
        time.sleep(0.02)
    return found


@dataclass
class Running:
    """A run in a process of its own."""

    process: subprocess.Popen[str]
    journal: Path
    engine: DockerClient

    def containers(self) -> list[dict[str, Any]]:
        """What this process has made, whether it runs or not."""
        wanted = {"label": f"{OWNER_PID}={self.process.pid}"}
        return list(self.engine.api.containers(all=True, filters=wanted))

    def has_told(self, words: str) -> bool:
        """Whether the journal says so already."""
        return self.journal.exists() and words in self.journal.read_text()

    def waits_for(self, wanted: Callable[[], T | None], what: str) -> T:
        """Wait for a condition, unless the process ends before."""

        def check() -> T | None:
            found = wanted()
            assert found or self.process.poll() is None, f"ended before {what}: {self.process.communicate()}"
            return found

        return until(check, what)

    def is_up(self) -> str:
        """Wait until the balancer and the four hosts run; the run's id."""

        def up() -> bool:
            return [container["State"] for container in self.containers()] == ["running"] * 5

        self.waits_for(up, "five containers run")
        return str(self.containers()[0]["Labels"][RUN])

    def meets_404(self) -> str:
        """Wait until the balancer has seen the new revision's 404; the run's id."""
        self.waits_for(lambda: self.has_told('"seen":"404"'), "the journal tells of a 404")
        return str(self.containers()[0]["Labels"][RUN])

    def ends(self) -> tuple[int, str, str]:
        """Its exit code, and what it printed."""
        stdout, stderr = self.process.communicate(timeout=LIMIT_S)
        return self.process.returncode, stdout, stderr


@contextlib.contextmanager
def run(engine: DockerClient, state: Path, *words: str, scenario: str = "health-check-404") -> Iterator[Running]:
    """`drydeploy run SCENARIO --fleet docker`, going on."""
    journal = state / "run.journal.jsonl"
    command = [PROGRAM, "run", scenario, "--fleet", "docker", "--journal", str(journal), *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(state), cwd=state
    ) as process:
        try:
            yield Running(process, journal, engine)
        finally:
            process.kill()


def left(engine: DockerClient, run_id: str) -> list[Any]:
    """Whatever the engine has of a run."""
    wanted = {"label": f"{RUN}={run_id}"}
    api = engine.api
    volumes = api.volumes(filters=wanted)["Volumes"] or []
    return [*api.containers(all=True, filters=wanted), *api.networks(filters=wanted), *volumes]


def test_both_fleets_come_to_the_same_and_containers_really_answer_404(engine: DockerClient, tmp_path: Path) -> None:
    words = ("run", "health-check-404", "--seed", "7", "-o", "json")
    virtual = [drydeploy(*words, state=tmp_path, PYTHONHASHSEED=seed) for seed in ("1", "2")]
    assert virtual[0].stdout == virtual[1].stdout
    done = drydeploy(*words, "--fleet", "docker", state=tmp_path)
    assert (done.returncode, done.stderr) == (0, PREPARED)
    here, there = json.loads(virtual[0].stdout), json.loads(done.stdout)

    assert set(there) == OBJECT == set(here)
    assert (there["scenario"], there["fleet"], there["seed"]) == ("health-check-404", "docker", 7)
    assert (there["status"], there["outcome"]) == (here["status"], here["outcome"]) == ("completed", "rolled_back")
    assert there["scenario_sha256"] == here["scenario_sha256"]
    assert there["replay"] == "drydeploy run health-check-404 --seed 7 --fleet docker"
    assert there["in_service_min"] >= there["in_service_required"] == 3
    assert there["availability"] >= 0.99
    assert set(there["requests"]) == {"total", "failed", "by_revision"}
    assert set(there["requests"]["by_revision"]) == {"v1"}
    assert there["duration_ms"] > 10_000
    assert {(set(found) == {"text", "held", "why"}, found["held"]) for found in there["expectations"]} == {(True, True)}
    assert {(set(found) == {"name", "held", "why"}, found["held"]) for found in there["invariants"]} == {(True, True)}

    first, second = there["deployments"]
    assert set(first) == set(second) == DEPLOYMENT
    assert (first["revision"], first["creator"], first["status"]) == ("v2", "user", "Failed")
    assert (second["revision"], second["creator"], second["status"]) == ("v1", "codeDeployRollback", "Succeeded")
    assert (first["rollback_of"], second["rollback_of"]) == (None, first["deployment_id"])
    assert (first["error"]["code"], second["error"]) == ("HEALTH_CONSTRAINTS", None)
    failed = next(host for host in first["hosts"].values() if host["status"] == "Failed")
    assert set(failed) == {"status", "revision", "events"}
    waited = next(event for event in failed["events"] if event["name"] == "AllowTraffic")
    assert set(waited) == EVENT
    for said in (first["error"]["message"], waited["diagnostics"]["message"]):
        assert "GET / answered 404, wanted 200; not healthy within 10" in said
    assert waited["ended_ms"] - waited["started_ms"] >= 10_000


def test_a_run_is_killed_and_clean_removes_what_it_left(engine: DockerClient, tmp_path: Path) -> None:
    with run(engine, tmp_path) as running:
        run_id = running.is_up()
        running.process.kill()
        running.process.wait()
        assert drydeploy("clean", state=tmp_path).returncode == 0
        assert left(engine, run_id) == []


def test_a_run_is_killed_and_the_next_one_removes_what_it_left(engine: DockerClient, tmp_path: Path) -> None:
    with run(engine, tmp_path, scenario="health-slow") as running:
        run_id = running.is_up()
        assert_confined(running, health_fault=True)
        running.process.kill()
        running.process.wait()
        done = drydeploy("run", "file-already-exists", "--fleet", "docker", "--quiet", state=tmp_path)
        assert done.returncode == 0, done.stderr
        assert left(engine, run_id) == []


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_nothing_but_its_journal(
    engine: DockerClient, tmp_path: Path, by: signal.Signals
) -> None:
    with run(engine, tmp_path, "-o", "json") as running:
        run_id = running.meets_404()
        assert_confined(running)
        assert_closed_to_others(running)
        running.process.send_signal(by)
        code, stdout, stderr = running.ends()
    assert (code, stderr) == (130, PREPARED)
    found = json.loads(stdout)
    assert (found["status"], found["outcome"]) == ("interrupted", "inconclusive")
    assert left(engine, run_id) == []
    again = drydeploy("replay", str(running.journal), "-o", "json", state=tmp_path)
    assert again.returncode == 130
    replayed = json.loads(again.stdout)
    for key in ("status", "outcome", "deployments", "journal_sha256", "replay"):
        assert replayed[key] == found[key]
    assert any(
        event["name"] == "AllowTraffic" and event["status"] == "InProgress"
        for host in found["deployments"][0]["hosts"].values()
        for event in host["events"]
    )


def assert_confined(running: Running, *, health_fault: bool = False) -> None:
    """A container can do no more than it needs, and only the balancer can be reached, from this machine alone."""
    allowed = {"host": {*CAPABILITIES, *([FAULT_CAPABILITY] if health_fault else ())}, "balancer": set[str]()}
    for container in running.containers():
        role = container["Labels"][ROLE]
        details = running.engine.api.inspect_container(container["Id"])
        config = details["HostConfig"]
        assert not config["Privileged"]
        assert config["CapDrop"] == ["ALL"]
        assert {name.removeprefix("CAP_") for name in config["CapAdd"] or ()} == allowed[role]
        assert not (config["Binds"] or config["Devices"] or details["Mounts"])
        assert config["NetworkMode"] not in ("host", "bridge", "default")
        assert (config["PidMode"], config["UTSMode"], config["UsernsMode"]) == ("", "", "")
        published = [bound for some in details["NetworkSettings"]["Ports"].values() for bound in some or ()]
        assert {bound["HostIp"] for bound in published} == ({"127.0.0.1"} if role == "balancer" else set())


def assert_closed_to_others(running: Running) -> None:
    """The run itself listens on its own network, and perhaps on this machine, but not to others."""
    wanted = {"label": f"{OWNER_PID}={running.process.pid}"}
    networks = running.engine.api.networks(filters=wanted)
    gateways = {config["Gateway"] for network in networks for config in network["IPAM"]["Config"]}
    listening = addresses_listened_at(running.process.pid)
    assert listening
    assert listening <= {"127.0.0.1", *gateways}


def addresses_listened_at(pid: int) -> set[str]:
    """Where a process accepts TCP connections, as Linux tells it."""
    sockets = set[str]()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            sockets.add(str(descriptor.readlink()))
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and f"socket:[{rest[5]}]" in sockets:
            found.add(".".join(str(part) for part in reversed(bytes.fromhex(local.partition(":")[0]))))
    return found


def test_a_run_that_is_interrupted_while_it_starts_leaves_nothing(engine: DockerClient, tmp_path: Path) -> None:
    with run(engine, tmp_path) as running:
        containers = running.waits_for(running.containers, "a container is there")
        running.process.send_signal(signal.SIGINT)
        code, _, stderr = running.ends()
    assert (code, stderr) == (130, "drydeploy: the hosts are being prepared …\n")
    assert left(engine, containers[0]["Labels"][RUN]) == []
    assert drydeploy("replay", str(running.journal), state=tmp_path).returncode == 130


def test_an_impatient_user_interrupts_twice(engine: DockerClient, tmp_path: Path) -> None:
    with run(engine, tmp_path) as running:
        run_id = running.is_up()
        running.process.send_signal(signal.SIGINT)
        running.waits_for(lambda: len(running.containers()) < 5 or running.process.poll() is not None, "it cleans up")
        running.process.send_signal(signal.SIGINT)
        code, _, stderr = running.ends()
    assert code == 130
    assert "Traceback" not in stderr
    assert left(engine, run_id) == []


def test_without_an_engine_the_user_is_told_what_to_do(tmp_path: Path) -> None:
    dead = f"unix://{tmp_path}/dead.sock"
    done = drydeploy("run", "health-check-404", "--fleet", "docker", "-o", "json", state=tmp_path, DOCKER_HOST=dead)
    assert (done.returncode, done.stdout) == (2, "")
    first, error = done.stderr.splitlines()
    assert first == PREPARED.splitlines()[0]
    assert error.startswith(f"drydeploy: error: no Docker engine answers at {dead} (")
    assert "Start Docker" in error
    assert "--fleet virtual" in error
