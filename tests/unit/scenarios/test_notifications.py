"""Triggers in a scenario: what is understood, and each mistake at its place with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.loader import loads, warnings
from scenarios.model import Scenario
from scenarios.notifications import TRIGGERS_MAX
from scenarios.problems import ScenarioError
from simulator.control.notifications import Post
from tests.support.rehearsals import BUNDLES

HEAD = """\
name: a-test
fleet: {hosts: 4, running: v1}
revisions: {v1: web-v1, v2: web-v2}
deploy: [{revision: v2}]
group:
  triggers:
"""


def trigger(target: str, name: str = "a", events: str = "[DeploymentStart]") -> str:
    return f"  - {{name: {name}, events: {events}, target: {target}}}\n"


def webhook(url: str, more: str = "") -> str:
    return trigger(f"{{webhook: {{url: {url}{more}}}}}")


def mistakes(text: str) -> list[str]:
    with pytest.raises(ScenarioError) as caught:
        loads(HEAD + text, name="f", directory=BUNDLES)
    return [problem.render() for problem in caught.value.problems]


def sound(text: str) -> Scenario:
    return loads(HEAD + text, name="f", directory=BUNDLES)


def test_all_three_targets_are_understood() -> None:
    arn = "arn:aws:sns:eu-west-2:123456789012:deployments.fifo"
    text = (
        trigger("{file: notes.jsonl}", "a")
        + trigger("{webhook: {url: 'https://example.com:8443/hook?x=1', secret: HOOK, timeout: 2s}}", "b")
        + trigger(f"{{sns: {{topic_arn: '{arn}', endpoint_url: 'http://localhost:5000'}}}}", "c", "[InstanceReady]")
    )
    file, hook, topic = (each.target for each in sound(text).group.triggers)
    assert file.file == "notes.jsonl"
    assert hook.webhook is not None
    assert (hook.webhook.secret, hook.webhook.timeout, hook.webhook.retry_for) == ("HOOK", 2_000, 30_000)
    assert topic.sns is not None
    assert topic.sns.topic_arn == arn


def test_what_is_written_out_can_be_read_again() -> None:
    scenario = sound(webhook("http://localhost/", ", secret: HOOK, retry_for: 1s"))
    assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)).group == scenario.group


def test_ten_triggers_are_no_more_than_codedeploy_has() -> None:
    sound("".join(trigger("{file: x}", f"t{i}") for i in range(TRIGGERS_MAX)))
    (mistake,) = mistakes("".join(trigger("{file: x}", f"t{i}") for i in range(TRIGGERS_MAX + 1)))
    assert mistake == "f:7:3: error: group.triggers: expected at most 10, found 11; keep 10 of them"


@pytest.mark.parametrize(
    ("text", "place", "message", "remedy"),
    [
        (trigger("{file: x}", events="[DeploymentStrt]"), "7:24", "found DeploymentStrt", "mean DeploymentStart?"),
        (trigger("{file: x}", events="[]"), "7:23", "expected 1 or more, found 0", "write one"),
        (trigger("{file: x}") * 2, "8:12", "a second trigger named a; the first is at line 7", "a name of its own"),
        (trigger("{}"), "7:50", "target: none of file, webhook or sns", "write one of"),
        (trigger("{fil: x}"), "7:51", "unknown key fil", "did you mean file?"),
        (trigger("{file: x, webhook: {url: 'http://x'}}"), "7:60", "file and webhook exclude each other", "keep one"),
        (trigger("{file: /nowhere/at/all}"), "7:57", "there is no directory /nowhere/at", "make it"),
        (trigger("{file: /}"), "7:57", "/ is a directory", "name a file in it"),
        (webhook("example.com/hook"), "7:66", "found 'example.com/hook'", "write http:// or https://"),
        (webhook("ftp://example.com"), "7:66", "found 'ftp://example.com'", "write http:// or https://"),
        (webhook("http://"), "7:66", "found 'http://'", "and a host"),
        (webhook("'http://[::1/'"), "7:66", "is none (Invalid IPv6 URL)", "and a host"),
        (webhook("http://x:99999/"), "7:66", "is none (Port out of range", "and a host"),
        (webhook("http://x:0/"), "7:66", "found 'http://x:0/'", "and a host"),
        (webhook("'http://x/a b'"), "7:66", "found 'http://x/a b'", "and a host"),
        (webhook("http://x", ", timeout: 61s"), "7:85", "expected 1m or less, found 61s", "write at most 1m"),
        (webhook("http://x", ", retry_for: 11m"), "7:87", "expected 10m or less", "write at most 10m"),
        (webhook("http://x", ", secret: a-b"), "7:84", "the name of an environment variable", "in that form"),
        (trigger("{sns: {topic_arn: x, endpoint_url: 'http://x'}}"), "7:68", "expected a topic's ARN", "in that form"),
    ],
)
def test_a_mistake_is_told_at_its_place(text: str, place: str, message: str, remedy: str) -> None:
    (mistake,) = mistakes(text)
    assert mistake.startswith(f"f:{place}: error: ")
    problem, _, told = mistake.rpartition("; ")
    assert message in problem
    assert remedy in told


@pytest.mark.parametrize("secret", ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "'whsec_a+b/c='"])
def test_a_secret_itself_is_refused_and_not_repeated(secret: str) -> None:
    (mistake,) = mistakes(webhook("http://x", f", secret: {secret}"))
    assert "found a secret itself" in mistake
    assert "whsec" not in mistake


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    (mistake,) = mistakes(webhook("http://me:hunter2@x/"))
    assert "a user or a password" in mistake
    assert "hunter2" not in mistake


def test_aws_itself_is_never_the_default() -> None:
    (mistake,) = mistakes(trigger("{sns: {topic_arn: 'arn:aws:sns:us-east-1:123456789012:t'}}"))
    assert "endpoint_url is missing" in mistake
    assert "only where its address is written here" in mistake


def test_a_directory_near_by_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (mistake,) = mistakes(trigger(f"{{file: {tmp_path}/note/a.jsonl}}"))
    assert f"there is no directory {tmp_path}/note; did you mean {tmp_path}/notes/a.jsonl?" in mistake


def test_nothing_is_delivered_where_nobody_is_told() -> None:
    text = HEAD.replace("  triggers:\n", "  name: g\n") + "expect: {notifications_delivered: true}\n"
    with pytest.raises(ScenarioError, match="no group has triggers") as caught:
        loads(text, name="f", directory=BUNDLES)
    assert (caught.value.problems[0].line, caught.value.problems[0].column) == (7, 10)


IN_PLACE = "group:"
NEVER = {
    "DeploymentRollback": ("the group does not roll back", "auto_rollback"),
    "DeploymentReady": ("no deployment of the group waits for a person", "pause: {}"),
    "InstanceReady": ("no deployment of the group has hosts wait for their traffic", "blue/green"),
}
BALANCED = "balancer: {port: 8080}\n"
BLUE_GREEN = "group:\n  strategy: {blue-green: {deployment_ready: {action_on_timeout: STOP_DEPLOYMENT, wait_time: 5m}}}"


def warned(text: str, directory: Path) -> list[tuple[int, int, str]]:
    """Line, column and words of each warning of an event that never comes."""
    file = directory / "f.yml"
    file.write_text(text.replace(" web-v", f" {BUNDLES}/web-v"))
    return [(one.line, one.column, one.render()) for one in warnings(file) if "never comes" in one.message]


@pytest.mark.parametrize("event", NEVER)
def test_an_event_that_nothing_brings_is_warned_of_at_its_place(event: str, tmp_path: Path) -> None:
    text = HEAD + trigger("{file: a.jsonl}", events=f"[DeploymentStart, {event}]")
    ((line, column, told),) = warned(text, tmp_path)
    why, remedy = NEVER[event]
    assert (line, column) == (7, 41)
    assert f"{event} never comes: {why}" in told
    assert remedy in told


@pytest.mark.parametrize(
    ("event", "group", "more"),
    [
        ("DeploymentRollback", "group:\n  auto_rollback: [DEPLOYMENT_FAILURE]", ""),
        ("DeploymentRollback", IN_PLACE, "operator: [{when: {at: 1s}, do: abort}]\n"),
        ("DeploymentRollback", IN_PLACE, "operator: [{when: {at: 1s}, do: stop, auto_rollback: true}]\n"),
        ("DeploymentReady", "group:\n  strategy: {steps: [{setHosts: 1}, {pause: {}}]}", ""),
        ("DeploymentReady", BLUE_GREEN, BALANCED),
        ("InstanceReady", BLUE_GREEN, BALANCED),
    ],
)
def test_what_something_brings_is_not(event: str, group: str, more: str, tmp_path: Path) -> None:
    text = HEAD.replace(IN_PLACE, group) + trigger("{file: a.jsonl}", events=f"[{event}]") + more
    assert warned(text, tmp_path) == []


def test_each_group_is_asked_for_its_own(tmp_path: Path) -> None:
    rolls_back, does_not = (
        f"  - name: {name}\n    auto_rollback: {when}\n    triggers:\n      - "
        "{name: a, events: [DeploymentRollback], target: {file: a}}\n"
        for name, when in (("one", "[DEPLOYMENT_FAILURE]"), ("two", "[]"))
    )
    head = HEAD.partition("deploy:")[0] + "deploy: [{revision: v2, group: one}, {revision: v2, group: two}]\ngroups:\n"
    ((line, _, _),) = warned(head + rolls_back + does_not, tmp_path)
    assert line == 13


@pytest.mark.parametrize("event", ["InstanceStart", "InstanceSuccess", "InstanceFailure", "InstanceReady"])
def test_a_service_has_no_instances_of_which_anybody_could_be_told(event: str, tmp_path: Path) -> None:
    text = f"""\
