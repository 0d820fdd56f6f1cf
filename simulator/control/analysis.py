"""Analyses: the new version judged by the requests that it answered while the analysis lasted.

Thresholds say what must be so. A comparison asks whether the new version's requests are worse than those that the old
version answered in the same time: by the rank test of Mann and Whitney (one-sided, with its correction for ties;
H. B. Mann, D. R. Whitney, Annals of Mathematical Statistics 18, 1947), and by at least a minimum effect. For the test
the larger of the two sides is thinned evenly to the size of the smaller. There are four outcomes: what cannot be
measured is an error, and too little to judge by is inconclusive.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any

from fleet.base import Fleet, FleetError, MakeEvent
from fleet.figures import Figures, Tally
from scenarios.model import Scenario
from scenarios.signals import Analysis, Bound, Compare
from simulator.control.alarms import ERROR_RATE, in_words
from simulator.rollout.commands import StartAnalysis
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import AnalysisEnded, Event
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import AnalysisOutcome

Verdict = tuple[AnalysisOutcome, str]
"""What was found, and why."""

EXTRA = "drydeploy[analysis]"


def require(scenario: Scenario) -> None:
    """Raises FleetError, with what to do, where a comparison is asked for and the statistics are not installed."""
    needs = [name for name, analysis in scenario.analyses.items() if analysis.compare is not None]
    if needs and importlib.util.find_spec("scipy") is None:
        raise FleetError(
            f"the analysis {needs[0]} compares the new version with the old one by a statistical test, and that needs "
            f"SciPy. Try: pip install '{EXTRA}'"
        )


def judge(analysis: Analysis, new: Tally, old: Tally) -> Verdict:
    """What the requests to the new version say, beside those to the old one meanwhile."""
    if new.requests < analysis.requests:
        return _too_few("the new version", new.requests, analysis.requests)
    if analysis.compare is None:
        return _by_thresholds(analysis.thresholds or (), new)
    if old.requests < analysis.requests:
        return _too_few("the baseline", old.requests, analysis.requests)
    return _by_comparison(analysis.compare, new, old, analysis.requests)


def _too_few(who: str, found: int, wanted: int) -> Verdict:
    requests = "no request" if not found else f"{found} request{'s' * (found != 1)}"
    return AnalysisOutcome.INCONCLUSIVE, f"{requests} to {who}, and {wanted} are wanted to judge by"


def _by_thresholds(bounds: tuple[Bound, ...], new: Tally) -> Verdict:
    held: list[str] = []
    broken: list[str] = []
    for bound in bounds:
        metric = bound.metric
        value = new.error_rate if metric == ERROR_RATE else new.latency_ms(int(metric.removeprefix("latency_p")))
        if value is None:
            return AnalysisOutcome.INCONCLUSIVE, f"of {new.requests} requests none was answered, so none tells {metric}"
        side = held if bound.crossed(value) else broken
        side.append(f"{metric} is {in_words(metric, value)}, wanted {str(bound).removeprefix(metric).strip()}")
    if broken:
        return AnalysisOutcome.FAILED, f"{'; '.join(broken)} ({new.requests} requests)"
    return AnalysisOutcome.SUCCESSFUL, f"{'; '.join(held)} ({new.requests} requests)"


# -- the comparison -------------------------------------------------------------------------------------------------


def _by_comparison(compare: Compare, new: Tally, old: Tally, wanted: int) -> Verdict:
    ones, others = _samples(compare.metric, new), _samples(compare.metric, old)
    if len(ones) < wanted or len(others) < wanted:
        who, few = ("the new version", ones) if len(ones) < wanted else ("the baseline", others)
        return AnalysisOutcome.INCONCLUSIVE, f"{len(few)} answers of {who}, and {wanted} are wanted to judge by"
    size = min(len(ones), len(others))
    effect, words = _effect(compare.metric, new, old)
    probability = worse(thinned(ones, size), thinned(others, size))
    allowed = Fraction(str(compare.minimum_effect))
    unit = "percentage points" if compare.metric == ERROR_RATE else "%"
    more = f"{float(effect) * 100:+.3g} {unit}, {float(allowed) * 100:.3g} {unit} were allowed"
    significant = "<" if probability < compare.significance else "≥"
    found = f"{words}: {more}; p = {probability:.3g} {significant} {compare.significance:g} ({size} requests of each)"
    if probability < compare.significance and effect >= allowed:
        return AnalysisOutcome.FAILED, f"worse than the baseline: {found}"
    return AnalysisOutcome.SUCCESSFUL, f"not worse than the baseline, as far as can be told: {found}"


def _samples(metric: str, tally: Tally) -> list[int]:
    """A number for each request, in order: its time, or 1 for one that failed and 0 for one that did not."""
    if metric == ERROR_RATE:
        return [0] * (tally.requests - tally.failed) + [1] * tally.failed
    return list(tally.times.values_us())


def _effect(metric: str, new: Tally, old: Tally) -> tuple[Fraction, str]:
    """How much worse the new version is: the medians' difference in proportion, or that of the error rates."""
    if metric == ERROR_RATE:
        one, other = new.error_rate or Fraction(0), old.error_rate or Fraction(0)
        return one - other, f"{ERROR_RATE} {in_words(ERROR_RATE, one)} against {in_words(ERROR_RATE, other)}"
    one, other = new.latency_ms(50) or Fraction(0), old.latency_ms(50) or Fraction(0)
    words = f"latency_p50 {in_words('latency_p50', one)} against {in_words('latency_p50', other)}"
    return one / (other or Fraction(1, 1000)) - 1, words


