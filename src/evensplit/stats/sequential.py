"""Tests that may be looked at whenever one likes: asymptotic confidence sequences, and their p values.

The interval is that of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences" (Annals of Statistics 2024), Theorem 2.2: valid at all sample sizes at once, and
tightest near a horizon that is chosen beforehand. It is the mixture sequential probability ratio test (Robbins 1970;
Johari, Koomen, Pekelis, Walsh 2017) with the mixing variance rho^2 * sigma^2, so the p value is one over its ratio.

One-sided: the mixture over one half of that normal (Howard, Ramdas, McAuliffe, Sekhon 2021, their one-sided normal
mixture), solved exactly, so that here too the interval and the p value say the same.
"""

import math
from typing import Literal

from evensplit.stats import distributions
from evensplit.stats.contrast import Contrast
from evensplit.stats.estimate import Alternative, Compared, Comparison, sound
from evensplit.stats.relative import around, lift_around

HORIZON = 5_000  # units of both sides at which the interval is tightest


def compare_always(
    found: Contrast,
    alpha: float = 0.05,
    horizon: float = HORIZON,
    alternative: Alternative = "two-sided",
    tuned: float | None = None,
) -> Compared:
    """The difference and the lift with intervals, and a p value, that hold however often they are looked at.

    `statistic` is the plain z. Horizon and p value stand for the alpha `tuned` (by default `alpha` itself): a
    correction asks for intervals at another alpha, and the p value must not move with it. At most 1."""
    weight = found.n * rho_squared(tuned or alpha, horizon, alternative)  # n * rho^2
    difference = found.difference
    z = difference.estimate / difference.error
    quantile = boundary(weight, alpha, alternative)
    return sound(
        Comparison(
            difference=around(difference, quantile, alternative),
            lift=lift_around(found, quantile, alternative),
            p_value=p_value(z, weight, alternative),
            statistic=z,
            method="confidence_sequence",
        )
    )


def p_beyond(
    found: Contrast, change: float, alternative: Literal["greater", "less"], alpha: float, horizon: float = HORIZON
) -> float:
    """One-sided, that the variant is `greater` (`less`) than (1 + change) times the control."""
    apart = found.beyond(change)
    weight = found.n * rho_squared(alpha, horizon, alternative)
    return p_value(apart.estimate / apart.error, weight, alternative)


def rho_squared(alpha: float, horizon: float, alternative: Alternative = "two-sided") -> float:
    """The paper's choice of rho for a horizon (its equation 24); one side has the alpha of two."""
    level = alpha if alternative == "two-sided" else min(2 * alpha, (1 + alpha) / 2)
    least = -2 * math.log(level)
    return (least + math.log1p(least)) / horizon


def boundary(weight: float, alpha: float, alternative: Alternative = "two-sided") -> float:
    """How many standard errors the interval reaches; `weight` is n * rho^2."""
    whole = math.sqrt(2 * (weight + 1) / weight * (0.5 * math.log1p(weight) - math.log(alpha)))
    if alternative == "two-sided":
        return whole
    # Above 0 one half of the mixture outweighs the whole: its boundary lies nearer.
    return distributions.root(lambda z: _log_half(z, weight) + math.log(alpha), 0.0, whole)


def p_value(z: float, weight: float, alternative: Alternative = "two-sided") -> float:
    """One over the ratio of likelihoods, at most 1."""
    if alternative == "two-sided":
        ratio = 0.5 * z * z * weight / (weight + 1) - 0.5 * math.log1p(weight)
    else:
        ratio = _log_half(z if alternative == "greater" else -z, weight)
    return min(1.0, math.exp(-ratio)) if ratio > 0 else 1.0


def _log_half(z: float, weight: float) -> float:
    """The logarithm of the likelihood ratio mixed over effects above 0."""
    share = weight / (weight + 1)
    inside = distributions.normal_lower(z * math.sqrt(share))
    if not inside:
        return -math.inf
    return 0.5 * z * z * share - 0.5 * math.log1p(weight) + math.log(2 * inside)
