"""Shares without dice: over every outcome, how likely the z test calls out and its intervals hold the truth."""

from collections.abc import Callable, Iterator

from scipy import stats

from bench.statistics.once import ALPHA, LIFT
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.estimate import Comparison, Interval
from evensplit.stats.frequentist import compare
from evensplit.stats.moments import binary
from evensplit.stats.samples import Values, values

SHARES = (0.01, 0.1, 0.5)
RATIOS = (1, 2, 9)  # users of the control to one of the variant
SUCCESSES = (5, 10, 20, 30, 50)  # that the variant has on average where nothing differs
LEAST = 1e-7  # what is likelier is looked at

HEADS = ("share", "sides", "successes", "called", "covers: difference", "lift of 0", f"lift of {LIFT:.0%}")


def rows(quick: bool, told: Callable[[str], None]) -> Iterator[list[str]]:
    for share in SHARES:
        for ratio in RATIOS:
            for successes in SUCCESSES[: 2 if quick else None]:
                told(f"shares: {share:g}, {ratio}:1, {successes} successes")
                n = round(successes / share)
                called, covered, none = _chances(share, (n, n * ratio), 0.0)
                _, _, some = _chances(share, (n, n * ratio), LIFT)
                cells = (f"{100 * each:.2f}" for each in (called, covered, none, some))
                yield [f"{share:.0%}", f"{ratio}:1", f"{successes}", *cells]


def _chances(share: float, sizes: tuple[int, int], lift: float) -> tuple[float, float, float]:
    """Called different, difference covered, lift covered; each of the outcomes that have an answer."""
    called = covered = known = held = told = 0.0
    for variant, ours in _outcomes(sizes[0], share * (1 + lift)):
        for control, theirs in _outcomes(sizes[1], share):
            weight = ours * theirs
            found = None if weight < LEAST else contrast(_sample(sizes[0], variant), _sample(sizes[1], control))
            tested = compare(found, ALPHA) if isinstance(found, Contrast) else None
            if isinstance(tested, Comparison):
                known += weight
                called += weight * (tested.p_value < ALPHA)
                covered += weight * _holds(tested.difference, share * lift)
                if isinstance(tested.lift, Interval):
                    told += weight
                    held += weight * _holds(tested.lift, lift)
    return called / known, covered / known, held / told


def _sample(n: int, successes: int) -> Values:
    return values("proportion", binary(n, successes))


def _outcomes(n: int, share: float) -> list[tuple[int, float]]:
    low, high = (int(stats.binom.ppf(at, n, share)) for at in (LEAST, 1 - LEAST))
    return [(k, float(stats.binom.pmf(k, n, share))) for k in range(low, high + 1)]


def _holds(interval: Interval, true: float) -> bool:
    assert interval.lower is not None and interval.upper is not None
    return interval.lower <= true <= interval.upper