def thinned(values: list[int], size: int) -> list[int]:
    """So many of these values in order, evenly spread over them; all of them where they are no more."""
    return [values[(2 * place + 1) * len(values) // (2 * size)] for place in range(size)]


def worse(ones: list[int], others: list[int]) -> float:
    """How probable it is that `ones` come out as much larger than `others` where both are alike (Mann-Whitney)."""
    if len({*ones, *others}) == 1:
        return 1.0  # they are all the same, and the test's variance is nothing
    stats: Any = importlib.import_module("scipy.stats")
    return float(stats.mannwhitneyu(ones, others, alternative="greater", method="asymptotic").pvalue)


# -- in the course of a run -----------------------------------------------------------------------------------------


class Analyses:
    """The analyses of a run. `at(at_ms, make)` is the driver's."""

    def __init__(self, scenario: Scenario, fleet: Fleet, at: Callable[[int, MakeEvent], None]) -> None:
        self._analyses = scenario.analyses
        self._fleet = fleet
        self._at = at

    def start(self, command: StartAnalysis, rollout: Rollout) -> None:
        """Begin to watch; AnalysisEnded comes when its time is over."""
        self._at(command.until_ms, partial(self._end, command, rollout, self._figures()))

    def _figures(self) -> Figures | str:
        try:
            return self._fleet.figures() or "nobody counts the requests"
        except FleetError as error:
            return str(error)

    def _end(
        self, command: StartAnalysis, rollout: Rollout, before: Figures | str, event_id: int, at_ms: int
    ) -> Event | None:
        if not rollout.awaits(command.id):  # somebody stopped the deployment, or did without the analysis
            return None
        outcome, why = self._judge(self._analyses[command.analysis], rollout.deployment, before, self._figures())
        return AnalysisEnded(event_id, at_ms, command.id, command.deployment_id, outcome, why)

    def _judge(
        self, analysis: Analysis, deployment: Deployment, before: Figures | str, after: Figures | str
    ) -> Verdict:
        for figures in (before, after):
            if isinstance(figures, str):
                return AnalysisOutcome.ERROR, f"the figures could not be had: {figures}"
        assert isinstance(before, Figures), "told above"
        assert isinstance(after, Figures), "told above"
        window = after.since(before)
        revision = deployment.revision
        baseline = deployment.last_success.revision if deployment.last_success else None
        if analysis.compare is not None and baseline is None:
            return AnalysisOutcome.ERROR, "there is no version before this one to compare it with"
        if analysis.compare is not None and baseline == revision:
            return AnalysisOutcome.ERROR, f"{revision} is deployed over {revision}: the two cannot be told apart"
        return judge(analysis, window.of(revision), window.of(baseline or ""))
