"""Why a split is off: counts in, the day, the part and a sentence out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evensplit.experiments.exposures import IGNORED, Scope, counts
from evensplit.experiments.split import Arrived, Diagnosis, arrivals, diagnose
from evensplit.model.experiment import Design, NewExperiment, NewVariant
from evensplit.query.as_of import settle
from evensplit.query.dialect import speak
from evensplit.stats.estimate import NotEnough
from evensplit.storage.base import NewAssignment
from evensplit.storage.catalog import Catalog
from tests.unit.experiments.stores import ClickhouseSmallStore, SmallStore

EVEN = [{"control": 1.0, "treatment": 1.0}]


def day(number: int, control: int, treatment: int, part: str | None = None, phase: int = 0) -> list[Arrived]:
    at = f"2026-11-{number:02d}"
    return [
        Arrived(variant="control", users=control, day=at, phase=phase, part=part),
        Arrived(variant="treatment", users=treatment, day=at, phase=phase, part=part),
    ]


def told(found: Diagnosis | NotEnough) -> Diagnosis:
    assert isinstance(found, Diagnosis)
    return found


def test_a_right_split_has_nothing_to_explain() -> None:
    dice = np.random.default_rng(1)
    rows = [each for n in range(1, 29) for c in (int(dice.binomial(2000, 0.5)),) for each in day(n, c, 2000 - c)]
    found = told(diagnose(rows, EVEN, {"country": rows}))
    assert (found.verdict, found.since, found.day, found.parts) == ("ok", None, None, ())
    assert found.message == "The split is what the weights ask for."
    assert found.p_value > 0.001


def test_one_bad_day_is_named_and_explains_it() -> None:
    rows = [each for n in range(1, 15) for each in day(n, 1000, 1000)]
    rows[8:10] = day(5, 1000, 500)
    found = told(diagnose(rows, EVEN))
    assert found.since == "2026-11-05"
    assert found.day is not None and found.day.value == "2026-11-05" and found.day.explains
    assert found.day.users == {"control": 1000, "treatment": 500}
    assert found.day.expected == {"control": 750.0, "treatment": 750.0}
    assert found.message == (
        "The split has not been what the weights ask for since 2026-11-05. "
        "It is worst on 2026-11-05 (control 1,000 instead of 750, treatment 500 instead of 750); "
        "without this day the split would be right."
    )


def test_it_stays_found_when_later_days_make_up_for_it() -> None:
    """A test that may be read at any time must not forget what it has said."""
    rows = [*day(1, 3000, 2000), *day(2, 1000, 2000), *day(3, 1000, 1000)]
    found = told(diagnose(rows, EVEN))
    assert (found.verdict, found.since) == ("suspect", "2026-11-01")


def test_a_slow_leak_has_a_beginning_and_no_single_day() -> None:
    rows = [each for n in range(1, 29) for each in day(n, 1030, 970)]
    found = told(diagnose(rows, EVEN))
    assert found.day is None
    assert found.since is not None and "2026-11-04" < found.since < "2026-11-25"
    assert "No single day stands out." in found.message


def test_the_value_of_a_dimension_is_named() -> None:
    parts = [*day(1, 5000, 5000, "de"), *day(1, 900, 400, "fr"), *day(1, 2000, 2050, None)]
    found = told(diagnose(parts, EVEN, {"country": parts, "device": day(1, 7900, 7450, "phone")}))
    (country,) = found.parts
    assert (country.of, country.value, country.explains) == ("country", "fr", True)
    assert "It is worst where country is 'fr' (control 900 instead of 650" in found.message


def test_a_part_may_be_off_while_the_whole_is_not() -> None:
    parts = [*day(1, 900, 400, "fr"), *day(1, 400, 900, None)]
    found = told(diagnose(parts, EVEN, {"country": parts}))
    assert found.since is None and len(found.parts) == 1
    assert found.message.startswith("All users together are split as the weights ask, but not every part of them.")


def test_each_phase_is_held_against_its_own_weights() -> None:
    shares = [{"control": 9.0, "treatment": 1.0}, {"control": 1.0, "treatment": 1.0}]
    rows = [*day(1, 9000, 1000), *day(2, 900, 100), *day(2, 5000, 5000, phase=1), *day(3, 4950, 5050, phase=1)]
    assert told(diagnose(rows, shares)).verdict == "ok"
    assert told(diagnose(rows, [shares[1], shares[1]])).verdict == "suspect"


def test_a_variant_that_nobody_should_have() -> None:
    rows = [*day(1, 500, 500), Arrived(variant="old", users=3, day="2026-11-02"), *day(3, 500, 500)]
    found = told(diagnose(rows, [{"control": 1.0, "treatment": 1.0, "old": 0.0}]))
    assert (found.p_value, found.since) == (0.0, "2026-11-02")
    assert found.day is not None and found.day.value == "2026-11-02" and found.day.explains


@pytest.mark.parametrize("rows", [[], day(1, 0, 0)])
def test_without_users_there_is_no_answer(rows: list[Arrived]) -> None:
    found = diagnose(rows, EVEN)
    assert isinstance(found, NotEnough) and found.reason == "no_users"


def test_right_splits_are_rarely_called_wrong() -> None:
    """1,000 right splits over four weeks with five countries: slices are corrected for their number."""
    dice = np.random.default_rng(4)
    called = 0
    for _ in range(1000):
        counts = dice.binomial(300, 0.5, (14, 5))
        rows = [
            each
            for n in range(14)
            for m, name in enumerate("abcde")
            for each in day(n + 1, int(counts[n, m]), 300 - int(counts[n, m]), name)
        ]
        found = told(diagnose(rows, EVEN, {"country": rows}))
        called += found.day is not None or bool(found.parts) or found.since is not None
    assert called <= 9  # at most 3 expected: one in a thousand for each of three looks


@pytest.fixture(params=[SmallStore, pytest.param(ClickhouseSmallStore, marks=pytest.mark.clickhouse)])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallStore]:
    (tmp_path / "any").mkdir()
    store: SmallStore = request.param(tmp_path / "any")
    yield store
    store.close()


def test_arrivals_by_variant_phase_and_day(any_store: SmallStore) -> None:
    catalog = Catalog(any_store)
    variants = (NewVariant("a"), NewVariant("b"))
    experiment = asyncio.run(catalog.create(NewExperiment(design=Design("x", variants))))
    one, other = (variant.id for variant in experiment.variants)
    came = [
        ("ann", one, "2026-01-01 00:00:00.000"),
        ("bob", one, "2026-01-01 23:59:59.999"),
        ("cat", other, "2026-01-01 12:00:00.000"),
        ("dan", other, "2026-01-02 00:00:00.000"),
        ("eve", other, "2026-01-02 09:00:00.000"),
    ]
    asyncio.run(any_store.assign([NewAssignment(user, experiment.id, variant, at) for user, variant, at in came]))

    async def asked(edges: list[str]) -> list[tuple[object, ...]]:
        scope = Scope(experiment.id, await settle(any_store, None), speak(any_store.engine, {}))
        query = arrivals(scope, edges)
        return sorted(await any_store.query(query.sql, query.values), key=str)

    assert asyncio.run(asked([])) == [
        (one, 0, "2026-01-01", None, 2),
        (other, 0, "2026-01-01", None, 1),
        (other, 0, "2026-01-02", None, 2),
    ]
    assert asyncio.run(asked(["2026-01-01 12:00:00.000", "2026-01-02 00:00:00.001"])) == [
        (one, 0, "2026-01-01", None, 1),
        (one, 1, "2026-01-01", None, 1),
        (other, 1, "2026-01-01", None, 1),
        (other, 1, "2026-01-02", None, 1),
        (other, 2, "2026-01-02", None, 1),
    ]


def test_assignments_of_persons_who_hold_several(any_store: SmallStore) -> None:
    """Who is left out is told beside who is counted: one with the same variant, one with another."""
    catalog = Catalog(any_store)
    design = Design("x", (NewVariant("a"), NewVariant("b")))
    experiment = asyncio.run(catalog.create(NewExperiment(design=design)))
    one, other = (variant.id for variant in experiment.variants)
    came = [("ann", one, "02"), ("v1", one, "01"), ("bob", one, "02"), ("v2", other, "01"), ("cat", other, "03")]
    rows = [NewAssignment(user, experiment.id, variant, f"2026-01-{at}") for user, variant, at in came]
    asyncio.run(any_store.assign(rows))
    linked = "INSERT INTO es_identity (kind, subject, object, stated_at) VALUES ('link', ?, ?, '2026-01-04')"
    any_store.record.executemany(linked, [("v1", "ann"), ("v2", "bob")])

    async def asked() -> list[tuple[object, ...]]:
        scope = Scope(experiment.id, await settle(any_store, None), speak(any_store.engine, {}))
        query = counts(scope, ["2026-01-02"])
        return sorted(await any_store.query(query.sql, query.values), key=str)

    assert asyncio.run(asked()) == [(IGNORED, 2, 1), (one, 0, 1), (other, 0, 1), (other, 1, 1)]
