"""One variant against the control, weighed by the method that is asked for. Not here: many comparisons (`compare`)."""

import msgspec

from evensplit.experiments.results import Adjusted, ComparisonNumbers, Equivalence, NonInferiority
from evensplit.model.metric import Method, Metric
from evensplit.stats import frequentist, margins, sequential
from evensplit.stats.bayesian import Belief, Prior, believe, chance_above
from evensplit.stats.contrast import Contrast, Cuped, contrast
from evensplit.stats.estimate import Alternative, Compared, Interval, Lift, NotEnough
from evensplit.stats.margins import Beyond, Way
from evensplit.stats.samples import Sample
from evensplit.stats.sequential import HORIZON


class Reading(msgspec.Struct, frozen=True):
    """How the evidence is weighed. `horizon`: the units at which a sequential interval is tightest."""

    method: Method
    alpha: float
    alternative: Alternative = "two-sided"
    horizon: int = HORIZON


class Pair(msgspec.Struct, frozen=True):
    """A variant and the control: names and samples. `alpha`: of the intervals, where a correction asks for another."""

    names: tuple[str, str]
    samples: tuple[Sample, Sample]
    alpha: float


def weigh(metric: Metric, pair: Pair, reading: Reading) -> ComparisonNumbers:
    blank = ComparisonNumbers(variant=pair.names[0], versus=pair.names[1])
    found = contrast(*pair.samples)
    if isinstance(found, NotEnough):
        return msgspec.structs.replace(blank, unknown=found)
    if reading.method == "bayesian":
        answer = _believed(blank, metric, found, pair.alpha, reading.alternative)
    else:
        answer = _tested(blank, found, pair.alpha, reading)
    if answer.difference is None:
        return answer
    return msgspec.structs.replace(answer, cuped=_cuped(found), **_within_margin(metric, found, reading))


def prior_of(metric: Metric) -> Prior | None:
    return None if metric.prior is None else Prior(metric.prior.mean, metric.prior.sd)


def _tested(blank: ComparisonNumbers, found: Contrast, alpha: float, reading: Reading) -> ComparisonNumbers:
    tested: Compared
    if reading.method == "fixed":
        tested = frequentist.compare(found, alpha, reading.alternative)
    else:
        tested = sequential.compare_always(found, alpha, reading.horizon, reading.alternative, tuned=reading.alpha)
    if isinstance(tested, NotEnough):
        return msgspec.structs.replace(blank, unknown=tested)
    return msgspec.structs.replace(
        blank,
        **_effect(tested.difference, tested.lift),
        p_value=tested.p_value,
        statistic=tested.statistic,
        degrees_of_freedom=msgspec.UNSET if tested.degrees_of_freedom is None else tested.degrees_of_freedom,
        method=tested.method,
    )


def _believed(
    blank: ComparisonNumbers, metric: Metric, found: Contrast, alpha: float, alternative: Alternative
) -> ComparisonNumbers:
    belief: Belief | NotEnough = believe(found, alpha, prior_of(metric), alternative)
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


def _effect(difference: Interval, lift: Lift | NotEnough) -> dict[str, object]:
    """The fields that say how large it is; a lift that is unknown says why."""
    if isinstance(lift, NotEnough):
        return {"difference": difference, "lift": None, "unknown": lift}
    return {
        "difference": difference,
        "lift": Interval(lift.estimate, lift.lower, lift.upper),
        "lift_method": lift.method,
    }


def _cuped(found: Contrast) -> Adjusted | msgspec.UnsetType:
    if isinstance(found.cuped, Cuped):
        return Adjusted(found.cuped.theta, found.cuped.variance_reduction)
    return msgspec.UNSET if found.cuped is None else Adjusted(None, None, found.cuped)


def _within_margin(metric: Metric, found: Contrast, reading: Reading) -> dict[str, object]:
    """Whether the variant is no worse than the metric's margin, and no further from the control than it."""
    margin = metric.margin
    if margin is None:
        return {}
    beyond = _beyond(metric, found, reading)
    worse = margins.p_inferior(found, margin, metric.direction == "up", beyond)
    outside = margins.p_outside(found, margin, beyond)
    believed, alpha = reading.method == "bayesian", reading.alpha
    if isinstance(worse, NotEnough):
        no_worse = NonInferiority(margin=margin, unknown=worse)
    elif believed:
        no_worse = NonInferiority(margin=margin, chance=1 - worse, non_inferior=worse < alpha)
    else:
        no_worse = NonInferiority(margin=margin, p_value=worse, non_inferior=worse < alpha)
    if isinstance(outside, NotEnough):
        same = Equivalence(margin=margin, unknown=outside)
    elif believed:
        same = Equivalence(margin=margin, chance=max(1 - sum(outside), 0.0), equivalent=sum(outside) < alpha)
    else:
        same = Equivalence(margin=margin, p_value=max(outside), equivalent=max(outside) < alpha)
    return {"non_inferiority": no_worse, "equivalence": same}


def _beyond(metric: Metric, found: Contrast, reading: Reading) -> Beyond:
    """The p value of a limit on the variant relative to the control; for a belief, the chance that it is not kept."""
    prior = prior_of(metric)

    def beyond(change: float, way: Way) -> float | NotEnough:
        if reading.method == "fixed":
            return frequentist.p_beyond(found, change, way)
        if reading.method == "sequential":
            return sequential.p_beyond(found, change, way, reading.alpha, reading.horizon)
        above = chance_above(found, change, prior)
        if isinstance(above, NotEnough):
            return above
        return 1 - above if way == "greater" else above

    return beyond
