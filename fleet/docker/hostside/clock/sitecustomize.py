"""Where libfaketime is preloaded, every Python on the host reads this at its start, and can sleep all the same.

libfaketime 0.9.10 makes nonsense of the absolute deadline that `time.sleep` of Python 3.11 gives to
`clock_nanosleep`, which then refuses it (EINVAL). `select` takes a length of time, and libfaketime leaves that alone.
"""

from __future__ import annotations

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex, /) -> None:
    """As `time.sleep`."""
    length_s = float(seconds)
    if length_s < 0:
        raise ValueError("sleep length must be non-negative")
    select.select((), (), (), length_s)


time.sleep = sleep
