"""The same users split at random over and over: samples of two sides that differ by chance only (an A/A test).

Works on one row a user, in memory; nothing else in this folder sees rows. Not here: what a method makes of the samples.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec

from evensplit.stats.joint import Joint
from evensplit.stats.samples import SPREAD, Quantiles, Ratios, Sample, Shape, Values

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[np.float64]

AT_ONCE = 4_000_000  # users times splits held in memory
Pair: TypeAlias = tuple[Sample, Sample]


class Kind(msgspec.Struct, frozen=True):
    """What the columns of the rows are: (value[, covariate]), or (numerator, denominator[, both before]), or the value
    whose quantile `q` is the metric."""

    form: Literal["values", "ratios", "quantiles"]
    shape: Shape = "mean"
    q: float = 0.5


class Split(msgspec.Struct, frozen=True):
    """How users are split: `share` of them to the variant, `times` over; looked at after each of so many equal parts of
    them have come."""

    share: float
    times: int
    looks: int
    seed: int


def splits(rows: "Numbers", kind: Kind, how: Split) -> Iterator[list[Pair]]:
    """Of each split what is seen at each look: (variant, control). `rows` in the order in which users came; the last
    look is at all of them. Quantiles are looked at once."""
    import numpy as np  # loaded here: nothing that capture needs

    dice = np.random.default_rng(how.seed)
    n = len(rows)
    at_once = max(1, AT_ONCE // max(n, 1))
    if kind.form == "quantiles":
        yield from _quantiles(rows[:, 0], kind.q, how, dice)
        return
    looked = _products(rows)
    ends = [round(n * (look + 1) / how.looks) for look in range(how.looks)]
    everybody = _cumulated(np.ones((1, n)), looked, ends)[0]
    centre = rows.mean(axis=0) if n else np.zeros(rows.shape[1])
    for start in range(0, how.times, at_once):
        chosen = dice.random((min(at_once, how.times - start), n), dtype=np.float32) < how.share
        for sums in _cumulated(chosen.astype(np.float64), looked, ends):
            variants, controls = sums.tolist(), (everybody - sums).tolist()
            yield [
                (_sample(kind, ours, centre.tolist()), _sample(kind, theirs, centre.tolist()))
                for ours, theirs in zip(variants, controls, strict=True)
            ]


def _products(rows: "Numbers") -> "Numbers":
    """Of each user 1, the distances from the means, and their products: what is added up of each side."""
    import numpy as np

    width = rows.shape[1]
    apart = rows - (rows.mean(axis=0) if len(rows) else 0.0)
    columns = [np.ones(len(rows)), *apart.T]
    columns += [apart[:, i] * apart[:, j] for i in range(width) for j in range(i, width)]
    return np.stack(columns, axis=1)


def _cumulated(chosen: "Numbers", looked: "Numbers", ends: Sequence[int]) -> "Numbers":
    """(splits, looks, columns): sums over the chosen users up to each end."""
    import numpy as np

    parts = [chosen[:, start:end] @ looked[start:end] for start, end in zip((0, *ends), ends, strict=False)]
    return np.cumsum(np.stack(parts, axis=1), axis=1)


def _sample(kind: Kind, sums: Sequence[float], centre: Sequence[float]) -> Sample:
    n, width = round(sums[0]), len(centre)
    apart, products = sums[1 : width + 1], sums[width + 1 :]
    pairs = [(i, j) for i in range(width) for j in range(i, width)]
    if n:
        products = [total - apart[i] * apart[j] / n for total, (i, j) in zip(products, pairs, strict=True)]
    totals = [total + n * middle for total, middle in zip(apart, centre, strict=True)]
    if kind.form == "values" and kind.shape == "proportion":
        totals[0] = float(round(totals[0]))  # successes are counted, and what is no whole number is no count
    of = Joint(n, tuple(totals), tuple(products))
    return Ratios(of) if kind.form == "ratios" else Values(kind.shape, of)


def _quantiles(column: "Numbers", q: float, how: Split, dice: "np.random.Generator") -> Iterator[list[Pair]]:
    """The values are sorted once; each side of a split is then in order already."""
    import numpy as np

    ordered = np.sort(column)
    for _ in range(how.times):
        chosen = dice.random(len(ordered), dtype=np.float32) < how.share
        yield [(_of_sorted(ordered[chosen], q), _of_sorted(ordered[~chosen], q))]


def _of_sorted(ordered: "Numbers", q: float) -> Quantiles:
    n = len(ordered)
    if not n:
        return Quantiles(q, 0, None, None, None)
    reach = SPREAD * (q * (1 - q) / n) ** 0.5
    low, high = (_linear(ordered, level) for level in (max(q - reach, 0.0), min(q + reach, 1.0)))
    return Quantiles(q, n, _linear(ordered, q), low, high)


def _linear(ordered: "Numbers", level: float) -> float:
    """Type 7: between the two nearest of the values in order."""
    place = level * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return float(ordered[low] + (ordered[high] - ordered[low]) * (place - low))


Judge: TypeAlias = Callable[[Sample, Sample], bool | None]


class Called(msgspec.Struct, frozen=True):
    """In how many of `trials` splits the two sides were called different at any look; `unknown` had no answer at the
    last one and are in no other number."""

    hits: int
    trials: int
    unknown: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.trials if self.trials else None


def called(
    found: Iterator[list[Pair]], judge: Judge, looks: Literal["last", "any"], told: Callable[[int], None]
) -> Called:
    """`judge` says whether two sides differ, None where it cannot; `told` hears of each split that is done."""
    hits = trials = unknown = 0
    for done, seen in enumerate(found, 1):
        last = judge(*seen[-1])
        if last is None:
            unknown += 1
        else:
            trials += 1
            hits += last or (looks == "any" and any(judge(*pair) for pair in seen[:-1]))
        told(done)
    return Called(hits, trials, unknown)
