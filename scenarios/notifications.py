"""Who is told of a group's deployments: CodeDeploy's triggers, and where their messages go."""

from __future__ import annotations

from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator

from scenarios.words import Model, RuleError, SomeTime, Trigger, exactly_one

TRIGGERS_MAX: Final = 10
"""A deployment group has at most so many triggers (user guide, "CodeDeploy quotas")."""
TIMEOUT_MAX_MS: Final = 60_000
"""A receiver is given at most so long for one answer, in milliseconds."""
RETRY_FOR_MAX_MS: Final = 600_000
"""Delivery goes on for at most so long after the run's end, in milliseconds."""

TARGETS: Final = ("file", "webhook", "sns")
INSTANCE: Final = "Instance"
"""How the events begin that are told of each instance."""
VARIABLE_NAME: Final = r"^[A-Za-z_][A-Za-z0-9_]*$"
TOPIC_ARN: Final = r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(\.fifo)?$"
REGION: Final = r"^[a-z]{2}(-[a-z]+)+-\d+$"
SECRET_PREFIX: Final = "whsec_"
"""How a secret of the Standard Webhooks scheme begins, so that it is recognised in the wrong place."""


def http_url(value: str) -> str:
    """An address that can be posted to: http or https, a host, and no password. Raises ValueError."""
    wanted = "expected an address such as https://example.com/hook"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{wanted}; {value!r} is none ({error}): write http:// or https:// and a host") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or not _printable(value):
        raise ValueError(f"{wanted}, found {value!r}: write http:// or https:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("an address keeps no secret, and this one has a user or a password in it: write it without")
    return value


def place_of(url: str) -> str:
    """An address in the one way of writing it: the same for `HTTP://Host` and `http://host:80/`."""
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}{parts.path or '/'}?{parts.query}"


def _printable(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def secret_name(value: object) -> object:
    """The name of the variable with a secret. Raises ValueError for the secret itself, without repeating it."""
    if isinstance(value, str) and value.startswith(SECRET_PREFIX):
        raise ValueError(
            "expected the name of an environment variable, found a secret itself, which every journal would keep: "
            "write WEBHOOK_SECRET, and export it"
        )
    return value


HttpUrl = Annotated[str, AfterValidator(http_url)]
VariableName = Annotated[str, Field(pattern=VARIABLE_NAME), BeforeValidator(secret_name, json_schema_input_type=str)]


class WebhookTarget(Model):
    """An address to which messages are posted. Only its host is ever contacted: no redirect is followed."""

    url: HttpUrl = Field(description="http or https.")
    secret: VariableName | None = Field(
        None,
        description="The name of the environment variable that holds the secret (`whsec_` and Base64). "
        "Left out: messages are not signed.",
    )
    timeout: SomeTime = Field(5_000, le=TIMEOUT_MAX_MS, description="The longest wait for one answer.")
    retry_for: SomeTime = Field(
        30_000,
        le=RETRY_FOR_MAX_MS,
        description="How long after the run's end delivery goes on; what is left then is told as not delivered.",
    )


class SnsTarget(Model):
    """A topic of SNS, or of what speaks like it. Needs `drydeploy[sns]`."""

    topic_arn: str = Field(pattern=TOPIC_ARN)
    endpoint_url: HttpUrl = Field(
        description="Where SNS is, such as http://127.0.0.1:5000. There is no default: AWS itself is spoken to only "
        "where its address is written here",
    )
    region: str | None = Field(None, pattern=REGION, description="Left out: the topic's.")
    timeout: SomeTime = Field(5_000, le=TIMEOUT_MAX_MS, description="The longest wait for one answer.")
    retry_for: SomeTime = Field(
        30_000,
        le=RETRY_FOR_MAX_MS,
        description="How long after the run's end delivery goes on; what is left then is told as not delivered.",
    )


class TriggerTarget(Model):
    """Where messages go."""

    model_config = ConfigDict(json_schema_extra=exactly_one(TARGETS))

    file: str | None = Field(
        None,
        min_length=1,
        description="A file to which a JSON object a line is appended. A relative path begins at the journal's "
        "directory, and what is missing of it there is made.",
    )
    webhook: WebhookTarget | None = None
    sns: SnsTarget | None = None

    @property
    def address(self) -> tuple[str, ...]:
        """What it is, however it is written; that of a file its path says, once that is resolved."""
        if self.webhook is not None:
            return ("webhook", place_of(self.webhook.url))
        if self.sns is not None:
            return ("sns", self.sns.topic_arn, place_of(self.sns.endpoint_url))
        return ("file", str(self.file))

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, name) is not None for name in TARGETS) != 1:
            raise RuleError("expected exactly one of file, webhook, sns")
        return self


class TriggerConfig(Model):
    """What is told of a group's deployments, and to whom."""

    name: str = Field(min_length=1, max_length=100, description="Every message bears it, as `eventTriggerName`.")
    events: tuple[Trigger, ...] = Field(min_length=1, description="What is told.")
    target: TriggerTarget

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.events)) < len(self.events):
            raise RuleError("expected each event once")
        return self
