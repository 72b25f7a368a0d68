"""Tail areas and quantiles: normal, Student's t, chi-squared, beta. The only room that loads scipy, at first use."""

import math
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points: TypeAlias = NDArray[np.float64]

NODES = 400  # of Gauss-Legendre: more than enough for a smooth density over 24 of its standard deviations
WIDTH = 12  # standard deviations to each side, beyond which a beta has no weight that a double can show


def _special() -> ModuleType:
    from scipy import special  # loaded here: 60 ms and 20 MB that capture never needs

    return special


def normal_two_sided(z: float) -> float:
    """P(|Z| >= |z|), exact far into the tail."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_lower(z: float) -> float:
    """P(Z <= z)."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def normal_density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def normal_quantile(probability: float) -> float:
    return float(_special().ndtri(probability))


def t_two_sided(t: float, degrees_of_freedom: float) -> float:
    """P(|T| >= |t|); the degrees of freedom need not be whole."""
    return float(2 * _special().stdtr(degrees_of_freedom, -abs(t)))


def t_quantile(probability: float, degrees_of_freedom: float) -> float:
    return float(_special().stdtrit(degrees_of_freedom, probability))


def chi_squared_upper(statistic: float, degrees_of_freedom: int) -> float:
    """P(X >= statistic)."""
    return float(_special().chdtrc(degrees_of_freedom, statistic))


# --- beta -----------------------------------------------------------------------------------------


class Beta(msgspec.Struct, frozen=True):
    """A beta distribution; both parameters are at least 1."""

    a: float
    b: float

    @property
    def mean(self) -> float:
        return self.a / (self.a + self.b)

    @property
    def sd(self) -> float:
        return math.sqrt(self.a * self.b / (self.a + self.b + 1)) / (self.a + self.b)

    @property
    def one_more(self) -> "Beta":
        """After one more success."""
        return Beta(self.a + 1, self.b)


def beta_difference_lower(one: Beta, other: Beta, x: float) -> float:
    """P(one - other <= x) of independent betas."""
    return _averaged(other, lambda points: _special().betainc(one.a, one.b, (points + x).clip(0, 1)))


def beta_difference_quantile(one: Beta, other: Beta, probability: float) -> float:
    return _root(lambda x: beta_difference_lower(one, other, x) - probability, -1.0, 1.0)


def beta_ratio_quantile(one: Beta, other: Beta, probability: float) -> float:
    """Of one / other."""

    def lower(log_ratio: float) -> float:
        ratio = math.exp(log_ratio)
        return _averaged(other, lambda points: _special().betainc(one.a, one.b, (points * ratio).clip(0, 1)))

    return math.exp(_root(lambda x: lower(x) - probability, -60.0, 60.0))


def _averaged(over: Beta, values: "Callable[[Points], Points]") -> float:
    """The mean of a function of a beta variable, by quadrature over where its weight lies."""
    import numpy as np

    low, high = max(0.0, over.mean - WIDTH * over.sd), min(1.0, over.mean + WIDTH * over.sd)
    places, weights = _quadrature()
    points = low + (high - low) * (places + 1) / 2
    logs = (over.a - 1) * np.log(points) + (over.b - 1) * np.log1p(-points)
    weights = weights * np.exp(logs - logs.max())
    return float((values(points) * weights).sum() / weights.sum())


@cache
def _quadrature() -> "tuple[Points, Points]":
    """Places in [-1, 1] and their weights."""
    import numpy as np

    return np.polynomial.legendre.leggauss(NODES)


def _root(of: Callable[[float], float], low: float, high: float) -> float:
    from scipy import optimize

    return float(optimize.brentq(of, low, high, xtol=1e-15, rtol=1e-13))
