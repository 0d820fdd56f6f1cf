"""What makes a scenario a test."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from scenarios.words import DeploymentStatus, ErrorCode, LifecycleEvent, Model, Trigger

Outcome = Literal["succeeded", "failed", "stopped", "rolled_back", "rollback_failed", "inconclusive"]


class ExpectDeployment(Model):
    """What is expected of one deployment. What is left out may be anything."""

    revision: str | None = None
    group: str | None = Field(None, description="The group's name, where there are several.")
    status: DeploymentStatus | None = None
    creator: (
        Literal["user", "codeDeployRollback", "CodeDeployAutoUpdate", "autoscaling", "autoscalingTermination"] | None
    ) = None
    error: ErrorCode | None = Field(None, description="The error code, such as HEALTH_CONSTRAINTS.")
    message: str | None = Field(None, description="Words that the error's message contains.")
    hosts: dict[Literal["Succeeded", "Failed", "Skipped", "Pending"], int] = Field(
        {}, description="How many hosts ended in each status; a status that is not named may have any number."
    )


class ExpectEvent(Model):
    """A lifecycle event that is expected. A list is expected in its order; others may come between."""

    host: str | None = None
    event: LifecycleEvent
    status: Literal["Succeeded", "Failed", "Skipped"]
    deployment: int | None = Field(None, ge=1, description="In the n-th deployment of the run; rollbacks count.")
    message: str | None = Field(None, description="Words that the event's diagnostics contain.")


class Expect(Model):
    """What makes a scenario a test."""

    outcome: Outcome | None = Field(
        None,
        description="How it ended: the last deployment of `deploy`, with its rollback if there was one; of several "
        "groups the one that fared worst.",
    )
    deployments: tuple[ExpectDeployment, ...] | None = Field(None, description="All deployments of the run, in order.")
    refused: tuple[str, ...] | None = Field(
        None,
        description="The revisions, in order, whose deployment was refused because the group had one under way.",
    )
    revisions: dict[str, int] | None = Field(
        None,
        description="How many hosts end on each revision ('none' for no revision); "
        "a revision that is not named may be on any number.",
    )
    hosts: dict[str, str] = Field(
        {}, description="The revision on which a host ends, by name; of several groups' it has this one."
    )
    events: tuple[ExpectEvent, ...] = Field((), description="In this order; others may come between.")
    environments: dict[str, Literal["Succeeded", "Failed", "Stopped", "Skipped"]] = Field(
        {}, description="How the last revision that went through the environments fared in each, by name."
    )
    residue: dict[str, Literal["left", "gone", "replaced"]] | None = Field(
        None,
        description="The files that rollbacks leave otherwise than they were, and no others: `left` (it was not there "
        "before), `gone` (it was), `replaced` (something else stands in its place). Looked at are the directories that "
        "a revision installs to.",
    )
    in_service_min: int | None = Field(None, ge=0, description="At least so many hosts in service at any time.")
    availability: float | None = Field(None, ge=0, le=1, description="At least this share of requests answered.")
    notifications: tuple[Trigger, ...] = Field((), description="Triggers in this order, others may come between.")
    launch_loops: tuple[str, ...] | None = Field(
        None, description="The pools, and no others, whose launches fail alike again and again."
    )
    mixed_versions: tuple[str, ...] | None = Field(
        None, description="The groups, and no others, that end with hosts which missed a deployment."
    )
    stranded: tuple[str, ...] | None = Field(
        None, description="The hosts, and no others, that end in a pool without anybody deploying to them."
    )
    notifications_delivered: bool = Field(
        False,
        description="Every message of the groups' triggers reached its target. Asked by `drydeploy run`, which alone "
        "delivers.",
    )
    every_host_succeeds: bool = Field(
        False, description="Stricter than CodeDeploy: no host of any deployment may fail."
    )
