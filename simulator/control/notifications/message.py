"""A notification in the form in which CodeDeploy really sends it; a pure function of what was decided.

What AWS documents (user guide, "JSON data formats for CodeDeploy triggers") is not what it sends. Of a deployment it
sends, by public recordings of 2016 to 2022: the status in capitals, times as `Thu Oct 13 15:50:45 UTC 2022`, and
`deploymentOverview`, `errorInformation` and `rollbackInformation` as JSON within strings. No recording of an instance's
message is public, so that one has the documented form. `docs/reference/notifications.md` says which is which.
"""

from __future__ import annotations

import json
import string
from collections.abc import Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from fleet.bundle_store import ACCOUNT
from fleet.docker.mailbox import REGION, host_identifier
from fleet.virtual.draws import stream
from simulator.rollout.commands import Notify
from simulator.rollout.host import Host
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, EventStatus, TargetStatus, Trigger

VIRTUAL_EPOCH_S: Final = 1_767_225_600
"""Time 0 of a virtual run in its messages, in seconds of Unix time: 2026-01-01 00:00:00 UTC."""
SUBJECT_MAX: Final = 99
"""SNS takes a subject of fewer than 100 characters (API reference, "Publish"). A longer one is cut."""


@dataclass(frozen=True, slots=True)
class Message:
    """One notification. `id` is the deployment's id and the message's number in it: the same run gives the same ids."""

    id: str
    deployment_id: str
    subject: str
    text: str
    """The message itself, which is JSON."""
    timestamp: str
    """When it was decided, as SNS writes it: `2026-01-01T00:00:12.772Z`."""

    def body(self) -> str:
        """What a file and a webhook get: the notification as SNS posts it to an HTTP subscriber, without its signature.

        One JSON object on one line.
        """
        return _dumps(
            {
                "Type": "Notification",
                "MessageId": self.id,
                "Subject": self.subject,
                "Message": self.text,
                "Timestamp": self.timestamp,
            }
        )


class _Form(NamedTuple):
    """What a deployment's message says at one trigger."""

    status: str
    overview: bool = True
    complete: bool = False


_FORMS: Final[Mapping[Trigger, _Form]] = MappingProxyType(
    {
        Trigger.DEPLOYMENT_START: _Form("CREATED", overview=False),
        Trigger.DEPLOYMENT_ROLLBACK: _Form("IN_PROGRESS", overview=False),
        Trigger.DEPLOYMENT_READY: _Form("READY"),
        Trigger.DEPLOYMENT_SUCCESS: _Form("SUCCEEDED", complete=True),
        Trigger.DEPLOYMENT_FAILURE: _Form("FAILED", complete=True),
        Trigger.DEPLOYMENT_STOP: _Form("ABORTED", complete=True),
    }
)
_INSTANCE: Final[Mapping[Trigger, TargetStatus]] = MappingProxyType(
    {
        Trigger.INSTANCE_START: TargetStatus.IN_PROGRESS,
        Trigger.INSTANCE_SUCCESS: TargetStatus.SUCCEEDED,
        Trigger.INSTANCE_FAILURE: TargetStatus.FAILED,
        Trigger.INSTANCE_READY: TargetStatus.READY,
    }
)
_CAPITALS: Final = {TargetStatus.IN_PROGRESS: "IN_PROGRESS"}
_ALPHANUMERIC: Final = string.digits + string.ascii_letters
_REGISTERED: Final = 10
_OVERVIEW: Final = (
    TargetStatus.SUCCEEDED,
    TargetStatus.FAILED,
    TargetStatus.SKIPPED,
    TargetStatus.IN_PROGRESS,
    TargetStatus.PENDING,
)
"""In the order of the recordings."""


def instance_arn(host: str, *, on_premises: bool) -> str:
    """An EC2 instance's ARN; or that of a server of one's own, which has ten characters more than its name.

    `GetOnPremisesInstance` answers with such a one (`…:instance/AssetTag12010298EX_4IwLNI2Alh`). Ten that nobody knows
    come from its registration, which was before any run: here they depend on the name alone.
    """
    if not on_premises:
        return host_identifier(host)
    draw, drawn = stream(0, "registered", host), ""
    for _ in range(_REGISTERED):
        draw, place = divmod(draw, len(_ALPHANUMERIC))
        drawn += _ALPHANUMERIC[place]
    return f"arn:aws:codedeploy:{REGION}:{ACCOUNT}:instance/{host}_{drawn}"


