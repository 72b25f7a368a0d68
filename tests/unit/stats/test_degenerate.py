"""Whatever a store hands over: the answer is a reason, or numbers that are finite and in order. Every kind and method.

One user, nobody, no scatter, zeros, everybody; 1e308, subnormals, infinite and not a number."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit.experiments.cautions import limits_of
from evensplit.stats import frequentist, sequential
from evensplit.stats.bayesian import Belief, Prior, believe, chance_above
from evensplit.stats.best import Normal, best_of, best_with_prior
from evensplit.stats.contrast import Contrast, contrast
from evensplit.stats.cuped import Adjustment, adjusted
from evensplit.stats.estimate import Alternative, Comparison, Interval, NotEnough
from evensplit.stats.joint import Joint, joint
from evensplit.stats.margins import Beyond, Way, p_inferior, p_outside
from evensplit.stats.samples import Quantiles, Ratios, Sample, Values
from evensplit.stats.sides import Side, side_of
from tests.unit.examples import some

EXAMPLES = settings(max_examples=some(5), deadline=None)
FEW = settings(max_examples=some(1), deadline=None)
ABSURD = [0.0, 1.0, -1.0, 5e-324, 1e-310, 1e-160, 1e-150, 1e9, 1e150, 1e160, 1e308, -1e308]
WORSE = [math.inf, -math.inf, math.nan]

number = st.one_of(st.sampled_from(ABSURD), st.floats(-1e6, 1e6, allow_nan=False), st.integers(-3, 3).map(float))
raw = st.one_of(number, st.sampled_from(WORSE))
alphas = st.sampled_from([1e-12, 0.001, 0.05, 0.5, 0.999])
alternatives: st.SearchStrategy[Alternative] = st.sampled_from(["two-sided", "greater", "less"])
priors = st.one_of(
    st.none(), st.builds(Prior, st.sampled_from([0.0, 0.1, -1e9]), st.sampled_from([1e-300, 0.3, 1e9, 1e300]))
)


def rows(width: int, binary: bool = False) -> st.SearchStrategy[Joint]:
    """Of real users with odd values, few of them or many alike."""
    value = st.sampled_from([0.0, 1.0]) if binary else number
    row = st.tuples(*[value] * width)
    times = st.sampled_from([1, 1, 7])
    return st.tuples(st.lists(row, max_size=6), times).map(lambda drawn: _joint(drawn[0] * drawn[1], width))


def _joint(of: list[tuple[float, ...]], width: int) -> Joint:
    """As a store would, which has infinities where Python raises."""
    try:
        return joint(of, width)
    except (OverflowError, ValueError):
        return Joint(len(of), (math.inf,) * width, (math.nan,) * (width * (width + 1) // 2))


def sums(width: int) -> st.SearchStrategy[Joint]:
    """Of no users at all: any numbers, as a faulty store might hand over."""
    products = width * (width + 1) // 2
    return st.builds(
        Joint,
        st.sampled_from([0, 1, 2, 3, 100, 10**12]),
        st.tuples(*[raw] * width),
        st.tuples(*[raw.map(abs)] * products),
    )


def joints(width: int, binary: bool = False) -> st.SearchStrategy[Joint]:
    return st.one_of(rows(width, binary), sums(width))


def quantiles(clusters: bool) -> st.SearchStrategy[Quantiles]:
    ranked = st.lists(raw, min_size=3, max_size=3).map(sorted)
    points = st.sampled_from([0, 1, 5, 100, 10**9])
    q = st.sampled_from([0.5, 0.9, 0.999])
    found = joints(2) if clusters else st.none()
    return st.tuples(q, points, ranked, found).map(
        lambda drawn: Quantiles(drawn[0], drawn[1], drawn[2][1], drawn[2][0], drawn[2][2], drawn[3])
    )


def of(kind: str) -> st.SearchStrategy[Sample]:
    name, _, more = kind.partition(" ")
    if name == "ratio":
        return joints(4 if more else 2).map(Ratios)
    if name == "quantile":
        return quantiles(bool(more))
    if name == "proportion":
        return joints(2 if more else 1, binary=True).map(lambda found: Values("proportion", found))
    return joints(2 if more else 1).map(lambda found: Values("mean", found))


KINDS = [
    "mean", "mean cuped", "proportion", "proportion cuped", "ratio", "ratio cuped", "quantile", "quantile clustered"
]  # fmt: skip


def is_believable(found: Interval | NotEnough, alternative: Alternative) -> None:
    if isinstance(found, NotEnough):
        assert found.reason and found.message
        return
    assert math.isfinite(found.estimate)
    ends = [end for end in (found.lower, found.upper) if end is not None]
    assert len(ends) == (2 if alternative == "two-sided" else 1)
    assert all(map(math.isfinite, ends))
    assert found.lower is None or found.lower <= found.estimate
    assert found.upper is None or found.estimate <= found.upper


def is_chance(found: float | NotEnough) -> None:
    assert isinstance(found, NotEnough) or 0 <= found <= 1


@pytest.mark.parametrize("kind", KINDS)
@EXAMPLES
@given(st.data(), alphas, alternatives, priors)
def test_every_method(
    kind: str, data: st.DataObject, alpha: float, alternative: Alternative, prior: Prior | None
) -> None:
    samples = data.draw(of(kind)), data.draw(of(kind))
    found = contrast(*samples)
    if isinstance(found, NotEnough):
        assert found.reason and found.message
        return
    for tested in (
        frequentist.compare(found, alpha, alternative),
        sequential.compare_always(found, alpha, 5000, alternative),
        sequential.compare_always(found, alpha / 3, 10**12, alternative, tuned=alpha),
    ):
        if isinstance(tested, Comparison):
            assert 0 <= tested.p_value <= 1
            assert math.isfinite(tested.statistic)
            assert tested.degrees_of_freedom is None or 0 < tested.degrees_of_freedom < math.inf
            is_believable(tested.difference, alternative)
            is_believable(tested.lift, alternative)
    belief = believe(found, alpha, prior, alternative)
    if isinstance(belief, Belief):
        is_chance(belief.chance_to_win)
        assert 0 <= belief.expected_loss < math.inf and 0 <= belief.expected_loss_of_control < math.inf
        is_believable(belief.difference, alternative)
        is_believable(belief.lift, alternative)
    within_a_margin(found, alpha, prior)
    for limit in limits_of(*samples, "bayesian"):
        assert 0 <= limit.found < math.inf and 0 < limit.needed < math.inf and limit.message


def within_a_margin(found: Contrast, alpha: float, prior: Prior | None) -> None:
    def fixed(change: float, way: Way) -> float:
        return frequentist.p_beyond(found, change, way)

    def always(change: float, way: Way) -> float:
        return sequential.p_beyond(found, change, way, alpha)

    def believed(change: float, way: Way) -> float | NotEnough:
        return chance_above(found, change, prior)

    ways: tuple[Beyond, ...] = (fixed, always, believed)
    for beyond in ways:
        for margin in (1e-9, 0.1, 1.0, 1e6):
            is_chance(p_inferior(found, margin, True, beyond))
            both = p_outside(found, margin, beyond)
            assert isinstance(both, NotEnough) or all(0 <= each <= 1 for each in both)


@pytest.mark.parametrize("kind", KINDS)
@FEW
@given(st.data())
def test_many_variants(kind: str, data: st.DataObject) -> None:
    samples = [data.draw(of(kind)) for _ in range(3)]
    if all(not isinstance(each, Quantiles) and each.joint.n > 1 for each in samples):
        found = adjusted(samples)
        if isinstance(found, Adjustment):
            for each in found.sides:
                assert math.isfinite(each.adjusted.mean) and 0 <= each.adjusted.spread < math.inf
    sides = [side_of(sample) for sample in samples]
    scattered = [side for side in sides if isinstance(side, Side) and side.spread]
    if len(scattered) == len(samples):
        standings = best_of([Normal(side.mean, math.sqrt(side.spread)) for side in scattered])
        standings += best_with_prior(scattered[0], scattered[1:], Prior(0.0, 0.3))
        for standing in standings:
            assert math.isnan(standing.chance) or 0 <= standing.chance <= 1
