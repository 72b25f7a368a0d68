"""What looking more than once does to a test that is meant to be read once.

Armitage, McPherson, Rowe, "Repeated significance tests on accumulating data", JRSS A 1969: a z test at level alpha
after each of k equally large groups of observations, stopped at the first p value below alpha. Where looks are not
equally far apart the rate differs; it is never below alpha.
"""

import math
from functools import lru_cache

from evensplit.stats import distributions

MOST = 200  # looks; with more the rate grows so slowly that the figure for 200 serves as a bound from below
NODES = 160  # of Gauss-Legendre


@lru_cache(maxsize=256)
def error_rate(looks: int, alpha: float = 0.05) -> float:
    """The chance that at least one of so many looks shows a difference where there is none; `looks` is at least 1."""
    import numpy as np  # loaded here, at first use

    bound = distributions.normal_quantile(1 - alpha / 2)
    places, weights = np.polynomial.legendre.leggauss(NODES)
    # The sum of k observations, as long as it has stayed within bound * sqrt(k): its density over these points.
    points, density = bound * places, np.exp(-((bound * places) ** 2) / 2) / math.sqrt(2 * math.pi)
    mass = bound * weights * density
    for look in range(2, min(looks, MOST) + 1):
        reach = bound * math.sqrt(look)
        after = reach * places
        kernel = np.exp(-((after[:, None] - points[None, :]) ** 2) / 2) / math.sqrt(2 * math.pi)
        points, density = after, kernel @ mass
        mass = reach * weights * density
    return float(1 - mass.sum())
