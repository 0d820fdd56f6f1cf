"""Topics: boto3's real requests to a real endpoint, one that fails for a while, and moto's SNS."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scenarios.notifications import SnsTarget
from simulator.control.notifications import NotificationError
from simulator.control.notifications.outbox import Outbox
from simulator.control.notifications.sns import Sns
from tests.support.receivers import BREAKS, HANGS, WAIT_S, Answer, delivered, ids, serving, text, until

TOPIC = "arn:aws:sns:us-east-1:123456789012:deployments"


def topic(endpoint: str, arn: str = TOPIC, **told: Any) -> Sns:
    data = {"topic_arn": arn, "endpoint_url": endpoint, "timeout": "500ms", **told}
    return Sns(SnsTarget.model_validate(data))


PUBLISHED = Answer(
    200,
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId>'
    "</PublishResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>",
    {"content-type": "text/xml"},
)


def error(status: int, code: str) -> Answer:
    words = f"<ErrorResponse><Error><Code>{code}</Code><Message>words</Message></Error></ErrorResponse>"
    return Answer(status, words, {"content-type": "text/xml"})


def form(body: str) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(body))


def test_a_topic_is_published_to_with_boto3s_own_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    with serving(then=PUBLISHED) as server:
        assert delivered(topic(server.url, region="eu-west-2"), 1).reason == ""
        (got,) = server.got
    assert form(got.body) == {
        "Action": "Publish",
        "Version": "2010-03-31",
        "TopicArn": TOPIC,
        "Subject": "subject 0",
        "Message": text(0).text,
    }
    assert "/eu-west-2/sns/aws4_request" in got.headers["authorization"]
    assert "AKIAREAL" not in got.headers["authorization"], "real credentials are for AWS alone"


def test_a_fifo_topic_is_told_the_order_and_the_ids() -> None:
    with serving(then=PUBLISHED) as server:
        delivered(topic(server.url, TOPIC + ".fifo"), 2)
        sent = [form(got.body) for got in server.got]
    assert [one["MessageGroupId"] for one in sent] == ["d-0", "d-0"]
    assert [one["MessageDeduplicationId"] for one in sent] == ids(2)


def test_an_endpoint_that_fails_for_a_while_gets_all_in_order() -> None:
    trouble = (error(500, "InternalError"), error(429, "Throttled"), BREAKS, HANGS)
    with serving(*trouble, then=PUBLISHED) as server:
        assert delivered(topic(server.url), 3).reason == ""
        accepted = [form(got.body)["Subject"] for got in server.accepted]
    assert accepted == ["subject 0", "subject 1", "subject 2"]
    assert len(server.got) == 7


def test_an_endpoint_that_refuses_is_not_asked_again() -> None:
    with serving(then=error(404, "NotFound")) as server:
        report = delivered(topic(server.url), 2)
        assert len(server.got) == 2
    assert len(report.undelivered) == 2
    assert report.reason.startswith("it answered 404: An error occurred (NotFound)")


def test_an_endpoint_that_does_not_speak_sns_is_told() -> None:
    with serving(then=Answer(200, "<html>")) as server:
        report = delivered(topic(server.url), 1)
    assert len(report.undelivered) == 1
    assert "ParserError" in report.reason


def test_an_endpoint_that_is_not_there_is_tried_until_it_is_given_up() -> None:
    outbox = Outbox(topic("http://127.0.0.1:1"))
    outbox.put(text(0))
    until(lambda: "Could not connect to the endpoint URL" in outbox.waiting[1])
    outbox.close()
    outbox.give_up()
    assert outbox.finished(WAIT_S)
    assert len(outbox.report().undelivered) == 1


def test_without_boto3_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(NotificationError, match=r"pip install 'drydeploy\[sns\]'"):
        topic("http://127.0.0.1:1")


def test_a_real_sns_takes_what_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    boto3, server = pytest.importorskip("boto3"), pytest.importorskip("moto.server")
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    moto = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        there = {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
        sns, sqs = boto3.client("sns", **there), boto3.client("sqs", **there)
        arn = sns.create_topic(Name="deployments")["TopicArn"]
        queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        where = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=where)
        assert delivered(topic(there["endpoint_url"], arn), 3).reason == ""
        came = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10)["Messages"]
    finally:
        moto.stop()
    bodies = [json.loads(one["Body"]) for one in came]
    assert sorted(body["Subject"] for body in bodies) == ["subject 0", "subject 1", "subject 2"]
    assert {body["Message"] for body in bodies} == {text(number).text for number in range(3)}
