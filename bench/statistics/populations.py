"""Users of many kinds: from dice to samples. Each population makes many experiments' sides at once.

A side is what a store would hand over of one variant, so that what follows is the product's own code.
"""

import math
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from evensplit.stats.joint import Joint
from evensplit.stats.moments import Moments, binary
from evensplit.stats.samples import SPREAD, Quantiles, Ratios, Sample, Shape, Values, values

Numbers: TypeAlias = NDArray[np.float64]
Dice: TypeAlias = np.random.Generator


class Population(Protocol):
    """`name` stands in the tables, `what` says what the numbers are."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str: ...

    def sides(self, dice: Dice, count: int, n: int, lift: float) -> list[Sample]:
        """`count` sides of `n` users each; the true mean (ratio, quantile) is raised by `lift`."""
        ...


# --- one number a user ----------------------------------------------------------------------------


class Source(Protocol):
    """Draws numbers; of each, `mean` is the true mean."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str: ...

    @property
    def shape(self) -> Shape: ...

    @property
    def mean(self) -> float: ...

    def draw(self, dice: Dice, size: tuple[int, int]) -> Numbers: ...


@dataclass(frozen=True)
class Normal:
    name: str = "normal"
    what: str = "normal, mean 10, standard deviation 5"
    shape: Shape = "mean"
    mean: float = 10.0

    def draw(self, dice: Dice, size: tuple[int, int]) -> Numbers:
        return dice.normal(10, 5, size)


@dataclass(frozen=True)
class Revenue:
    name: str = "revenue"
    what: str = "5 % of users buy, for a lognormal amount (mu 3, sigma 1); the others have 0"
    shape: Shape = "mean"
    mean: float = 0.05 * math.exp(3.5)

    def draw(self, dice: Dice, size: tuple[int, int]) -> Numbers:
        found = np.zeros(size)
        buyers = dice.random(size, dtype=np.float32) < 0.05
        found[buyers] = dice.lognormal(3, 1, int(buyers.sum()))
        return found


@dataclass(frozen=True)
class Pareto:
    name: str = "Pareto"
    what: str = "Pareto with tail index 2.1: a variance, and no third moment"
    shape: Shape = "mean"
    mean: float = 2.1 / 1.1

    def draw(self, dice: Dice, size: tuple[int, int]) -> Numbers:
        return 1 + dice.pareto(2.1, size)


@dataclass(frozen=True)
class Student:
    name: str = "Student t3"
    what: str = "Student's t with 3 degrees of freedom around 5: heavy tails to both sides"
    shape: Shape = "mean"
    mean: float = 5.0

    def draw(self, dice: Dice, size: tuple[int, int]) -> Numbers:
        return 5 + dice.standard_t(3, size)


@dataclass(frozen=True)
class Coin:
    """Users who do something or do not."""

    name: str
    what: str
    mean: float
    shape: Shape = "proportion"

    def draw(self, dice: Dice, size: tuple[int, int]) -> Numbers:
        return (dice.random(size, dtype=np.float32) < self.mean).astype(np.float64)


@dataclass(frozen=True)
class Plain:
    """A metric of one number a user. A lift multiplies every value, or adds the same to each where it `shifts`."""

    source: Source
    shifts: bool = False

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def what(self) -> str:
        return self.source.what

    def sides(self, dice: Dice, count: int, n: int, lift: float) -> list[Sample]:
        source = self.source
        if source.shape == "proportion":
            successes = dice.binomial(n, source.mean * (1 + lift), count)
            return [values("proportion", binary(n, int(each))) for each in successes]
        drawn = source.draw(dice, (count, n))
        return [
            values("mean", each)
            for each in moments_of(drawn + source.mean * lift if self.shifts else drawn * (1 + lift))
        ]


def moments_of(rows: Numbers) -> list[Moments]:
    """Of each row."""
    totals = rows.sum(axis=1)
    squares = ((rows - (totals / rows.shape[1])[:, None]) ** 2).sum(axis=1)
    return [
        Moments(rows.shape[1], total, square) for total, square in zip(totals.tolist(), squares.tolist(), strict=True)
    ]


# --- several numbers a user -----------------------------------------------------------------------