name: n
fleet: {{hosts: 2, running: v1}}
balancer: {{port: 8080}}
revisions: {{v1: {BUNDLES}/ecs-v1, v2: {BUNDLES}/ecs-v2}}
functions: {{visit-test-traffic: {{}}, say-all-is-well: {{}}}}
group:
  compute_platform: ECS
  triggers: [{{name: t, events: [DeploymentStart, {event}], target: {{file: a.jsonl}}}}]
deploy: [{{revision: v2}}]
"""
    ((line, _, told),) = warned(text, tmp_path)
    assert (line, f"{event} never comes: a deployment on ECS has no instances" in told) == (8, True)


HOOK = '{webhook: {url: "%s"%s}}'


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (HOOK % ("http://example.com", ""), HOOK % ("HTTP://Example.com:80/", ", timeout: 5000ms")),
        ("{file: /tmp/a.jsonl}", "{file: /tmp/../tmp/a.jsonl}"),
    ],
)
def test_one_receiver_in_two_spellings_is_one(one: str, other: str, tmp_path: Path) -> None:
    with Post(sound(trigger(one) + trigger(other, "b")), tmp_path / "j", virtual=True) as post:
        assert len(post._outboxes) == 1


def test_one_receiver_with_two_sets_of_options_is_refused() -> None:
    one, other = (HOOK % (url, ", timeout: 1s" * late) for late, url in enumerate(("http://a", "http://A/")))
    (told,) = mistakes(trigger(one) + trigger(other, "b"))
    assert told.startswith("f:8:")
    assert "the same receiver as at line 7, with another timeout; write the same timeout at both" in told


def test_an_event_is_told_once() -> None:
    (told,) = mistakes(trigger("{file: a}", events="[DeploymentStart, DeploymentStop, DeploymentStart]"))
    assert told.startswith("f:7:57: error: DeploymentStart stands here twice")
