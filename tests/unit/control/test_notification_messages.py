"""The message, key by key, as AWS was recorded to send it, and as it is documented where there is no recording."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from scenarios.words import Trigger as TriggerName
from simulator.control.notifications import VIRTUAL_EPOCH_S, Message, Post
from simulator.control.notifications.message import SUBJECT_MAX, message
from simulator.rollout.commands import Command, Notify
from simulator.rollout.events import Event
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Trigger
from tests.support.rehearsals import BUNDLES, run, scenario

BROKEN = {
    "v1": str(BUNDLES / "web-v1"),
    "v2": {"bundle": str(BUNDLES / "web-v2"), "behaves": {"scripts": {"scripts/run_process.sh": {"exit": 1}}}},
}
ALL = list(get_args(TriggerName))

DEPLOYMENT = ["region", "accountId", "eventTriggerName", "applicationName", "deploymentId", "deploymentGroupName"]
DEPLOYMENT += ["createTime", "completeTime"]
OVERVIEW = ["Succeeded", "Failed", "Skipped", "InProgress", "Pending"]
RECORDED = {
    "CREATED": [*DEPLOYMENT, "status"],
    "SUCCEEDED": [*DEPLOYMENT, "deploymentOverview", "status"],
    "FAILED": [*DEPLOYMENT, "deploymentOverview", "status", "errorInformation", "rollbackInformation"],
}
"""The keys of recorded messages (October 2022, an ECS service), in their order; a rollback's have one more."""
INSTANCE = ["region", "accountId", "eventTriggerName", "deploymentId", "instanceId", "lastUpdatedAt"]
INSTANCE += ["instanceStatus", "lifecycleEvents"]
"""The keys of the documented message of an instance, in their order."""
RECORDED_TIME = re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d UTC \d{4}")


class Messages:
    """An observer that makes a message of every notification, without any delivery."""

    def __init__(self, epoch_s: float = VIRTUAL_EPOCH_S) -> None:
        self.made: list[tuple[Trigger, Message]] = []
        self._epoch_s = epoch_s

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        for command in commands:
            if isinstance(command, Notify):
                assert rollout is not None
                number = len(self.made) + 1
                made = message(command, rollout, "ops", number, event.at_ms, self._epoch_s)
                self.made.append((command.trigger, made))

    def told(self, trigger: Trigger) -> list[dict[str, Any]]:
        return [json.loads(made.text) for wanted, made in self.made if wanted is trigger]


def messages(**parts: Any) -> Messages:
    made = Messages()
    run(scenario(**parts), observers=(made,))
    return made


def posted(tmp_path: Path, **parts: Any) -> list[dict[str, Any]]:
    """What a run delivers to a file: its lines."""
    triggers = [{"name": "ops", "events": ALL, "target": {"file": "notes.jsonl"}}]
    group = {"auto_rollback": ["DEPLOYMENT_FAILURE"], "triggers": triggers, **parts.pop("group", {})}
    wanted = scenario(group=group, **parts)
    with Post(wanted, tmp_path / "a.journal.jsonl", virtual=True) as post:
        post.settle(run(wanted, observers=(post,)), pytest.fail, quiet=True)
    return [json.loads(line) for line in (tmp_path / "notes.jsonl").read_text().splitlines()]


def test_a_deployment_that_begins_is_created_and_nothing_is_known_yet() -> None:
    (told,) = messages().told(Trigger.DEPLOYMENT_START)
    assert list(told) == RECORDED["CREATED"]
    assert told["status"] == "CREATED"
    assert told["completeTime"] is None
    assert told["createTime"] == "Thu Jan 01 00:00:00 UTC 2026"
    assert (told["region"], told["accountId"], told["eventTriggerName"]) == ("us-east-1", "123456789012", "ops")


def test_a_deployment_that_succeeds_counts_its_hosts_in_a_string() -> None:
    (told,) = messages().told(Trigger.DEPLOYMENT_SUCCESS)
    assert list(told) == RECORDED["SUCCEEDED"]
    assert isinstance(told["deploymentOverview"], str)
    overview = json.loads(told["deploymentOverview"])
    assert list(overview) == OVERVIEW
    assert list(overview.values()) == [4, 0, 0, 0, 0]
    assert RECORDED_TIME.fullmatch(told["completeTime"])
    assert told["status"] == "SUCCEEDED"


