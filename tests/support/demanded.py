"""What a machine may lack: then tests are skipped with one loud line, or fail where it is demanded."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

DEMAND = "DRYDEPLOY_REQUIRE_DOCKER"


def lacking(what: str, untested: str, why: str) -> NoReturn:
    """The machine lacks this, so that nothing about that can be tested."""
    if os.environ.get(DEMAND) == "1":
        pytest.fail(f"{DEMAND}=1, and there is no {what}: {why}", pytrace=False)
    pytest.skip(f"NO {what.upper()}: NOTHING ABOUT {untested.upper()} IS TESTED ({why})")
