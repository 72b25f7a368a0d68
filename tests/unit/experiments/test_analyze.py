"""Results, against numbers worked out row by row in Python, scipy and statsmodels."""

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportions_ztest

from evensplit.errors import Invalid, InvalidReport, NotFound
from evensplit.experiments.question import Question, read_question
from evensplit.experiments.results import MetricResult, Results
from evensplit.model.experiment import Experiment, read_patch
from evensplit.model.metric import Method
from evensplit.stats.estimate import Interval, NotEnough
from evensplit.storage.catalog import Catalog
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import ClickhouseSmallStore, SmallStore
from tests.unit.experiments.world import World


@pytest.fixture(params=[SmallStore, ClickhouseSmallStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallStore]:
    small: SmallStore = request.param(tmp_path)
    yield small
    small.close()


@pytest.fixture
def world(catalog: Catalog, store: SmallStore, now: Clock) -> World:
    return World(catalog, store, now)


def reason(metric: MetricResult) -> str:
    assert isinstance(metric.unknown, NotEnough), metric
    return metric.unknown.reason


# --- users and their split ------------------------------------------------------------------------


def test_nobody(world: World) -> None:
    found = world.results()
    assert found.users == {"a": 0, "b": 0}
    assert isinstance(found.srm.unknown, NotEnough)
    assert (found.srm.unknown.reason, found.srm.p_value, found.srm.chi2, found.srm.verdict) == (
        "no_users",
        None,
        None,
        None,
    )
    assert found.metrics == ()


def test_the_split_is_checked(world: World) -> None:
    world.assign("a", *(f"a{n}" for n in range(60)))
    world.assign("b", *(f"b{n}" for n in range(40)))
    found = world.results()
    assert found.users == {"a": 60, "b": 40}
    assert found.srm.expected == {"a": 50, "b": 50}
    assert found.srm.chi2 == pytest.approx(4.0)
    assert found.srm.verdict == "ok"
    assert found.srm.p_value == pytest.approx(stats.chisquare([60, 40]).pvalue, rel=1e-9)


def test_expected_counts_follow_the_weights_of_their_time(world: World) -> None:
    world.assign("a", *(f"a{n}" for n in range(50)))
    world.assign("b", *(f"b{n}" for n in range(50)))
    world.now.pass_hours(10)
    asyncio.run(world.catalog.change("x", lambda before: read_patch(b'{"weights": {"b": 3}}', before)))
    world.assign("a", *(f"later a{n}" for n in range(25)))
    world.assign("b", *(f"later b{n}" for n in range(75)))
    world.now.pass_hours(10)
    asyncio.run(world.catalog.change("x", lambda before: read_patch(b'{"weights": {"a": 0}}', before)))
    world.assign("b", *(f"last b{n}" for n in range(30)))
    found = world.results()
    assert found.users == {"a": 75, "b": 155}
    assert found.srm.expected == {"a": pytest.approx(75), "b": pytest.approx(155)}
    assert found.srm.chi2 == pytest.approx(0)
    assert found.srm.verdict == "ok"


def test_assignments_older_than_the_experiment_count_by_its_first_weights(world: World) -> None:
    """As after loading a file about the past."""
    world.assign("a", *(f"a{n}" for n in range(30)), hours=-1000)
    world.assign("b", *(f"b{n}" for n in range(30)), hours=-900)
    world.now.pass_hours(1)
    asyncio.run(world.catalog.change("x", lambda before: read_patch(b'{"weights": {"b": 9}}', before)))
    assert world.results().srm.expected == {"a": 30, "b": 30}


def test_a_suspect_split_lets_no_verdict_stand(world: World) -> None:
    world.assign("a", *(f"a{n}" for n in range(200)))
    world.assign("b", *(f"b{n}" for n in range(100)))
    for n in range(100):
        world.record("m", 1.0, f"b{n}", variant="b")
        world.record("m", n % 2, f"a{n}")
    found = world.results()
    assert found.srm.verdict == "suspect"
    assert [metric.verdict.status for metric in found.metrics] == ["srm_suspect"]


# --- recorded metrics -----------------------------------------------------------------------------


def test_a_user_is_the_unit_where_every_row_names_one(world: World) -> None:
    world.assign("a", "a1", "a2", "a3")
    world.assign("b", "b1", "b2")
    for value, user in [(1.5, "a1"), (2.5, "a1"), (3.0, "a2"), (7.0, "b1"), (8.0, "b2")]:
        world.record("spent", value, user)
    metric = world.one()
    assert (metric.metric, metric.kind, metric.shape, metric.unit) == ("spent", "recorded", "mean", "user")
    assert world.numbers() == {"a": (2, 7.0), "b": (2, 15.0)}
    (comparison,) = metric.comparisons
    expected = stats.ttest_ind([7.0, 8.0], [4.0, 3.0], equal_var=False)
    assert (comparison.p_value, comparison.statistic) == pytest.approx((expected.pvalue, expected.statistic), rel=1e-9)
    assert comparison.degrees_of_freedom == pytest.approx(expected.df)
    assert (comparison.variant, comparison.versus, comparison.method) == ("b", "a", "welch_t_test")
    assert metric.variants[0].variance == pytest.approx(0.5)


def test_a_row_is_the_unit_where_one_names_nobody(world: World) -> None:
    world.assign("a", "a1")
    for value, user, variant in [(1.0, "a1", "a"), (2.5, None, "a"), (4.0, None, "b"), (5.0, None, "b")]:
        world.record("spent", value, user, variant=variant)
    assert world.one().unit == "observation"
    assert world.numbers() == {"a": (2, 3.5), "b": (2, 9.0)}


def test_zeros_and_ones_are_a_proportion_and_a_user_counts_once(world: World) -> None:
    world.assign("a", *(f"a{n}" for n in range(20)))
    world.assign("b", *(f"b{n}" for n in range(20)))
    for n in range(20):
        world.record("bought", float(n < 8), f"a{n}")
        world.record("bought", float(n < 12), f"b{n}", variant="b")
        world.record("bought", float(n < 12), f"b{n}", variant="b")
    metric = world.one()
    assert (metric.shape, metric.unit) == ("proportion", "user")
    assert world.numbers() == {"a": (20, 8.0), "b": (20, 12.0)}
    assert [each.variance for each in metric.variants] == [pytest.approx(0.24), pytest.approx(0.24)]
    (comparison,) = metric.comparisons
    z, p_value = proportions_ztest([12, 8], [20, 20])
    assert (comparison.statistic, comparison.p_value) == pytest.approx((z, p_value), rel=1e-9)
    assert comparison.degrees_of_freedom is msgspec.UNSET


def test_a_declared_mean_of_zeros_and_ones_stays_a_mean(world: World) -> None:
    world.metrics({"name": "m", "kind": "recorded", "as": "mean"})
    world.assign("a", "a1", "a2")
    for user in ("a1", "a1", "a2"):
        world.record("m", 1.0, user)
    assert world.one().shape == "mean"
    assert world.numbers()["a"] == (2, 3.0)


def test_a_declared_proportion_of_other_values_is_unknown(world: World) -> None:
    world.metrics({"name": "m", "kind": "recorded", "as": "proportion"})
    world.assign("a", "a1")
    world.record("m", 0.5, "a1")
    metric = world.one()
    assert (reason(metric), metric.comparisons, metric.variants) == ("not_binary", (), ())


def test_missing_zero_counts_everybody(world: World) -> None:
    world.metrics({"name": "m", "kind": "recorded", "missing": "zero", "as": "mean"})
    world.assign("a", "a1", "a2", "a3")
    world.assign("b", "b1", "b2")
    world.record("m", 6.0, "a1")
    assert world.numbers() == {"a": (3, 6.0), "b": (2, 0.0)}


@pytest.mark.parametrize("more", [{"per": "user"}, {"missing": "zero"}, {"window_hours": 5}, {"delay_hours": 1}])
def test_rows_without_users_answer_nothing_about_users(world: World, more: dict[str, object]) -> None:
    world.metrics({"name": "m", "kind": "recorded", **more})
    world.assign("a", "a1")
    world.record("m", 1.0, "a1")
    world.record("m", 1.0, None)
    assert reason(world.one()) == "rows_without_user"


def test_only_what_came_after_the_assignment_counts(world: World) -> None:
    world.assign("a", "a1", "a2", hours=5)
    world.record("m", 100.0, "a1", hours=4.9999)
    world.record("m", 1.0, "a1", hours=5)
    world.record("m", 2.0, "a1", hours=900)
    world.record("m", 3.0, "a2", hours=4)
    assert world.numbers()["a"] == (1, 3.0)


def test_per_observation_too(world: World) -> None:
    world.metrics({"name": "m", "kind": "recorded", "per": "observation"})
    world.assign("a", "a1", hours=5)
    world.record("m", 100.0, "a1", hours=4)
    world.record("m", 2.0, "a1", hours=5)
    world.record("m", 3.5, "a1", hours=6)
    world.record("m", 50.0, "stranger", hours=6)
    metric = world.one()
    assert (metric.unit, world.numbers()["a"]) == ("observation", (2, 5.5))


def test_window_and_delay(world: World) -> None:
    world.metrics({"name": "m", "kind": "recorded", "as": "mean", "delay_hours": 1, "window_hours": 2})
    world.assign("a", "a1", hours=10)
    for hours, value in [(10.9999, 1), (11, 10), (12.9999, 100), (13, 1000)]:
        world.record("m", value, "a1", hours=hours)
    assert world.numbers()["a"] == (1, 110.0)


def test_a_metric_that_was_never_recorded(world: World) -> None:
    world.metrics({"name": "m", "kind": "recorded"})
    assert reason(world.one()) == "no_data"
    assert world.one().verdict.status == "unknown"


def test_a_small_variance_beside_a_large_mean(world: World) -> None:
    values = {"a": [1e9 + n % 3 for n in range(99)], "b": [1e9 + n % 3 + 0.5 for n in range(99)]}
    for variant, found in values.items():
        world.assign(variant, *(f"{variant}{n}" for n in range(99)))
        for n, value in enumerate(found):
            world.record("m", value, f"{variant}{n}", variant=variant)
    metric = world.one()
    assert [each.variance for each in metric.variants] == [pytest.approx(198 / 3 / 98, rel=1e-9)] * 2
    (comparison,) = metric.comparisons
    assert comparison.difference is not None
    assert comparison.difference.estimate == pytest.approx(0.5, rel=1e-9)
    plain = stats.ttest_ind([n % 3 + 0.5 for n in range(99)], [n % 3 for n in range(99)], equal_var=False)
    assert comparison.p_value == pytest.approx(plain.pvalue, rel=1e-9)


def test_the_same_digits_every_time(world: World) -> None:
    dice = random.Random(3)
    users = [f"u{n}" for n in range(150)]
    world.assign("a", *users[:75])
    world.assign("b", *users[75:])
    for user in users:
        for _ in range(3):
            world.record("m", dice.expovariate(1) * 10 ** dice.randint(-8, 8), user)
    first = world.results()
    assert all(world.results() == first for _ in range(5))
    sums = [math.fsum(row[0] for row in world.store.record.execute(
        "SELECT value FROM ab_metrics m JOIN es_metric_users u ON u.metric_id = m.id JOIN ab_assignments a"
        " ON a.user_id = u.user_id WHERE a.variant_id = ?", (variant,))) for variant in (1, 2)]  # fmt: skip
    assert [each.sum for each in first.metrics[0].variants] == pytest.approx(sums, rel=1e-14)


def test_values_that_overflow_are_unknown(world: World) -> None:
    for variant in "ab":
        world.assign(variant, *(f"{variant}{n}" for n in range(3)))
        for n in range(3):
            world.record("m", 1e308 if n else -1.7e308, f"{variant}{n}", variant=variant)
    metric = world.one()
    assert reason(metric) == "overflow"
    assert {(each.mean, each.variance, each.sum) for each in metric.variants} == {(None, None, None)}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"a": [], "b": []}, "no_data"),
        ({"a": [5.0], "b": [6.0]}, "too_few_observations"),
        ({"a": [5.0, 5.0], "b": [5.0, 5.0]}, "no_variance"),
        ({"a": [1.0, 1.0], "b": [1.0]}, "no_variance"),
        ({"a": [1.0, 0.0], "b": []}, "no_observations"),
    ],
)
def test_too_little_is_unknown_and_never_a_number(world: World, values: dict[str, list[float]], expected: str) -> None:
    world.metrics({"name": "m", "kind": "recorded"})
    for variant, found in values.items():
        world.assign(variant, *(f"{variant}{n}" for n in range(len(found))))
        for n, value in enumerate(found):
            world.record("m", value, f"{variant}{n}", variant=variant)
    metric = world.one()
    assert reason(metric) == expected
    assert metric.verdict.status == "unknown"
    for comparison in metric.comparisons:
        assert (comparison.difference, comparison.lift, comparison.p_value, comparison.statistic) == (None,) * 4
        assert isinstance(comparison.unknown, NotEnough)


