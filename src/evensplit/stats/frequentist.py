"""Fixed-horizon tests of one variant against the control. Not here: looking more than once (`sequential`).

Proportions: the z test, pooled for the p value and unpooled for the interval (Fleiss, Levin, Paik 2003, 3.2).
All others, and proportions with a covariate: Welch's t (1947) on the two sides' standard errors.
"""

import math
from typing import Literal

from evensplit.stats import distributions
from evensplit.stats.contrast import Contrast, Kind
from evensplit.stats.estimate import Alternative, Compared, Comparison, sound
from evensplit.stats.relative import around, lift_around

NAMES: dict[Kind, str] = {
    "mean": "welch_t_test",
    "proportion": "welch_t_test",  # with a covariate; without one it is the z test
    "ratio": "ratio_t_test",
    "quantile": "quantile_t_test",
}


def compare(found: Contrast, alpha: float = 0.05, alternative: Alternative = "two-sided") -> Compared:
    """One-sided questions have one-sided intervals, at the same alpha."""
    outside = alpha / 2 if alternative == "two-sided" else alpha
    difference, degrees = found.difference, _degrees(found)
    statistic = difference.estimate / (difference.error if degrees is not None else _pooled_error(found))
    quantile = -distributions.quantile(outside, degrees)  # the lower tail keeps its digits
    return sound(
        Comparison(
            difference=around(difference, quantile, alternative),
            lift=lift_around(found, quantile, alternative),
            p_value=p_value(statistic, alternative, degrees),
            statistic=statistic,
            degrees_of_freedom=degrees,
            method="z_test" if degrees is None else NAMES[found.kind],
        )
    )


def p_beyond(found: Contrast, change: float, alternative: Literal["greater", "less"]) -> float:
    """One-sided, that the variant is `greater` (`less`) than (1 + change) times the control. The error of
    `found.beyond(change)` is above 0."""
    apart = found.beyond(change)
    return p_value(apart.estimate / apart.error, alternative, _degrees(found, change))


def p_value(statistic: float, alternative: Alternative, degrees: float | None) -> float:
    """Of Student's t, or of the normal distribution where there are no degrees of freedom."""
    if alternative == "two-sided":
        return distributions.two_sided(statistic, degrees)
    return distributions.upper(statistic if alternative == "greater" else -statistic, degrees)


def _degrees(found: Contrast, change: float = 0.0) -> float | None:
    return None if found.kind == "proportion" and found.is_plain else found.degrees(change)


def _pooled_error(found: Contrast) -> float:
    """Of the difference of two shares, if both were the same."""
    ours, theirs = found.variant, found.control
    pooled = (ours.n * ours.mean + theirs.n * theirs.mean) / found.n
    return math.sqrt(pooled * (1 - pooled) * (1 / ours.n + 1 / theirs.n))
