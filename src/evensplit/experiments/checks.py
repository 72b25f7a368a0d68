"""Checks of a metric that need more numbers than the metric itself: its neighbours, measured in the same pass.

The same metric with values capped (does the effect hang on a few of them?), with what the users did before (were the
groups alike?), and day by day after the assignment (does the effect fade?). Here: which neighbours, and what their
samples say. Not here: the arithmetic (`stats.trust`), or what follows (`conclude`).
"""

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments.measure import Census, Measured, Measurement, measurement
from evensplit.experiments.results import Before, Capped, DayEffect, Novelty, VariantChecks
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Cap, Mean, Metric, Proportion, Ratio, Recorded
from evensplit.stats import distributions
from evensplit.stats.contrast import Contrast, Uncertain, contrast
from evensplit.stats.estimate import NotEnough
from evensplit.stats.relative import around
from evensplit.stats.samples import Sample
from evensplit.stats.trust import BIASED_BELOW, CAP, CAP_OF_FEW, MANY, bias, drift, sensitivity

BEFORE_DAYS = 14.0  # looked at where the metric has no covariate of its own
NOVELTY_DAYS = 7  # each is a number more of every user
DAY_HOURS = 24.0

What: TypeAlias = Literal["before", "capped", "day"]


class Neighbour(msgspec.Struct, frozen=True):
    """A metric beside metric number `of`. `day`: since the assignment, from 0; `quantile`: at which it is capped."""

    of: int
    what: What
    metric: Metric
    day: int = 0
    quantile: float = CAP


def neighbours(metrics: Sequence[Metric], users: int) -> list[Neighbour]:
    """Of all metrics. Days only of primary metrics whose time can be cut (means, shares, ratios): they cost most."""
    found = []
    quantile = CAP if users >= MANY else CAP_OF_FEW
    for number, metric in enumerate(metrics):
        bare = _before(metric)
        if bare is not None:
            found.append(Neighbour(number, "before", bare))
        capped = _capped(metric, quantile)
        if capped is not None:
            found.append(Neighbour(number, "capped", capped, quantile=quantile))
        if metric.role == "primary" and isinstance(metric, Proportion | Mean | Ratio | Recorded):
            found += [Neighbour(number, "day", _on_day(metric, day), day) for day in range(NOVELTY_DAYS)]
    return found


def plans(of: Sequence[Neighbour], found: Mapping[str, Census]) -> dict[int, Measurement]:
    """By the neighbour's place; those that cannot be measured are left out."""
    made = {place: measurement(each.metric, found) for place, each in enumerate(of)}
    return {
        place: plan
        for place, plan in made.items()
        if isinstance(plan, Measurement) and (of[place].what != "day" or plan.unit == "user")
    }


def _before(metric: Metric) -> Metric | None:
    if isinstance(metric, Proportion | Mean | Ratio) and metric.covariate_days is None:
        return msgspec.structs.replace(metric, covariate_days=BEFORE_DAYS)
    return None


def _capped(metric: Metric, quantile: float) -> Metric | None:
    """None where a cap is there already or has no meaning."""
    cap = Cap(upper_quantile=quantile)
    if isinstance(metric, Ratio):
        if metric.numerator.cap is not None or metric.denominator.cap is not None:
            return None
        return msgspec.structs.replace(
            metric,
            numerator=msgspec.structs.replace(metric.numerator, cap=cap),
            denominator=msgspec.structs.replace(metric.denominator, cap=cap),
        )
    if isinstance(metric, Mean) and metric.cap is None:
        return msgspec.structs.replace(metric, cap=cap)
    if isinstance(metric, Recorded) and metric.cap is None and metric.shape != "proportion":
        return msgspec.structs.replace(metric, cap=cap, shape="mean")
    return None


def _on_day(metric: Metric, day: int) -> Metric:
    """What users did on one day after their assignment, of those who have had all of that day."""
    plain = msgspec.structs.replace(metric, delay_hours=day * DAY_HOURS, window_hours=DAY_HOURS, unfinished="skip")
    return plain if isinstance(plain, Recorded) else msgspec.structs.replace(plain, covariate_days=None)


# --- what they say --------------------------------------------------------------------------------


class Checked(msgspec.Struct, frozen=True):
    """The neighbours of one metric, measured: without and with caps, and by day. `samples` by variant id."""

    metric: Metric
    plain: Mapping[int, Sample]
    before: Mapping[int, Sample] | None
    capped: Measured | None
    quantile: float  # of the caps
    days: Mapping[int, Mapping[int, Sample]]