def test_a_lift_on_zero_is_unknown_but_not_the_difference(world: World) -> None:
    for variant, values in {"a": [-1.0, 1.0], "b": [1.0, 3.5]}.items():
        world.assign(variant, *(f"{variant}{n}" for n in range(2)))
        for n, value in enumerate(values):
            world.record("m", value, f"{variant}{n}", variant=variant)
    metric = world.one()
    (comparison,) = metric.comparisons
    assert comparison.difference is not None
    assert comparison.lift is None
    assert isinstance(comparison.unknown, NotEnough)
    assert comparison.unknown.reason == "control_is_zero"
    assert metric.unknown is msgspec.UNSET


# --- events ---------------------------------------------------------------------------------------


def test_a_proportion_of_users_with_an_event(world: World) -> None:
    world.metrics({"name": "bought", "kind": "proportion", "event": "buy"})
    world.assign("a", "a1", "a2", "a3", hours=1)
    world.assign("b", "b1", "b2", hours=1)
    for user, hours in [("a1", 2), ("a1", 3), ("a2", 0.5), ("b1", 1), ("stranger", 2), (None, 2)]:
        world.event("buy", user, hours)
    world.event("look", "a3", 2)
    metric = world.one()
    assert (metric.kind, metric.shape, metric.unit) == ("proportion", "proportion", "user")
    assert world.numbers() == {"a": (3, 1.0), "b": (2, 1.0)}


