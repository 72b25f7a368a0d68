"""Every kind of metric on both engines, against the oracle: ties, links, edges of windows, mixed types, caps."""

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evensplit import clock
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure import Measured, Measurement, census, measure, measurement
from evensplit.experiments.measure.numbers import Census
from evensplit.model.experiment import read_new
from evensplit.model.metric import Metric
from evensplit.query.as_of import settle
from evensplit.query.dialect import speak
from evensplit.stats.joint import Joint
from evensplit.stats.samples import Quantiles, Sample
from evensplit.storage.base import NewMetric
from tests.unit.examples import some
from tests.unit.experiments.measure_oracle import HOUR, Event, World, samples
from tests.unit.experiments.stores import ClickhouseSmallStore, SmallStore

START = 1_767_225_600_000  # 2026-01-01
TABLES = ("ab_assignments", "es_metric_users", "ab_metrics", "es_identity")


@pytest.fixture(params=[SmallStore, ClickhouseSmallStore])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallStore]:
    small: SmallStore = request.param(tmp_path)
    small.record.execute("INSERT INTO ab_tests (id, test_name) VALUES (1, 'x')")
    small.record.execute("INSERT INTO ab_variants (id, test_id, variant_name) VALUES (1, 1, 'a'), (2, 1, 'b')")
    yield small
    small.close()


def defined(*definitions: dict[str, Any]) -> tuple[Metric, ...]:
    body = {"name": "y", "variants": [{"name": "a"}, {"name": "b"}], "metrics": definitions}
    return read_new(json.dumps(body).encode()).metrics


def measured(store: SmallStore, metrics: tuple[Metric, ...], **scope: Any) -> list[Measured]:
    async def ask() -> list[Measured]:
        within = Scope(1, await settle(store, None), speak(store.engine, {}), **scope)
        query = census(within)
        rows = await store.query(query.sql, query.values)
        found = {str(name): Census(int(n), int(named), bool(binary)) for name, n, named, binary in rows}
        plans = {
            n: plan for n, metric in enumerate(metrics) if isinstance(plan := measurement(metric, found), Measurement)
        }
        got = await measure(store, within, plans)
        return [got[n] for n in range(len(metrics))]

    return asyncio.run(ask())


class Maker:
    """Random worlds, put into a store and into the oracle alike."""

    def __init__(self, dice: random.Random, store: SmallStore) -> None:
        self.dice, self.store, self.world = dice, store, World()
        # Where any type is looked at, there is one scan of events, else one a type.
        self.kinds = ["look", "add", "buy", *dice.choice([["@any"], []])]
        for table in TABLES:
            store.record.execute(f"DELETE FROM {table}")
        store.events = []

    def fill(self, events: int) -> None:
        dice, owner = self.dice, {}
        if dice.random() < 0.6:
            for n in range(4):
                owner[f"anon{n}"] = f"u{dice.randrange(8)}"
                self._link(f"anon{n}", owner[f"anon{n}"])
        ids = [*owner, *(f"u{n}" for n in range(12))]
        first: dict[str, tuple[int, int, int]] = {}
        last = START  # of all that can be seen, assignments that are ignored among them
        for place, id_ in enumerate(dice.sample(ids, dice.randrange(3, len(ids)))):
            variant, at = dice.choice([1, 2]), START + dice.randrange(0, 30) * HOUR
            self._assign(id_, variant, at)
            person = owner.get(id_, id_)
            first[person] = min(first.get(person, (at, place, variant)), (at, place, variant))
            last = max(last, at)
        self.world.assigned = {person: (variant, at) for person, (at, _, variant) in first.items()}
        numbers: list[Any] = dice.choice([[1, 2.5, 0.1, 1e6, -3, 0, 7], [-1, -2.5, -40]])  # or refunds alone
        values = numbers if dice.random() < 0.5 else [*numbers, "7", None, True, "x"]
        for n in range(events):
            id_, at = dice.choice(ids), START + dice.randrange(-30, 90) * HOUR + dice.choice([0, 0, 1, -1])
            kind = dice.choice(["look", "look", "add", "buy"])
            properties = {"v": dice.choice(values), "c": dice.choice(["DE", "FR", None])}
            self.store.event(kind, id_, clock.to_text(at), json.dumps(properties))
            self.world.events.append(Event(n + 1, kind, owner.get(id_, id_), at, properties))
            last = max(last, at)
            if not n or dice.random() < 0.3:
                value = dice.choice([0.5, 2.0, 100.25])
                self.store.metric(NewMetric(1, 1, "r", value, clock.to_text(at), id_))
                self.world.rows.append(("r", owner.get(id_, id_), value, at))
        self.world.last = last

    def _link(self, anonymous: str, user: str) -> None:
        sql = "INSERT INTO es_identity (kind, subject, object, stated_at) VALUES ('link', ?, ?, ?)"
        self.store.record.execute(sql, (anonymous, user, clock.to_text(START)))

    def _assign(self, id_: str, variant: int, at: int) -> None:
        sql = "INSERT INTO ab_assignments (user_id, test_id, variant_id, assigned_at) VALUES (?, 1, ?, ?)"
        self.store.record.execute(sql, (id_, variant, clock.to_text(at)))

    def event(self) -> object:
        kind = self.dice.choice(self.kinds)
        if self.dice.random() < 0.6:
            return kind
        return {"event_type": kind, "filters": [{"property": "c", "op": "eq", "value": "DE"}]}

    def side(self, cap: bool) -> dict[str, Any]:
        aggregate = self.dice.choice(["count", "sum", "avg", "max", "min", "distinct"])
        found: dict[str, Any] = {"event": self.event(), "aggregate": aggregate}
        if aggregate != "count":
            found["property"] = "v"
        if cap and self.dice.random() < 0.6:
            found["cap"] = self.dice.choice(
                [
                    {"upper_value": 2.25},
                    {"upper_value": -1.5},
                    {"upper_quantile": 0.8},
                    {"upper_quantile": 0.5, "ignore_zeros": True},
                ]
            )
        return found

    def metrics(self) -> tuple[Metric, ...]:
        """Of each kind, with random options."""
        dice = self.dice
        funnels = [[self.event() for _ in range(dice.choice([2, 3, 5]))] for _ in range(3)]
        days = {"covariate_days": dice.choice([0.5, 1])} if dice.random() < 0.7 else {}
        per = dice.choice(["user", "event"])
        found: list[dict[str, Any]] = [
            {"kind": "recorded", "as": "mean", "missing": dice.choice(["skip", "zero"])},
            {"kind": "proportion", "event": self.event(), **days},
            {"kind": "mean", **self.side(True), **days},
            {"kind": "ratio", "numerator": self.side(True), "denominator": self.side(True), **days},
            {"kind": "quantile", "event": self.event(), "property": "v", "q": dice.choice([0.1, 0.5, 0.9]), "per": per},
            {"kind": "retention", "event": self.event(), "from_days": dice.choice([0, 0.5]), "to_days": 1.25},
            *({"kind": "funnel", "steps": steps} for steps in funnels),
        ]
        for n, each in enumerate(found):
            each["name"] = f"m{n}" if n else "r"
            if each["kind"] != "retention":
                each |= dice.choice([{}, {"window_hours": 5}, {"delay_hours": 1, "window_hours": 20}])
            if "window_hours" in each or each["kind"] == "retention":
                each["unfinished"] = dice.choice(["count", "skip"])
        return defined(*found)