def gathered(
    number: int, metric: Metric, plain: Mapping[int, Sample], of: Sequence[Neighbour], measured: Mapping[int, Measured]
) -> Checked:
    """What belongs to metric `number`."""
    mine = [(place, each) for place, each in enumerate(of) if each.of == number and place in measured]
    before = next((measured[place] for place, each in mine if each.what == "before"), None)
    return Checked(
        metric,
        plain,
        None if before is None else before.samples.get(None, {}),
        next((measured[place] for place, each in mine if each.what == "capped"), None),
        next((each.quantile for _, each in mine if each.what == "capped"), CAP),
        {each.day: measured[place].samples.get(None, {}) for place, each in mine if each.what == "day"},
    )


def checks(experiment: Experiment, checked: Checked, alpha: float) -> tuple[VariantChecks, ...]:
    """Each variant against the control; those that there is nothing to say of are left out."""
    control = experiment.named(experiment.control)
    if control is None:
        return ()
    found = []
    for variant in experiment.variants:
        if variant.id == control.id:
            continue
        pair = (variant.id, control.id)
        of = VariantChecks(
            variant=variant.name,
            before=_bias(checked, pair) or msgspec.UNSET,
            capped=_sensitivity(checked, pair, alpha) or msgspec.UNSET,
            novelty=_novelty(checked, pair, alpha) or msgspec.UNSET,
        )
        if of != VariantChecks(variant=variant.name):
            found.append(of)
    return tuple(found)


def _bias(checked: Checked, pair: tuple[int, int]) -> Before | None:
    days = getattr(checked.metric, "covariate_days", None) or BEFORE_DAYS
    of = _both(checked.plain if checked.before is None else checked.before, pair)
    if of is None:
        return None
    found = bias(*of)
    if found is None:
        return None
    if isinstance(found, NotEnough):
        return Before(days=days, unknown=found)
    return Before(days=days, difference=found.difference, p_value=found.p_value, biased=found.p_value < BIASED_BELOW)


def _sensitivity(checked: Checked, pair: tuple[int, int], alpha: float) -> Capped | None:
    if checked.capped is None:
        return None
    blank = Capped(quantile=checked.quantile, caps=checked.capped.caps)
    plain, capped = _contrast(checked.plain, pair), _contrast(checked.capped.samples.get(None, {}), pair)
    found = next((each for each in (plain, capped) if isinstance(each, NotEnough)), None)
    if isinstance(plain, Contrast) and isinstance(capped, Contrast):
        tested = sensitivity(plain, capped, alpha)
        if not isinstance(tested, NotEnough):
            return msgspec.structs.replace(
                blank,
                difference=tested.capped.difference,
                lift=None if isinstance(tested.capped.lift, NotEnough) else tested.capped.lift,
                p_value=tested.capped.p_value,
                moved=tested.moved,
                reverses=tested.reverses,
            )
        found = tested
    return None if found is None else msgspec.structs.replace(blank, unknown=found)


def _novelty(checked: Checked, pair: tuple[int, int], alpha: float) -> Novelty | None:
    if not checked.days:
        return None
    effects: list[tuple[int, Uncertain]] = []
    for day, samples in sorted(checked.days.items()):
        found = _contrast(samples, pair)
        if isinstance(found, Contrast):
            effects.append((day, found.difference))
    reach = distributions.normal_quantile(1 - alpha / 2)
    shown = tuple(DayEffect(day, around(effect, reach)) for day, effect in effects)
    line = drift(effects, alpha)
    if isinstance(line, NotEnough):
        return Novelty(days=shown, unknown=line)
    return Novelty(days=shown, slope=line.slope, p_value=line.p_value, fades=line.fades, grows=line.grows)


def _both(samples: Mapping[int, Sample], pair: tuple[int, int]) -> tuple[Sample, Sample] | None:
    variant, control = (samples.get(id_) for id_ in pair)
    return None if variant is None or control is None else (variant, control)


def _contrast(samples: Mapping[int, Sample], pair: tuple[int, int]) -> Contrast | NotEnough:
    of = _both(samples, pair)
    if of is None:
        return NotEnough("no_observations", "one of the two variants has nothing to compare")
    return contrast(*of)
