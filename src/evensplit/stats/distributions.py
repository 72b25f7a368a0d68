"""Tail areas and quantiles: normal, Student's t, chi-squared. The only room that loads scipy, at first use."""

import math
from types import ModuleType


def _special() -> ModuleType:
    from scipy import special  # loaded here: 60 ms and 20 MB that capture never needs

    return special


def normal_two_sided(z: float) -> float:
    """P(|Z| >= |z|), exact far into the tail."""
    return math.erfc(abs(z) / math.sqrt(2))


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
