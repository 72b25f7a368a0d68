"""From moments to what is sent: each variant's numbers, comparisons, correction and verdict. Nothing is read here."""

from collections.abc import Mapping, Sequence

import msgspec

from evensplit.experiments.measure import Measurement
from evensplit.experiments.results import ComparisonNumbers, MetricResult, VariantNumbers
from evensplit.experiments.verdict import Finding, judge
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Metric, Shape, kind_of
from evensplit.stats.estimate import NotEnough
from evensplit.stats.frequentist import compare_means, compare_proportions
from evensplit.stats.moments import EMPTY, Moments
from evensplit.stats.multiplicity import Correction, adjust


def answer(
    experiment: Experiment,
    metric: Metric,
    plan: Measurement | NotEnough,
    moments: Mapping[int, Moments],
    alpha: float,
) -> MetricResult:
    """`moments` by variant id. The verdict waits for the correction."""
    blank = MetricResult(metric=metric.name, kind=kind_of(metric), role=metric.role, direction=metric.direction)
    if isinstance(plan, NotEnough):
        return msgspec.structs.replace(blank, unknown=plan)
    of = {variant.name: moments.get(variant.id, EMPTY) for variant in experiment.variants}
    comparisons = tuple(
        _compared(plan.shape, (name, of[name]), (experiment.control, of[experiment.control]), alpha)
        for name in of
        if name != experiment.control
    )
    nothing_known = bool(comparisons) and all(each.p_value is None for each in comparisons)
    return msgspec.structs.replace(
        blank,
        shape=plan.shape,
        unit=plan.unit,
        variants=tuple(_numbers(name, sample, plan.shape) for name, sample in of.items()),
        comparisons=comparisons,
        unknown=comparisons[0].unknown if nothing_known else msgspec.UNSET,
    )


def corrected(answers: Sequence[MetricResult], correction: Correction) -> list[MetricResult]:
    """With adjusted p values; the family is every comparison of every metric in the reply."""
    if correction == "none":
        return list(answers)
    family = [each.p_value for result in answers for each in result.comparisons if each.p_value is not None]
    adjusted = iter(adjust(family, correction))
    return [
        msgspec.structs.replace(
            result,
            comparisons=tuple(
                msgspec.structs.replace(each, adjusted_p_value=None if each.p_value is None else next(adjusted))
                for each in result.comparisons
            ),
        )
        for result in answers
    ]


def judged(result: MetricResult, alpha: float, suspect: bool) -> MetricResult:
    """With its verdict, which follows the adjusted p values where there are any."""
    findings = []
    for each in result.comparisons:
        p_value = each.adjusted_p_value if isinstance(each.adjusted_p_value, float) else each.p_value
        if p_value is not None and each.difference is not None:
            findings.append(Finding(each.variant, each.difference.estimate, p_value))
    return msgspec.structs.replace(result, verdict=judge(findings, result.direction, alpha, suspect))


def _compared(
    shape: Shape, variant: tuple[str, Moments], control: tuple[str, Moments], alpha: float
) -> ComparisonNumbers:
    """(name, moments) of each side."""
    compare = compare_proportions if shape == "proportion" else compare_means
    found = compare(variant[1], control[1], alpha)
    if isinstance(found, NotEnough):
        return ComparisonNumbers(variant=variant[0], versus=control[0], unknown=found)
    return ComparisonNumbers(
        variant=variant[0],
        versus=control[0],
        difference=found.difference,
        lift=None if isinstance(found.lift, NotEnough) else found.lift,
        p_value=found.p_value,
        statistic=found.statistic,
        degrees_of_freedom=msgspec.UNSET if found.degrees_of_freedom is None else found.degrees_of_freedom,
        method=found.method,
        unknown=found.lift if isinstance(found.lift, NotEnough) else msgspec.UNSET,
    )


def _numbers(name: str, sample: Moments, shape: Shape) -> VariantNumbers:
    if not sample.is_finite:
        return VariantNumbers(name, sample.n, None, None, None)
    mean = sample.mean
    variance = sample.variance if shape == "mean" or mean is None else mean * (1 - mean)
    return VariantNumbers(name, sample.n, mean, variance, sample.total)
