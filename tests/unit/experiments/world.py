"""An experiment with variants a (control) and b in a small store, and short ways to fill it and to ask."""

import asyncio
import json
import random

import msgspec

from evensplit.experiments.analyze import analyze, over_time
from evensplit.experiments.look import Looker
from evensplit.experiments.question import Question
from evensplit.experiments.results import Daily, MetricResult, Results
from evensplit.model.experiment import read_new
from evensplit.storage.base import NewAssignment, NewMetric
from evensplit.storage.catalog import Catalog
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import SmallStore

BOUGHT = {"name": "bought", "kind": "proportion", "event": "buy"}
REVENUE = {"name": "revenue", "kind": "mean", "event": "buy", "aggregate": "sum", "property": "revenue"}
DAY = 24.0
DAYS = 10


class World:
    """An experiment with variants a (control) and b, and short ways to fill it."""

    def __init__(self, catalog: Catalog, store: SmallStore, now: Clock) -> None:
        self.catalog, self.store, self.now = catalog, store, now
        self.looker = Looker(catalog, store)
        self.experiment = asyncio.run(
            catalog.create(read_new(b'{"name": "x", "variants": [{"name": "a"}, {"name": "b"}]}'))
        )

    def metrics(self, *definitions: object) -> None:
        body = {"name": "y", "variants": [{"name": "a"}, {"name": "b"}], "metrics": definitions}
        read = read_new(json.dumps(body).encode()).metrics
        self.experiment = asyncio.run(self.catalog.measure("x", read))

    def assign(self, variant: str, *users: str, hours: float = 0) -> None:
        number = 1 + "ab".index(variant)
        rows = [NewAssignment(user, self.experiment.id, number, self.now.text(hours)) for user in users]
        self.store.assigned(rows)

    def record(self, name: str, value: float, user: str | None, hours: float = 0, variant: str = "a") -> None:
        number = 1 + "ab".index(variant)
        self.store.metric(NewMetric(self.experiment.id, number, name, value, self.now.text(hours), user))

    def event(self, event_type: str, user: str | None, hours: float = 0, **properties: object) -> None:
        self.store.event(event_type, user, self.now.text(hours), json.dumps(properties))

    def link(self, anonymous_id: str, user_id: str, hours: float = 0) -> None:
        self.store.record.execute(
            "INSERT INTO es_identity (kind, subject, object, stated_at) VALUES ('link', ?, ?, ?)",
            (anonymous_id, user_id, self.now.text(hours)),
        )

    def results(self, **question: object) -> Results:
        experiment = self.catalog.experiment(self.experiment.name)
        asked = msgspec.convert({"method": "fixed", **question}, Question)
        return asyncio.run(analyze(self.store, experiment, self.catalog.weights(experiment), asked))

    def one(self, **question: object) -> MetricResult:
        (metric,) = self.results(**question).metrics
        return metric

    def numbers(self) -> dict[str, tuple[int, float | None]]:
        """variant: (n, sum) of the only metric."""
        return {each.variant: (each.n, each.sum) for each in self.one().variants}

    def look(self, **question: object) -> Results:
        """As over HTTP: it is logged."""
        asked = msgspec.convert({"method": "fixed", **question}, Question)
        return asyncio.run(self.looker.results(self.experiment.name, asked))

    def daily(self, **question: object) -> Daily:
        experiment = self.catalog.experiment(self.experiment.name)
        asked = msgspec.convert({"method": "fixed", **question}, Question)
        return asyncio.run(over_time(self.store, experiment, self.catalog.weights(experiment), asked))

    def trait(self, user: str, name: str, text: str) -> None:
        self.store.record.execute(
            "INSERT INTO es_identity (kind, subject, object, value, text, stated_at) VALUES ('trait', ?, ?, ?, ?, ?)",
            (user, name, json.dumps(text), text, self.now.text()),
        )


def fill(world: World, users: int = 240, gain: dict[str, float] | None = None, seed: int = 1) -> None:
    """Users who came one after the other over ten days; half of those in a bought, of b `gain` more by country."""
    random_ = random.Random(seed)
    for n in range(users):
        variant, country = "ab"[n % 2], ["de", "fr", "it"][n // 2 % 3]
        came = -DAYS * DAY + n * DAYS * DAY / users
        world.assign(variant, f"u{n}", hours=came)
        world.event("visit", f"u{n}", came - 1, country=country)
        chance = 0.5 + ((gain or {}).get(country, 0.0) if variant == "b" else 0.0)
        if random_.random() < chance:
            world.event("buy", f"u{n}", came + 1, revenue=round(random_.expovariate(0.1), 2))
