"""Measuring a part of the persons, up to an instant, and numbers at the edge of what doubles hold; on both engines."""

import json
import math
import random
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest

from evensplit import clock
from evensplit.query.conditions import Property, Trait
from evensplit.stats.joint import merge_joint
from evensplit.stats.samples import Values
from tests.unit.experiments.measure_oracle import HOUR, World, samples
from tests.unit.experiments.stores import ClickhouseSmallStore, SmallStore
from tests.unit.experiments.test_measure import START, Maker, alike, defined, measured

COUNT = {"name": "m", "kind": "mean", "event": "buy"}


@pytest.fixture(params=[SmallStore, ClickhouseSmallStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallStore]:
    small: SmallStore = request.param(tmp_path)
    small.record.execute("INSERT INTO ab_tests (id, test_name) VALUES (1, 'x')")
    small.record.execute("INSERT INTO ab_variants (id, test_id, variant_name) VALUES (1, 1, 'a'), (2, 1, 'b')")
    yield small
    small.close()


def assign(store: SmallStore, user: str, variant: int = 1, hours: float = 0) -> None:
    sql = "INSERT INTO ab_assignments (user_id, test_id, variant_id, assigned_at) VALUES (?, 1, ?, ?)"
    store.record.execute(sql, (user, variant, at(hours)))


def state(store: SmallStore, kind: str, subject: str, object_: str, text: str | None = None, hours: float = 0) -> None:
    sql = "INSERT INTO es_identity (kind, subject, object, text, stated_at) VALUES (?, ?, ?, ?, ?)"
    store.record.execute(sql, (kind, subject, object_, text, at(hours)))


def at(hours: float) -> str:
    return clock.to_text(START + round(hours * HOUR))


def event(store: SmallStore, user: str, hours: float, event_type: str = "buy", **properties: object) -> None:
    store.event(event_type, user, at(hours), json.dumps(properties))


def by_part(store: SmallStore, part: Property | Trait) -> dict[tuple[str | None, int], tuple[int, float]]:
    """(part, variant): users and events."""
    (found,) = measured(store, defined(COUNT), part=part)
    return {
        (name, variant): (sample.joint.n, sample.joint.totals[0])
        for name, of in found.samples.items()
        for variant, sample in of.items()
        if isinstance(sample, Values)
    }


def test_a_property_divides_by_its_last_value_before_else_the_first_after(store: SmallStore) -> None:
    for user, variant in [("both", 1), ("after", 1), ("never", 2), ("tied", 2), ("phone", 1)]:
        assign(store, user, variant, hours=10)
    event(store, "both", 2, country="FR")
    event(store, "both", 10, country="DE")  # at the assignment is before it
    event(store, "both", 10.5, country="US")
    event(store, "after", 12, country="NZ")
    event(store, "after", 11, country="DE")
    event(store, "after", 10.5, country=None)
    event(store, "never", 11)
    event(store, "tied", 4, country="DE")
    event(store, "tied", 4, country=7)
    state(store, "link", "phone", "owner")
    event(store, "owner", 9, country="NZ")
    assert by_part(store, Property(("country",))) == {
        ("DE", 1): (2, 2.0 + 3.0),
        (None, 2): (1, 1.0),
        ("7", 2): (1, 0.0),
        ("NZ", 1): (1, 0.0),
    }


def test_a_trait_divides_by_what_was_stated_last(store: SmallStore) -> None:
    for user in ("a1", "a2", "a3"):
        assign(store, user)
        event(store, user, 1)
    state(store, "trait", "a1", "plan", "pro", hours=1)
    state(store, "trait", "a1", "plan", "free", hours=0)
    state(store, "trait", "a2", "size", "big")
    state(store, "trait", "old", "plan", "team", hours=2)
    state(store, "link", "old", "a3")
    assert by_part(store, Trait("plan")) == {("pro", 1): (1, 1.0), (None, 1): (1, 1.0), ("team", 1): (1, 1.0)}


def test_beyond_the_twenty_most_frequent_parts_all_are_one(store: SmallStore) -> None:
    for n in range(25):
        for user in (f"u{n}", f"w{n}")[: 1 + (n < 20)]:
            assign(store, user)
            event(store, user, -1, "look", country=f"c{n:02}")
            event(store, user, 1)
    found = by_part(store, Property(("country",)))
    assert found == {(f"c{n:02}", 1): (2, 2.0) for n in range(20)} | {("$other", 1): (5, 5.0)}


@pytest.mark.parametrize("seed", [1])
def test_the_parts_together_are_the_whole(store: SmallStore, seed: int) -> None:
    maker = Maker(random.Random(seed), store)
    maker.fill(150)
    metrics = defined(
        {"name": "m", "kind": "mean", "event": "buy", "aggregate": "sum", "property": "v", "covariate_days": 1},
        {"name": "p", "kind": "proportion", "event": "look"},
    )
    whole, parts = measured(store, metrics), measured(store, metrics, part=Property(("c",)))
    for together, divided in zip(whole, parts, strict=True):
        assert len(divided.samples) > 1
        for variant, sample in together.samples[None].items():
            of_parts = [each[variant] for each in divided.samples.values() if variant in each]
            joints = [each.joint for each in of_parts if isinstance(each, Values)]
            assert isinstance(sample, Values)
            alike(reduce(merge_joint, joints), sample.joint)


def test_until_nothing_after_an_instant_counts(store: SmallStore) -> None:
    maker = Maker(random.Random(11), store)
    maker.fill(150)
    until = START + 25 * HOUR
    past = World()
    past.assigned = {person: of for person, of in maker.world.assigned.items() if of[1] < until}
    past.events = [each for each in maker.world.events if each.at < until]
    past.rows = [row for row in maker.world.rows if row[3] < until]
    past.last = min(until, maker.world.last)
    metrics = defined(
        {**COUNT, "name": "count"},
        {**COUNT, "name": "over", "window_hours": 6, "unfinished": "skip"},
        {"name": "r", "kind": "recorded", "as": "mean"},
        {"name": "f", "kind": "funnel", "steps": ["look", "buy"]},
    )
    assert len(past.assigned) < len(maker.world.assigned) and past.rows
    for metric, found in zip(metrics, measured(store, metrics, until=clock.to_text(until)), strict=True):
        for variant, sample in samples(past, metric)[0].items():
            mine = found.samples[None][variant]
            assert isinstance(mine, Values) and isinstance(sample, Values)
            alike(mine.joint, sample.joint)


def test_numbers_of_very_different_sizes(store: SmallStore) -> None:
    """A small variance beside a large mean, sums that leave the doubles, and nothing but tiny numbers."""
    kinds = {
        "large": [1e9 + n % 3 for n in range(60)],
        "huge": [1e308] * 60,
        "tiny": [1e-300 * (n % 3) for n in range(60)],
    }
    for n in range(60):
        assign(store, f"u{n}")
        for kind, values in kinds.items():
            event(store, f"u{n}", 1, kind, v=values[n])
            event(store, f"u{n}", 2, "mixed", v=values[n])
    metrics = defined(
        *({"name": kind, "kind": "mean", "event": kind, "aggregate": "sum", "property": "v"} for kind in kinds),
        {"name": "mixed", "kind": "mean", "event": "mixed", "aggregate": "max", "property": "v"},
    )
    large, huge, tiny, mixed = (each.samples[None][1] for each in measured(store, metrics))
    assert isinstance(large, Values) and isinstance(huge, Values) and isinstance(tiny, Values)
    assert large.joint.totals == (math.fsum(kinds["large"]),)
    assert large.joint.products[0] == pytest.approx(40.0, rel=1e-9)
    assert not huge.joint.is_finite
    assert tiny.joint.totals[0] == pytest.approx(60e-300, rel=1e-9)
    assert isinstance(mixed, Values) and not mixed.joint.is_finite