FILTERED = {"event_type": "buy", "filters": [{"property": "country", "op": "eq", "value": "DE"}]}


@pytest.mark.parametrize(
    ("aggregate", "prop", "expected"),
    [
        ("count", None, {"a": (3, 4.0), "b": (1, 1.0)}),
        ("sum", "price", {"a": (3, 35.5), "b": (1, 0.0)}),
        ("avg", "price", {"a": (2, 20.25), "b": (0, 0.0)}),
        ("max", "price", {"a": (2, 25.5), "b": (0, 0.0)}),
        ("min", "price", {"a": (2, 15.0), "b": (0, 0.0)}),
        ("distinct", "price", {"a": (3, 4.0), "b": (1, 1.0)}),
        ("sum", ["cart", "items"], {"a": (3, 7.0), "b": (1, 0.0)}),
    ],
)
def test_means_over_events(world: World, aggregate: str, prop: object, expected: dict[str, tuple[int, float]]) -> None:
    definition = {"name": "m", "kind": "mean", "event": FILTERED, "aggregate": aggregate}
    world.metrics(definition if prop is None else {**definition, "property": prop})
    world.assign("a", "a1", "a2", "a3")
    world.assign("b", "b1")
    world.event("buy", "a1", 1, country="DE", price=10, cart={"items": 3})
    world.event("buy", "a1", 2, country="DE", price=20.5, cart={"items": 4})
    world.event("buy", "a1", 2, country="DE", price="30", cart={"items": "5"})
    world.event("buy", "a1", 3, country="FR", price=1000)
    world.event("buy", "a2", 1, country="DE", price=5)
    world.event("buy", "b1", 1, country="DE", price=True)
    assert world.numbers() == expected


