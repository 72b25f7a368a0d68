"""Many comparisons at once: adjusted p values, and the alphas at which intervals say the same as they do.

Holm (1979) bounds the chance of any false discovery, Benjamini and Hochberg (1995) the share of false ones among the
discoveries. Intervals: for Holm at the alpha of the step that decides about the comparison, for Benjamini and Hochberg
those of Benjamini and Yekutieli (2005), whose rate of missing the truth among the discoveries is bounded.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

Correction: TypeAlias = Literal["none", "holm", "bh"]


def adjust(p_values: Sequence[float], correction: Correction) -> list[float]:
    """In the order given; `none` returns them as they are."""
    if correction == "none":
        return list(p_values)
    size = len(p_values)
    order = sorted(range(size), key=lambda position: p_values[position])
    adjusted = [0.0] * size
    if correction == "holm":
        highest = 0.0
        for rank, position in enumerate(order):
            highest = max(highest, min(1.0, p_values[position] * (size - rank)))
            adjusted[position] = highest
    else:
        lowest = 1.0
        for rank, position in reversed(list(enumerate(order, 1))):
            lowest = min(lowest, p_values[position] * (size / rank))
            adjusted[position] = lowest
    return adjusted


def interval_alphas(p_values: Sequence[float], correction: Correction, alpha: float) -> list[float]:
    """For each comparison the alpha of its interval: where p < that alpha, the adjusted p value is below `alpha`, and
    the other way round."""
    size = len(p_values)
    if correction == "none" or not size:
        return [alpha] * size
    clear = [adjusted < alpha for adjusted in adjust(p_values, correction)]
    found = sum(clear)
    if correction == "bh":
        return [min(alpha, alpha * max(found, 1) / size)] * size  # the quotient may be a last digit above
    order = sorted(range(size), key=lambda position: p_values[position])
    alphas = [0.0] * size
    for rank, position in enumerate(order):
        # The first that is not clear ends the procedure: what follows is decided at its step.
        alphas[position] = alpha / (size - min(rank, found if found < size else size - 1))
    return alphas
