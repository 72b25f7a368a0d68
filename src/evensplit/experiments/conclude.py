"""From results to a verdict: what of them counts as evidence, what as a doubt, what should be read beside it.

Not here: the rules (`decision`), or the numbers (`compare`, `checks`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from evensplit.experiments.case import Case, Plan, Reason, Seen, Split
from evensplit.experiments.decision import Decision, decide
from evensplit.experiments.results import ComparisonNumbers, MetricResult, NonInferiority, SampleRatio, Warned
from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment
from evensplit.model.metric import Metric
from evensplit.stats import power
from evensplit.stats.estimate import NotEnough
from evensplit.stats.multiplicity import adjust

POWER = 0.8
MOST_ELSEWHERE = 0.01  # of the users; a share of them that was seen in two variants
# What stands against any verdict, if it is about a primary metric or about everybody.
DOUBTS = frozenset({"pre_exposure_bias", "several_assignments", "too_good"})


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The results that a verdict is made of. `metrics` stand beside `results`, and are all of the experiment's."""

    reading: Reading
    metrics: tuple[Metric, ...]
    results: tuple[MetricResult, ...]
    users: Mapping[str, int]
    srm: SampleRatio
    warnings: tuple[Warned, ...]


def conclude(experiment: Experiment, found: Found) -> Decision | None:
    """None where there is no variant beside the control."""
    variants = tuple(variant.name for variant in experiment.variants if variant.name != experiment.control)
    if not variants:
        return None
    doubts = tuple(_reason(each) for each in found.warnings if _is_doubt(each, found))
    notes = tuple(_reason(each) for each in found.warnings if not _is_doubt(each, found))
    return decide(
        Case(
            variants=variants,
            method=found.reading.method,
            alpha=found.reading.alpha,
            running=experiment.status == "running",
            split=_split(found.srm),
            seen=_seen(found),
            plan=planned(experiment, found),
            doubts=doubts,
            notes=notes,
        )
    )


# --- comparisons ----------------------------------------------------------------------------------


def _seen(found: Found) -> tuple[Seen, ...]:
    corrected = _corrected(found.results)
    return tuple(
        _one(metric, result, each, corrected.get((result.metric, each.variant)))
        for metric, result in zip(found.metrics, found.results, strict=True)
        for each in result.comparisons or _lacking(result, found)
    )


def _lacking(result: MetricResult, found: Found) -> tuple[ComparisonNumbers, ...]:
    """A metric about which nothing at all is known is unknown for each variant."""
    return tuple(ComparisonNumbers(variant=name, versus="", unknown=result.unknown) for name in found.users)


def _corrected(results: Sequence[MetricResult]) -> dict[tuple[str, str], float]:
    """The p values of the primary comparisons: as they were adjusted, or by Holm where they were not."""
    family = [
        (result.metric, each.variant, each.p_value, each.adjusted_p_value)
        for result in results
        if result.role == "primary"
        for each in result.comparisons
        if each.p_value is not None
    ]
    holm = adjust([p_value for _, _, p_value, _ in family], "holm")
    return {
        (metric, variant): adjusted if isinstance(adjusted, float) else ours
        for (metric, variant, _, adjusted), ours in zip(family, holm, strict=True)
    }


def _one(metric: Metric, result: MetricResult, each: ComparisonNumbers, corrected: float | None) -> Seen:
    kept = each.non_inferiority if isinstance(each.non_inferiority, NonInferiority) else None
    return Seen(
        metric=metric.name,
        role=metric.role,
        direction=metric.direction,
        variant=each.variant,
        difference=each.difference,
        lift=each.lift,
        p_value=each.p_value if corrected is None else corrected,
        chance_to_win=each.chance_to_win if isinstance(each.chance_to_win, float) else None,
        margin=metric.margin,
        non_inferior=None if kept is None else kept.non_inferior,
        minimum_effect=metric.minimum_effect,
        unknown=each.unknown if isinstance(each.unknown, NotEnough) else _whole(result),
    )


