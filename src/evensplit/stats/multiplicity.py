"""Adjusted p values for a family of comparisons. Holm (1979) bounds any false discovery, BH (1995) their share."""

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
