"""From samples to what is sent: each variant's numbers, comparisons, correction and verdict. Nothing is read here.

Not here: how one variant is compared with the control (`weigh`).
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from evensplit.experiments.measure import Measurement
from evensplit.experiments.results import Family, MetricResult, VariantNumbers
from evensplit.experiments.standing import standings
from evensplit.experiments.verdict import Finding, judge
from evensplit.experiments.weigh import Pair, Reading, weigh
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Metric, kind_of
from evensplit.stats.estimate import NotEnough
from evensplit.stats.moments import EMPTY
from evensplit.stats.multiplicity import Correction, adjust, interval_alphas
from evensplit.stats.samples import Quantiles, Ratios, Sample, Values, nothing_like, units, values
from evensplit.stats.sides import Side, side_of


class Evidence(msgspec.Struct, frozen=True):
    """What the store has to say about one metric; `samples` by variant id."""

    metric: Metric
    plan: Measurement | NotEnough
    samples: Mapping[int, Sample]


def answer(
    experiment: Experiment,
    metric: Metric,
    plan: Measurement | NotEnough,
    samples: Mapping[int, Sample],
    reading: Reading,
    alphas: Mapping[str, float] | None = None,
) -> MetricResult:
    """`samples` by variant id; a variant without rows may be missing. `alphas` of the intervals, by variant, where they
    are not the reading's. The verdict waits for the correction."""
    blank = MetricResult(metric=metric.name, kind=kind_of(metric), role=metric.role, direction=metric.direction)
    if isinstance(plan, NotEnough):
        return msgspec.structs.replace(blank, unknown=plan)
    like = next(iter(samples.values()), values(plan.shape, EMPTY))
    of = {variant.name: samples.get(variant.id, nothing_like(like)) for variant in experiment.variants}
    control = experiment.control
    pairs = [
        Pair((name, control), (of[name], of[control]), (alphas or {}).get(name, reading.alpha))
        for name in of
        if name != control
    ]
    comparisons = tuple(weigh(metric, pair, reading) for pair in pairs)
    if alphas:
        comparisons = tuple(
            msgspec.structs.replace(each, interval_alpha=alphas.get(each.variant, reading.alpha))
            for each in comparisons
        )
    nothing_known = bool(comparisons) and all(each.difference is None for each in comparisons)
    best = {} if nothing_known or reading.method != "bayesian" else standings(metric, of, control)
    numbers = {name: _numbers(name, sample) for name, sample in of.items()}
    return msgspec.structs.replace(
        blank,
        shape=like.shape if isinstance(like, Values) else None,
        unit=plan.unit,
        variants=tuple(msgspec.structs.replace(each, **best.get(name, {})) for name, each in numbers.items()),
        comparisons=comparisons,
        unknown=comparisons[0].unknown if nothing_known else msgspec.UNSET,
    )


def answers(
    experiment: Experiment, evidence: Sequence[Evidence], reading: Reading, correction: Correction
) -> tuple[list[MetricResult], Family]:
    """All metrics, corrected: the comparisons of the primary metrics are one family. Their intervals are those that say
    the same as the adjusted p values."""
    found = [answer(experiment, each.metric, each.plan, each.samples, reading) for each in evidence]
    names = tuple(result.metric for result in found if result.role == "primary")
    family = [(result.metric, variant) for result, variant, _ in _family(found)]
    p_values = [p_value for _, _, p_value in _family(found)]
    told = Family(len(family), names, correction)
    if correction == "none" or not family:
        return found, told
    adjusted = dict(zip(family, adjust(p_values, correction), strict=True))
    alphas = dict(zip(family, interval_alphas(p_values, correction, reading.alpha), strict=True))
    again = []
    for each, result in zip(evidence, found, strict=True):
        own = {variant: alpha for (metric, variant), alpha in alphas.items() if metric == each.metric.name}
        if own:
            result = answer(experiment, each.metric, each.plan, each.samples, reading, own)
        again.append(_with_adjusted(result, adjusted))
    return again, told


def judged(result: MetricResult, alpha: float, suspect: bool) -> MetricResult:
    """With its verdict, which follows the adjusted p values where there are any."""
    findings = []
    for each in result.comparisons:
        p_value = each.adjusted_p_value if isinstance(each.adjusted_p_value, float) else each.p_value
        if isinstance(each.chance_to_win, float):
            # A belief is no p value; it is held against the same bound from both ends.
            p_value = 2 * min(each.chance_to_win, 1 - each.chance_to_win)
        if p_value is not None and each.difference is not None:
            findings.append(Finding(each.variant, each.difference.estimate, p_value))
    return msgspec.structs.replace(result, verdict=judge(findings, result.direction, alpha, suspect))


def _family(results: Sequence[MetricResult]) -> Iterator[tuple[MetricResult, str, float]]:
    for result in results:
        if result.role == "primary":
            for each in result.comparisons:
                if each.p_value is not None:
                    yield result, each.variant, each.p_value


def _with_adjusted(result: MetricResult, adjusted: Mapping[tuple[str, str], float]) -> MetricResult:
    if result.role != "primary":
        return result
    comparisons = [
        msgspec.structs.replace(each, adjusted_p_value=adjusted.get((result.metric, each.variant)))
        for each in result.comparisons
    ]
    return msgspec.structs.replace(result, comparisons=tuple(comparisons))


def _numbers(name: str, sample: Sample) -> VariantNumbers:
    """Without the covariate. What cannot be told is null."""
    if isinstance(sample, Quantiles):
        return _quantile(name, sample)
    n, total = sample.joint.n, sample.joint.totals[0]
    if isinstance(sample, Ratios):
        below = sample.joint.totals[1]
        if not sample.joint.only(0).is_finite or not sample.joint.only(1).is_finite:
            return VariantNumbers(name, n, None, None, None)
        side = side_of(sample)
        variance = n * side.spread if isinstance(side, Side) else None
        return VariantNumbers(name, n, total / below if below else None, variance, total, denominator=below)
    of = sample.joint.only(0)
    if not of.is_finite:
        return VariantNumbers(name, n, None, None, None)
    variance = of.variance if sample.shape == "mean" or of.mean is None else of.mean * (1 - of.mean)
    return VariantNumbers(name, n, of.mean, variance, total)


def _quantile(name: str, sample: Quantiles) -> VariantNumbers:
    side = side_of(sample)
    variance = side.n * side.spread if isinstance(side, Side) else None
    numbers = VariantNumbers(name, units(sample), sample.value, variance, None)
    return numbers if sample.clusters is None else msgspec.structs.replace(numbers, values=sample.points)
