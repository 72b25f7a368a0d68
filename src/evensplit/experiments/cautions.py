"""What a reader of results should know beside the numbers: a code, how much of the data it is about, a sentence.

Not here: how it is found out (`checks`, `population`), or which of it stands against a verdict (`conclude`).
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from evensplit.experiments.results import (
    Before,
    Capped,
    ComparisonNumbers,
    MetricResult,
    Novelty,
    VariantChecks,
    Warned,
)
from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Method, Metric, Retention
from evensplit.stats.bayesian import is_of_betas
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.limits import Limit, few_degrees, limits
from evensplit.stats.samples import Sample
from evensplit.stats.trust import surprising

HOUR = 3_600_000  # milliseconds


def caution(experiment: Experiment, reading: Reading, shown: Sequence[MetricResult]) -> Iterator[Warned]:
    """A test at a fixed horizon does not hold while its users are still coming in."""
    count = sum(each.p_value is not None for result in shown for each in result.comparisons)
    if reading.method == "fixed" and experiment.status == "running" and count:
        message = (
            f"the p values and intervals of method fixed ({count} comparisons) hold if they are read once, at a number "
            "of users or a day that was chosen before the start; while the experiment runs, method sequential may be "
            "read at any time"
        )
        yield Warned("fixed_horizon", count, message)


def time_of(metric: Metric) -> int | None:
    """Milliseconds after the assignment at which a user's time is over; None: never, or such users do not count."""
    if metric.unfinished == "skip":
        return None
    if isinstance(metric, Retention):
        return round(metric.to_days * 24 * HOUR)
    return None if metric.window_hours is None else round((metric.delay_hours + metric.window_hours) * HOUR)


def unfinished(metrics: Sequence[Metric], counts: Mapping[int, int]) -> Iterator[Warned]:
    """`counts`: users by the time that has not passed for them yet."""
    for metric in metrics:
        length = time_of(metric)
        count = 0 if length is None else counts.get(length, 0)
        if count and length is not None:
            message = (
                f"{metric.name}: {count} users were assigned less than {length / HOUR:g} hours ago; what they will "
                'still do is missing (unfinished: "skip" leaves such users out)'
            )
            yield Warned("windows_open", count, message, {"metric": metric.name, "users": count})


def of_limits(result: MetricResult, control: str, method: Method) -> Iterator[Warned]:
    """Comparisons whose error rate may not be the promised one: each rule once, of the variant that is furthest from
    what it asks for."""
    samples = result.samples if isinstance(result.samples, Mapping) else {}
    theirs = samples.get(control)
    lacking: dict[str, list[tuple[str, Limit]]] = {}
    for each in result.comparisons:
        ours = samples.get(each.variant)
        if ours is None or theirs is None or each.difference is None:
            continue
        for found in limits_of(ours, theirs, method):
            lacking.setdefault(found.code, []).append((each.variant, found))
    for code, told in lacking.items():
        variant, worst = max(told, key=lambda one: one[1].distance)
        others = f" (and {len(told) - 1} more of its variants)" if len(told) > 1 else ""
        figures = {"found": worst.found, "needed": worst.needed}
        warned = _about(result, variant, code, worst.message + others, figures)
        yield msgspec.structs.replace(warned, count=len(told))


def limits_of(variant: Sample, control: Sample, method: Method) -> Iterator[Limit]:
    """All that is lacking for one comparison, weighed by `method`."""
    yield from limits(variant, control)
    if method == "bayesian":
        found = contrast(variant, control)
        if isinstance(found, Contrast) and not is_of_betas(found):
            yield from few_degrees(found)


def of_checks(result: MetricResult, alpha: float) -> Iterator[Warned]:
    """What the checks of one metric found, and effects that are too good to be true."""
    for each in result.comparisons:
        if each.lift is not None and surprising(each.lift) and _clear(each, alpha):
            yield _about(
                result,
                each.variant,
                "too_good",
                f"a lift of {100 * each.lift.estimate:+.3g} % is rarely an effect and often a fault in the data",
                {"lift": each.lift.estimate, "lower": each.lift.lower, "upper": each.lift.upper},
            )
    if result.checks is not msgspec.UNSET:
        for checks in result.checks:
            yield from _of_variant(result, checks)


def _of_variant(result: MetricResult, checks: VariantChecks) -> Iterator[Warned]:
    before, capped, novelty = checks.before, checks.capped, checks.novelty
    if isinstance(before, Before) and before.biased:
        yield _about(
            result,
            checks.variant,
            "pre_exposure_bias",
            f"it differed from the control in the {before.days:g} days before the assignment already "
            f"(p {before.p_value:.2g})",
            {"p_value": before.p_value},
        )
    if isinstance(capped, Capped) and capped.moved is not None and capped.is_suspect:
        yield _about(
            result,
            checks.variant,
            "outliers",
            f"the difference hangs on a few values: capped at the quantile {capped.quantile:g} it moves by "
            f"{capped.moved:.2g} standard errors (p {capped.p_value:.2g})",
            {"moved": capped.moved, "p_value": capped.p_value},
        )
    if isinstance(novelty, Novelty) and novelty.slope is not None and (novelty.fades or novelty.grows):
        yield _about(
            result,
            checks.variant,
            "novelty" if novelty.fades else "primacy",
            f"the effect {'fades' if novelty.fades else 'grows'} from day to day after the assignment "
            f"(slope {novelty.slope.estimate:.3g} a day, p {novelty.p_value:.2g})",
            {"slope": novelty.slope.estimate, "p_value": novelty.p_value},
        )


def _clear(each: ComparisonNumbers, alpha: float) -> bool:
    if isinstance(each.chance_to_win, float):
        return not alpha / 2 < each.chance_to_win < 1 - alpha / 2
    return each.p_value is not None and each.p_value < alpha


def _about(
    result: MetricResult, variant: str, code: str, text: str, figures: Mapping[str, float | str | None]
) -> Warned:
    of = {"metric": result.metric, "role": result.role, "variant": variant}
    return Warned(code, 1, f"{result.metric}, {variant}: {text}", {**of, **figures})
