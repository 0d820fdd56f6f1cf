"""Functions that are hooks: containers that wait to be called over HTTP, and the reports that come back.

CodeDeploy does not look at what a function returns, or raises: it waits until the function has called
PutLifecycleEventHookExecutionStatus with the id that it was given.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from fleet.base import FleetError
from fleet.docker.hostside.function_runner import PING, invocations
from fleet.docker.tasks import TaskPlan, Tasks, function_command, handler_files
from scenarios.model import Scenario
from simulator.rollout.commands import RunLifecycleEvent

if TYPE_CHECKING:
    import aiohttp

CALL_S: Final = 10
"""A function that is called is reached within this time."""
LISTENS_S: Final = 20
"""The container of a function listens within this time."""
LOOK_S: Final = 0.05


@dataclass(slots=True)
class Execution:
    """A hook that has been called, and when it began; `over` once it has reported."""

    command: RunLifecycleEvent
    function: str
    began_ms: int = 0
    over: bool = False


class Functions:
    """The functions of a scenario that have a handler. `told(execution, succeeded)` hears of each first report."""

    def __init__(self, scenario: Scenario, containers: Tasks, told: Callable[[Execution, bool], None]) -> None:
        assert scenario.balancer is not None, "the scenario's loader tells that beforehand"
        self._handlers = {name: function.handler for name, function in scenario.functions.items() if function.handler}
        self._port = scenario.balancer.port
        self._containers = containers
        self._told = told
        self._ports: dict[str, int] = {}
        self._executions: dict[str, Execution] = {}

    def __contains__(self, name: str) -> bool:
        """Whether there is a function of this name."""
        return name in self._handlers

    def boots(self, indexes: Callable[[], int], environment: Mapping[str, str], listening: str) -> list[partial[None]]:
        """What has their containers run: each waits for the engine, so call it in a thread."""
        return [partial(self._boot, name, indexes(), environment, listening) for name in self._handlers]

    def _boot(self, name: str, index: int, environment: Mapping[str, str], listening: str) -> None:
        handler = self._handlers[name]
        own = {**environment, "AWS_LAMBDA_FUNCTION_NAME": name}
        command = function_command(handler.name, self._port)
        plan = TaskPlan(_container(name), index, command, handler_files(handler), own, self._port)
        published = self._containers.boot_task(plan, listening)
        assert published is not None, "a port was asked for"
        self._ports[name] = published

    def asked(self, command: RunLifecycleEvent, name: str) -> tuple[Execution, Mapping[str, str]]:
        """A hook that is to be called, and the event with which."""
        identity = secrets.token_urlsafe(24)
        execution = self._executions[identity] = Execution(command, name)
        return execution, {"DeploymentId": command.deployment_id, "LifecycleEventHookExecutionId": identity}

    async def call(self, name: str, event: Mapping[str, str]) -> None:
        """Call a function, once, and let it come to its end. Raises FleetError where its container does not listen.

        One whose process ends in the midst answers nobody. That is no report, and may come after one: so it is not
        called again.
        """
        import aiohttp

        runtime = f"http://127.0.0.1:{self._ports[name]}"
        connector = aiohttp.TCPConnector(force_close=True)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CALL_S)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            await self._listening(session, runtime, name)
            with contextlib.suppress(aiohttp.ClientError):
                async with session.post(f"{runtime}{invocations(name)}", data=json.dumps(event)) as response:
                    await response.read()

    async def _listening(self, session: aiohttp.ClientSession, runtime: str, name: str) -> None:
        end_s = asyncio.get_running_loop().time() + LISTENS_S
        while problem := await _ping(session, runtime):
            if asyncio.get_running_loop().time() > end_s:
                said = await asyncio.to_thread(self._containers.log, _container(name))
                raise FleetError(
                    f"the function {name} cannot be called: {problem}; it says: {said.strip() or 'nothing'}"
                )
            await asyncio.sleep(LOOK_S)

    def reported(self, deployment: str, identity: str, succeeded: bool) -> str | None:
        """A function reports. The answer is an exception of the API's, or None where the report counts."""
        execution = self._executions.get(identity)
        if execution is None or execution.command.deployment_id != deployment:
            return "InvalidLifecycleEventHookExecutionIdException"
        if execution.over:
            return "LifecycleEventAlreadyCompletedException"
        execution.over = True
        self._told(execution, succeeded)
        return None


def _container(name: str) -> str:
    return f"function-{name.lower()}"


async def _ping(session: aiohttp.ClientSession, runtime: str) -> str:
    """Why the runtime of a function is not there; nothing where it is."""
    import aiohttp

    try:
        async with session.get(f"{runtime}{PING}", timeout=aiohttp.ClientTimeout(total=CALL_S)) as response:
            return "" if response.status == 200 else f"its runtime answers {response.status}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return str(error) or type(error).__name__
