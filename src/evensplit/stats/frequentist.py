"""Fixed-horizon tests of one variant against the control, on moments. Not here: looking more than once (`sequential`).

Proportions: the z test, pooled for the p value and unpooled for the interval (Fleiss, Levin, Paik 2003, 3.2).
Means: Welch's t (1947). Lift: the delta method for the ratio of two independent means, with the same quantile.
"""

import math

from evensplit.stats import distributions
from evensplit.stats.contrast import Uncertain, contrast
from evensplit.stats.estimate import Compared, Comparison, Interval, NotEnough
from evensplit.stats.moments import Moments


def compare_proportions(variant: Moments, control: Moments, alpha: float = 0.05) -> Compared:
    """`total` is how many of `n` succeeded; every observation is 0 or 1."""
    found = contrast("proportion", variant, control)
    if isinstance(found, NotEnough):
        return found
    pooled = (variant.total + control.total) / (variant.n + control.n)
    difference = found.difference
    z = difference.estimate / math.sqrt(pooled * (1 - pooled) * (1 / variant.n + 1 / control.n))
    quantile = distributions.normal_quantile(1 - alpha / 2)
    return Comparison(
        difference=around(difference, quantile),
        lift=found.lift if isinstance(found.lift, NotEnough) else around(found.lift, quantile),
        p_value=distributions.normal_two_sided(z),
        statistic=z,
        method="z_test",
    )


def compare_means(variant: Moments, control: Moments, alpha: float = 0.05) -> Compared:
    """Welch's t test; the degrees of freedom are Satterthwaite's."""
    found = contrast("mean", variant, control)
    if isinstance(found, NotEnough):
        return found
    difference = found.difference
    # Shares instead of squares of variances: those would leave the range of doubles for values near 1e100.
    share = found.variant.spread / (found.variant.spread + found.control.spread)
    degrees = 1 / (share**2 / (variant.n - 1) + (1 - share) ** 2 / (control.n - 1))
    quantile = distributions.t_quantile(1 - alpha / 2, degrees)
    t = difference.estimate / difference.error
    return Comparison(
        difference=around(difference, quantile),
        lift=found.lift if isinstance(found.lift, NotEnough) else around(found.lift, quantile),
        p_value=distributions.t_two_sided(t, degrees),
        statistic=t,
        degrees_of_freedom=degrees,
        method="welch_t_test",
    )


def around(found: Uncertain, quantile: float) -> Interval:
    """The estimate plus and minus so many standard errors."""
    return Interval(found.estimate, found.estimate - quantile * found.error, found.estimate + quantile * found.error)
