"""Several numbers of each unit at once: their sums and how they vary together. Nothing heavy is loaded.

What a ratio needs (numerator, denominator), and what a covariate adds. One number alone is `moments`.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from evensplit.stats.moments import Moments


class Joint(msgspec.Struct, frozen=True):
    """`n` units with k numbers each: the k sums, and the sums of products of deviations from the means: the upper
    triangle row by row, (0, 0), (0, 1) ... (0, k - 1), (1, 1) ..., k * (k + 1) / 2 of them."""

    n: int
    totals: tuple[float, ...]
    products: tuple[float, ...]

    def mean(self, i: int) -> float:
        """At least one unit."""
        return self.totals[i] / self.n

    def product(self, i: int, j: int) -> float:
        low, high = (i, j) if i <= j else (j, i)
        return self.products[low * len(self.totals) - low * (low - 1) // 2 + high - low]

    def covariance(self, i: int, j: int) -> float:
        """With n - 1; at least two units."""
        return self.product(i, j) / (self.n - 1)

    def only(self, i: int) -> Moments:
        """The moments of number i by itself."""
        return Moments(self.n, self.totals[i], self.product(i, i))

    @property
    def is_finite(self) -> bool:
        """False where a sum left the range of doubles: then nothing can be said."""
        return all(map(math.isfinite, self.totals)) and all(map(math.isfinite, self.products))


def joint(rows: Iterable[Sequence[float]], width: int) -> Joint:
    """Two passes with exact sums; each row holds `width` numbers."""
    kept = list(rows)
    totals = tuple(math.fsum(row[i] for row in kept) for i in range(width))
    means = [total / len(kept) for total in totals] if kept else []
    pairs = [(i, j) for i in range(width) for j in range(i, width)]
    products = tuple(math.fsum((row[i] - means[i]) * (row[j] - means[j]) for row in kept) for i, j in pairs)
    return Joint(len(kept), totals, products)


def merge_joint(left: Joint, right: Joint) -> Joint:
    """The moments of both samples together (Chan, Golub, LeVeque 1979)."""
    if not left.n or not right.n:
        return right if right.n else left
    n, width = left.n + right.n, len(left.totals)
    apart = [right.mean(i) - left.mean(i) for i in range(width)]
    share = left.n * right.n / n
    pairs = [(i, j) for i in range(width) for j in range(i, width)]
    return Joint(
        n,
        tuple(one + other for one, other in zip(left.totals, right.totals, strict=True)),
        tuple(left.product(i, j) + right.product(i, j) + apart[i] * apart[j] * share for i, j in pairs),
    )
