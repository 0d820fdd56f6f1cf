"""DownloadBundle, sentence by sentence: directories, archives, S3 and GitHub over real HTTP."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.conformance.agent.host import GROUP, Host

APPSPEC = "version: 0.0\nos: linux\n"
KINDS = {"tar": "w:", "tgz": "w:gz"}


def pack(kind: str, files: dict[str, str], *, mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in files.items():
                info = zipfile.ZipInfo(name)
                info.external_attr = 0o100755 << 16
                archive.writestr(info, content)
    else:
        with tarfile.open(fileobj=buffer, mode=mode or KINDS[kind]) as archive:  # type: ignore[call-overload]
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                member.mode = 0o755
                archive.addfile(member, io.BytesIO(content.encode()))
    return buffer.getvalue()


def local_file(host: Host, deployment: str, content: bytes, kind: str) -> dict[str, Any]:
    path = host.folder / f"{deployment}.{kind}"
    path.write_bytes(content)
    revision = {"RevisionType": "Local File", "LocalRevision": {"Location": str(path), "BundleType": kind}}
    return host.specification(deployment, Revision=revision)


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
def test_an_archive_is_unpacked_and_kept_as_bundle_tar(host: Host, kind: str) -> None:
    content = pack(kind, {"appspec.yml": APPSPEC, "bin/run": "x"})
    assert host.do("DownloadBundle", local_file(host, "d-1", content, kind))["status"] == "Succeeded"
    place = host.place("d-1")
    assert place.bundle.read_bytes() == content
    assert (place.archive / "bin/run").read_text() == "x"
    assert (place.archive / "bin/run").stat().st_mode & 0o777 == 0o755


def test_a_compressed_archive_may_be_called_a_tar(host: Host) -> None:
    content = pack("tar", {"appspec.yml": APPSPEC}, mode="w:xz")
    assert host.do("DownloadBundle", local_file(host, "d-1", content, "tar"))["status"] == "Succeeded"


def test_a_directory_is_copied(host: Host) -> None:
    bundle = host.bundle(APPSPEC, {"a": "1"})
    (bundle / "link").symlink_to("a")
    assert host.do("DownloadBundle", host.specification("d-1", bundle))["status"] == "Succeeded"
    archive = host.place("d-1").archive
    assert (archive / "a").read_text() == "1"
    assert (archive / "link").is_symlink()
    assert not archive.is_symlink()


def test_a_directory_that_is_not_there_is_named(host: Host) -> None:
    result = host.do("DownloadBundle", host.specification("d-1", host.folder / "gone"))
    assert result["error_code"] == 5
    assert str(host.folder / "gone") in result["message"]


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
def test_one_directory_with_an_appspec_in_it_is_stripped(host: Host, kind: str) -> None:
    content = pack(kind, {"shop-1.0/appspec.yml": APPSPEC, "shop-1.0/a": "1"})
    host.do("DownloadBundle", local_file(host, "d-1", content, kind))
    assert sorted(path.name for path in host.place("d-1").archive.iterdir()) == ["a", "appspec.yml"]


def test_a_directory_beside_something_else_is_not_stripped(host: Host) -> None:
    content = pack("tar", {"shop/appspec.yml": APPSPEC, "a": "1"})
    host.do("DownloadBundle", local_file(host, "d-1", content, "tar"))
    assert sorted(path.name for path in host.place("d-1").archive.iterdir()) == ["a", "shop"]


@pytest.mark.parametrize("kind", ["tar", "tgz", "zip"])
@pytest.mark.parametrize("damage", ["half", "text", "empty"])
def test_a_corrupt_archive_fails_and_leaves_nothing(host: Host, kind: str, damage: str) -> None:
    content = pack(kind, {"appspec.yml": APPSPEC, "a": "1" * 5000})
    damaged = {"half": content[: len(content) // 2], "text": b"not an archive" * 99, "empty": b""}[damage]
    if kind == "tar" and damage == "half":
        damaged = content[:2000]
    result = host.do("DownloadBundle", local_file(host, "d-1", damaged, kind))
    assert (result["status"], result["error_code"]) == ("Failed", 5)
    assert kind in result["message"]
    place = host.place("d-1")
    assert not place.archive.exists()
    assert [path.name for path in place.root.iterdir()] == ["bundle.tar"]
    assert host.layout.most_recent(GROUP) is None


def test_an_archive_of_another_type_is_recognised(host: Host) -> None:
    result = host.do("DownloadBundle", local_file(host, "d-1", pack("zip", {"a": ""}), "tgz"))
    assert "looks like zip" in result["message"]


def test_a_second_download_replaces_the_first(host: Host) -> None:
    host.do("DownloadBundle", local_file(host, "d-1", pack("tar", {"appspec.yml": APPSPEC, "old": ""}), "tar"))
    host.do("DownloadBundle", local_file(host, "d-1", pack("tar", {"appspec.yml": APPSPEC, "new": ""}), "tar"))
    assert sorted(path.name for path in host.place("d-1").archive.iterdir()) == ["appspec.yml", "new"]


def test_the_last_five_revisions_are_kept(host: Host) -> None:
    bundle = host.bundle(APPSPEC)
    for number in range(1, 8):
        assert host.do("DownloadBundle", host.specification(f"d-{number}", bundle))["status"] == "Succeeded"
        os.utime(host.place(f"d-{number}").root, (number, number))
    kept = sorted(path.name for path in (host.root / GROUP).iterdir())
    assert kept == ["d-3", "d-4", "d-5", "d-6", "d-7"]


def test_the_last_successful_revision_is_never_removed(host: Host) -> None:
    bundle = host.bundle(APPSPEC)
    host.deploy(host.specification("d-1", bundle), "DownloadBundle", "Install")
    os.utime(host.place("d-1").root, (1, 1))
    for number in range(2, 9):
        host.do("DownloadBundle", host.specification(f"d-{number}", bundle))
        os.utime(host.place(f"d-{number}").root, (number, number))
    assert host.place("d-1").archive.is_dir()


def test_the_number_of_revisions_is_configured(idle_host: Host) -> None:
    idle_host.settings["max_revisions"] = 2
    idle_host.start()
    bundle = idle_host.bundle(APPSPEC)
    for number in (1, 2, 3):
        idle_host.do("DownloadBundle", idle_host.specification(f"d-{number}", bundle))
        os.utime(idle_host.place(f"d-{number}").root, (number, number))
    assert sorted(path.name for path in (idle_host.root / GROUP).iterdir()) == ["d-2", "d-3"]
    idle_host.stop()


# --- S3 ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3_address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def s3(s3_address: str) -> Any:
    client = boto3.client(
        "s3",
        endpoint_url=s3_address,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    client.create_bucket(Bucket="revisions")
    client.put_bucket_versioning(Bucket="revisions", VersioningConfiguration={"Status": "Enabled"})
    yield client
    for version in client.list_object_versions(Bucket="revisions").get("Versions", []):
        client.delete_object(Bucket="revisions", Key=version["Key"], VersionId=version["VersionId"])
    client.delete_bucket(Bucket="revisions")


@pytest.fixture
def s3_host(idle_host: Host, s3_address: str) -> Iterator[Host]:
    idle_host.settings["s3_endpoint_override"] = s3_address
    idle_host.start()
    yield idle_host
    idle_host.stop()


def s3_spec(host: Host, deployment: str, **fields: str) -> dict[str, Any]:
    revision = {"Bucket": "revisions", "Key": "shop.zip", "BundleType": "zip", **fields}
    return host.specification(deployment, Revision={"RevisionType": "S3", "S3Revision": revision})


HOOK = APPSPEC + "hooks:\n  AfterInstall:\n    - location: run.sh\n"


def test_a_bundle_comes_from_its_bucket_and_the_scripts_know_it(s3_host: Host, s3: Any) -> None:
    out = s3_host.folder / "out"
    files = {"appspec.yml": HOOK, "run.sh": f"#!/bin/sh\nenv | grep ^BUNDLE_ | sort > {out}\n"}
    put = s3.put_object(Bucket="revisions", Key="shop.zip", Body=pack("zip", files))
    spec = s3_spec(s3_host, "d-1", Version=put["VersionId"], ETag=put["ETag"])
    assert s3_host.deploy(spec, "DownloadBundle", "Install", "AfterInstall")["status"] == "Succeeded"
    assert out.read_text().splitlines() == [
        "BUNDLE_BUCKET=revisions",
        f"BUNDLE_ETAG={put['ETag']}",
        "BUNDLE_KEY=shop.zip",
        f"BUNDLE_VERSION={put['VersionId']}",
    ]


def test_without_a_version_the_newest_object_is_taken(s3_host: Host, s3: Any) -> None:
    for word in ("old", "new"):
        s3.put_object(Bucket="revisions", Key="shop.zip", Body=pack("zip", {"appspec.yml": APPSPEC, "w": word}))
    s3_host.do("DownloadBundle", s3_spec(s3_host, "d-1"))
    assert (s3_host.place("d-1").archive / "w").read_text() == "new"


def test_a_version_is_honoured(s3_host: Host, s3: Any) -> None:
    old = s3.put_object(Bucket="revisions", Key="shop.zip", Body=pack("zip", {"appspec.yml": APPSPEC, "w": "old"}))
    s3.put_object(Bucket="revisions", Key="shop.zip", Body=pack("zip", {"appspec.yml": APPSPEC, "w": "new"}))
    s3_host.do("DownloadBundle", s3_spec(s3_host, "d-1", Version=old["VersionId"]))
    assert (s3_host.place("d-1").archive / "w").read_text() == "old"


def test_another_etag_is_refused_with_both_named(s3_host: Host, s3: Any) -> None:
    put = s3.put_object(Bucket="revisions", Key="shop.zip", Body=pack("zip", {"appspec.yml": APPSPEC}))
    result = s3_host.do("DownloadBundle", s3_spec(s3_host, "d-1", ETag='"0123"'))
    assert result["error_code"] == 5
    assert "0123" in result["message"]
    assert put["ETag"].strip('"') in result["message"]
    assert not s3_host.place("d-1").archive.exists()


def test_a_missing_object_is_named(s3_host: Host, s3: Any) -> None:
    result = s3_host.do("DownloadBundle", s3_spec(s3_host, "d-1", Key="gone.zip"))
    assert "s3://revisions/gone.zip" in result["message"]
    assert "NoSuchKey" in result["message"]


# --- GitHub --------------------------------------------------------------------------------------------------------


@pytest.fixture
def github_host(idle_host: Host) -> Iterator[Host]:
    idle_host.settings["github_endpoint"] = idle_host.service.address
    idle_host.start()
    yield idle_host
    idle_host.stop()


def github_spec(host: Host, deployment: str, **changes: Any) -> dict[str, Any]:
    revision = {"Account": "acme", "Repository": "shop", "CommitId": "abc123"}
    return host.specification(deployment, Revision={"RevisionType": "GitHub", "GitHubRevision": revision}, **changes)


def test_a_commit_comes_as_a_tarball_and_is_stripped(github_host: Host) -> None:
    out = github_host.folder / "out"
    files = {
        "acme-shop-abc/appspec.yml": HOOK,
        "acme-shop-abc/run.sh": f"#!/bin/sh\necho $BUNDLE_COMMIT > {out}\n",
    }
    github_host.service.files["/repos/acme/shop/tarball/abc123"] = (302, b"/elsewhere")
    github_host.service.files["/elsewhere"] = (200, pack("tgz", files))
    spec = github_spec(github_host, "d-1")
    assert github_host.deploy(spec, "DownloadBundle", "Install", "AfterInstall")["status"] == "Succeeded"
    assert out.read_text() == "abc123\n"
    assert all("authorization" not in headers for _, headers in github_host.service.requests)


def test_the_token_is_sent_to_github_and_to_nobody_else(github_host: Host) -> None:
    github_host.service.files["/repos/acme/shop/tarball/abc123"] = (302, b"/elsewhere")
    github_host.service.files["/elsewhere"] = (200, pack("tgz", {"x/appspec.yml": APPSPEC}))
    github_host.do("DownloadBundle", github_spec(github_host, "d-1", GitHubAccessToken="secret"))
    seen = {path: headers.get("authorization") for path, headers in github_host.service.requests}
    assert seen == {"/repos/acme/shop/tarball/abc123": "token secret", "/elsewhere": None}


def test_a_refusal_is_tried_again_and_then_told(github_host: Host) -> None:
    result = github_host.do("DownloadBundle", github_spec(github_host, "d-1"))
    assert result["error_code"] == 5
    assert "404" in result["message"]
    assert len(github_host.service.requests) == 4
    assert not github_host.place("d-1").bundle.exists()


def test_a_local_revision_has_no_bundle_variables(host: Host) -> None:
    out = host.folder / "out"
    bundle = host.bundle(HOOK, {"run.sh": f"#!/bin/sh\nenv | grep -c ^BUNDLE_ > {out} || true\n"})
    host.deploy(host.specification("d-1", bundle), "DownloadBundle", "Install", "AfterInstall")
    assert Path(out).read_text() == "0\n"