def message(
    notify: Notify,
    rollout: Rollout,
    trigger: str,
    number: int,
    at_ms: int,
    epoch_s: float,
    on_premises: Container[str] = (),
) -> Message:
    """What is sent for a decision, in the name of a `trigger`. `on_premises`: the hosts that are no EC2 instances.

    `rollout` is the deployment that the message is about, after the event of the decision: for DeploymentRollback that
    is the rollback, as on AWS. `epoch_s` is time 0 of the run in seconds of Unix time.
    """
    deployment_id = rollout.deployment_id
    if notify.host is None:
        form = _FORMS[notify.trigger]
        status, fields = form.status, _of_deployment(form, rollout, epoch_s)
    else:
        state = _INSTANCE[notify.trigger]
        status = _CAPITALS.get(state, state.upper())
        arn = instance_arn(notify.host, on_premises=notify.host in on_premises)
        fields = _of_instance(state, arn, rollout.hosts[notify.host], rollout, at_ms, epoch_s)
    head = {"region": REGION, "accountId": ACCOUNT, "eventTriggerName": trigger}
    subject = f"{status}: AWS CodeDeploy {deployment_id} in {REGION} to {rollout.deployment.application}"
    return Message(
        id=f"{deployment_id}-{number}",
        deployment_id=deployment_id,
        subject=subject[:SUBJECT_MAX],
        text=_dumps({**head, **fields}),
        timestamp=_moment(at_ms, epoch_s).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    )


def _of_deployment(form: _Form, rollout: Rollout, epoch_s: float) -> dict[str, Any]:
    deployment = rollout.deployment
    fields: dict[str, Any] = {
        "applicationName": deployment.application,
        "deploymentId": deployment.deployment_id,
        "deploymentGroupName": deployment.group,
        "createTime": _spelt(rollout.started_ms, epoch_s),
        "completeTime": _spelt(rollout.ended_ms, epoch_s) if form.complete else None,
    }
    if form.overview:
        # A host that is Ready has its revision and waits for traffic: with that it is not through.
        counts = {status: rollout.counts[status] for status in _OVERVIEW}
        counts[TargetStatus.IN_PROGRESS] += rollout.counts[TargetStatus.READY]
        fields["deploymentOverview"] = _dumps(counts)
    fields["status"] = form.status
    if form.complete and rollout.error is not None:
        error = {"ErrorCode": rollout.error.code, "ErrorMessage": rollout.error.message}
        fields["errorInformation"] = _dumps(error)
    if deployment.creator is Creator.ROLLBACK:
        told = f"Deployment {deployment.deployment_id} is triggered to roll back deployment {deployment.rollback_of}."
        undone = {"RollbackMessage": told, "RollbackTriggeringDeploymentId": deployment.rollback_of}
        fields["rollbackInformation"] = _dumps(undone)
    elif "errorInformation" in fields:
        fields["rollbackInformation"] = _dumps({})
    return fields


def _of_instance(
    state: TargetStatus, arn: str, host: Host, rollout: Rollout, at_ms: int, epoch_s: float
) -> dict[str, Any]:
    return {
        "deploymentId": rollout.deployment_id,
        "instanceId": arn,
        "lastUpdatedAt": _seconds(at_ms, epoch_s),
        "instanceStatus": state,
        "lifecycleEvents": _lifecycle_events(host, rollout, epoch_s),
    }


def _lifecycle_events(host: Host, rollout: Rollout, epoch_s: float) -> list[dict[str, str]]:
    """What has ended, then what is to come. A skipped event has only its end, as `GetDeploymentInstance` answers it."""
    events = []
    for record in host.records:
        event: dict[str, str] = {"LifecycleEvent": record.name, "LifecycleEventStatus": record.status}
        if record.started_ms is not None:
            event["StartTime"] = _seconds(record.started_ms, epoch_s)
        events.append({**event, "EndTime": _seconds(record.ended_ms, epoch_s)})
    ended = {record.name for record in host.records}
    waiting = [name for name in rollout.sequence if name not in ended]
    return [*events, *({"LifecycleEvent": name, "LifecycleEventStatus": EventStatus.PENDING} for name in waiting)]


def _moment(at_ms: int, epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s + at_ms / 1000, UTC)


def _spelt(at_ms: int, epoch_s: float) -> str:
    """`Thu Oct 13 15:50:45 UTC 2022`."""
    return _moment(at_ms, epoch_s).strftime("%a %b %d %H:%M:%S UTC %Y")


def _seconds(at_ms: int, epoch_s: float) -> str:
    """`1446744188.595`."""
    return f"{epoch_s + at_ms / 1000:.3f}"


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
