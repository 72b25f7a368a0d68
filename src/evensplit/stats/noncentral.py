"""Student's t where there is an effect: the noncentral distribution, by quadrature over the estimated deviation."""

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, TypeAlias

from evensplit.stats.distributions import normal_lower

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points: TypeAlias = NDArray[np.float64]

NODES = 60  # of Gauss-Legendre, over a smooth density
WIDTH = 10  # standard deviations to each side
NORMAL_FROM = 3e5  # degrees of freedom from which on S is as good as normal


def t_upper(t: float, degrees_of_freedom: float, shift: float) -> float:
    """P(T > t) where T = (Z + shift) / S, S^2 a chi-squared over its degrees of freedom.

    Exact to 1e-6 from 2 degrees of freedom on."""
    if degrees_of_freedom >= NORMAL_FROM:
        # S has the mean 1 - 1/4f and the variance 1/2f, up to terms of 1/f^2; then Z + shift - t S is normal, too.
        mean, variance = 1 - 1 / (4 * degrees_of_freedom), 1 / (2 * degrees_of_freedom)
        return normal_lower((shift - t * mean) / math.sqrt(1 + t * t * variance))
    points, weights = _deviations(degrees_of_freedom)
    return math.fsum(weight * normal_lower(shift - t * s) for s, weight in zip(points, weights, strict=True))


@cache
def _quadrature() -> "tuple[Points, Points]":
    """Places in [-1, 1] and their weights."""
    import numpy as np  # loaded here: nothing that capture needs

    return np.polynomial.legendre.leggauss(NODES)


@lru_cache(maxsize=256)  # an effect is sought by trying many at the same degrees of freedom
def _deviations(degrees_of_freedom: float) -> tuple[list[float], list[float]]:
    """Values of S with their weights, which add up to 1."""
    import numpy as np

    deviation = 1 / math.sqrt(2 * degrees_of_freedom)
    low, high = max(0.0, 1 - WIDTH * deviation), 1 + WIDTH * deviation
    places, weights = _quadrature()
    points = low + (high - low) * (places + 1) / 2
    logs = (degrees_of_freedom - 1) * np.log(points) - degrees_of_freedom * points * points / 2
    density = weights * np.exp(logs - logs.max())
    return points.tolist(), (density / density.sum()).tolist()
