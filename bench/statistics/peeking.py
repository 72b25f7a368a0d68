"""Looked at after every hundred users, up to 100,000: how often a method ever calls out where nothing differs.

What is close to the bound is decided by the product's own code; what is far from it by its bound in standard errors.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bench.statistics.populations import Dice, Numbers, Source
from bench.statistics.rates import Rate, marked
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Comparison
from evensplit.stats.frequentist import compare
from evensplit.stats.moments import Moments, binary
from evensplit.stats.samples import Sample, values
from evensplit.stats.sequential import HORIZON, boundary, compare_always, rho_squared

ALPHA = 0.05
EVERY = 100  # users of both sides
MARGIN = 0.9  # of the bound, below which nothing can cross it
AT_ONCE = 40  # experiments

Judge = Callable[[Contrast], bool]


def calls_out_always(found: Contrast) -> bool:
    told = compare_always(found, ALPHA)
    return isinstance(told, Comparison) and told.p_value < ALPHA


def calls_out_once(found: Contrast) -> bool:
    told = compare(found, ALPHA)
    return isinstance(told, Comparison) and told.p_value < ALPHA


def ever(source: Source, seed: int, trials: int, users: int) -> tuple[Rate, Rate]:
    """How often the sequential and the fixed method call out at any look."""
    dice = np.random.default_rng([seed, users])
    looks = np.arange(EVERY, users + 1, EVERY)
    bounds = np.array([boundary(n * rho_squared(ALPHA, HORIZON), ALPHA) for n in looks.tolist()])
    always = once = done = 0
    while done < trials:
        count = min(AT_ONCE, trials - done)
        sides = [_looks(source, dice, count, users) for _ in (0, 1)]
        z = _statistics(sides, looks)
        for row in range(count):
            always += _any(source, sides, row, np.flatnonzero(z[row] > MARGIN * bounds), calls_out_always)
            once += _any(source, sides, row, np.flatnonzero(z[row] > MARGIN * 1.96), calls_out_once)
        done += count
    return Rate(always, trials), Rate(once, trials)


def _looks(source: Source, dice: Dice, count: int, users: int) -> tuple[Numbers, Numbers]:
    """Sums and sums of squares of one side at each look; rows are experiments."""
    size = (count, users // EVERY, EVERY // 2)
    if source.shape == "proportion":
        found = dice.binomial(EVERY // 2, source.mean, size[:2]).astype(np.float64).cumsum(axis=1)
        return found, found
    drawn = source.draw(dice, (count, users // 2)).reshape(size)
    return drawn.sum(axis=2).cumsum(axis=1), (drawn * drawn).sum(axis=2).cumsum(axis=1)


def _statistics(sides: list[tuple[Numbers, Numbers]], looks: NDArray[np.int64]) -> Numbers:
    """|z| at each look."""
    n = looks / 2
    spreads = [(squares - totals * totals / n) / (n - 1) / n for totals, squares in sides]
    apart = np.abs(sides[0][0] - sides[1][0]) / n
    error = np.sqrt(np.maximum(spreads[0] + spreads[1], 0))
    return np.divide(apart, error, out=np.zeros_like(apart), where=error > 0)


def _any(
    source: Source, sides: list[tuple[Numbers, Numbers]], row: int, looks: NDArray[np.int64], judge: Judge
) -> bool:
    """Whether the method calls out at one of these looks."""
    for look in looks.tolist():
        n = (look + 1) * EVERY // 2
        found = contrast(*(_sample(source, n, totals[row, look], squares[row, look]) for totals, squares in sides))
        if isinstance(found, Contrast) and judge(found):
            return True
    return False


def _sample(source: Source, n: int, total: float, squares: float) -> Sample:
    if source.shape == "proportion":
        return values("proportion", binary(n, round(total)))
    return values("mean", Moments(n, float(total), float(squares - total * total / n)))


HEADS = ("", "users", "trials", "sequential", "fixed, wrongly read so")


def rows(sources: tuple[Source, ...], quick: bool, told: Callable[[str], None]) -> list[list[str]]:
    found = []
    users, trials = (10_000, 200) if quick else (100_000, 2_000)
    for number, source in enumerate(sources):
        told(f"peeking at {source.name}, {trials:,} trials")
        always, once = ever(source, 100 + number, trials, users)
        found.append([source.name, f"{users:,}", f"{trials:,}", marked(always, ALPHA, "above"), once.shown()])
    return found
