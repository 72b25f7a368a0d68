"""From moments to what is sent: each variant's numbers, comparisons, correction and verdict. Nothing is read here."""

from collections.abc import Mapping, Sequence

import msgspec

from evensplit.experiments.measure import Measurement
from evensplit.experiments.results import ComparisonNumbers, MetricResult, VariantNumbers
from evensplit.experiments.verdict import Finding, judge
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Method, Metric, Shape, kind_of
from evensplit.stats.bayesian import Belief, Prior, believed
from evensplit.stats.contrast import contrast
from evensplit.stats.estimate import Compared, Interval, NotEnough
from evensplit.stats.frequentist import compare_means, compare_proportions
from evensplit.stats.moments import EMPTY, Moments
from evensplit.stats.multiplicity import Correction, adjust
from evensplit.stats.sequential import compare_always


class Reading(msgspec.Struct, frozen=True):
    """How the evidence is weighed."""

    method: Method
    alpha: float


def answer(
    experiment: Experiment,
    metric: Metric,
    plan: Measurement | NotEnough,
    moments: Mapping[int, Moments],
    reading: Reading,
) -> MetricResult:
    """`moments` by variant id. The verdict waits for the correction."""
    blank = MetricResult(metric=metric.name, kind=kind_of(metric), role=metric.role, direction=metric.direction)
    if isinstance(plan, NotEnough):
        return msgspec.structs.replace(blank, unknown=plan)
    of = {variant.name: moments.get(variant.id, EMPTY) for variant in experiment.variants}
    comparisons = tuple(
        _compared(metric, plan.shape, (name, of[name]), (experiment.control, of[experiment.control]), reading)
        for name in of
        if name != experiment.control
    )
    nothing_known = bool(comparisons) and all(each.difference is None for each in comparisons)
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
        if isinstance(each.chance_to_win, float):
            # A belief is no p value; it is held against the same bound from both ends.
            p_value = 2 * min(each.chance_to_win, 1 - each.chance_to_win)
        if p_value is not None and each.difference is not None:
            findings.append(Finding(each.variant, each.difference.estimate, p_value))
    return msgspec.structs.replace(result, verdict=judge(findings, result.direction, alpha, suspect))


def _compared(
    metric: Metric, shape: Shape, variant: tuple[str, Moments], control: tuple[str, Moments], reading: Reading
) -> ComparisonNumbers:
    """(name, moments) of each side."""
    blank = ComparisonNumbers(variant=variant[0], versus=control[0])
    if reading.method == "bayesian":
        return _believed(blank, metric, shape, (variant[1], control[1]), reading.alpha)
    found = _tested(shape, variant[1], control[1], reading)
    if isinstance(found, NotEnough):
        return msgspec.structs.replace(blank, unknown=found)
    return msgspec.structs.replace(
        blank,
        **_effect(found.difference, found.lift),
        p_value=found.p_value,
        statistic=found.statistic,
        degrees_of_freedom=msgspec.UNSET if found.degrees_of_freedom is None else found.degrees_of_freedom,
        method=found.method,
    )


def _tested(shape: Shape, variant: Moments, control: Moments, reading: Reading) -> Compared:
    if reading.method == "fixed":
        compare = compare_proportions if shape == "proportion" else compare_means
        return compare(variant, control, reading.alpha)
    found = contrast(shape, variant, control)
    return found if isinstance(found, NotEnough) else compare_always(found, reading.alpha)


def _believed(
    blank: ComparisonNumbers, metric: Metric, shape: Shape, sides: tuple[Moments, Moments], alpha: float
) -> ComparisonNumbers:
    found = contrast(shape, *sides)
    prior = None if metric.prior is None else Prior(metric.prior.mean, metric.prior.sd)
    belief: Belief | NotEnough = found if isinstance(found, NotEnough) else believed(shape, found, sides, alpha, prior)
    if isinstance(belief, NotEnough):
        return msgspec.structs.replace(blank, unknown=belief)
    # A chance to win is about being better, which for some metrics is being lower.
    up = metric.direction == "up"
    return msgspec.structs.replace(
        blank,
        **_effect(belief.difference, belief.lift),
        chance_to_win=belief.chance_to_win if up else 1 - belief.chance_to_win,
        expected_loss=belief.expected_loss if up else belief.expected_loss_of_control,
        method=belief.method,
    )


def _effect(difference: Interval, lift: Interval | NotEnough) -> dict[str, Interval | NotEnough | None]:
    """The fields that say how large it is; a lift that is unknown says why."""
    if isinstance(lift, NotEnough):
        return {"difference": difference, "lift": None, "unknown": lift}
    return {"difference": difference, "lift": lift}


def _numbers(name: str, sample: Moments, shape: Shape) -> VariantNumbers:
    if not sample.is_finite:
        return VariantNumbers(name, sample.n, None, None, None)
    mean = sample.mean
    variance = sample.variance if shape == "mean" or mean is None else mean * (1 - mean)
    return VariantNumbers(name, sample.n, mean, variance, sample.total)
