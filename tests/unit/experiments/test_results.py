"""Results beyond one comparison: parts, days, looks, and that they can be had again. On both engines."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pytest

from evensplit.errors import Invalid, InvalidReport
from evensplit.experiments.decision import Decision
from evensplit.experiments.results import Dimension, Looked, MetricResult, Results
from evensplit.experiments.split import Diagnosis
from evensplit.stats.looks import error_rate
from evensplit.storage.catalog import Catalog
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import ClickhouseSmallStore, SmallStore
from tests.unit.experiments.world import BOUGHT, DAY, DAYS, REVENUE, World, fill


@pytest.fixture(params=[SmallStore, ClickhouseSmallStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallStore]:
    small: SmallStore = request.param(tmp_path)
    yield small
    small.close()


@pytest.fixture
def world(catalog: Catalog, store: SmallStore, now: Clock) -> World:
    return World(catalog, store, now)


def again(results: Results) -> Results:
    """As it comes out of the reply."""
    return msgspec.json.decode(msgspec.json.encode(results), type=Results)


# --- reproducible ---------------------------------------------------------------------------------


def test_the_same_moment_gives_the_same_digits(world: World) -> None:
    world.metrics(REVENUE | {"covariate_days": 3, "window_hours": 100})
    fill(world)
    before = world.results(checks=True, dimension="country")
    for n in range(50):
        world.assign("b", f"late{n}", hours=-1)
        world.event("buy", f"u{n}", -2, revenue=1e6)
        world.event("visit", f"u{n}", -DAYS * DAY - 1, country="xx")
    world.link("u1", "u0")
    assert world.results(checks=True, dimension="country").metrics != before.metrics
    then = world.results(checks=True, dimension="country", as_of=before.as_of)
    assert msgspec.json.encode(then) == msgspec.json.encode(before)
    assert world.daily(metric="revenue", as_of=before.as_of).as_of == before.as_of


def test_results_carry_what_they_were_computed_from(world: World) -> None:
    world.metrics(BOUGHT, REVENUE | {"covariate_days": 3})
    fill(world)
    found = world.results()
    assert again(found) == found, "every digit comes back"
    _, revenue = found.metrics
    assert isinstance(revenue.samples, dict) and set(revenue.samples) == {"a", "b"}
    for numbers in revenue.variants:
        sample = revenue.samples[numbers.variant]
        assert sample is not None and not hasattr(sample, "q")
        assert (sample.joint.n, sample.joint.totals[0]) == (numbers.n, numbers.sum)
        assert len(sample.joint.totals) == 2, "the covariate too"


def test_a_sum_out_of_range_is_no_number(world: World) -> None:
    for n in range(4):
        world.assign("ab"[n % 2], f"u{n}")
        world.record("m", 1.7e308, f"u{n}", 1, "ab"[n % 2])
        world.record("m", 1.7e308, f"u{n}", 1, "ab"[n % 2])
    found = again(world.results())
    assert found.metrics[0].samples == {"a": None, "b": None}


def test_the_definition_is_a_hash_of_what_was_asked(world: World) -> None:
    world.metrics(BOUGHT)
    one = world.results().definition
    assert len(one) == 64 and one == world.results(alpha=0.01).definition
    assert one != world.results(method="sequential").definition
    world.metrics(BOUGHT | {"window_hours": 5})
    assert one != world.results().definition
    world.metrics(BOUGHT)
    assert one == world.results().definition


# --- looks ----------------------------------------------------------------------------------------


def test_looks_are_counted(world: World, now: Clock) -> None:
    world.metrics(BOUGHT)
    fill(world)
    first = world.look()
    assert first.looks == Looked(before=0, first=None, last=None)
    assert world.look().looks == first.looks, "nothing new was seen"
    world.event("visit", "u0")
    second = world.look()
    assert isinstance(second.looks, Looked)
    assert (second.looks.before, second.looks.error_rate) == (1, error_rate(2))
    (warned,) = [each for each in second.warnings if each.code == "looked_before"]
    assert warned.message.startswith("this is look 2: ")
    assert isinstance(second.verdict, Decision) and second.verdict.reasons[-1].code == "looked_before"
    world.event("visit", "u0")
    always = world.look(method="sequential")
    assert always.looks == Looked(before=2, first=second.looks.first, last=second.looks.last)
    assert not [each for each in always.warnings if each.code == "looked_before"]
    assert world.look(as_of=second.as_of).looks == second.looks


def test_the_same_question_about_the_same_state_asks_the_engine_nothing(
    world: World, now: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.metrics(BOUGHT)
    fill(world, users=20)
    asked: list[str] = []
    query = world.store.query

    async def counted(sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        asked.append(sql)
        return await query(sql, values)

    monkeypatch.setattr(world.store, "query", counted)
    first = world.look()
    assert asked
    asked.clear()
    assert world.look() == first and not asked
    changes: list[Callable[[], object]] = [
        lambda: world.event("buy", "u0"),
        lambda: world.assign("b", "new"),
        lambda: world.link("u3", "u2"),
        lambda: world.metrics(BOUGHT | {"window_hours": 3}),
        lambda: asyncio.run(world.catalog.move("x", "stop")),
        lambda: now.pass_hours(1),
    ]
    for change in changes:
        change()
        asked.clear()
        world.look()
        assert asked, "something has changed"
    asked.clear()
    assert world.look(alpha=0.01).alpha == 0.01 and asked


# --- parts ----------------------------------------------------------------------------------------


def test_each_part_is_as_if_it_were_alone(world: World, tmp_path: Path, now: Clock) -> None:
    world.metrics(BOUGHT, REVENUE)
    fill(world, gain={"de": 0.2})
    found = world.results(dimension="country", method="sequential")
    assert isinstance(found.dimension, Dimension)
    assert [part.part for part in found.dimension.parts] == ["de", "fr", "it"]
    assert {name: sum(part.users[name] for part in found.dimension.parts) for name in "ab"} == found.users
    (tmp_path / "alone").mkdir()
    alone = World(*_small(tmp_path / "alone", now))
    alone.metrics(BOUGHT, REVENUE)
    fill(alone, gain={"de": 0.2})
    alone.store.events = [each for each in alone.store.events if int(str(each[2])[1:]) // 2 % 3 == 1]
    alone.store.record.execute("DELETE FROM ab_assignments WHERE CAST(substr(user_id, 2) AS INTEGER) / 2 % 3 <> 1")
    french = alone.results(method="sequential")
    part = found.dimension.parts[1]
    assert (part.users, part.srm.p_value) == (french.users, french.srm.p_value)
    for ours, theirs in zip(part.metrics, french.metrics, strict=True):
        assert _numbers(ours) == pytest.approx(_numbers(theirs), rel=1e-9)


def _small(folder: Path, now: Clock) -> tuple[Catalog, SmallStore, Clock]:
    store = SmallStore(folder)
    return Catalog(store), store, now


def _numbers(result: MetricResult) -> list[float]:
    (comparison,) = result.comparisons
    assert comparison.difference is not None and comparison.p_value is not None
    means = [each.mean for each in result.variants if each.mean is not None]
    return [*means, comparison.difference.estimate, comparison.p_value]


def test_p_values_of_parts_are_corrected_together(world: World) -> None:
    world.metrics(BOUGHT)
    fill(world, gain={"de": 0.4})
    found = world.results(dimension="country").dimension
    assert isinstance(found, Dimension) and found.correction == "bh"
    comparisons = [part.metrics[0].comparisons[0] for part in found.parts]
    p_values = [each.p_value or 1.0 for each in comparisons]
    assert min(p_values) == p_values[0] < 0.05
    assert comparisons[0].adjusted_p_value == pytest.approx(3 * p_values[0])
    for each in comparisons:
        assert isinstance(each.adjusted_p_value, float) and each.difference is not None
        low, high = each.difference.lower, each.difference.upper
        assert low is not None and high is not None
        assert (each.adjusted_p_value < 0.05) == (not low <= 0 <= high), "the interval says the same"


@pytest.mark.parametrize(
    ("gain", "differs"), [({"de": 0.5, "fr": -0.4}, True), ({"de": 0.1, "fr": 0.1, "it": 0.1}, False)]
)
def test_effects_that_differ_between_parts(world: World, gain: dict[str, float], differs: bool) -> None:
    world.metrics(BOUGHT)
    fill(world, gain=gain)
    found = world.results(dimension="country").dimension
    assert isinstance(found, Dimension)
    (test,) = found.heterogeneity
    assert (test.metric, test.variant, test.parts, test.degrees_of_freedom) == ("bought", "b", 3, 2)
    assert test.p_value is not None and (test.p_value < 0.01) == differs


def test_a_trait_divides_too_and_rare_values_are_put_together(world: World) -> None:
    world.metrics(BOUGHT)
    fill(world)
    for n in range(100):
        world.trait(f"u{n}", "plan", f"plan{min(n // 3, 30):02}")
    found = world.results(dimension="user.plan").dimension
    assert isinstance(found, Dimension)
    parts = {part.part: sum(part.users.values()) for part in found.parts}
    assert len(parts) == 22 and parts[None] == 140 and parts["plan30"] == 10
    assert sum(parts.values()) == 240 and parts["$other"] == 100 - 10 - 19 * 3


def test_a_dimension_is_a_property_or_a_trait(world: World) -> None:
    world.metrics(BOUGHT)
    with pytest.raises(InvalidReport) as caught:
        world.results(dimension="@event_type")
    assert caught.value.code == "unsupported_property"


def test_the_part_in_which_the_split_is_off_is_named(world: World) -> None:
    world.metrics(BOUGHT)
    fill(world)
    for n in range(150):
        world.assign("b", f"x{n}", hours=-3 * DAY)
        world.event("visit", f"x{n}", -3 * DAY - 1, country="it")
    found = world.results(dimension="country")
    diagnosis = found.srm.diagnosis
    assert found.srm.is_suspect and isinstance(diagnosis, Diagnosis)
    assert diagnosis.day is not None and diagnosis.day.value == "2025-12-29" and diagnosis.since is not None
    assert found.srm.sequential_p_value is not None and found.srm.sequential_p_value < 0.001
    assert isinstance(found.dimension, Dimension) and isinstance(found.dimension.diagnosis, Diagnosis)
    (worst,) = found.dimension.diagnosis.parts
    assert (worst.of, worst.value, worst.explains) == ("country", "it", True)
    by_part = {part.part: part.srm.verdict for part in found.dimension.parts}
    assert by_part == {"de": "ok", "fr": "ok", "it": "suspect"}
    assert isinstance(found.verdict, Decision)
    assert (found.verdict.decision, found.verdict.variants[0].rule) == ("cannot_say", "split_suspect")


# --- over time ------------------------------------------------------------------------------------


@pytest.mark.parametrize("timezone", ["UTC", "America/New_York"])
def test_a_day_is_what_the_results_were_at_its_end(world: World, now: Clock, tmp_path: Path, timezone: str) -> None:
    world.metrics(REVENUE)
    fill(world, users=60)
    found = world.daily(timezone=timezone)
    assert found.interval == "day"
    first, last = found.lines[0], found.lines[-1]
    assert first.day == {"UTC": "2025-12-22", "America/New_York": "2025-12-21"}[timezone]
    whole = world.results()
    assert last.users == whole.users and last.comparisons == whole.metrics[0].comparisons
    middle = found.lines[4]
    until = middle.until.replace("T", " ").removesuffix("Z")
    world.store.events = [each for each in world.store.events if each[4] < until]
    world.store.record.execute("DELETE FROM ab_assignments WHERE assigned_at >= ?", (until,))
    then = world.results()
    assert middle.users == then.users and sum(then.users.values()) < 60
    ours, theirs = middle.comparisons[0], then.metrics[0].comparisons[0]
    assert ours.difference is not None and theirs.difference is not None
    assert ours.difference.estimate == pytest.approx(theirs.difference.estimate, rel=1e-9)
    assert ours.p_value == pytest.approx(theirs.p_value, rel=1e-9)


def test_the_least_sequential_p_value_is_kept(world: World) -> None:
    world.metrics(BOUGHT)
    fill(world, users=120, gain={"de": 0.5, "fr": 0.5, "it": 0.5})
    found = world.daily(method="sequential")
    lowest: list[float] = []
    for line in found.lines:
        assert isinstance(line.lowest_p_value, dict)
        p_value = line.comparisons[0].p_value
        if p_value is None:
            assert line.lowest_p_value == {"b": None} or lowest
            continue
        lowest.append(min([p_value, *lowest]))
        assert line.lowest_p_value == {"b": lowest[-1]}
    assert len(lowest) > 3 and lowest[-1] < lowest[0]
    fixed = world.daily(method="fixed").lines
    assert all(line.lowest_p_value is msgspec.UNSET for line in fixed), "only always-valid ones may be taken so"


def test_many_days_are_weeks(world: World) -> None:
    world.metrics(BOUGHT)
    world.assign("a", "u1", hours=-100 * DAY)
    world.assign("b", "u2", hours=-1)
    world.event("buy", "u2", -0.5)
    found = world.daily()
    assert found.interval == "week" and len(found.lines) == 15
    assert found.lines[-1].users == {"a": 1, "b": 1}


def test_days_are_of_one_metric_and_of_an_experiment_with_users(world: World) -> None:
    world.metrics(BOUGHT, REVENUE)
    with pytest.raises(Invalid, match="name one of the 2 metrics"):
        world.daily()
    assert world.daily(metric="revenue").lines == ()
