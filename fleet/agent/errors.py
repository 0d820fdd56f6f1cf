"""What goes wrong on a host, as exceptions that carry what the service is told.

The numbers are those of the open-source agent (aws-codedeploy-agent, hook_executor.rb); the service turns
them into the ``errorCode`` of a lifecycle event's diagnostics.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """The ``error_code`` of a completion."""

    SUCCEEDED = 0
    SCRIPT_MISSING = 1
    SCRIPT_NOT_EXECUTABLE = 2
    SCRIPT_TIMED_OUT = 3
    SCRIPT_FAILED = 4
    UNKNOWN = 5
    OUTPUT_LEFT_OPEN = 6
    AGENT_RESTARTED = 7


class AgentError(Exception):
    """A failure whose message is fit to be shown to whoever deploys; reported with code 5."""


class ScriptFailure(AgentError):
    """A lifecycle event ended at one of its scripts.

    ``code`` is 1 to 6, ``script`` the ``location`` as the AppSpec writes it, ``log`` the tail of what was
    logged.
    """

    def __init__(self, code: Code, script: str, message: str, log: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.script = script
        self.log = log
