"""What a scenario's file says of hosts that two groups share, before anything is run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scenarios.loader import warnings
from tests.support.rehearsals import BALANCER, BUNDLES


def warned(tmp_path: Path, strategy: Any, **second: Any) -> list[str]:
    """The warnings of two groups on two hosts, the first one deployed to in this way."""
    written = {
        "name": "a-test",
        "fleet": {"hosts": [{"name": "h1", "tags": {"app": "web"}}, {"name": "h2"}], "running": "v1"},
        "balancer": BALANCER,
        "revisions": {"v1": str(BUNDLES / "web-v1"), "v2": str(BUNDLES / "web-v2")},
        "groups": [{"name": "a", "strategy": strategy, "ec2_tag_filters": [{"key": "app"}]}, {"name": "b", **second}],
        "deploy": [{"revision": "v2", "group": "a"}],
    }
    path = tmp_path / "a-test.yml"
    path.write_text(json.dumps(written))
    return [problem.message for problem in warnings(path) if "shares hosts" in problem.message]


def test_a_blue_green_deployment_of_a_group_that_shares_hosts_is_warned_of(tmp_path: Path) -> None:
    (message,) = warned(tmp_path, "blue-green")
    assert message == ("a shares hosts with b: its blue/green deployment terminates them, and they are gone for b, too")


def test_hosts_that_are_kept_and_groups_of_their_own_are_no_matter(tmp_path: Path) -> None:
    assert warned(tmp_path, {"blue-green": {"terminate_blue": {"action": "KEEP_ALIVE"}}}) == []
    assert warned(tmp_path, "rolling") == []
    assert warned(tmp_path, "blue-green", ec2_tag_filters=[{"key": "other"}]) == []
