"""The words of CodeDeploy: statuses, codes and roles, spelt as its API spells them.

Source: botocore's service model `codedeploy/2014-10-06`.
"""

from __future__ import annotations

from enum import StrEnum


class DeploymentStatus(StrEnum):
    """Where a deployment stands."""

    CREATED = "Created"
    QUEUED = "Queued"
    IN_PROGRESS = "InProgress"
    READY = "Ready"
    BAKING = "Baking"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"

    @property
    def terminal(self) -> bool:
        """Whether a deployment stays in this status for ever."""
        return self in _TERMINAL


_TERMINAL = frozenset({DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED, DeploymentStatus.STOPPED})


class TargetStatus(StrEnum):
    """Where one host stands in one deployment."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    READY = "Ready"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    UNKNOWN = "Unknown"


class EventStatus(StrEnum):
    """Where one lifecycle event stands on one host."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SKIPPED = "Skipped"
    UNKNOWN = "Unknown"


class LifecycleErrorCode(StrEnum):
    """Why a lifecycle event ended as it did, in its diagnostics."""

    SUCCESS = "Success"
    SCRIPT_MISSING = "ScriptMissing"
    SCRIPT_NOT_EXECUTABLE = "ScriptNotExecutable"
    SCRIPT_TIMED_OUT = "ScriptTimedOut"
    SCRIPT_FAILED = "ScriptFailed"
    UNKNOWN_ERROR = "UnknownError"


class ErrorCode(StrEnum):
    """Why a deployment failed or stopped: those of the API's codes that the core gives."""

    ALARM_ACTIVE = "ALARM_ACTIVE"
    CUSTOMER_APPLICATION_UNHEALTHY = "CUSTOMER_APPLICATION_UNHEALTHY"
    ECS_UPDATE_ERROR = "ECS_UPDATE_ERROR"
    HEALTH_CONSTRAINTS = "HEALTH_CONSTRAINTS"
    HEALTH_CONSTRAINTS_INVALID = "HEALTH_CONSTRAINTS_INVALID"
    HOOK_EXECUTION_FAILURE = "HOOK_EXECUTION_FAILURE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INVALID_ECS_SERVICE = "INVALID_ECS_SERVICE"
    INVALID_LAMBDA_CONFIGURATION = "INVALID_LAMBDA_CONFIGURATION"
    INVALID_LAMBDA_FUNCTION = "INVALID_LAMBDA_FUNCTION"
    INVALID_REVISION = "INVALID_REVISION"
    MANUAL_STOP = "MANUAL_STOP"
    NO_INSTANCES = "NO_INSTANCES"
    TIMEOUT = "TIMEOUT"


class Creator(StrEnum):
    """Who asked for a deployment."""

    USER = "user"
    ROLLBACK = "codeDeployRollback"
    AUTO_UPDATE = "CodeDeployAutoUpdate"
    """CodeDeploy itself: to hosts that a pool has launched meanwhile."""
    AUTOSCALING = "autoscaling"
    """A pool that has launched a host."""
    AUTOSCALING_TERMINATION = "autoscalingTermination"
    """A pool that is about to terminate a host."""

    @property
    def beside(self) -> bool:
        """Whether such a deployment goes on beside its group's active one."""
        return self in _BESIDE


_BESIDE = frozenset({Creator.AUTOSCALING, Creator.AUTOSCALING_TERMINATION})


class PoolProcess(StrEnum):
    """What a scaling group does by itself, and can be made to leave (EC2 Auto Scaling, SuspendProcesses)."""

    LAUNCH = "Launch"
    TERMINATE = "Terminate"
    AZ_REBALANCE = "AZRebalance"
    INSTANCE_REFRESH = "InstanceRefresh"
    SCHEDULED_ACTIONS = "ScheduledActions"


class OutdatedInstancesStrategy(StrEnum):
    """What becomes of hosts that were launched while a deployment was under way, and missed it."""

    UPDATE = "UPDATE"
    IGNORE = "IGNORE"


class RollbackEvent(StrEnum):
    """What makes a deployment group roll back by itself."""

    DEPLOYMENT_FAILURE = "DEPLOYMENT_FAILURE"
    DEPLOYMENT_STOP_ON_ALARM = "DEPLOYMENT_STOP_ON_ALARM"
    DEPLOYMENT_STOP_ON_REQUEST = "DEPLOYMENT_STOP_ON_REQUEST"


class AlarmState(StrEnum):
    """What an alarm says. `UNKNOWN`: it could not be asked."""

    OK = "OK"
    ALARM = "ALARM"
    UNKNOWN = "UNKNOWN"


class AnalysisOutcome(StrEnum):
    """What an analysis found, in Argo's words: to fail, to go wrong and to know nothing are three things."""

    SUCCESSFUL = "Successful"
    FAILED = "Failed"
    ERROR = "Error"
    INCONCLUSIVE = "Inconclusive"


class Label(StrEnum):
    """Which side of a blue/green deployment a host is on: `Blue` the original hosts, `Green` their replacements."""

    NONE = ""
    BLUE = "Blue"
    GREEN = "Green"


class OperatorVerb(StrEnum):
    """What a person says to a deployment under way, in Argo's words; `continue` is CodeDeploy's."""

    CONTINUE = "continue"
    SKIP_WAIT = "skip-wait"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    PROMOTE_FULL = "promote-full"


class FileExistsBehavior(StrEnum):
    """What Install does where a file that it did not put there already stands."""

    DISALLOW = "DISALLOW"
    OVERWRITE = "OVERWRITE"
    RETAIN = "RETAIN"


class Trigger(StrEnum):
    """What a deployment group can tell its subscribers."""

    DEPLOYMENT_START = "DeploymentStart"
    DEPLOYMENT_SUCCESS = "DeploymentSuccess"
    DEPLOYMENT_FAILURE = "DeploymentFailure"
    DEPLOYMENT_STOP = "DeploymentStop"
    DEPLOYMENT_ROLLBACK = "DeploymentRollback"
    DEPLOYMENT_READY = "DeploymentReady"
    INSTANCE_START = "InstanceStart"
    INSTANCE_SUCCESS = "InstanceSuccess"
    INSTANCE_FAILURE = "InstanceFailure"
    INSTANCE_READY = "InstanceReady"
