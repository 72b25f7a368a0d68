"""How likely the sequential test of a split of two calls out within so many users, exactly: no dice are thrown.

For each number of users there are counts of the first variant at and beyond which the test has crossed its bound. A
walk from 0 takes a step with the true share at each user; what reaches those counts is absorbed.
"""

import math

import numpy as np

from evensplit.stats.srm_sequential import CONCENTRATION, Phase, log_bayes_factor


def crossed(users: int, asked: float, true: float, alpha: float, concentration: float = CONCENTRATION) -> float:
    """The chance that after any of the first `users` users the p value is below `alpha`.

    `asked`: the share of the first variant by its weight; `true`: the share that it really gets."""
    low, high = _bounds(users, asked, alpha, concentration)
    alive = np.zeros(users + 2)
    alive[0] = 1.0
    lost = 0.0
    for n in range(1, users + 1):
        top = min(n, high[n - 1]) if n > 1 else 1
        first = max(0, low[n - 1])
        window = alive[first : top + 2].copy()
        moved = window * (1 - true)
        moved[1:] += window[:-1] * true
        alive[first : top + 2] = moved
        for place in range(first, low[n] + 1):
            lost += alive[place]
            alive[place] = 0.0
        for place in range(high[n], top + 2):
            lost += alive[place]
            alive[place] = 0.0
    return float(lost)


def _bounds(users: int, asked: float, alpha: float, concentration: float) -> tuple[list[int], list[int]]:
    """For each number of users: the highest count that is called too low (-1: none), the lowest called too high."""
    bound = -math.log(alpha)
    shares = {"a": asked, "b": 1 - asked}

    def beyond(n: int, count: int) -> bool:
        return log_bayes_factor(Phase({"a": count, "b": n - count}, shares), concentration) > bound

    low, high = [-1], [1]
    for n in range(1, users + 1):
        lower, upper = low[-1], high[-1]
        while lower + 1 <= n * asked and beyond(n, lower + 1):
            lower += 1
        while upper <= n and not beyond(n, upper):
            upper += 1
        low.append(lower)
        high.append(upper)
    return low, high
