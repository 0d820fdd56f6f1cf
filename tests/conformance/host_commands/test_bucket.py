"""The bucket is S3 to boto3: who may read gets the bytes, who may not is told what is missing.

Sources: S3 API reference, "GetObject" and "Error responses".
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import botocore.config
import botocore.session
import pytest
from botocore.exceptions import ClientError

from fleet.agent.config import load_config
from fleet.agent.download import NetworkSources
from fleet.agent.errors import AgentError
from fleet.agent.specification import S3Revision
from fleet.bundle_store import BUCKET
from tests.conformance.host_commands.conftest import Service

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def key_id(service: Service) -> str:
    """The access key of h1, for which the bucket has v2.tgz."""
    service.endpoint.bundles.put("v2.tgz", CONTENT)
    return service.endpoint.register("h1")


def s3(service: Service, key_id: str) -> Any:
    return botocore.session.Session().create_client(
        "s3",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{service.port}",
        aws_access_key_id=key_id,
        aws_secret_access_key=service.endpoint.secret_access_key,
        config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def refusal(service: Service, key_id: str, key: str = "v2.tgz") -> tuple[int, str, str]:
    with pytest.raises(ClientError) as caught:
        s3(service, key_id).get_object(Bucket=BUCKET, Key=key)
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"], answer["Error"]["Message"]


def test_an_object_comes_as_it_is_with_its_etag(service: Service, key_id: str) -> None:
    found = s3(service, key_id).get_object(Bucket=BUCKET, Key="v2.tgz")
    assert found["Body"].read() == CONTENT
    assert found["ETag"] == f'"{hashlib.md5(CONTENT).hexdigest()}"'


def test_a_role_without_the_permission_is_told_which(service: Service, key_id: str) -> None:
    other = service.endpoint.register("h2")
    service.endpoint.bundles.deny("h1", "fault")
    status, code, message = refusal(service, key_id)
    assert (status, code) == (403, "AccessDenied")
    assert "arn:aws:sts::123456789012:assumed-role/drydeploy-host/h1" in message
    assert "lacks s3:GetObject" in message
    assert f"arn:aws:s3:::{BUCKET}/v2.tgz" in message
    assert s3(service, other).get_object(Bucket=BUCKET, Key="v2.tgz")["ContentLength"] == len(CONTENT)


def test_a_permission_comes_back_once_nothing_keeps_it(service: Service, key_id: str) -> None:
    for fault in ("one", "other"):
        service.endpoint.bundles.deny("h1", fault)
    service.endpoint.bundles.allow("h1", "one")
    assert refusal(service, key_id)[0] == 403
    service.endpoint.bundles.allow("h1", "other")
    service.endpoint.bundles.allow("h2", "never denied")
    assert s3(service, key_id).get_object(Bucket=BUCKET, Key="v2.tgz")["ContentLength"] == len(CONTENT)


def test_what_is_not_there_and_who_is_nobody(service: Service, key_id: str) -> None:
    assert refusal(service, key_id, "v3.tgz")[:2] == (404, "NoSuchKey")
    assert refusal(service, "AKIAIOSFODNN7EXAMPLE")[:2] == (403, "InvalidAccessKeyId")


def test_the_agent_says_what_the_bucket_said(service: Service, key_id: str, tmp_path: Path) -> None:
    (tmp_path / "agent.yml").write_text(
        f"deploy_control_endpoint: http://127.0.0.1:{service.port}\n"
        f"s3_endpoint_override: http://127.0.0.1:{service.port}\n"
        f"host_identifier: h1\nregion: us-east-1\ndeveloper_mode: true\n"
        f"aws_access_key_id: {key_id}\naws_secret_access_key: x\n"
    )
    sources = NetworkSources(load_config(tmp_path / "agent.yml", {}))
    revision = S3Revision(BUCKET, "v2.tgz", "tgz")
    sources.s3(revision, tmp_path / "bundle")
    assert (tmp_path / "bundle").read_bytes() == CONTENT
    service.endpoint.bundles.deny("h1", "fault")
    with pytest.raises(AgentError, match=r"s3://drydeploy-revisions/v2\.tgz was refused: AccessDenied: .*s3:GetObject"):
        sources.s3(revision, tmp_path / "bundle")


def test_an_endpoint_that_was_suspended_is_found_where_it_was(service: Service, host: str) -> None:
    service.offer()
    service.on_loop(service.endpoint.suspend)
    with pytest.raises(Exception, match="Could not connect"):
        service.client().poll_host_command(HostIdentifier=host)
    service.on_loop(service.endpoint.resume)
    service.on_loop(service.endpoint.resume)
    found = service.client().poll_host_command(HostIdentifier=host)
    assert found["HostCommand"]["CommandName"] == "Install"