def test_any_event_and_a_window(world: World) -> None:
    world.metrics({"name": "m", "kind": "mean", "event": "@any", "delay_hours": 1, "window_hours": 1})
    world.assign("a", "a1")
    for hours in (0, 0.9999, 1, 1.5, 2, 3):
        world.event(f"e{hours}", "a1", hours)
    assert world.numbers()["a"] == (1, 2.0)


@pytest.mark.parametrize("prop", ["@user_id", "@created_at", "@nothing", "user.plan"])
def test_properties_that_are_no_numbers(world: World, prop: str) -> None:
    world.metrics({"name": "m", "kind": "mean", "event": "buy", "aggregate": "sum", "property": prop})
    with pytest.raises(InvalidReport, match=prop):
        world.results()


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        ([{"property": "p", "op": "matches", "value": "("}], "invalid_regex"),
        ([{"property": "@nothing", "op": "eq", "value": 1}], "unknown_field"),
        ([{"property": "p", "op": "in", "value": 3}], "invalid_filter"),
        ([{"property": "@created_at", "op": "gt", "value": "-7d"}], "invalid_time"),
    ],
)
def test_filters_that_mean_nothing(world: World, filters: list[object], code: str) -> None:
    world.metrics({"name": "m", "kind": "proportion", "event": {"event_type": "buy", "filters": filters}})
    with pytest.raises(InvalidReport) as caught:
        world.results()
    assert caught.value.code == code


