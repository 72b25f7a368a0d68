"""Looked at once, at the end: how often each method calls out where nothing differs, and how often intervals cover; and
the same of the experiments whose results carry no warning that these rates do not hold."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from bench.statistics.populations import Dice, Plain, Population, Requests
from bench.statistics.rates import Rate, marked
from evensplit.experiments.cautions import limits_of
from evensplit.model.metric import Method
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
    wrong: dict[tuple[str, bool], int] = field(default_factory=dict)
    asked: dict[tuple[str, bool], int] = field(default_factory=dict)

    def count(self, what: str, happened: bool, warned: bool) -> None:
        self.asked[what, warned] = self.asked.get((what, warned), 0) + 1
        self.wrong[what, warned] = self.wrong.get((what, warned), 0) + happened

    def rate(self, what: str, warned: Sequence[bool] = (False, True)) -> Rate | None:
        """Of all trials, or of those whose results were or were not `warned` of."""
        asked = sum(self.asked.get((what, each), 0) for each in warned)
        return Rate(sum(self.wrong.get((what, each), 0) for each in warned), asked) if asked else None

    def warned(self, what: str) -> Rate | None:
        """How often its results carried a warning."""
        asked = self.asked.get((what, True), 0)
        every = asked + self.asked.get((what, False), 0)
        return Rate(asked, every) if every else None


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
        _nothing_differs(tally, found, beliefs, partial(warns, variant, control))
    for variant, control in pairs(population, dice, trials, sizes, LIFT):
        found = contrast(variant, control)
        if isinstance(found, Contrast):
            fixed = compare(found, ALPHA)
            if isinstance(fixed, Comparison) and isinstance(fixed.lift, Interval):
                tally.count("lift covers", _holds(fixed.lift, LIFT), warns(variant, control, "fixed"))
    return tally


def warns(variant: Sample, control: Sample, method: Method) -> bool:
    """Whether results of these would."""
    return any(True for _ in limits_of(variant, control, method))


def _nothing_differs(tally: Tally, found: Contrast, beliefs: int, warned: Callable[[Method], bool]) -> None:
    fixed, always = compare(found, ALPHA), compare_always(found, ALPHA)
    told = warned("fixed")
    if isinstance(fixed, Comparison):
        tally.count("fixed", fixed.p_value < ALPHA, told)
        tally.count("difference covers", _holds(fixed.difference, 0.0), told)
    if isinstance(always, Comparison):
        tally.count("sequential", always.p_value < ALPHA, told)
    asked = tally.rate("bayesian")
    if found.kind != "proportion" or asked is None or asked.trials < beliefs:
        belief = believe(found, ALPHA)
        if isinstance(belief, Belief):
            sure = not ALPHA / 2 <= belief.chance_to_win <= 1 - ALPHA / 2
            tally.count("bayesian", sure, warned("bayesian"))


def _holds(interval: Interval, true: float) -> bool:
    assert interval.lower is not None and interval.upper is not None
    return interval.lower <= true <= interval.upper


@dataclass(frozen=True)
class Case:
    """`ratio`: how many times as many users the control has as the variant."""

    population: Population
    ratio: int
    users: int
    tally: Tally

    @property
    def breaks(self) -> bool:
        """Some rate leaves what is promised to the worse side."""
        return any(cell.startswith("**") for cell in rates(self.tally))


def cases(populations: Sequence[Population], ratio: int, quick: bool, told: Told) -> Iterator[Case]:
    for number, population in enumerate(populations):
        for users in SIZES:
            trials = _trials(population, users, quick)
            if trials:
                told(f"{population.name}, {users:,} users {ratio}:1, {trials:,} trials")
                variant = users // (ratio + 1)
                tally = tallied(population, number, trials, (variant, users - variant))
                yield Case(population, ratio, users, tally)


HEADS = ("", "users", "trials", "unknown", "fixed", "sequential", "bayesian", "covers: difference", "lift", "warned")


def rows(found: Sequence[Case]) -> list[list[str]]:
    """Of the table: one a population and size."""
    return [
        [
            case.population.name,
            f"{case.users:,}",
            f"{case.tally.trials:,}",
            f"{case.tally.unknown:,}",
            *rates(case.tally),
            _shown(case.tally.warned("fixed")),
        ]
        for case in found
    ]


CALM_HEADS = (
    "",
    "sides",
    "users",
    "warned: fixed",
    "bayesian",
    "without a warning: fixed",
    "sequential",
    "bayesian",
    "covers: difference",
    "lift",
)


def calm(found: Sequence[Case]) -> list[list[str]]:
    """Of the cases that break a promise, what is left of them where results carry no warning."""
    return [
        [
            case.population.name,
            f"{case.ratio}:1",
            f"{case.users:,}",
            _shown(case.tally.warned("fixed")),
            _shown(case.tally.warned("bayesian")),
            *rates(case.tally, warned=(False,)),
        ]
        for case in found
        if case.breaks
    ]


def _shown(rate: Rate | None) -> str:
    return "" if rate is None else rate.shown()


def rates(tally: Tally, warned: Sequence[bool] = (False, True)) -> list[str]:
    """Cells: how often each method calls out, and how often the fixed method's intervals cover."""
    cells = []
    for what in ("fixed", "sequential", "bayesian"):
        rate = tally.rate(what, warned)
        cells.append("" if rate is None else marked(rate, ALPHA, "above"))
    for what in ("difference covers", "lift covers"):
        rate = tally.rate(what, warned)
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
