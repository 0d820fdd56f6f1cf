"""The deployment specification: what the service tells an agent about a deployment.

Fields, defaults and refusals are the open-source agent's (aws-codedeploy-agent, deployment_specification.rb).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fleet.agent.errors import AgentError

ARCHIVE_TYPES = ("tar", "tgz", "zip")
_NO_NAME = re.compile(r"[/\0\n]|^\.{1,2}$")


class SpecificationError(AgentError):
    """A specification that the agent refuses."""


@dataclass(frozen=True, slots=True)
class S3Revision:
    """A bundle in a bucket; ``version`` and ``etag`` where the deployment names them."""

    bucket: str
    key: str
    bundle_type: str
    version: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class GitHubRevision:
    """A commit of a repository; ``bundle_type`` is tar or zip."""

    account: str
    repository: str
    commit: str
    bundle_type: str = "tar"


@dataclass(frozen=True, slots=True)
class LocalRevision:
    """A file or, with the type ``directory``, a directory of the host itself."""

    location: str
    bundle_type: str


Revision = S3Revision | GitHubRevision | LocalRevision


@dataclass(frozen=True, slots=True)
class Specification:
    """A specification that has been read.

    ``possible_events`` is None where the service does not list them.
    """

    deployment_id: str
    group_id: str
    group_name: str
    application: str
    revision: Revision
    creator: str = "user"
    deployment_type: str = "IN_PLACE"
    appspec_name: str = "appspec.yml"
    behaviour: str = "DISALLOW"
    possible_events: tuple[str, ...] | None = None
    github_token: str | None = None

    def revision_environment(self) -> dict[str, str | None]:
        """What a script is told about the bundle; None means that the variable is absent."""
        match self.revision:
            case S3Revision(bucket, key, _, version, etag):
                return {
                    "BUNDLE_BUCKET": bucket,
                    "BUNDLE_KEY": key,
                    "BUNDLE_VERSION": version,
                    "BUNDLE_ETAG": etag,
                }
            case GitHubRevision(commit=commit):
                return {"BUNDLE_COMMIT": commit}
            case _:
                return {}


def parse(content: bytes) -> Specification:
    """Read the JSON of a specification. Raises SpecificationError, which names the field."""
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SpecificationError(f"the deployment specification is no JSON: {error}") from error
    if not isinstance(data, dict):
        raise SpecificationError("the deployment specification is expected to be a JSON object")
    revision_data = _mapping(data, "Revision")
    if not revision_data:
        raise SpecificationError("the deployment specification has no Revision")
    overrides = _mapping(_mapping(data, "AgentActionOverrides"), "AgentOverrides")
    events = data.get("AllPossibleLifecycleEvents") or None
    if events is not None and not isinstance(events, list):
        raise SpecificationError("AllPossibleLifecycleEvents is expected to be a list")
    return Specification(
        deployment_id=_path_name("DeploymentId", _last_part(_required(data, "DeploymentId"))),
        group_id=_path_name("DeploymentGroupId", _required(data, "DeploymentGroupId")),
        group_name=_required(data, "DeploymentGroupName"),
        application=_required(data, "ApplicationName"),
        revision=_revision(revision_data),
        creator=_optional(data, "DeploymentCreator") or "user",
        deployment_type=_optional(data, "DeploymentType") or "IN_PLACE",
        appspec_name=_optional(data, "AppSpecFilename") or "appspec.yml",
        behaviour=(_optional(overrides, "FileExistsBehavior") or "DISALLOW").upper(),
        possible_events=None if events is None else tuple(str(event) for event in events),
        github_token=_optional(data, "GitHubAccessToken"),
    )


def _revision(data: Mapping[str, Any]) -> Revision:
    kind = data.get("RevisionType")
    match kind:
        case "S3":
            fields = _fields(data, "S3Revision", ("Bucket", "Key", "BundleType"))
            _check_type("S3Revision", fields, ARCHIVE_TYPES)
            return S3Revision(
                fields["Bucket"],
                fields["Key"],
                fields["BundleType"],
                _optional(fields, "Version"),
                _optional(fields, "ETag"),
            )
        case "GitHub":
            fields = _fields(data, "GitHubRevision", ("Account", "Repository", "CommitId"))
            kinds = {"BundleType": _optional(fields, "BundleType") or "tar"}
            _check_type("GitHubRevision", kinds, ("tar", "zip"))
            return GitHubRevision(fields["Account"], fields["Repository"], fields["CommitId"], kinds["BundleType"])
        case "Local File" | "Local Directory":
            fields = _fields(data, "LocalRevision", ("Location", "BundleType"))
            _check_type("LocalRevision", fields, (*ARCHIVE_TYPES, "directory"))
            is_directory = kind == "Local Directory"
            if is_directory != (fields["BundleType"] == "directory"):
                raise SpecificationError(f"the revision is a {kind}, and its BundleType is {fields['BundleType']}")
            return LocalRevision(fields["Location"], fields["BundleType"])
        case None:
            raise SpecificationError("the Revision has no RevisionType")
        case _:
            raise SpecificationError(
                f"the RevisionType is `{kind}`; exactly one of S3, GitHub, Local File and Local Directory is expected"
            )


def _fields(data: Mapping[str, Any], name: str, required: tuple[str, ...]) -> Mapping[str, Any]:
    fields = _mapping(data, name)
    missing = [field for field in required if not isinstance(fields.get(field), str) or not fields[field]]
    if missing:
        raise SpecificationError(f"{name} needs {', '.join(required)}, and lacks {', '.join(missing)}")
    return fields


def _check_type(name: str, fields: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    if fields["BundleType"] not in allowed:
        raise SpecificationError(
            f"the BundleType of {name} is `{fields['BundleType']}`; expected is one of {', '.join(allowed)}"
        )


def _mapping(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise SpecificationError(f"{name} in the deployment specification is expected to be an object")
    return value


def _required(data: Mapping[str, Any], name: str) -> str:
    value = _optional(data, name)
    if value is None:
        raise SpecificationError(f"the deployment specification has no {name}")
    return value


def _optional(data: Mapping[str, Any], name: str) -> str | None:
    value = data.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise SpecificationError(f"{name} in the deployment specification is expected to be text")
    return value


def _last_part(identifier: str) -> str:
    return identifier.rpartition("/")[2] if identifier.startswith("arn:") else identifier


def _path_name(name: str, value: str) -> str:
    if not value or _NO_NAME.search(value):
        raise SpecificationError(f"{name} is `{value}`, which cannot name a directory")
    return value