def test_odd_names_are_values_not_sql(world: World) -> None:
    odd = "'); DROP TABLE events; -- \" ? {} {0} % é☃"
    world.metrics(
        {"name": odd, "kind": "recorded"},
        {
            "name": "p",
            "kind": "proportion",
            "event": {"event_type": odd, "filters": [{"property": odd, "op": "eq", "value": odd}]},
        },
        {"name": "m", "kind": "mean", "event": odd, "aggregate": "sum", "property": odd},
    )
    world.assign("a", odd)
    world.record(odd, 2.0, odd)
    world.event(odd, odd, 1, **{odd: odd})
    world.event(odd, odd, 1, **{odd: 7})
    found = world.results()
    assert [metric.variants[0].sum for metric in found.metrics] == [2.0, 1.0, 7.0]


# --- persons --------------------------------------------------------------------------------------


def test_a_person_with_two_ids_is_one_user(world: World) -> None:
    world.metrics({"name": "m", "kind": "mean", "event": "e"}, {"name": "r", "kind": "recorded"})
    world.assign("a", "anon", "k2")
    world.assign("b", "known", hours=1)
    world.link("anon", "known")
    world.event("e", "anon", 2)
    world.event("e", "known", 3)
    world.record("r", 5.0, "known", hours=2)
    world.record("r", 2.5, "anon", hours=2)
    found = world.results()
    assert found.users == {"a": 2, "b": 0}
    assert [(metric.variants[0].n, metric.variants[0].sum) for metric in found.metrics] == [(2, 2.0), (1, 7.5)]
    (warning,) = found.warnings
    assert (warning.code, warning.count) == ("several_assignments", 1)
    assert "1 of them" in warning.message


def test_events_before_the_login_count_for_the_person(world: World) -> None:
    world.metrics({"name": "m", "kind": "mean", "event": "e"})
    world.assign("b", "known")
    world.event("e", "phone", 1)
    assert world.numbers()["b"] == (1, 0.0)
    world.link("phone", "known", hours=2)
    world.link("phone", "late comer", hours=3)
    world.assign("a", "late comer")
    assert world.numbers() == {"a": (1, 0.0), "b": (1, 1.0)}
    assert world.results().warnings == ()


# --- what was asked -------------------------------------------------------------------------------


def fill(world: World) -> None:
    world.metrics({"name": "one", "kind": "recorded"}, {"name": "two", "kind": "recorded", "direction": "down"})
    for variant, shift in (("a", 0), ("b", 10)):
        world.assign(variant, *(f"{variant}{n}" for n in range(20)))
        for n in range(20):
            world.record("one", n, f"{variant}{n}")
            world.record("two", n + shift, f"{variant}{n}")


