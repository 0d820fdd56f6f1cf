"""limits.event against what it has to leave time for: the health check, and the launches of new hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.scenarios.test_strategies import text, told_of

EVENT = "limits: {{event: {}}}\n"
CHECK = "the health check can pass (rise 5 × interval 30s = 150s): no host can ever be let in"
LAUNCH = "also ends the provisioning of new hosts, and a launch may last 20s"


@pytest.mark.parametrize(
    ("strategy", "event", "messages"),
    [
        ("rolling", "149s", [CHECK]),
        ("rolling", "150s", []),
        ("blue-green", "19s", [LAUNCH, CHECK]),
        ("blue-green", "20s", [CHECK]),
        ("blue-green", "5m", []),
    ],
)
def test_what_it_is_too_short_for_is_told_at_its_place(
    strategy: str, event: str, messages: list[str], tmp_path: Path
) -> None:
    found = [each for each in told_of(text(strategy, EVENT.format(event)), tmp_path) if "limits.event" in each[2]]
    assert [(each[0], each[1]) for each in found] == [("warning", f"{event}}}")] * len(messages)
    assert all(message in each[2] for each, message in zip(found, messages, strict=True)), found


def test_hosts_that_do_not_wait_for_the_health_check_are_not_told_of_it(tmp_path: Path) -> None:
    written = text("rolling", EVENT.format("20s")).replace(
        "group:\n", "group:\n  deployment_option: WITHOUT_TRAFFIC_CONTROL\n"
    )
    assert [each for each in told_of(written, tmp_path) if "limits.event" in each[2]] == []
