"""HAProxy with a second listener, for test traffic: it leads to the task set that is being tried, and to no other.

As with a load balancer of AWS, whoever speaks to the test listener meets the replacement, and no user does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from typing_extensions import override

from fleet.balancer.haproxy import HaproxyBalancer
from fleet.balancer.haproxy_config import HOST_HEADER

TEST_PORT: Final = 8081
TEST_BACKEND: Final = "test"

_TEST: Final = """
frontend testers
    bind 0.0.0.0:{port}
    default_backend {backend}

backend {backend}
    balance roundrobin
    http-response set-header {header} %s
"""


class TwoListeners(HaproxyBalancer):
    """A balancer whose test listener leads where `test` says; nowhere at first."""

    _tested: tuple[str, ...] = ()

    @override
    def _config(self) -> str:
        return super()._config() + _TEST.format(port=TEST_PORT, backend=TEST_BACKEND, header=HOST_HEADER)

    async def test(self, tasks: Mapping[str, str]) -> None:
        """Lead test traffic to these tasks, address by name, and to them alone."""
        async with self._lock:
            for name in self._tested:
                await self._runtime.say(f"set server {TEST_BACKEND}/{name} state maint")
                await self._runtime.ask(f"del server {TEST_BACKEND}/{name}")
            for name, address in tasks.items():
                await self._runtime.add(f"{TEST_BACKEND}/{name}", f"{address}:{self._spec.port}")
                await self._runtime.say(f"set server {TEST_BACKEND}/{name} state ready")
            self._tested = tuple(tasks)
