"""Looked at once, at the end: how often each method calls out where nothing differs, and how often intervals cover."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from bench.statistics.populations import Dice, Plain, Population, Requests
from bench.statistics.rates import Rate, marked
from evensplit.stats.bayesian import Belief, believe
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Comparison, Interval, NotEnough
from evensplit.stats.frequentist import compare
from evensplit.stats.samples import Sample
from evensplit.stats.sequential import compare_always

ALPHA = 0.05
LIFT = 0.1
SIZES = (100, 1_000, 10_000, 100_000)
AT_ONCE = 4_000_000  # numbers held in memory
MOST_BELIEFS = 400  # of proportions, whose beliefs take integrals

Told = Callable[[str], None]


@dataclass
class Tally:
    """Of one population and size. `unknown`: trials without an answer, which are in no rate."""

    trials: int = 0
    unknown: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, happened: bool) -> None:
        self.asked[what] = self.asked.get(what, 0) + 1
        self.wrong[what] = self.wrong.get(what, 0) + happened

    def rate(self, what: str) -> Rate | None:
        return Rate(self.wrong[what], self.asked[what]) if self.asked.get(what) else None


def pairs(
    population: Population, dice: Dice, trials: int, sizes: tuple[int, int], lift: float
) -> Iterator[tuple[Sample, Sample]]:
    """(variant, control) of `trials` experiments with so many users on each side."""
    chunk = max(1, min(trials, AT_ONCE // max(sizes)))
    for start in range(0, trials, chunk):
        count = min(chunk, trials - start)
        variants = population.sides(dice, count, sizes[0], lift)
        yield from zip(variants, population.sides(dice, count, sizes[1], 0.0), strict=True)


def tallied(
    population: Population, seed: int, trials: int, sizes: tuple[int, int], beliefs: int = MOST_BELIEFS
) -> Tally:
    """`beliefs`: in how many trials they are asked for, of proportions."""
    dice = np.random.default_rng([seed, *sizes])
    tally = Tally()
    for variant, control in pairs(population, dice, trials, sizes, 0.0):
        found = contrast(variant, control)
        tally.trials += 1
        if isinstance(found, NotEnough):
            tally.unknown += 1
            continue
        _nothing_differs(tally, found, beliefs)
    for variant, control in pairs(population, dice, trials, sizes, LIFT):
        found = contrast(variant, control)
        if isinstance(found, Contrast):
            fixed = compare(found, ALPHA)
            if isinstance(fixed, Comparison) and isinstance(fixed.lift, Interval):
                tally.count("lift covers", _holds(fixed.lift, LIFT))
    return tally


def _nothing_differs(tally: Tally, found: Contrast, beliefs: int) -> None:
    fixed, always = compare(found, ALPHA), compare_always(found, ALPHA)
    if isinstance(fixed, Comparison):
        tally.count("fixed", fixed.p_value < ALPHA)
        tally.count("difference covers", _holds(fixed.difference, 0.0))
    if isinstance(always, Comparison):
        tally.count("sequential", always.p_value < ALPHA)
    if found.kind != "proportion" or tally.asked.get("bayesian", 0) < beliefs:
        belief = believe(found, ALPHA)
        if isinstance(belief, Belief):
            tally.count("bayesian", not ALPHA / 2 <= belief.chance_to_win <= 1 - ALPHA / 2)


def _holds(interval: Interval, true: float) -> bool:
    assert interval.lower is not None and interval.upper is not None
    return interval.lower <= true <= interval.upper


def rows(populations: Sequence[Population], ratio: int, quick: bool, told: Told) -> list[list[str]]:
    """Of the table: one a population and size. The control has `ratio` times as many users as the variant."""
    found = []
    for number, population in enumerate(populations):
        for users in SIZES:
            trials = _trials(population, users, quick)
            if not trials:
                continue
            told(f"{population.name}, {users:,} users {ratio}:1, {trials:,} trials")
            variant = users // (ratio + 1)
            tally = tallied(population, number, trials, (variant, users - variant))
            found.append([population.name, f"{users:,}", f"{trials:,}", f"{tally.unknown:,}", *_cells(tally)])
    return found


HEADS = ("", "users", "trials", "unknown", "fixed", "sequential", "bayesian", "covers: difference", "lift")


def _cells(tally: Tally) -> list[str]:
    cells = []
    for what in ("fixed", "sequential", "bayesian"):
        rate = tally.rate(what)
        cells.append("" if rate is None else marked(rate, ALPHA, "above"))
    for what in ("difference covers", "lift covers"):
        rate = tally.rate(what)
        cells.append("" if rate is None else marked(rate, 1 - ALPHA, "below"))
    return cells


def _trials(population: Population, users: int, quick: bool) -> int:
    """Fewer where each is dear; none of what would take hours."""
    if quick:
        return 1_000 if users <= 1_000 else 100 if users == 10_000 else 0
    if isinstance(population, Plain):
        return 10_000 if users <= 10_000 or population.source.shape == "proportion" else 1_000
    if isinstance(population, Requests):
        return {100: 10_000, 1_000: 5_000, 10_000: 500}.get(users, 0)
    return {100: 10_000, 1_000: 10_000, 10_000: 2_000}.get(users, 400)
