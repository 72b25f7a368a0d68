"""Tail areas and quantiles: normal, Student's t, chi-squared, beta. The only room that loads scipy, at first use."""

import math
from collections.abc import Callable
from functools import cache, lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Points: TypeAlias = NDArray[np.float64]

NODES = 400  # of Gauss-Legendre: more than enough for a smooth density over the part that has weight
TAIL = 1e-18  # the weight of a beta that is left out at each end: less than a double can show beside 1


def _special() -> ModuleType:
    from scipy import special  # loaded here: 60 ms and 20 MB that capture never needs

    return special


def normal_two_sided(z: float) -> float:
    """P(|Z| >= |z|), exact far into the tail."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_lower(z: float) -> float:
    """P(Z <= z)."""
    return 0.5 * math.erfc(-z / math.sqrt(2))


def normal_lower_of(z: "Points") -> "Points":
    """P(Z <= z) of each."""
    lower: Points = _special().ndtr(z)
    return lower


def normal_density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def normal_quantile(probability: float) -> float:
    return float(_special().ndtri(probability))


def t_two_sided(t: float, degrees_of_freedom: float) -> float:
    """P(|T| >= |t|); the degrees of freedom need not be whole."""
    return float(2 * _special().stdtr(degrees_of_freedom, -abs(t)))


def t_quantile(probability: float, degrees_of_freedom: float) -> float:
    return float(_special().stdtrit(degrees_of_freedom, probability))


def quantile(probability: float, degrees_of_freedom: float | None) -> float:
    """Of Student's t, or of the normal distribution where there are no degrees of freedom."""
    return normal_quantile(probability) if degrees_of_freedom is None else t_quantile(probability, degrees_of_freedom)


def two_sided(x: float, degrees_of_freedom: float | None) -> float:
    return normal_two_sided(x) if degrees_of_freedom is None else t_two_sided(x, degrees_of_freedom)


def upper(x: float, degrees_of_freedom: float | None) -> float:
    """P(X >= x)."""
    if degrees_of_freedom is None:
        return normal_lower(-x)
    return float(_special().stdtr(degrees_of_freedom, -x))


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
    def range(self) -> tuple[float, float]:
        """Where all but a TAIL at each end lies."""
        special = _special()
        return float(special.betaincinv(self.a, self.b, TAIL)), float(special.betainccinv(self.a, self.b, TAIL))

    @property
    def one_more(self) -> "Beta":
        """After one more success."""
        return Beta(self.a + 1, self.b)


def beta_lower(of: Beta, points: "Points") -> "Points":
    """P(X <= point) of each."""
    lower: Points = _special().betainc(of.a, of.b, points.clip(0, 1))
    return lower


def beta_density(of: Beta, points: "Points") -> "Points":
    """At points strictly between 0 and 1."""
    import numpy as np

    logs = (of.a - 1) * np.log(points) + (of.b - 1) * np.log1p(-points) - _special().betaln(of.a, of.b)
    density: Points = np.exp(logs)
    return density


def beta_difference_lower(one: Beta, other: Beta, x: float) -> float:
    """P(one - other <= x) of independent betas."""
    if _width(one) < _width(other):  # averaged over the narrower of the two, beside which the other is smooth
        return _averaged(one, lambda points: _special().betaincc(other.a, other.b, (points - x).clip(0, 1)))
    return _averaged(other, lambda points: _special().betainc(one.a, one.b, (points + x).clip(0, 1)))


def beta_difference_quantile(one: Beta, other: Beta, probability: float) -> float:
    return root(lambda x: beta_difference_lower(one, other, x) - probability, -1.0, 1.0)


def beta_ratio_lower(one: Beta, other: Beta, ratio: float) -> float:
    """P(one / other <= ratio); the ratio is above 0."""
    if _width(one) < _width(other) * ratio:
        return _averaged(one, lambda points: _special().betaincc(other.a, other.b, (points / ratio).clip(0, 1)))
    return _averaged(other, lambda points: _special().betainc(one.a, one.b, (points * ratio).clip(0, 1)))


def beta_ratio_quantile(one: Beta, other: Beta, probability: float) -> float:
    """Of one / other."""
    return math.exp(root(lambda x: beta_ratio_lower(one, other, math.exp(x)) - probability, -60.0, 60.0))


def _averaged(over: Beta, values: "Callable[[Points], Points]") -> float:
    """The mean of a function of a beta variable that is a chance, by quadrature over where its weight lies."""
    points, weights = _weighed(over)
    return min(float((values(points) * weights).sum()), 1.0)  # the weights add up to 1 but for a last digit


@lru_cache(maxsize=64)
def _width(of: Beta) -> float:
    low, high = of.range
    return high - low


@lru_cache(maxsize=64)
def _weighed(over: Beta) -> "tuple[Points, Points]":
    """Places, and how much of the weight each stands for; a search for a root asks for the same again and again."""
    import numpy as np

    low, high = over.range
    places, weights = quadrature()
    points = low + (high - low) * (places + 1) / 2
    logs = (over.a - 1) * np.log(points) + (over.b - 1) * np.log1p(-points)
    weights = weights * np.exp(logs - logs.max())
    return points, weights / weights.sum()


@cache
def quadrature(nodes: int = NODES) -> "tuple[Points, Points]":
    """Places in [-1, 1] and their weights."""
    import numpy as np

    return np.polynomial.legendre.leggauss(nodes)


def root(of: Callable[[float], float], low: float, high: float) -> float:
    """Where `of`, of different signs at the two ends, is 0."""
    from scipy import optimize

    return float(optimize.brentq(of, low, high, xtol=1e-15, rtol=1e-13))