def joints_of(*columns: Numbers) -> list[Joint]:
    """Of each row of the columns, which have one shape."""
    n = columns[0].shape[1]
    totals = [column.sum(axis=1) for column in columns]
    apart = [column - (total / n)[:, None] for column, total in zip(columns, totals, strict=True)]
    products = [(apart[i] * apart[j]).sum(axis=1) for i in range(len(columns)) for j in range(i, len(columns))]
    return [
        Joint(n, tuple(total), tuple(product))
        for total, product in zip(np.array(totals).T.tolist(), np.array(products).T.tolist(), strict=True)
    ]


@dataclass(frozen=True)
class Covaried:
    """A metric with a covariate, correlated by `correlation`."""

    correlation: float = 0.7
    name: str = "CUPED"
    what: str = "normal, mean 10, standard deviation 5, with a covariate (correlation 0.7)"

    def sides(self, dice: Dice, count: int, n: int, lift: float) -> list[Sample]:
        before = dice.normal(0, 1, (count, n))
        rest = dice.normal(0, 1, (count, n))
        after = 10 + 5 * (self.correlation * before + math.sqrt(1 - self.correlation**2) * rest)
        return [Values("mean", each) for each in joints_of(after + 10 * lift, before)]


@dataclass(frozen=True)
class Baskets:
    """Revenue per order: the sum of one number of each user over the sum of another."""

    name: str = "ratio"
    what: str = "revenue per order: 1 + Poisson(2) orders a user, of amounts that grow with their number"

    def sides(self, dice: Dice, count: int, n: int, lift: float) -> list[Sample]:
        orders: Numbers = (1 + dice.poisson(2, (count, n))).astype(np.float64)
        revenue = orders * (5 + orders) * dice.gamma(4, 0.25, (count, n)) * (1 + lift)
        return [Ratios(each) for each in joints_of(revenue, orders)]


@dataclass(frozen=True)
class Tail:
    """A quantile of one number a user."""

    name: str = "quantile"
    what: str = "the 0.9 quantile of a lognormal time (mu 0, sigma 1), one a user"
    q: float = 0.9

    def sides(self, dice: Dice, count: int, n: int, lift: float) -> list[Sample]:
        rows = dice.lognormal(0, 1, (count, n)) * (1 + lift)
        reach = SPREAD * math.sqrt(self.q * (1 - self.q) / n)
        places = [self.q, max(0.0, self.q - reach), min(1.0, self.q + reach)]
        found = np.quantile(rows, places, axis=1).T.tolist()
        return [Quantiles(self.q, n, *each) for each in found]


@dataclass(frozen=True)
class Requests:
    """A quantile of several numbers a user, which resemble each other."""

    name: str = "quantile of events"
    what: str = (
        "the 0.9 quantile of lognormal times, five a user; half of the variance of their logarithms is the user's"
    )
    q: float = 0.9
    each: int = 5

    def sides(self, dice: Dice, count: int, n: int, lift: float) -> list[Sample]:
        users = dice.normal(0, math.sqrt(0.5), (count, n, 1))
        times = np.exp(users + dice.normal(0, math.sqrt(0.5), (count, n, self.each))) * (1 + lift)
        points = n * self.each
        reach = SPREAD * math.sqrt(self.q * (1 - self.q) / points)
        found = np.quantile(times.reshape(count, points), [self.q, self.q - reach, self.q + reach], axis=1)
        below = (times <= found[0][:, None, None]).sum(axis=2).astype(np.float64)
        clusters = joints_of(below, np.full((count, n), float(self.each)))
        return [
            Quantiles(self.q, points, value, low, high, cluster)
            for (value, low, high), cluster in zip(found.T.tolist(), clusters, strict=True)
        ]


RARE = Coin("rare", "0.1 % of users convert", 0.001)
COMMON = Coin("conversion", "10 % of users convert", 0.1)
SOURCES: tuple[Source, ...] = (Normal(), Revenue(), Pareto(), Student(), COMMON, RARE)
POPULATIONS: tuple[Population, ...] = (
    *(Plain(source) for source in SOURCES),
    Covaried(),
    Baskets(),
    Tail(),
    Requests(),
)
