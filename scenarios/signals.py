"""What is watched during a deployment: alarms that stop it, and analyses that judge the new version."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from scenarios.words import Model, RuleError, SomeTime, duration_ms, exactly_one

ALARMS_MAX: Final = 10
"""A deployment group has at most so many alarms (user guide, "CodeDeploy quotas")."""
SIGNALS_MAX: Final = 100
"""A scenario has at most so many alarms, and so many analyses."""

LatencyMetric = Literal["latency_p50", "latency_p95", "latency_p99"]
Metric = Literal["error_rate", LatencyMetric, "healthy_hosts"]
METRICS: Final = ("error_rate", "latency_p50", "latency_p95", "latency_p99", "healthy_hosts")
AlarmState = Literal["ALARM", "OK", "UNKNOWN"]
SIDES: Final = ("above", "below")
JUDGES: Final = ("thresholds", "compare")

_NUMBER: Final = re.compile(r"^\d+(\.\d+)?$")
_PERCENT: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*%$")
_FORMS: Final = "expected a number, a percentage such as 5% or a duration such as 250ms"


def amount_text(value: object) -> object:
    """A threshold as it was written, checked for its form only: `0.05`, `5%`, `250ms`, `3`."""
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, int | float) and not isinstance(text, bool):
        text = f"{text:.15f}".rstrip("0").rstrip(".")
    if isinstance(text, str) and (_NUMBER.match(text) or _PERCENT.match(text) or _is_duration(text)):
        return text
    raise ValueError(f"{_FORMS}, found {'nothing' if value is None else value}")


def _is_duration(text: str) -> bool:
    try:
        duration_ms(text)
    except ValueError:
        return False
    return True


def share(value: object) -> object:
    """`5%` as 0.05; a number stays what it is, and must be between 0 and 1."""
    number, percent = value, _PERCENT.match(value.strip()) if isinstance(value, str) else None
    if percent is not None:
        number = float(percent[1]) / 100
    if isinstance(number, int | float) and not isinstance(number, bool):
        if 0 <= number <= 1:
            return float(number)
        most = "at most 100%" if percent is not None else f"{number:g}%" if 1 < number <= 100 else "0 to 1"
        raise ValueError(f"expected a share from 0 to 1, or a percentage, found {value}: write {most}")
    raise ValueError(f"expected a share such as 0.05 or 5%, found {'nothing' if value is None else value}: write 5%")


Amount = Annotated[str, BeforeValidator(amount_text, json_schema_input_type=str | float)]
"""A threshold: a share, a percentage, a duration or a whole number, as the metric wants it. Kept as it was written."""
Share = Annotated[float, BeforeValidator(share, json_schema_input_type=str | float)]
"""0 to 1, or a percentage."""


def threshold_of(metric: str, text: str) -> Fraction:
    """What a threshold means to its metric: a share, milliseconds, or hosts. ValueError where it means nothing."""
    percent = _PERCENT.match(text)
    if metric == "error_rate":
        value = Fraction(percent[1]) / 100 if percent else Fraction(text) if _NUMBER.match(text) else None
        if value is None or value > 1:
            raise ValueError(f"an error rate is a share from 0 to 1, or a percentage; found {text}")
        return value
    if metric == "healthy_hosts":
        if not text.isdigit():
            raise ValueError(f"healthy hosts are a whole number; found {text}")
        return Fraction(text)
    if percent or _NUMBER.match(text):
        raise ValueError(f"a latency is a duration such as 250ms; found {text}")
    return Fraction(str(duration_ms(text)))


class Bound(Model):
    """A metric and one side of a threshold."""

    model_config = ConfigDict(json_schema_extra=exactly_one(SIDES))

    metric: Metric = Field(description="A share of failed requests, a percentile of the answers' times, or a count.")
    above: Amount | None = Field(None, description="More than this: a share or percentage, a duration, a number.")
    below: Amount | None = Field(None, description="Less than this.")

    @property
    def limit(self) -> Fraction:
        """The threshold as a number: a share, milliseconds or hosts."""
        written = self.above if self.above is not None else self.below
        assert written is not None, "one of the two is there"
        return threshold_of(self.metric, written)

    def crossed(self, value: Fraction) -> bool:
        """Whether a value is on the named side. A value that is the threshold itself is on neither."""
        return value > self.limit if self.above is not None else value < self.limit

    def __str__(self) -> str:
        return f"{self.metric} above {self.above}" if self.above is not None else f"{self.metric} below {self.below}"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise RuleError("expected exactly one of above, below")
        try:
            _ = self.limit
        except ValueError as error:
            raise RuleError(str(error)) from error
        return self


class Alarm(Model):
    """A named alarm: over the balancer's own figures, or `scripted`, which only faults of the scenario change.

    It fires when the metric was `above` or `below` the threshold in `datapoints` periods in a row, and is OK again
    after one period in which it was not.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": ["metric", "above"]},
                {"required": ["metric", "below"]},
                {"required": ["scripted"]},
            ]
        }
    )

    metric: Metric | None = Field(None, description="Of all requests through the balancer in the period.")
    above: Amount | None = Field(None, description="Fires above this: a share or percentage, a duration, a number.")
    below: Amount | None = Field(None, description="Fires below this.")
    period: SomeTime = Field(5_000, description="Over which the metric is taken.")
    datapoints: int = Field(2, ge=1, le=100, description="So many periods in a row must be beyond the threshold.")
    scripted: bool = Field(False, description="It measures nothing: a fault's `alarm` says what state it is in.")

    @property
    def bound(self) -> Bound | None:
        """What it measures and where the threshold is; None where it is scripted."""
        return None if self.metric is None else Bound(metric=self.metric, above=self.above, below=self.below)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.scripted != (self.metric is None):
            raise RuleError("expected exactly one of metric, scripted")
        if self.metric is None and (self.above is not None or self.below is not None):
            raise RuleError("a scripted alarm has no threshold")
        if self.metric is not None:
            _ = self.bound
        return self