def _whole(result: MetricResult) -> NotEnough | None:
    return result.unknown if isinstance(result.unknown, NotEnough) else None


def _split(srm: SampleRatio) -> Split:
    """Suspect where either of the two tests says so."""
    unknown = srm.unknown if isinstance(srm.unknown, NotEnough) else None
    return Split("suspect" if srm.is_suspect else srm.verdict, srm.p_value, srm.sequential_p_value, unknown)


# --- the plan -------------------------------------------------------------------------------------


def planned(experiment: Experiment, found: Found) -> Plan | None:
    """How many users the primary metrics need to show their `minimum_effect`, by what one user is like now: that of the
    metric which is furthest from having them. None where no primary metric has one, or where it cannot be told."""
    plans = []
    for metric, result in zip(found.metrics, found.results, strict=True):
        if metric.role != "primary" or metric.minimum_effect is None:
            continue
        needed = needs(experiment, found, metric, result)
        if isinstance(needed, NotEnough):
            return None
        plans.append(Plan(needed, sum(each.n for each in result.variants)))
    return max(plans, key=lambda plan: plan.users / max(plan.so_far, 1), default=None)


def needs(experiment: Experiment, found: Found, metric: Metric, result: MetricResult) -> int | NotEnough:
    """Users of all variants together, for the metric's `minimum_effect` to be found with power `POWER`."""
    assert metric.minimum_effect is not None
    baseline = _baseline(experiment, result)
    if isinstance(baseline, NotEnough):
        return baseline
    up = math.copysign(1.0, baseline.mean) * (1 if metric.direction == "up" else -1)
    size = power.sample_size(_reading_plan(experiment, found), baseline, up * metric.minimum_effect)
    return size if isinstance(size, NotEnough) else size.users


def _reading_plan(experiment: Experiment, found: Found) -> power.Plan:
    """The control's share first; a variant that nobody is given to any more does not count."""
    control = [variant.weight for variant in experiment.variants if variant.name == experiment.control]
    others = [variant.weight for variant in experiment.variants if variant.name != experiment.control]
    shares = tuple(weight for weight in control + others if weight > 0)
    method: Literal["fixed", "sequential"] = "sequential" if found.reading.method == "sequential" else "fixed"
    primaries = sum(metric.role == "primary" for metric in found.metrics)
    return power.Plan(
        alpha=found.reading.alpha,
        power=POWER,
        alternative=found.reading.alternative,
        method=method,
        shares=shares if len(shares) > 1 and control[0] > 0 else (1.0,) * (1 + len(others)),
        family=max(1, primaries * len(others)),
        horizon=found.reading.horizon,
    )


def _baseline(experiment: Experiment, result: MetricResult) -> power.Baseline | NotEnough:
    control = next((each for each in result.variants if each.variant == experiment.control), None)
    if control is None or control.mean is None or control.variance is None:
        return NotEnough("no_observations", "the control's mean and variance are not known yet")
    reduction = max(
        (each.cuped.variance_reduction or 0.0 for each in result.comparisons if each.cuped is not msgspec.UNSET),
        default=0.0,
    )
    return power.Baseline(
        mean=control.mean,
        variance=control.variance,
        shape="proportion" if result.shape == "proportion" else "mean",
        reduction=min(max(reduction, 0.0), 0.999),
    )


# --- warnings -------------------------------------------------------------------------------------


def _is_doubt(warned: Warned, found: Found) -> bool:
    if warned.code not in DOUBTS:
        return False
    if warned.code == "several_assignments":
        return float(warned.figures.get("elsewhere") or 0) > MOST_ELSEWHERE * sum(found.users.values())
    return warned.figures.get("role") == "primary"


def _reason(warned: Warned) -> Reason:
    return Reason(warned.code, warned.message, {"count": warned.count, **warned.figures})