def the_same(found: Sample, expected: Sample) -> None:
    if isinstance(expected, Quantiles):
        assert isinstance(found, Quantiles)
        assert (found.q, found.points) == (expected.q, expected.points)
        if expected.points:
            wanted = [expected.value, expected.lower, expected.upper]
            assert [found.value, found.lower, found.upper] == pytest.approx(wanted, rel=1e-9)
        assert (found.clusters is None) == (expected.clusters is None)
        if found.clusters is not None and expected.clusters is not None:
            alike(found.clusters, expected.clusters)
        return
    assert type(found) is type(expected) and not isinstance(found, Quantiles)
    alike(found.joint, expected.joint)


def alike(found: Joint, expected: Joint) -> None:
    assert found.n == expected.n
    assert found.totals == pytest.approx(expected.totals, rel=1e-9, abs=1e-9)
    assert found.products == pytest.approx(expected.products, rel=1e-9, abs=1e-6)


def check(store: SmallStore, seed: int) -> None:
    maker = Maker(random.Random(seed), store)
    maker.fill(maker.dice.choice([1, 10, 30, 120]))  # where there are few, many persons have none of a type
    metrics = maker.metrics()
    for metric, found in zip(metrics, measured(store, metrics), strict=True):
        expected, caps = samples(maker.world, metric)
        mine = found.samples.get(None, {})
        for variant, sample in expected.items():
            empty = isinstance(sample, Quantiles) and not sample.points
            if empty and variant not in mine:
                continue
            the_same(mine[variant], sample)
        if mine and any(cap is not None for cap in caps):
            assert [None if cap is None else pytest.approx(cap, rel=1e-9) for cap in caps] == list(found.caps)


@given(seed=st.integers(0, 10**9))
@settings(max_examples=some(4), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("store", [SmallStore], indirect=True)
def test_every_kind_against_the_oracle(store: SmallStore, seed: int) -> None:
    check(store, seed)


@pytest.mark.parametrize("store", [ClickhouseSmallStore], indirect=True)
def test_every_kind_against_the_oracle_on_clickhouse(store: SmallStore) -> None:
    check(
        store, 3
    )  # more of them are asked in `tests/system/test_metrics.py`; a statement of all kinds is slow to plan