def test_a_deployment_that_fails_says_why_in_a_string_and_has_rolled_nothing_back() -> None:
    (told,) = messages(revisions=BROKEN).told(Trigger.DEPLOYMENT_FAILURE)
    assert list(told) == RECORDED["FAILED"]
    error = json.loads(told["errorInformation"])
    assert list(error) == ["ErrorCode", "ErrorMessage"]
    assert error["ErrorCode"] == "HEALTH_CONSTRAINTS"
    assert "run_process.sh" in error["ErrorMessage"]
    assert told["rollbackInformation"] == "{}"
    assert list(json.loads(told["deploymentOverview"]).values()) == [0, 1, 3, 0, 0]


def test_a_rollback_is_told_as_it_was_recorded(tmp_path: Path) -> None:
    told = [line for line in posted(tmp_path, revisions=BROKEN) if "instanceId" not in line["Message"]]
    bodies = [json.loads(line["Message"]) for line in told]
    assert [body["status"] for body in bodies] == ["CREATED", "FAILED", "CREATED", "IN_PROGRESS", "SUCCEEDED"]
    failed, back = bodies[0]["deploymentId"], bodies[2]["deploymentId"]
    assert [body["deploymentId"] for body in bodies] == [failed, failed, back, back, back]
    for body in bodies[2:]:
        assert list(body)[-1] == "rollbackInformation"
        assert json.loads(body["rollbackInformation"]) == {
            "RollbackMessage": f"Deployment {back} is triggered to roll back deployment {failed}.",
            "RollbackTriggeringDeploymentId": failed,
        }
    assert list(bodies[2])[:-1] == list(bodies[3])[:-1] == RECORDED["CREATED"]
    assert list(bodies[4])[:-1] == RECORDED["SUCCEEDED"]
    assert [line["Subject"] for line in told] == [
        f"{body['status']}: AWS CodeDeploy {body['deploymentId']} in us-east-1 to web" for body in bodies
    ]


def test_a_stopped_deployment_was_aborted() -> None:
    stop = [{"when": {"event": "Install"}, "do": "stop", "auto_rollback": False}]
    (told,) = messages(operator=stop).told(Trigger.DEPLOYMENT_STOP)
    assert list(told) == RECORDED["FAILED"]
    assert told["status"] == "ABORTED"
    assert json.loads(told["errorInformation"])["ErrorCode"] == "MANUAL_STOP"


