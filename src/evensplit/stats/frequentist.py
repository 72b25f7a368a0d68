"""Fixed-horizon tests of one variant against the control, on moments. Not here: looking more than once (`sequential`).

Proportions: the z test, pooled for the p value and unpooled for the interval (Fleiss, Levin, Paik 2003, 3.2).
Means: Welch's t (1947). Lift: the delta method for the ratio of two independent means, with the same quantile.
"""

import math

from evensplit.stats import distributions
from evensplit.stats.estimate import Compared, Comparison, Interval, NotEnough
from evensplit.stats.moments import Moments


def compare_proportions(variant: Moments, control: Moments, alpha: float = 0.05) -> Compared:
    """`total` is how many of `n` succeeded; every observation is 0 or 1."""
    if not variant.n or not control.n:
        return NotEnough("no_observations", f"the variant has {variant.n} observations, the control {control.n}")
    p_variant, p_control = variant.total / variant.n, control.total / control.n
    pooled = (variant.total + control.total) / (variant.n + control.n)
    spread_variant = p_variant * (1 - p_variant) / variant.n
    spread_control = p_control * (1 - p_control) / control.n
    error = math.sqrt(spread_variant + spread_control)
    if not error:
        return NotEnough(
            "no_variance",
            f"all {variant.n} values of the variant are {p_variant:g}, all {control.n} of the control {p_control:g}: "
            "how much they scatter cannot be told",
        )
    difference = p_variant - p_control
    z = difference / math.sqrt(pooled * (1 - pooled) * (1 / variant.n + 1 / control.n))
    quantile = distributions.normal_quantile(1 - alpha / 2)
    return Comparison(
        difference=Interval(difference, difference - quantile * error, difference + quantile * error),
        lift=_lift((p_variant, spread_variant), (p_control, spread_control), quantile),
        p_value=distributions.normal_two_sided(z),
        statistic=z,
        method="z_test",
    )


def compare_means(variant: Moments, control: Moments, alpha: float = 0.05) -> Compared:
    """Welch's t test; the degrees of freedom are Satterthwaite's."""
    if variant.n < 2 or control.n < 2:
        return NotEnough(
            "too_few_observations",
            f"a mean needs 2 observations a side; the variant has {variant.n}, the control {control.n}",
        )
    if not (variant.is_finite and control.is_finite):
        return NotEnough("overflow", "the values are too large to be added up")
    mean_variant, mean_control = variant.total / variant.n, control.total / control.n
    spread_variant, spread_control = _spread_of_mean(variant), _spread_of_mean(control)
    error = math.sqrt(spread_variant + spread_control)
    if not error:
        return NotEnough(
            "no_variance",
            f"every value of the variant is {mean_variant:g} and every value of the control {mean_control:g}: "
            "how much they scatter cannot be told",
        )
    difference = mean_variant - mean_control
    # Shares instead of squares of variances: those would leave the range of doubles for values near 1e100.
    share = spread_variant / (spread_variant + spread_control)
    degrees = 1 / (share**2 / (variant.n - 1) + (1 - share) ** 2 / (control.n - 1))
    quantile = distributions.t_quantile(1 - alpha / 2, degrees)
    return Comparison(
        difference=Interval(difference, difference - quantile * error, difference + quantile * error),
        lift=_lift((mean_variant, spread_variant), (mean_control, spread_control), quantile),
        p_value=distributions.t_two_sided(difference / error, degrees),
        statistic=difference / error,
        degrees_of_freedom=degrees,
        method="welch_t_test",
    )


def _spread_of_mean(sample: Moments) -> float:
    """The squared standard error of the mean."""
    variance = sample.m2 / (sample.n - 1)
    residue = 2 * math.ulp(sample.total / sample.n)
    # Equal values leave a residue of at most one last digit of their mean: that is no scatter.
    return variance / sample.n if variance > residue * residue else 0.0


def _lift(variant: tuple[float, float], control: tuple[float, float], quantile: float) -> Interval | NotEnough:
    """(mean, squared standard error) of each side."""
    (mean_variant, spread_variant), (mean_control, spread_control) = variant, control
    if not mean_control:
        return NotEnough("control_is_zero", "the control's mean is 0: a change relative to it has no value")
    ratio = mean_variant / mean_control
    error = math.sqrt(spread_variant + ratio * ratio * spread_control) / abs(mean_control)
    if not math.isfinite(error):
        return NotEnough("control_near_zero", f"the control's mean is {mean_control:g}: the relative change overflows")
    return Interval(ratio - 1, ratio - 1 - quantile * error, ratio - 1 + quantile * error)