def test_as_of_fixes_everything(world: World) -> None:
    fill(world)
    world.event("e", "a1", 1)
    first = world.results()
    world.assign("b", *(f"new{n}" for n in range(30)))
    world.record("one", 500.0, "a1")
    world.link("a1", "b1")
    assert world.results() != first
    assert world.results(as_of=first.as_of) == first
    with pytest.raises(InvalidReport):
        world.results(as_of="nonsense")


def test_one_metric_by_name(world: World) -> None:
    fill(world)
    assert [metric.metric for metric in world.results(metric="two").metrics] == ["two"]
    with pytest.raises(NotFound, match="three"):
        world.results(metric="three")


def test_correction_over_the_whole_family(world: World) -> None:
    fill(world)
    plain = [metric.comparisons[0].p_value for metric in world.results().metrics]
    found = world.results(correction="holm").metrics
    assert plain[0] is not None and plain[1] is not None
    assert found[1].comparisons[0].adjusted_p_value == pytest.approx(min(1, plain[1] * 2))
    assert found[0].comparisons[0].adjusted_p_value == pytest.approx(plain[0])
    assert found[0].comparisons[0].p_value == plain[0]


def test_verdicts_follow_the_direction(world: World) -> None:
    fill(world)
    one, two = world.results().metrics
    assert (one.verdict.status, one.verdict.better, one.verdict.worse) == ("undecided", (), ())
    assert (two.verdict.status, two.verdict.better, two.verdict.worse) == ("decided", (), ("b",))


def test_the_control_is_the_one_that_was_named(world: World) -> None:
    fill(world)
    asyncio.run(world.catalog.change("x", lambda before: read_patch(b'{"control": "b"}', before)))
    comparison = world.results(metric="two").metrics[0].comparisons[0]
    assert (comparison.variant, comparison.versus) == ("a", "b")
    assert comparison.difference is not None
    assert comparison.difference.estimate == pytest.approx(-10)


def _width(found: Interval | None) -> float:
    assert found is not None and found.upper is not None and found.lower is not None
    return found.upper - found.lower


def test_alpha_widens_the_interval(world: World) -> None:
    fill(world)

    def width(alpha: float) -> float:
        return _width(world.results(metric="two", alpha=alpha).metrics[0].comparisons[0].difference)

    assert width(0.01) > width(0.05) > width(0.5)


def test_parameters_are_read() -> None:
    assert read_question({}) == Question()
    asked = {"metric": "m", "alpha": "0.01", "correction": "bh", "as_of": "x", "method": "fixed"}
    assert read_question(asked) == Question(metric="m", method="fixed", alpha=0.01, correction="bh", as_of="x")
    with pytest.raises(Invalid) as caught:
        read_question({"alpha": "2", "correction": "magic", "checks": "some", "method": "guess", "no": ""})
    assert len(caught.value.details) == 5
    for alpha in ("nan", "0", "1", "x", "inf"):
        with pytest.raises(Invalid):
            read_question({"alpha": alpha})
    assert [read_question({"method": method}).method for method in ("sequential", "bayesian")] == [
        "sequential",
        "bayesian",
    ]


def test_methods_look_at_the_same_difference(world: World) -> None:
    fill(world)
    methods: list[Method] = ["fixed", "sequential", "bayesian"]
    found = {method: world.results(metric="two", method=method) for method in methods}
    sides = {method: result.metrics[0].comparisons[0] for method, result in found.items()}
    assert [result.method for result in found.values()] == methods
    fixed, always, belief = (sides[method] for method in methods)
    assert fixed.difference is not None and always.difference is not None and belief.difference is not None
    assert fixed.difference.estimate == always.difference.estimate == belief.difference.estimate
    # Looking whenever one likes costs width and p.
    assert _width(always.difference) > _width(fixed.difference)
    assert fixed.p_value is not None and always.p_value is not None and always.p_value > fixed.p_value
    assert belief.p_value is None and isinstance(belief.chance_to_win, float) and 0 < belief.chance_to_win < 1
    assert isinstance(belief.expected_loss, float) and belief.expected_loss >= 0


