"""From samples to what is sent: every kind of sample, families, margins, many variants."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest

from evensplit.experiments.compare import Evidence, answer, answers
from evensplit.experiments.measure import Measurement, measurement
from evensplit.experiments.results import ComparisonNumbers, Equivalence, MetricResult, NonInferiority, VariantNumbers
from evensplit.experiments.weigh import Reading
from evensplit.model.experiment import Experiment, Variant
from evensplit.model.metric import Direction, Mean, Metric, Prior, Role
from evensplit.model.report import EventChoice
from evensplit.stats.contrast import Cuped
from evensplit.stats.estimate import NotEnough
from evensplit.stats.moments import binary
from evensplit.stats.multiplicity import Correction
from evensplit.stats.samples import Sample, values
from tests.unit.stats.known import apart
from tests.unit.stats.shoppers import (
    CONTROL,
    SLOW,
    SLOWER,
    VARIANT,
    clustered,
    loyal,
    quantile_of,
    spent,
    spent_a_visit,
)

NULL = msgspec.Raw(b"null")
FIXED, SEQUENTIAL, BAYESIAN = Reading("fixed", 0.05), Reading("sequential", 0.05), Reading("bayesian", 0.05)


def experiment(*names: str) -> Experiment:
    return Experiment(
        id=1,
        name="x",
        description=None,
        status="running",
        created_at="",
        started_at=None,
        stopped_at=None,
        variants=tuple(Variant(number, name, None, 1.0, NULL) for number, name in enumerate(names, 1)),
        control=names[0],
        hash_version="growthbook_v2",
        seed="x",
        method="sequential",
        metrics=(),
        origin="created",
    )


TWO, FOUR = experiment("a", "b"), experiment("a", "b", "c", "d")


def metric(
    name: str = "m",
    role: Role = "primary",
    direction: Direction = "up",
    margin: float | None = None,
    prior: Prior | None = None,
) -> Mean:
    return Mean(name=name, role=role, direction=direction, margin=margin, prior=prior, event=EventChoice("e"))


def plan(of: Metric) -> Measurement:
    found = measurement(of, {})
    assert isinstance(found, Measurement)
    return found


def found(of: Metric, variant: Sample, control: Sample, reading: Reading = FIXED) -> MetricResult:
    return answer(TWO, of, plan(of), {1: control, 2: variant}, reading)


def only(result: MetricResult) -> ComparisonNumbers:
    (comparison,) = result.comparisons
    return comparison


# --- the rows of the variants ---------------------------------------------------------------------


def test_a_row_of_each_kind() -> None:
    ratio = found(metric(), spent_a_visit(VARIANT), spent_a_visit(CONTROL))
    assert (ratio.shape, only(ratio).method) == (None, "ratio_t_test")
    row = ratio.variants[0]
    total, visits = sum(each.spent for each in CONTROL), sum(each.visits for each in CONTROL)
    assert (row.n, row.denominator) == (400, visits)
    assert row.mean == pytest.approx(total / visits)
    assert row.sum == pytest.approx(total)
    contrast = apart(spent_a_visit(VARIANT), spent_a_visit(CONTROL))
    assert row.variance == pytest.approx(400 * contrast.control.spread)

    events = found(metric(), clustered(SLOWER, 0.9), clustered(SLOW, 0.9))
    assert (events.shape, only(events).method) == (None, "quantile_t_test")
    row = events.variants[0]
    assert (row.n, row.values, row.sum) == (200, sum(map(len, SLOW)), None)
    users = found(
        metric(), quantile_of([1.0 * n for n in range(90)], 0.5), quantile_of([2.0 * n for n in range(80)], 0.5)
    )
    assert [(each.n, each.mean, each.values) for each in users.variants] == [
        (80, 79.0, msgspec.UNSET),
        (90, 44.5, msgspec.UNSET),
    ]
    assert found(metric(), spent(VARIANT), spent(CONTROL)).shape == "mean"
    assert found(metric(), loyal(VARIANT), loyal(CONTROL)).shape == "proportion"


def test_rows_are_not_adjusted_by_the_covariate() -> None:
    plain, cuped = (found(metric(), spent(VARIANT, on), spent(CONTROL, on)) for on in (False, True))
    assert plain.variants == cuped.variants
    assert plain.comparisons != cuped.comparisons


@pytest.mark.parametrize("samples", [{1: spent_a_visit(CONTROL)}, {2: quantile_of([1.0, 2.0], 0.5)}, {}])
def test_a_variant_without_rows(samples: Mapping[int, Sample]) -> None:
    for reading in (FIXED, SEQUENTIAL, BAYESIAN):
        result = answer(TWO, metric(), plan(metric()), samples, reading)
        assert isinstance(result.unknown, NotEnough)
        assert result.unknown.reason == "too_few_observations"
        assert only(result).p_value is None
        empty = [row for row in result.variants if row.n == 0]
        assert empty and all(row.mean is None and row.variance is None for row in empty)


# --- covariates and margins -----------------------------------------------------------------------


@pytest.mark.parametrize("reading", [FIXED, SEQUENTIAL, BAYESIAN])
def test_what_the_covariate_did(reading: Reading) -> None:
    told = only(found(metric(), spent(VARIANT, True), spent(CONTROL, True), reading))
    expected = apart(spent(VARIANT, True), spent(CONTROL, True)).cuped
    assert isinstance(expected, Cuped) and not isinstance(told.cuped, msgspec.UnsetType)
    assert (told.cuped.theta, told.cuped.variance_reduction) == (expected.theta, expected.variance_reduction)
    assert only(found(metric(), spent(VARIANT), spent(CONTROL), reading)).cuped is msgspec.UNSET


def margins(told: ComparisonNumbers) -> tuple[NonInferiority, Equivalence]:
    assert isinstance(told.non_inferiority, NonInferiority) and isinstance(told.equivalence, Equivalence)
    return told.non_inferiority, told.equivalence


@pytest.mark.parametrize("reading", [FIXED, SEQUENTIAL])
def test_margins(reading: Reading) -> None:
    """The variant is 18 % above the control, with a standard error of 8 %."""
    shown = {
        (direction, margin): margins(
            only(found(metric(direction=direction, margin=margin), spent(VARIANT), spent(CONTROL), reading))
        )
        for direction in ("up", "down")
        for margin in (0.1, 0.9)
    }
    assert [no_worse.non_inferior for no_worse, _ in shown.values()] == [True, True, False, True]
    assert [same.equivalent for _, same in shown.values()] == [False, True, False, True]
    for no_worse, same in shown.values():
        assert no_worse.p_value is not None and same.p_value is not None
        assert same.p_value >= no_worse.p_value * (1 - 1e-12)
    assert only(found(metric(), spent(VARIANT), spent(CONTROL), reading)).equivalence is msgspec.UNSET


@pytest.mark.parametrize("prior", [None, Prior(0.0, 0.2)])
def test_margins_of_a_belief_are_chances(prior: Prior | None) -> None:
    told = only(found(metric(margin=0.3, prior=prior), spent(VARIANT), spent(CONTROL), BAYESIAN))
    no_worse, same = margins(told)
    assert (no_worse.p_value, same.p_value) == (None, None)
    assert isinstance(no_worse.chance, float) and isinstance(same.chance, float)
    assert no_worse.chance > same.chance > 0.5
    assert no_worse.non_inferior == (no_worse.chance > 0.95)


def test_a_margin_of_a_control_of_0() -> None:
    told = only(found(metric(margin=0.1), values("proportion", binary(50, 4)), values("proportion", binary(60, 0))))
    no_worse, same = margins(told)
    assert isinstance(no_worse.unknown, NotEnough) and isinstance(same.unknown, NotEnough)
    assert no_worse.unknown.reason == same.unknown.reason == "control_is_zero"
    assert no_worse.non_inferior is None


# --- families -------------------------------------------------------------------------------------

SHARES: Mapping[str, Sequence[int]] = {
    "first": (400, 530, 455, 402),
    "second": (400, 452, 405, 400),
    "watched": (400, 480, 401, 350),
}
ROLES: Mapping[str, Role] = {"first": "primary", "second": "primary", "watched": "guardrail"}


def family(correction: Correction, reading: Reading) -> tuple[list[MetricResult], int]:
    evidence = [
        Evidence(
            metric(name, ROLES[name]),
            plan(metric(name)),
            {number: values("mean", binary(2000, count)) for number, count in enumerate(counts, 1)},
        )
        for name, counts in SHARES.items()
    ]
    results, told = answers(FOUR, evidence, reading, correction)
    assert (told.metrics, told.correction) == (("first", "second"), correction)
    return results, told.size


@pytest.mark.parametrize("reading", [FIXED, Reading("fixed", 0.05, "greater"), SEQUENTIAL])
@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_intervals_match_the_adjusted_p_values(correction: Correction, reading: Reading) -> None:
    plain, _ = family("none", reading)
    results, size = family(correction, reading)
    assert size == 6
    states = set()
    for before, after in zip(plain, results, strict=True):
        for one, other in zip(before.comparisons, after.comparisons, strict=True):
            assert one.p_value == other.p_value
            if after.role != "primary":
                assert one == other
                continue
            assert isinstance(other.adjusted_p_value, float) and isinstance(other.interval_alpha, float)
            assert other.difference is not None and other.p_value is not None
            lower, upper = other.difference.lower, other.difference.upper
            outside = (lower is not None and lower > 0) or (upper is not None and upper < 0)
            assert outside == (other.adjusted_p_value < 0.05)
            assert one.difference is not None and one.difference.lower is not None and lower is not None
            assert lower < one.difference.lower
            states.add((outside, other.p_value < 0.05))
    assert (True, True) in states
    if reading is FIXED and correction == "holm":
        assert (False, True) in states  # one that stands alone, and does not in the family


def test_beliefs_have_no_family() -> None:
    results, size = family("holm", BAYESIAN)
    assert size == 0
    assert all(each.adjusted_p_value is msgspec.UNSET for each in results[0].comparisons)


def test_without_primary_metrics_there_is_no_family() -> None:
    of = metric("m", "secondary")
    results, told = answers(TWO, [Evidence(of, plan(of), {1: spent(CONTROL), 2: spent(VARIANT)})], FIXED, "holm")
    assert (told.size, told.metrics) == (0, ())
    assert only(results[0]).adjusted_p_value is msgspec.UNSET


# --- many variants --------------------------------------------------------------------------------


def best(rows: Sequence[VariantNumbers]) -> dict[str, float]:
    return {row.variant: row.chance_to_be_best for row in rows if isinstance(row.chance_to_be_best, float)}


@pytest.mark.parametrize("prior", [None, Prior(0.0, 0.1)])
def test_the_best_of_all(prior: Prior | None) -> None:
    samples = {number: values("proportion", binary(2000, count)) for number, count in enumerate(SHARES["first"], 1)}
    up = answer(FOUR, metric(prior=prior), plan(metric()), samples, BAYESIAN)
    chances = best(up.variants)
    assert sum(chances.values()) == pytest.approx(1, abs=1e-9)
    assert max(chances, key=lambda name: chances[name]) == "b"
    losses = {row.variant: row.expected_loss_to_best for row in up.variants}
    assert isinstance(losses["b"], float) and isinstance(losses["a"], float)
    assert losses["a"] > losses["b"] > 0
    down = best(answer(FOUR, metric(direction="down", prior=prior), plan(metric()), samples, BAYESIAN).variants)
    assert down["a"] + down["d"] > 0.95
    assert best(answer(FOUR, metric(), plan(metric()), samples, FIXED).variants) == {}


@pytest.mark.parametrize("direction", ["up", "down"])
def test_the_best_of_two_is_the_chance_to_win(direction: Direction) -> None:
    for variant, control in (
        (loyal(VARIANT), loyal(CONTROL)),
        (spent(VARIANT, True), spent(CONTROL, True)),
        (spent_a_visit(VARIANT, True), spent_a_visit(CONTROL, True)),
        (clustered(SLOWER, 0.9), clustered(SLOW, 0.9)),
    ):
        for prior in (None, Prior(0.01, 0.2)):
            result = found(metric(direction=direction, prior=prior), variant, control, BAYESIAN)
            chances, won = best(result.variants), only(result).chance_to_win
            # With a covariate the prior is read of the adjusted control here, of the measured one there.
            tolerance = 1e-9 if prior is None else 1e-3
            assert chances["b"] == pytest.approx(won, abs=tolerance)


def test_a_variant_that_does_not_scatter_leaves_the_best_unsaid() -> None:
    samples: dict[int, Sample] = {1: spent(CONTROL), 2: spent(VARIANT), 3: values("mean", binary(50, 0))}
    result = answer(FOUR, metric(), plan(metric()), samples, BAYESIAN)
    assert best(result.variants) == {}
    assert only(found(metric(), spent(VARIANT), spent(CONTROL), BAYESIAN)).chance_to_win is not msgspec.UNSET
