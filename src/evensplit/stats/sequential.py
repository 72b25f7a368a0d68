"""Tests that may be looked at whenever one likes: asymptotic confidence sequences, and their p values.

The interval is that of Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences" (Annals of Statistics 2024), Theorem 2.2: valid at all sample sizes at once, and
tightest near a horizon that is chosen beforehand. It is the mixture sequential probability ratio test (Robbins 1970;
Johari, Koomen, Pekelis, Walsh 2017) with the mixing variance rho^2 * sigma^2, so the p value is one over its ratio.
"""

import math

from evensplit.stats.contrast import Contrast
from evensplit.stats.estimate import Comparison, NotEnough
from evensplit.stats.frequentist import around

HORIZON = 5_000  # observations of both sides at which the interval is tightest


def compare_always(found: Contrast, alpha: float = 0.05, horizon: int = HORIZON) -> Comparison:
    """The difference and the lift with intervals, and a p value, that hold however often they are looked at.

    `statistic` is the plain z. The p value stands at the horizon's rho for `alpha`, and is at most 1."""
    weight = found.n * _rho_squared(alpha, horizon)  # n * rho^2
    quantile = math.sqrt(2 * (weight + 1) / weight * math.log(math.sqrt(weight + 1) / alpha))
    difference, lift = found.difference, found.lift
    z = difference.estimate / difference.error
    p_value = min(1.0, math.exp(0.5 * math.log1p(weight) - 0.5 * z * z * weight / (weight + 1)))
    return Comparison(
        difference=around(difference, quantile),
        lift=lift if isinstance(lift, NotEnough) else around(lift, quantile),
        p_value=p_value,
        statistic=z,
        method="confidence_sequence",
    )


def _rho_squared(alpha: float, horizon: int) -> float:
    """The paper's choice of rho for a horizon (its equation 24)."""
    least = -2 * math.log(alpha)
    return (least + math.log1p(least)) / horizon
