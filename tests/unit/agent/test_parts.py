"""The small parts: lists, globs, ranges, specifications, configuration, layout, diagnostics, logs."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from fleet.agent.acl import complete, parse_entry
from fleet.agent.appspec import Permission
from fleet.agent.cleanup import parse as parse_cleanup
from fleet.agent.config import ConfigError, load_config
from fleet.agent.errors import Code, ScriptFailure
from fleet.agent.globs import applies_to, fits_glob
from fleet.agent.layout import Layout
from fleet.agent.protocol import PAYLOAD_MAX_CHARS, Diagnostics, failed
from fleet.agent.script_log import TAIL_MAX_CHARS, ScriptLog
from fleet.agent.script_process import command_line
from fleet.agent.selinux import check_range
from fleet.agent.specification import GitHubRevision, S3Revision, SpecificationError, parse


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("u:web:rw", "user:web:rw-"),
        ("web:5", "user:web:r-x"),
        ("group:www:rwx", "group:www:rwx"),
        ("m:rx", "mask::r-x"),
        ("m::7", "mask::rwx"),
        ("d:u:web:r", "default:user:web:r--"),
        ("default:web:r", "default:user:web:r--"),
        ("d::6", "default:user::rw-"),
        ("d:o::0", "default:other::---"),
        ("d:m:7", "default:mask::rwx"),
    ],
)
def test_acl_entries(text: str, entry: str) -> None:
    assert str(parse_entry(text)) == entry


BAD_ENTRIES = ["", "rw", "u::rw", "g::r", "o::r", ":rw", "o:x:r", "d:d:x:r", "x:u:web:r", "a:b:c:d:e", "u:w:8"]


@pytest.mark.parametrize("text", BAD_ENTRIES)
def test_acl_entries_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_entry(text)


def test_a_list_is_completed_from_the_mode() -> None:
    done = [str(entry) for entry in complete([parse_entry("u:web:rw"), parse_entry("d:u:web:r")], 0o640)]
    assert done == [
        "user:web:rw-",
        "default:user:web:r--",
        "user::rw-",
        "group::r--",
        "other::---",
        "mask::r--",
        "default:user::rw-",
        "default:group::r--",
        "default:other::---",
        "default:mask::r--",
    ]


@pytest.mark.parametrize("text", ["s0", "s0-s15", "s0:c0", "s0-s1:c0.c1023,", "s0:c1,c2", "s0:c5.c5"])
def test_ranges(text: str) -> None:
    if text.endswith(","):
        with pytest.raises(ValueError, match="category"):
            check_range(text)
    else:
        check_range(text)


BAD_RANGES = ["", "s", "0", "s1-s0", "s0-", "s0:", "s0:c9999", "s0:c2.c1", "s0:c1,c1", "s0:c1.c3,c2", "s٣"]


@pytest.mark.parametrize("text", BAD_RANGES)
def test_ranges_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        check_range(text)


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("a.sh", "*.sh", True),
        ("d/a.sh", "*.sh", False),
        ("a.sh", "*", True),
        ("a.sh", "a.sh", True),
        ("a.sh", "a.s", False),
        ("a.sh", "?.sh", False),
        ("abcabd", "*abd", True),
        ("a", "***", True),
        ("", "*", True),
    ],
)
def test_globs(name: str, pattern: str, fits: bool) -> None:
    assert fits_glob(name, pattern) is fits


def test_a_permission_is_for_what_lies_below() -> None:
    permission = Permission("/srv/")
    assert applies_to(permission, "/srv/a/b")
    assert not applies_to(permission, "/srv")
    assert not applies_to(permission, "/srvx")
    assert applies_to(Permission("/"), "/a")


@pytest.mark.parametrize(
    ("runas", "sudo", "command"),
    [
        (None, False, ["/a b"]),
        (None, True, ["sudo", "/a b"]),
        ("web", False, ["su", "web", "-c", "'/a b'"]),
        ("web", True, ["sudo", "su", "web", "-c", "'/a b'"]),
    ],
)
def test_command_lines(runas: str | None, sudo: bool, command: list[str]) -> None:
    assert command_line(Path("/a b"), runas, sudo) == command


S3 = {"RevisionType": "S3", "S3Revision": {"Bucket": "b", "Key": "k", "BundleType": "zip"}}
SPEC: dict[str, Any] = {
    "DeploymentId": "d-1",
    "DeploymentGroupId": "g",
    "DeploymentGroupName": "prod",
    "ApplicationName": "shop",
    "Revision": S3,
}


def read(**changes: Any) -> Any:
    return parse(json.dumps({**SPEC, **changes}).encode())


def test_defaults_of_a_specification() -> None:
    spec = read()
    assert (spec.creator, spec.deployment_type, spec.appspec_name) == ("user", "IN_PLACE", "appspec.yml")
    assert (spec.behaviour, spec.possible_events) == ("DISALLOW", None)
    assert spec.revision == S3Revision("b", "k", "zip")


def test_a_commit_is_a_tar_by_default() -> None:
    revision = {"RevisionType": "GitHub", "GitHubRevision": {"Account": "a", "Repository": "r", "CommitId": "c"}}
    spec = read(Revision=revision)
    assert spec.revision == GitHubRevision("a", "r", "c", "tar")
    assert spec.revision_environment() == {"BUNDLE_COMMIT": "c"}


def revision(kind: str, **fields: str) -> dict[str, Any]:
    field = {"S3": "S3Revision", "GitHub": "GitHubRevision"}.get(kind, "LocalRevision")
    return {"Revision": {"RevisionType": kind, field: fields}}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"DeploymentId": ""}, "DeploymentId"),
        ({"DeploymentId": "../x"}, "DeploymentId"),
        ({"DeploymentId": "arn:aws:codedeploy:r:1:deployment/.."}, "DeploymentId"),
        ({"DeploymentGroupId": None}, "DeploymentGroupId"),
        ({"DeploymentGroupName": 5}, "DeploymentGroupName"),
        ({"ApplicationName": ""}, "ApplicationName"),
        ({"Revision": None}, "Revision"),
        ({"Revision": {}}, "Revision"),
        ({"Revision": {"S3Revision": {}}}, "RevisionType"),
        (revision("S3", Bucket="b", Key="k"), "BundleType"),
        (revision("S3", Bucket="b", Key="k", BundleType="rar"), "rar"),
        (revision("GitHub", Account="a", Repository="r"), "CommitId"),
        (revision("GitHub", Account="a", Repository="r", CommitId="c", BundleType="tgz"), "tgz"),
        (revision("Local File", BundleType="tar"), "Location"),
        (revision("Local File", Location="/x", BundleType="directory"), "directory"),
        (revision("Carrier Pigeon"), "Carrier Pigeon"),
        ({"AllPossibleLifecycleEvents": "all"}, "AllPossibleLifecycleEvents"),
        ({"AgentActionOverrides": []}, "AgentActionOverrides"),
    ],
)
def test_specifications_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(SpecificationError, match=word.replace("(", ".")):
        read(**changes)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff"])
def test_no_specification_at_all(content: bytes) -> None:
    with pytest.raises(SpecificationError):
        parse(content)


# --- configuration -------------------------------------------------------------------------------------------------


def config_file(folder: Path, **changes: object) -> Path:
    (folder / "c.pem").write_text("")
    values = {
        "deploy_control_endpoint": "http://127.0.0.1:1/",
        "host_identifier": "h",
        "region": "eu-west-1",
        "signer_certificate": str(folder / "c.pem"),
        **changes,
    }
    path = folder / "agent.yml"
    path.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items()))
    return path


def test_configuration_defaults(tmp_path: Path) -> None:
    config = load_config(config_file(tmp_path), {})
    assert config.endpoint == "http://127.0.0.1:1"
    assert str(config.root_dir) == "/opt/codedeploy-agent/deployment-root"
    assert (config.max_revisions, config.http_read_timeout_s, config.wait_between_runs_s) == (5, 80, 0)


def test_the_ruby_agents_keys_are_understood(tmp_path: Path) -> None:
    path = config_file(tmp_path)
    lines = [*path.read_text().splitlines(), "verbose: false", "max_revisions: 2"]
    path.write_text("---\n" + "".join(f":{line}\n" for line in lines))
    config = load_config(path, {})
    assert (config.max_revisions, config.ignored) == (2, ("verbose",))


def test_the_environment_comes_first(tmp_path: Path) -> None:
    env = {"AWS_HOST_IDENTIFIER": "other", "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "a"}
    config = load_config(config_file(tmp_path), env)
    assert (config.host_identifier, config.region, config.access_key_id) == ("other", "us-east-1", "a")


def test_an_on_premises_user(tmp_path: Path) -> None:
    premises = tmp_path / "onpremises.yml"
    premises.write_text(
        "region: eu-west-2\naws_access_key_id: k\naws_secret_access_key: s\niam_user_arn: arn:aws:iam::1:user/h\n"
    )
    config = load_config(config_file(tmp_path, on_premises_config_file=str(premises)), {})
    assert (config.region, config.host_identifier) == ("eu-west-2", "arn:aws:iam::1:user/h")
    assert (config.access_key_id, config.secret_access_key) == ("k", "s")


def test_an_on_premises_session(tmp_path: Path) -> None:
    premises, credentials = tmp_path / "onpremises.yml", tmp_path / "credentials"
    credentials.write_text("[default]\naws_access_key_id = k\naws_secret_access_key = s\naws_session_token = t\n")
    premises.write_text(f"region: eu-west-2\naws_credentials_file: {credentials}\niam_session_arn: arn:aws:sts::1:x\n")
    config = load_config(config_file(tmp_path, on_premises_config_file=str(premises)), {})
    assert (config.host_identifier, config.session_token) == ("arn:aws:sts::1:x", "t")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("iam_user_arn: a\niam_session_arn: b\nregion: r\n", "both"),
        ("iam_user_arn: a\naws_access_key_id: k\naws_secret_access_key: s\n", "region"),
        ("iam_session_arn: a\nregion: r\n", "aws_credentials_file"),
        ("region: r\n", "neither"),
    ],
)
def test_on_premises_files_refused(tmp_path: Path, content: str, word: str) -> None:
    premises = tmp_path / "onpremises.yml"
    premises.write_text(content)
    with pytest.raises(ConfigError, match=word):
        load_config(config_file(tmp_path, on_premises_config_file=str(premises)), {})


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"deploy_control_endpoint": "controller:80"}, "URL"),
        ({"max_revisions": 0}, "max_revisions"),
        ({"max_revision": 3}, "`max_revisions` is meant"),
        ({"signer_certificate": "/no/such/file"}, "no file"),
        ({"log_level": "LOUD"}, "LOUD"),
        ({"enable_auth_policy": True}, "enable_auth_policy"),
        ({"github_retry_delays": "often"}, "list of seconds"),
        ({"host_identifier": ["a"]}, "text"),
    ],
)
def test_configurations_refused(tmp_path: Path, changes: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        load_config(config_file(tmp_path, **changes), {})


@pytest.mark.parametrize("content", ["- a\n", "a: [\n"])
def test_no_configuration_at_all(tmp_path: Path, content: str) -> None:
    path = tmp_path / "agent.yml"
    path.write_text(content)
    with pytest.raises(ConfigError):
        load_config(path, {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "gone.yml", {})


# --- layout, logs, diagnostics -------------------------------------------------------------------------------------


def test_where_things_lie() -> None:
    layout = Layout(Path("/r"))
    place = layout.place("g", "d-1")
    assert str(place.bundle) == "/r/g/d-1/bundle.tar"
    assert str(place.archive) == "/r/g/d-1/deployment-archive"
    assert str(place.scripts_log) == "/r/g/d-1/logs/scripts.log"
    assert str(layout.cleanup_file("g")) == "/r/deployment-instructions/g-cleanup"
    assert str(layout.install_file("g")) == "/r/deployment-instructions/g-install.json"
    assert str(layout.deployments_log) == "/r/deployment-logs/codedeploy-agent-deployments.log"
    assert layout.last_successful("g") is None


def test_interrupted_commands_come_oldest_first(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for number, name in enumerate(("d-9", "d-1", "d-5")):
        layout.track(name, f"c-{name}")
        os.utime(layout.ongoing / name, (1000 + number, 1000 + number))
    assert list(layout.interrupted(now_s=2000).items()) == [("d-9", "c-d-9"), ("d-1", "c-d-1"), ("d-5", "c-d-5")]
    assert layout.interrupted(now_s=1000 + 24 * 3600 + 10) == {}
    assert list(layout.ongoing.iterdir()) == []


def test_a_clean_up_file_is_read_backwards() -> None:
    assert parse_cleanup(b"/a\n/a/b \n/a/c") == ("/a/b ", "/a")
    assert parse_cleanup(b"") == ()


def test_the_tail_of_one_long_line() -> None:
    log = ScriptLog(io.StringIO(), None, "d-1")
    log.write("x" * 5000)
    assert log.tail == "x" * (TAIL_MAX_CHARS - 1) + "\n"
    log.write("y")
    assert log.tail == "y\n"


def test_diagnostics_fit_the_services_bound() -> None:
    payload = Diagnostics(Code.SCRIPT_FAILED, "a.sh", "m" * 9000, "\x00" * 3000).payload()
    assert len(payload) <= PAYLOAD_MAX_CHARS
    assert json.loads(payload)["error_code"] == 4


def test_what_an_error_becomes() -> None:
    assert failed(ScriptFailure(Code.SCRIPT_MISSING, "a.sh", "gone", "log")) == Diagnostics(
        Code.SCRIPT_MISSING, "a.sh", "gone", "log"
    )
    assert failed(ValueError("x")) == Diagnostics(Code.UNKNOWN, "", "ValueError: x", "")
