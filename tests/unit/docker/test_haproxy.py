"""HAProxy's configuration, and its statistics read back."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from fleet.balancer.haproxy_config import ServerState, duration, parse_stat, quoted, render, server_arguments
from scenarios.model import Balancer

HEADER = "# pxname,svname,qcur,scur,status,check_status,check_code,check_duration,check_health,last_chk\n"


def state(status: str, check: str, code: str = "", text: str = "", health: str = "0") -> ServerState:
    return parse_stat(f"{HEADER}hosts,h1,0,0,{status},{check},{code},3,{health},{text}\n")["h1"]


@pytest.mark.parametrize(
    ("found", "up", "seen"),
    [
        (state("UP", "L7OK", "200", "OK", "4"), True, "200"),
        (state("UP 1/2", "L7STS", "404", "Not Found"), True, "404"),
        (state("DRAIN", "L7OK", "200"), True, "200"),
        (state("DOWN", "L7STS", "503"), False, "503"),
        (state("DOWN 1/3", "L7TOUT", "", "at step 1"), False, "timed out after 2s"),
        (state("DOWN", "L4TOUT"), False, "timed out after 2s"),
        (state("DOWN", "L4CON", "", "Connection refused"), False, "connection refused"),
        (
            state("DOWN", "L4CON", "", "Layer4 connection problem: No route to host at step 1"),
            False,
            "no route to host",
        ),
        (state("DOWN", "L7RSP", "", "invalid"), False, "no HTTP answer"),
        (state("DOWN", "* L7STS", "0"), False, None),
        (state("DOWN", "* L7TOUT", "0"), False, "timed out after 2s"),
    ],
)
def test_what_a_check_saw_is_told_in_a_word(found: ServerState, up: bool, seen: str | None) -> None:
    assert (found.up, found.seen(2000)) == (up, seen)


@pytest.mark.parametrize("text", ["", "\n", HEADER, "Unknown command\n", "# a,b\n1,2\n"])
def test_what_is_no_statistics_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="HAProxy"):
        parse_stat(text)


def test_durations_are_written_as_in_a_scenario() -> None:
    assert (duration(500), duration(2000)) == ("500ms", "2s")


def test_hosts_begin_out_of_service() -> None:
    text = render(Balancer(), {"h1": "10.0.0.10", "h2": "10.0.0.11"})
    assert "server h1 10.0.0.10:8080 disabled" in text
    assert "inter 30000ms rise 5 fall 2" in text


def test_a_host_that_comes_later_is_checked_as_the_others() -> None:
    assert server_arguments(Balancer(), "10.0.0.12") == "10.0.0.12:8080 check inter 30000ms rise 5 fall 2 weight 1"


@pytest.mark.skipif(shutil.which("haproxy") is None, reason="no haproxy on this machine")
@pytest.mark.parametrize("path", ["/", "/health?deep=1&x=%20", "/a#b", "/it's", '/"quoted"', "/$HOME", "/back\\slash"])
def test_haproxy_accepts_the_configuration_whatever_the_path(path: str, tmp_path: Path) -> None:
    spec = Balancer.model_validate({"health_check": {"path": path, "status": 204}})
    config = tmp_path / "haproxy.cfg"
    config.write_text(render(spec, {"h1": "127.0.0.1", "with_underscore-2": "127.0.0.2"}))
    done = subprocess.run(
        [str(shutil.which("haproxy")), "-c", "-f", str(config)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_ordinary_words_are_not_quoted() -> None:
    assert quoted("/health-check/v1.0") == "/health-check/v1.0"
