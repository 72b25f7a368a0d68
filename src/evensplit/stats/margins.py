"""Not worse than a margin allows, and no further apart than it: non-inferiority, and equivalence by two one-sided tests
(Schuirmann 1987).

A margin is a share of the control's mean. It is tested on variant - (1 + change) * control, which divides by nothing
and takes the control's own uncertainty along; a limit put on the lift's interval would keep its rate of errors only
where the control is far from 0. Not here: the methods' own p values, which are handed in.
"""

import math
from collections.abc import Callable
from typing import Literal, TypeAlias

from evensplit.stats.contrast import Contrast
from evensplit.stats.estimate import OVERFLOW, NotEnough

Way: TypeAlias = Literal["greater", "less"]
Beyond: TypeAlias = Callable[[float, Way], float | NotEnough]  # p that the variant is beyond (1 + change) * control


def p_inferior(found: Contrast, margin: float, up: bool, p_beyond: Beyond) -> float | NotEnough:
    """That the variant is worse than the control by less than `margin`. `up`: more is better."""
    worst = -margin if up else margin
    return _p(found, worst, "greater" if up else "less", p_beyond)


def p_outside(found: Contrast, margin: float, p_beyond: Beyond) -> tuple[float, float] | NotEnough:
    """Of both one-sided tests, that the variant lies above the lower and below the upper limit: it is equivalent where
    the greater of them is small. Of beliefs: the chances that it lies beyond either, which cannot both be true."""
    lower = _p(found, -margin, "greater", p_beyond)
    upper = _p(found, margin, "less", p_beyond)
    if isinstance(lower, NotEnough):
        return lower
    return upper if isinstance(upper, NotEnough) else (lower, upper)


def _p(found: Contrast, change: float, way: Way, p_beyond: Beyond) -> float | NotEnough:
    if not found.base.mean:
        return NotEnough("control_is_zero", "the control's mean is 0: a margin relative to it has no width")
    change = change if found.base.mean > 0 else -change  # a margin is a share of the control's size
    if not found.beyond(change).error:
        return NotEnough("no_variance", "nothing scatters at the margin: nothing can be told from it")
    p_value = p_beyond(change, way)
    return p_value if isinstance(p_value, NotEnough) or math.isfinite(p_value) else OVERFLOW