def test_results_can_be_read_back(world: World) -> None:
    fill(world)
    found = world.results(correction="bh")
    assert msgspec.json.decode(msgspec.json.encode(found), type=Results) == found


# --- against a slow, obvious count ----------------------------------------------------------------


Oracle = Callable[[Sequence[float]], float]
AGGREGATES: dict[str, Oracle] = {"sum": math.fsum, "max": max, "min": min, "avg": lambda v: math.fsum(v) / len(v)}


@pytest.mark.parametrize("seed", range(6))
def test_against_a_count_row_by_row(world: World, seed: int) -> None:
    """Users with links, events of mixed types around the edges of the windows: every metric by hand."""
    dice = random.Random(seed)
    aggregate: Literal["sum", "max", "min", "avg"] = dice.choice(["sum", "max", "min", "avg"])
    delay, window = dice.choice([(0, None), (1, 4), (0.5, 2), (0, 6)])
    span = {"delay_hours": delay, "window_hours": window}
    world.metrics(
        {"name": "m", "kind": "mean", "event": "buy", "aggregate": aggregate, "property": "v", **span},
        {"name": "p", "kind": "proportion", "event": "buy", **span},
        {"name": "r", "kind": "recorded", "as": "mean", "missing": dice.choice(["skip", "zero"]), **span},
    )
    person_of = {f"anon{n}": f"user{dice.randrange(30)}" for n in range(20)}
    for anonymous, user in person_of.items():
        world.link(anonymous, user)
    ids = [*person_of, *(f"user{n}" for n in range(30))]
    rows: dict[str, tuple[float, int, str]] = {}
    for at, id_ in enumerate(dice.sample(ids, 40)):
        variant, hours = dice.choice("ab"), dice.randrange(0, 8) / 2
        world.assign(variant, id_, hours=hours)
        person = person_of.get(id_, id_)
        rows[person] = min(rows.get(person, (99.0, 0, "")), (hours, at, variant))
    values: dict[str, dict[str, list[float]]] = {"m": defaultdict(list), "p": defaultdict(list), "r": defaultdict(list)}

    def counts(id_: str, hours: float) -> bool:
        start = rows.get(person_of.get(id_, id_), (math.inf,))[0] + delay
        return start <= hours and (window is None or hours < start + window)

    for _ in range(250):
        id_, hours, value = dice.choice(ids), dice.randrange(0, 24) / 2, dice.choice([1, 2.5, -3, 0.1, "7", None, True])
        kind = dice.choice(["buy", "buy", "look"])
        world.event(kind, id_, hours, v=value)
        if kind == "buy" and counts(id_, hours):
            values["p"][person_of.get(id_, id_)].append(1.0)
            if isinstance(value, int | float) and not isinstance(value, bool):
                values["m"][person_of.get(id_, id_)].append(value)
        if dice.random() < 0.3:
            recorded = dice.choice([0.5, 2.0, 1e6])
            world.record("r", recorded, id_, hours=hours)
            if counts(id_, hours):
                values["r"][person_of.get(id_, id_)].append(recorded)
    found = {metric.metric: metric for metric in world.results().metrics}
    everybody = {"m": aggregate == "sum", "p": True, "r": _missing(world.catalog.experiment("x")) == "zero"}
    fold: dict[str, Oracle] = {"m": AGGREGATES[aggregate], "p": max, "r": math.fsum}
    for name, metric in found.items():
        for shown in metric.variants:
            people = [person for person, row in rows.items() if row[2] == shown.variant]
            mine = [fold[name](values[name][person]) for person in people if values[name][person]]
            if everybody[name]:
                mine += [0.0] * (len(people) - len(mine))
            assert shown.n == len(mine), (name, shown)
            assert shown.sum == pytest.approx(math.fsum(mine), rel=1e-9, abs=1e-9)
            if len(mine) > 1 and name != "p":
                assert shown.variance == pytest.approx(stats.tvar(mine), rel=1e-9, abs=1e-9)


def _missing(experiment: Experiment) -> str:
    return next(str(getattr(metric, "missing", "")) for metric in experiment.metrics if metric.name == "r")
