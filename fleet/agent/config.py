"""The agent's configuration: one YAML file, the environment, and the file of an on-premises host.

Keys are the open-source agent's where it has them (aws-codedeploy-agent, config.rb), with or without its
leading colon, so that one file can serve both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from fleet.agent.errors import AgentError
from fleet.agent.layout import ROOT_DIR

_FOREIGN_KEYS = frozenset(
    (
        "pid_dir",
        "program_name",
        "verbose",
        "children",
        "codedeploy_test_profile",
        "instance_service_region",
        "instance_service_endpoint",
        "instance_service_port",
        "log_aws_wire",
        "proxy_uri",
        "use_fips_mode",
        "disable_imds_v1",
        "ongoing_deployment_tracking",
        "deploy_control_region",
    )
)


class ConfigError(AgentError):
    """A configuration with which the agent cannot start; the text lists every mistake."""


@dataclass(frozen=True, slots=True)
class Config:
    """How an agent is set up. Times are in seconds (``_s``); None means absent."""

    endpoint: str
    host_identifier: str
    region: str
    root_dir: Path
    log_dir: Path
    signer_certificate: Path | None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    s3_endpoint_override: str | None = None
    github_endpoint: str = "https://api.github.com"
    github_retry_delays_s: tuple[float, ...] = (10, 30, 90)
    max_revisions: int = 5
    wait_between_runs_s: float = 0
    wait_after_error_s: float = 30
    http_read_timeout_s: float = 80
    complete_retry_s: float = 300
    kill_agent_max_wait_s: float = 7200
    enable_deployments_log: bool = True
    developer_mode: bool = False
    log_level: str = "INFO"
    ignored: tuple[str, ...] = ()


def load_config(path: Path, environment: Mapping[str, str] | None = None) -> Config:
    """Read the file ``path``; ``environment`` (by default the process's) overrides region, identity and
    credentials.

    Raises ConfigError.
    """
    env = os.environ if environment is None else environment
    data = {key.removeprefix(":"): value for key, value in _read_mapping(path).items()}
    reader = _Reader(data)
    premises = _on_premises(reader.text("on_premises_config_file"))
    config = _build(reader, premises, env)
    strangers = reader.strangers()
    problems = reader.problems + [_unknown(key, reader.asked) for key in strangers if key not in _FOREIGN_KEYS]
    if problems or config is None:
        raise ConfigError(f"{path}: " + "; ".join(problems))
    return config


def _build(reader: _Reader, premises: Mapping[str, str], env: Mapping[str, str]) -> Config | None:
    developer = reader.flag("developer_mode", env.get("CODEDEPLOY_DEVELOPER_MODE") == "true")
    if reader.flag("enable_auth_policy", False):
        reader.problems.append("`enable_auth_policy` is not supported; remove it")
    endpoint = reader.url("deploy_control_endpoint")
    own_host, own_region = reader.text("host_identifier"), reader.text("region")
    host = env.get("AWS_HOST_IDENTIFIER") or premises.get("host_identifier") or own_host
    region = env.get("AWS_REGION") or premises.get("region") or own_region
    certificate = reader.text("signer_certificate")
    if endpoint is None:
        reader.problems.append("`deploy_control_endpoint` is missing: the URL of the service that hands out commands")
    if not host:
        reader.problems.append("`host_identifier` is missing; give it, or set AWS_HOST_IDENTIFIER")
    if not region:
        reader.problems.append("`region` is missing; give it, or set AWS_REGION")
    if certificate is None and not developer:
        reader.problems.append(
            "`signer_certificate` is missing: the file with the certificate of the service that signs"
        )
    elif certificate is not None and not Path(certificate).is_file():
        reader.problems.append(f"`signer_certificate` is {certificate}, which is no file")
    key_id = reader.text("aws_access_key_id")
    secret = reader.text("aws_secret_access_key")
    level = (reader.text("log_level") or "INFO").upper()
    if level not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        reader.problems.append(f"`log_level` is {level}, where DEBUG, INFO, WARNING or ERROR may stand")
    config = Config(
        endpoint=endpoint or "",
        host_identifier=host or "",
        region=region or "",
        root_dir=Path(reader.text("root_dir") or ROOT_DIR).absolute(),
        log_dir=Path(reader.text("log_dir") or "/var/log/aws/codedeploy-agent").absolute(),
        signer_certificate=Path(certificate).absolute() if certificate else None,
        access_key_id=env.get("AWS_ACCESS_KEY_ID") or premises.get("aws_access_key_id") or key_id,
        secret_access_key=env.get("AWS_SECRET_ACCESS_KEY") or premises.get("aws_secret_access_key") or secret,
        session_token=env.get("AWS_SESSION_TOKEN") or premises.get("aws_session_token"),
        s3_endpoint_override=reader.url("s3_endpoint_override"),
        github_endpoint=reader.url("github_endpoint") or "https://api.github.com",
        github_retry_delays_s=reader.numbers("github_retry_delays", (10, 30, 90)),
        max_revisions=int(reader.number("max_revisions", 5, least=1)),
        wait_between_runs_s=reader.number("wait_between_runs", 0),
        wait_after_error_s=reader.number("wait_after_error", 30, least=0.01),
        http_read_timeout_s=reader.number("http_read_timeout", 80, least=0.1),
        complete_retry_s=reader.number("complete_retry", 300),
        kill_agent_max_wait_s=reader.number("kill_agent_max_wait_time_seconds", 7200),
        enable_deployments_log=reader.flag("enable_deployments_log", True),
        developer_mode=developer,
        log_level=level,
        ignored=tuple(key for key in reader.strangers() if key in _FOREIGN_KEYS),
    )
    return None if reader.problems else config


class _Reader:
    """Typed look-ups that note every mistake."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._data = data
        self.asked: set[str] = set()
        self.problems: list[str] = []

    def _get(self, key: str) -> Any:
        self.asked.add(key)
        return self._data.get(key)

    def text(self, key: str) -> str | None:
        value = self._get(key)
        if value is None or value == "":
            return None
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
        self.problems.append(f"`{key}` is expected to be text, and is {value!r}")
        return None

    def url(self, key: str) -> str | None:
        text = self.text(key)
        if text is not None and (urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname):
            self.problems.append(f"`{key}` is expected to be a URL like http://controller:8080, and is {text}")
        return text.rstrip("/") if text else None

    def flag(self, key: str, default: bool) -> bool:
        value = self._get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.problems.append(f"`{key}` is expected to be true or false, and is {value!r}")
        return default

    def number(self, key: str, default: float, *, least: float = 0) -> float:
        value = self._get(key)
        if value is None:
            return default
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value < 1e9:
            return value
        self.problems.append(f"`{key}` is expected to be a number from {least:g}, and is {value!r}")
        return default

    def numbers(self, key: str, default: tuple[float, ...]) -> tuple[float, ...]:
        value = self._get(key)
        if value is None:
            return default
        if isinstance(value, list) and all(isinstance(item, int | float) and 0 <= item < 1e6 for item in value):
            return tuple(value)
        self.problems.append(f"`{key}` is expected to be a list of seconds, and is {value!r}")
        return default

    def strangers(self) -> list[str]:
        return [key for key in self._data if key not in self.asked]


def _unknown(key: str, known: set[str]) -> str:
    close = get_close_matches(key, sorted(known), n=1)
    return f"unknown key `{key}`" + (
        f"; `{close[0]}` is meant?" if close else f"; known are {', '.join(sorted(known))}"
    )


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is expected to be a mapping of keys to values")
    return {str(key): value for key, value in data.items()}


def _on_premises(file: str | None) -> dict[str, str]:
    """Identity and credentials of an on-premises host (aws-codedeploy-agent, onpremise_config.rb)."""
    if file is None or not Path(file).is_file():
        return {}
    data = {key.removeprefix(":"): str(value) for key, value in _read_mapping(Path(file)).items() if value is not None}
    if "iam_user_arn" in data and "iam_session_arn" in data:
        raise ConfigError(
            f"{file} gives both iam_user_arn and iam_session_arn; keep the one that the host is registered with"
        )
    if "iam_user_arn" in data:
        _need(file, data, "iam_user_arn", ("region", "aws_access_key_id", "aws_secret_access_key"))
        return {**data, "host_identifier": data["iam_user_arn"]}
    if "iam_session_arn" in data:
        _need(file, data, "iam_session_arn", ("region", "aws_credentials_file"))
        return {
            **data,
            **_credentials(data["aws_credentials_file"]),
            "host_identifier": data["iam_session_arn"],
        }
    raise ConfigError(f"{file} gives neither iam_user_arn nor iam_session_arn")


def _need(file: str, data: Mapping[str, str], because: str, keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in data]
    if missing:
        raise ConfigError(f"{file} gives {because}, and lacks {', '.join(missing)}")


def _credentials(file: str) -> dict[str, str]:
    from configparser import ConfigParser
    from configparser import Error as ParserError

    parser = ConfigParser(interpolation=None)
    try:
        if not parser.read(file):
            raise ConfigError(f"the credentials file {file} cannot be read")
    except ParserError as error:
        raise ConfigError(f"the credentials file {file} is no credentials file: {error}") from error
    section = "default" if parser.has_section("default") else ""
    if not section:
        raise ConfigError(f"the credentials file {file} has no [default] section")
    return dict(parser[section])