def test_a_deployment_that_waits_is_ready_and_still_under_way() -> None:
    ready = {"deployment_ready": {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": "1h"}}
    group = {"strategy": {"blue-green": ready}, "deployment_config": "CodeDeployDefault.AllAtOnce"}
    answers = [{"when": {"status": "Ready"}, "do": "continue"}]
    limits = {"start": "60s", "event": "60s"}
    made = messages(group=group, operator=answers, limits=limits)
    (told,) = made.told(Trigger.DEPLOYMENT_READY)
    assert (told["status"], told["completeTime"]) == ("READY", None)
    assert json.loads(told["deploymentOverview"])["InProgress"] == 4
    assert {told["instanceStatus"] for told in made.told(Trigger.INSTANCE_READY)} == {"Ready"}


def test_an_instance_has_the_documented_form() -> None:
    made = messages(revisions=BROKEN)
    (told,) = made.told(Trigger.INSTANCE_FAILURE)
    assert list(told) == INSTANCE
    assert re.fullmatch(r"arn:aws:ec2:us-east-1:123456789012:instance/h\d", told["instanceId"])
    assert re.fullmatch(r"17672256\d\d\.\d{3}", told["lastUpdatedAt"])
    assert told["instanceStatus"] == "Failed"
    events = {event["LifecycleEvent"]: event for event in told["lifecycleEvents"]}
    assert list(events["Install"]) == ["LifecycleEvent", "LifecycleEventStatus", "StartTime", "EndTime"]
    assert events["Install"]["LifecycleEventStatus"] == "Succeeded"
    assert float(events["Install"]["StartTime"]) < float(events["Install"]["EndTime"])
    assert events["ApplicationStart"]["LifecycleEventStatus"] == "Failed"
    assert list(events["ValidateService"]) == ["LifecycleEvent", "LifecycleEventStatus", "EndTime"]


def test_a_server_on_the_premises_has_an_arn_of_codedeploys_own(tmp_path: Path) -> None:
    hosts = [{"name": "web-1"}, {"name": "rack-1", "on_premises": True}]
    lines = posted(tmp_path, fleet={"hosts": hosts, "running": "v1"})
    told = {message["instanceId"] for line in lines if "instanceId" in (message := json.loads(line["Message"]))}
    ec2, own = sorted(told, reverse=True)
    assert ec2 == "arn:aws:ec2:us-east-1:123456789012:instance/web-1"
    assert re.fullmatch(r"arn:aws:codedeploy:us-east-1:123456789012:instance/rack-1_[0-9A-Za-z]{10}", own)


def test_an_instance_that_begins_has_everything_before_it() -> None:
    told = messages().told(Trigger.INSTANCE_START)[0]
    assert told["instanceStatus"] == "InProgress"
    assert {event["LifecycleEventStatus"] for event in told["lifecycleEvents"]} == {"Pending"}
    assert len(told["lifecycleEvents"]) == 13


def test_every_instance_event_has_its_subject() -> None:
    subjects = {trigger: made.subject.partition(":")[0] for trigger, made in messages(revisions=BROKEN).made}
    assert subjects[Trigger.INSTANCE_START] == "IN_PROGRESS"
    assert subjects[Trigger.INSTANCE_FAILURE] == "FAILED"
    assert subjects[Trigger.INSTANCE_SUCCESS] == "SUCCEEDED"


def test_a_long_subject_is_cut_to_what_sns_takes() -> None:
    made = messages(application="a" * 100).made[0][1]
    assert len(made.subject) == SUBJECT_MAX
    assert made.subject.startswith("CREATED: AWS CodeDeploy d-")


def test_real_time_is_told_as_it_was() -> None:
    made = Messages(1_665_676_245.0)  # Thu Oct 13 15:50:45 UTC 2022
    run(scenario(), observers=(made,))
    (told,) = made.told(Trigger.DEPLOYMENT_START)
    assert told["createTime"] == "Thu Oct 13 15:50:45 UTC 2022"
    assert made.made[0][1].timestamp == "2022-10-13T15:50:45.000Z"


def test_on_docker_time_0_is_when_it_was(tmp_path: Path) -> None:
    triggers = [{"name": "ops", "events": ["DeploymentStart"], "target": {"file": "notes.jsonl"}}]
    wanted = scenario(group={"triggers": triggers})
    before = datetime.now(UTC).replace(microsecond=0)
    with Post(wanted, tmp_path / "a.jsonl", virtual=False) as post:
        post.settle(run(wanted, observers=(post,)), pytest.fail, quiet=True)
    told = json.loads(json.loads((tmp_path / "notes.jsonl").read_text())["Message"])
    created = datetime.strptime(told["createTime"], "%a %b %d %H:%M:%S UTC %Y").replace(tzinfo=UTC)
    assert before <= created <= datetime.now(UTC)


def test_the_same_seed_tells_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        posted(tmp_path / name, revisions=BROKEN)
    assert (tmp_path / "one" / "notes.jsonl").read_bytes() == (tmp_path / "two" / "notes.jsonl").read_bytes()


def test_ids_number_a_deployments_messages_whoever_is_told(tmp_path: Path) -> None:
    triggers = [
        {"name": "all", "events": ALL, "target": {"file": "notes.jsonl"}},
        {"name": "ends", "events": ["DeploymentSuccess"], "target": {"file": "notes.jsonl"}},
    ]
    lines = posted(tmp_path, group={"triggers": triggers})
    one = json.loads(lines[0]["Message"])["deploymentId"]
    assert [line["MessageId"] for line in lines] == [f"{one}-{n}" for n in range(1, len(lines) + 1)]
    assert [json.loads(line["Message"])["eventTriggerName"] for line in lines[-2:]] == ["all", "ends"]