class Compare(Model):
    """A statistical test: whether the new version's requests are worse than the old version's in the same time."""

    metric: Literal["latency", "error_rate"] = Field(description="Which of a request's figures.")
    to: Literal["baseline"] = Field("baseline", description="The requests that the old version answered meanwhile.")
    significance: Share = Field(0.05, description="The chance of a false alarm that is accepted.")
    minimum_effect: Share = Field(
        0.1,
        description="A smaller difference is let pass, however certain it is: of the median latency, in proportion "
        "to the baseline's; of the error rate, as it is.",
    )

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not 0 < self.significance < 1:
            raise RuleError("significance is more than 0 and less than 1")
        return self


class Analysis(Model):
    """Judges the new version by the requests that it answered while the analysis lasted."""

    model_config = ConfigDict(json_schema_extra=exactly_one(JUDGES))

    lasts: SomeTime = Field(description="How long it watches.")
    thresholds: tuple[Bound, ...] | None = Field(
        None, min_length=1, description="What must be so, for all of them: `below: 1%` wants fewer errors than that."
    )
    compare: Compare | None = Field(None, description="Mann and Whitney's test; needs `drydeploy[analysis]`.")
    requests: int = Field(
        20, ge=1, description="With fewer requests to the new version (or the baseline) it is inconclusive."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.thresholds is None) == (self.compare is None):
            raise RuleError("expected exactly one of thresholds, compare")
        if any(bound.metric == "healthy_hosts" for bound in self.thresholds or ()):
            raise RuleError("an analysis judges requests; healthy_hosts is for alarms")
        return self


class AlarmFlapping(Model):
    """In ALARM for `alarm`, OK for `ok`, and again."""

    alarm: SomeTime = Field(description="How long it is in ALARM.")
    ok: SomeTime = Field(description="How long it is OK.")


class AlarmFault(Model):
    """An alarm says this while the fault lasts, whatever its metric says."""

    name: str = Field(description="One of the scenario's alarms.")
    state: AlarmState = Field("ALARM", description="UNKNOWN: it cannot be asked.")
    flapping: AlarmFlapping | None = Field(None, description="ALARM and OK in turn, in place of a state.")

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        return f"{self.name} {self.state if self.flapping is None else 'flapping'}"

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.flapping is not None and "state" in self.model_fields_set:
            raise RuleError("an alarm that flaps has no state of its own")
        return self
