"""Put a health fault before a host's application, or take it away.

    python3 -m hostside.health_fault APPLICATION_PORT STATE

`STATE` is the state of `hostside.health_proxy` as JSON; with no faults in it the redirection is removed.
Twice the same does no harm.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

PROXY_PORT = 61998
STATE = Path("/run/drydeploy/health.json")
LISTENS_S = 10


def redirection(port: int) -> list[str]:
    """The rule that leads connections from outside to the proxy; the host's own reach the application."""
    rule = ["-p", "tcp", "--dport", str(port), "-j", "REDIRECT", "--to-ports", str(PROXY_PORT)]
    return ["PREROUTING", *rule]


def iptables(action: str, rule: list[str]) -> subprocess.CompletedProcess[str]:
    """Run iptables on the nat table."""
    command = ["iptables", "-w", "-t", "nat", action, *rule]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def listens() -> bool:
    """Whether the proxy accepts connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", PROXY_PORT)) == 0


def start_proxy() -> None:
    """Start the proxy if it does not run. Raises SystemExit where it does not listen in time."""
    if listens():
        return
    command = [sys.executable, "-m", "hostside.health_proxy", str(PROXY_PORT), str(STATE)]
    with Path("/var/log/drydeploy-health-proxy.log").open("ab") as log:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/opt/drydeploy",
        )
    end_s = time.monotonic() + LISTENS_S
    while not listens():
        if time.monotonic() > end_s:
            raise SystemExit("the proxy for health faults does not start; see /var/log/drydeploy-health-proxy.log")
        time.sleep(0.02)


def main(port: int, state: str) -> None:
    """Make the host's network agree with the state."""
    STATE.parent.mkdir(parents=True, exist_ok=True)
    fresh = STATE.with_suffix(".new")
    fresh.write_text(state)
    fresh.replace(STATE)
    rule = redirection(port)
    there = iptables("-C", rule).returncode == 0
    if json.loads(state)["faults"]:
        start_proxy()
        done = None if there else iptables("-A", rule)
    else:
        done = iptables("-D", rule) if there else None
    if done is not None and done.returncode != 0:
        raise SystemExit(f"iptables failed: {done.stderr.strip()}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
