"""HAProxy's configuration for one service, and what its statistics say.

Sources: HAProxy 2.6 configuration manual and management guide ("show stat", "set server").
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from scenarios.model import Balancer

BACKEND: Final = "hosts"
USERS_PORT: Final = 8080
CONTROL_PORT: Final = 9999
HOST_HEADER: Final = "X-Drydeploy-Host"
"""On every answer: the host that gave it, `<NOSRV>` where the balancer answered itself."""

UNCHECKED: Final = ("", "UNK", "INI")
"""What HAProxy says of a server's check before there was one."""

_TEMPLATE: Final = """\
global
    # One thread: what `set server` says is seen by the next request.
    nbthread 1
    maxconn 4000
    stats socket ipv4@0.0.0.0:{control_port} level admin

defaults
    mode http
    # A request that fails at its host fails for its user, as with a load balancer of AWS: no second try.
    retries 0
    option http-server-close
    timeout connect {timeout_ms}ms
    timeout check {timeout_ms}ms
    timeout client 60s
    timeout server 60s
    timeout queue 1s

frontend users
    bind 0.0.0.0:{users_port}
    default_backend {backend}

backend {backend}
    balance roundrobin
    option httpchk
    http-check send meth GET uri {path} ver HTTP/1.1 hdr Host health-check.drydeploy
    http-check expect status {status}
    http-response set-header {header} %s
    default-server check inter {interval_ms}ms rise {rise} fall {fall}
{servers}
"""


def render(spec: Balancer, hosts: Mapping[str, str]) -> str:
    """The configuration. `hosts`: address by name; none of them has requests before it is registered."""
    check = spec.health_check
    servers = "\n".join(f"    server {name} {address}:{spec.port} disabled" for name, address in hosts.items())
    return _TEMPLATE.format(
        control_port=CONTROL_PORT,
        users_port=USERS_PORT,
        backend=BACKEND,
        header=HOST_HEADER,
        path=quoted(check.path),
        status=check.status,
        interval_ms=check.interval,
        timeout_ms=check.timeout,
        rise=check.rise,
        fall=check.fall,
        servers=servers,
    )


def server_arguments(spec: Balancer, address: str) -> str:
    """What `add server` is told of a host that came later: it takes nothing over from `default-server`."""
    check = spec.health_check
    return f"{address}:{spec.port} check inter {check.interval}ms rise {check.rise} fall {check.fall} weight 1"


def quoted(word: str) -> str:
    """A word as HAProxy reads it back, whatever characters it has."""
    return re.sub(r"([^A-Za-z0-9/._~!*+,;:@?&=%-])", r"\\\1", word)


@dataclass(frozen=True, slots=True)
class ServerState:
    """What HAProxy says of one server at one moment.

    `up`: by its health checks; `passed`: how many of them in a row, while it is not up; `sessions`:
    requests under way. `check` is the last check as it was seen: it changes when another check has ended in
    another way.
    """

    up: bool
    passed: int
    sessions: int
    check: tuple[str, str, str, str]

    def seen(self, timeout_ms: int) -> str | None:
        """What the last check saw, in a word; None where HAProxy does not tell, because the next is under way."""
        status, code, text, _ = self.check
        under_way = status.startswith("* ")
        match status.removeprefix("* "):
            case "L7OK" | "L7OKC" | "L7STS":
                return None if under_way else code
            case "L4TOUT" | "L6TOUT" | "L7TOUT":
                return f"timed out after {duration(timeout_ms)}"
            case "L7RSP":
                return "no HTTP answer"
            case "L4CON" | "SOCKERR":
                return text.lower().rpartition(": ")[2].split(" at ")[0] or (None if under_way else "no connection")
            case other:
                return None if under_way else text.lower() or other.lower()


def duration(ms: int) -> str:
    """Milliseconds as people write them in a scenario: `500ms`, `2s`."""
    return f"{ms}ms" if ms % 1000 else f"{ms // 1000}s"


def parse_stat(text: str, *, empty: bool = False) -> dict[str, ServerState]:
    """The answer to `show stat hosts 4 -1`, by server. Raises ValueError where it is none.

    `empty`: there may be no server, as before a pool's first launch.
    """
    rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
    states: dict[str, ServerState] = {}
    for row in rows:
        try:
            status = row["status"]
            states[row["svname"]] = ServerState(
                up=status.startswith(("UP", "DRAIN", "NOLB")),
                passed=int(row["check_health"] or 0),
                sessions=int(row["scur"] or 0) + int(row["qcur"] or 0),
                check=(row["check_status"], row["check_code"], row["last_chk"], row["check_duration"]),
            )
        except (KeyError, AttributeError) as error:
            raise ValueError(f"HAProxy's statistics are not as expected: {text[:200]!r}") from error
    if not states and not (empty and "svname" in text):
        raise ValueError("HAProxy's statistics name no server")
    return states
