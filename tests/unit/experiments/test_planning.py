"""How long an experiment would have to run: the past of a small product, against the same counted by hand."""

import asyncio
import json
import math
import random
import statistics
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State

from evensplit import clock
from evensplit.api import experiments, planning
from evensplit.experiments.assignments import Assigner
from evensplit.stats.power import Baseline, Plan, SampleSize, minimum_effect, sample_size
from evensplit.storage.base import NewAssignment
from evensplit.storage.catalog import Catalog
from evensplit.web.responses import EXCEPTION_HANDLERS
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import ClickhouseSmallStore, SmallStore

DAY = 86_400_000
NOW = 1_767_225_600_000 + 5 * 3_600_000  # 2026-01-01T05:00Z
BOUGHT = {"name": "bought", "kind": "proportion", "event": "purchase"}
REVENUE = {"name": "revenue", "kind": "mean", "event": "purchase", "aggregate": "sum", "property": "amount"}


class Api:
    """Asks the routes of experiments and of planning."""

    def __init__(self, catalog: Catalog, store: SmallStore) -> None:
        services = SimpleNamespace(catalog=catalog, store=store, assigner=Assigner(catalog, store))
        self.app = Litestar(
            [*experiments.HANDLERS, *planning.HANDLERS],
            state=State({"services": services}),
            exception_handlers=EXCEPTION_HANDLERS,
            openapi_config=None,
        )

    def __call__(self, method: str, path: str, body: object = None, expect: int = 200) -> Any:
        reply = asyncio.run(self._send(method, path, None if body is None else json.dumps(body).encode()))
        assert reply.status_code == expect, reply.text
        return reply.json() if reply.content else None

    async def _send(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, content=content)


class Past:
    """What 300 users did in the 60 days before now, and what follows of it by hand."""

    def __init__(self, store: SmallStore, now: int) -> None:
        self.now, self.today = now, now // DAY * DAY
        self.rows: list[tuple[str, str, int, float]] = []
        dice = random.Random(7)
        for n in range(300):
            for _ in range(dice.randrange(6)):
                at = now - dice.randrange(60 * DAY)
                kind, amount = dice.choice([("view", 0.0), ("view", 0.0), ("purchase", float(dice.randrange(1, 90)))])
                self.rows.append((kind, f"u{n}", at, amount))
        self.rows.sort(key=lambda row: row[2])
        for kind, user, at, amount in self.rows:
            store.event(kind, user, clock.to_text(at), json.dumps({"amount": amount} if amount else {}))

    def exposed(self, event: str | None, days: int) -> dict[str, int]:
        """Who would have been assigned, and when."""
        found: dict[str, int] = {}
        for kind, user, at, _ in self.rows:
            if self.today - days * DAY <= at < self.today and event in (None, kind):
                found.setdefault(user, at)
        return found

    def revenue(self, exposed: dict[str, int]) -> list[float]:
        totals = dict.fromkeys(exposed, 0.0)
        for kind, user, at, amount in self.rows:
            if kind == "purchase" and user in exposed and exposed[user] <= at < self.today:
                totals[user] += amount
        return list(totals.values())


class Product:
    """One store for all tests that only ask."""

    def __init__(self, folder: Path) -> None:
        self.store = SmallStore(folder)
        self.past = Past(self.store, NOW)
        self.catalog = Catalog(self.store)
        self.api = Api(self.catalog, self.store)


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    (folder := tmp_path_factory.mktemp("planning") / "product").mkdir()
    found = Product(folder)
    yield found
    found.store.close()


@pytest.fixture
def past(product: Product) -> Past:
    return product.past


@pytest.fixture
def api(product: Product, now: Clock) -> Api:
    now.ms = NOW
    return product.api


def outlook(metric: Any, method: str, covariate: bool) -> Any:
    (found,) = [each for each in metric["outlooks"] if (each["method"], each["covariate"]) == (method, covariate)]
    return found


def test_the_past_is_what_it_was(api: Api, past: Past) -> None:
    reply = api("POST", "/v1/experiments/power", {"metrics": [BOUGHT, REVENUE]})
    exposed = past.exposed(None, 28)
    revenue = past.revenue(exposed)
    share = sum(each > 0 for each in revenue) / len(revenue)
    bought, paid = reply["metrics"]
    assert reply["arrivals"]["users"] == len(exposed) == reply["arrivals"]["after_day"][27]
    assert (bought["mean"], bought["variance"]) == pytest.approx((share, share * (1 - share)))
    assert (paid["mean"], paid["variance"]) == pytest.approx((statistics.mean(revenue), statistics.variance(revenue)))
    assert (reply["since"], reply["until"]) == ("2025-12-04 00:00:00.000", "2026-01-01 00:00:00.000")
    late = [at for at in exposed.values() if at >= past.today - 7 * DAY]
    assert reply["arrivals"]["per_day"] == pytest.approx(len(late) / 7)


def test_sizes_days_and_effects_follow(api: Api, past: Past) -> None:
    asked = {"metrics": [REVENUE], "minimum_effect": 0.4, "variants": [1, 3], "max_days": 365, "power": 0.9}
    reply = api("POST", "/v1/experiments/power", asked)
    revenue = past.revenue(past.exposed(None, 28))
    baseline = Baseline(mean=statistics.mean(revenue), variance=statistics.variance(revenue))
    plan = Plan(power=0.9, shares=(1.0, 3.0))
    fixed = outlook(reply["metrics"][0], "fixed", False)
    size = sample_size(plan, baseline, 0.4)
    assert isinstance(size, SampleSize)
    assert fixed["sample_size"] == {"users": size.users, "per_variant": list(size.per_variant)}
    arrivals = reply["arrivals"]
    users = [*arrivals["after_day"], *(len(revenue) + int(arrivals["per_day"] * day) for day in range(1, 338))]
    assert fixed["days"] == next(day for day, n in enumerate(users, 1) if n >= size.users)
    reach = {each["days"]: each for each in fixed["curve"]}
    for day in (7, 14, 28, 90):
        assert reach[day]["users"] == users[day - 1]
        assert reach[day]["minimum_effect"] == pytest.approx(minimum_effect(plan, baseline, users[day - 1]))
    sequential = outlook(reply["metrics"][0], "sequential", False)
    assert sequential["sample_size"]["users"] > fixed["sample_size"]["users"]


def test_who_would_be_assigned_is_named_by_an_event_and_filters(api: Api, past: Past) -> None:
    reply = api("POST", "/v1/experiments/power", {"metrics": [REVENUE], "event": "purchase", "days": 40})
    exposed = past.exposed("purchase", 40)
    assert reply["arrivals"]["users"] == len(exposed)
    assert reply["metrics"][0]["mean"] == pytest.approx(statistics.mean(past.revenue(exposed)))
    rich = {"event": {"event_type": "purchase", "filters": [{"property": "amount", "op": "gt", "value": 80}]}}
    beside = {"event": "purchase", "filters": [{"property": "amount", "op": "gt", "value": 80}]}
    counts = [
        api("POST", "/v1/experiments/power", {"metrics": [BOUGHT], **each})["arrivals"] for each in (rich, beside)
    ]
    wanted = {u for k, u, at, a in past.rows if a > 80 and past.today - 28 * DAY <= at < past.today}
    assert counts[0] == counts[1] and counts[0]["users"] == len(wanted)


def test_a_covariate_is_tried_where_none_is_named(api: Api) -> None:
    reply = api("POST", "/v1/experiments/power", {"metrics": [REVENUE], "method": "fixed", "max_days": 3000})
    (metric,) = reply["metrics"]
    assert metric["covariate_days"] == 14.0
    assert 0 <= metric["variance_reduction"] < 0.5
    plain, with_it = outlook(metric, "fixed", False), outlook(metric, "fixed", True)
    saved = with_it["sample_size"]["users"] / plain["sample_size"]["users"]
    assert saved == pytest.approx(1 - metric["variance_reduction"], rel=1e-2)
    average = {"name": "a", "kind": "mean", "event": "purchase", "aggregate": "avg", "property": "amount"}
    (metric,) = api("POST", "/v1/experiments/power", {"metrics": [average]})["metrics"]
    assert metric["variance_reduction"] is None
    assert 0 < metric["share_measured"] < 1


def test_users_without_a_value_have_to_come_too(api: Api) -> None:
    average = {"name": "a", "kind": "mean", "event": "purchase", "aggregate": "avg", "property": "amount"}
    asked = {"metrics": [average], "method": "fixed", "max_days": 3650, "minimum_effect": 0.2}
    (metric,) = api("POST", "/v1/experiments/power", asked)["metrics"]
    baseline = Baseline(mean=metric["mean"], variance=metric["variance"])
    size = sample_size(Plan(), baseline, 0.2)
    assert isinstance(size, SampleSize)
    assert outlook(metric, "fixed", False)["sample_size"]["users"] == math.ceil(size.users / metric["share_measured"])


def test_every_kind_of_metric(api: Api) -> None:
    paid = {"event": "purchase", "aggregate": "sum", "property": "amount"}
    kinds = [
        BOUGHT,
        REVENUE,
        {"name": "r", "kind": "ratio", "numerator": paid, "denominator": {"event": "view", "aggregate": "count"}},
        {"name": "q", "kind": "quantile", "q": 0.5, "event": "purchase", "property": "amount"},
        {"name": "e", "kind": "quantile", "q": 0.5, "event": "purchase", "property": "amount", "per": "event"},
        {"name": "back", "kind": "retention", "event": "view", "from_days": 1, "to_days": 8},
        {"name": "f", "kind": "funnel", "steps": ["view", "purchase"], "window_hours": 240},
        {**REVENUE, "name": "safe", "role": "guardrail", "margin": 0.3},
        {**REVENUE, "name": "less", "direction": "down", "delay_hours": 24, "window_hours": 25},
    ]
    asked = {"metrics": kinds, "max_days": 3650, "minimum_effect": 0.3, "correction": "holm", "variants": [1, 1, 1]}
    reply = api("POST", "/v1/experiments/power", asked)
    assert reply["family"] == 2 * 8
    for metric in reply["metrics"]:
        assert "unknown" not in metric, metric
        for each in metric["outlooks"]:
            assert each["sample_size"]["users"] > 10
            assert (each["days"] is None) == ("unknown" in each), each
    safe, less = reply["metrics"][7:]
    assert (safe["goal"], safe["lift"], less["lift"]) == ("not_worse", 0.0, -0.3)
    one = api("POST", "/v1/experiments/power", {**asked, "metrics": [{**REVENUE, "direction": "down"}]})
    assert outlook(one["metrics"][0], "fixed", False)["curve"][5]["minimum_effect"] > 0  # two-sided: a size


def test_what_cannot_be_told(api: Api) -> None:
    nobody = api("POST", "/v1/experiments/power", {"metrics": [BOUGHT], "event": "never"})
    assert nobody["arrivals"]["users"] == 0
    assert nobody["metrics"][0]["unknown"]["reason"] == "no_users"
    never = api("POST", "/v1/experiments/power", {"metrics": [{**BOUGHT, "event": "never"}]})
    assert {each["unknown"]["reason"] for each in never["metrics"][0]["outlooks"]} == {"control_is_zero"}
    tiny = api("POST", "/v1/experiments/power", {"metrics": [BOUGHT], "minimum_effect": 0.001})
    assert {each["unknown"]["reason"] for each in tiny["metrics"][0]["outlooks"]} == {"too_few_users"}
    assert all(each["days"] is None for each in tiny["metrics"][0]["outlooks"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"metrics": []}, "metrics"),
        ({"metrics": [{"name": "x", "kind": "recorded"}]}, "metrics[0].kind"),
        ({"days": 0}, "days"),
        ({"days": "x"}, "days"),
        ({"variants": [1]}, "variants"),
        ({"variants": [1, 0]}, "variants[1]"),
        ({"variants": [1, -1]}, "variants[1]"),
        ({"minimum_effect": 0}, "minimum_effect"),
        ({"power": 0.01}, "power"),
        ({"power": 1}, "power"),
        ({"alpha": 0}, "alpha"),
        ({"horizon": 0}, "horizon"),
        ({"max_days": 100_000}, "max_days"),
        ({"method": "bayesian"}, "method"),
        ({"alternative": "greater"}, "alternative"),
        ({"correction": "x"}, "correction"),
        ({"event": ""}, "event"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_faults_are_named(api: Api, change: dict[str, Any], field: str) -> None:
    reply = api("POST", "/v1/experiments/power", {"metrics": [BOUGHT], **change}, 422)
    assert field in [each["field"] for each in reply["error"]["details"]]


def test_a_running_experiment(api: Api, product: Product, past: Past) -> None:
    catalog, store = product.catalog, product.store
    api("POST", "/v1/experiments", {"name": "x", "variants": [{"name": "a"}, {"name": "b"}], "metrics": [REVENUE]}, 201)
    experiment = catalog.experiment("x")
    exposed = past.exposed(None, 20)
    ids = [variant.id for variant in experiment.variants]
    rows = [
        NewAssignment(user, experiment.id, ids[n % 2], clock.to_text(at))
        for n, (user, at) in enumerate(exposed.items())
    ]
    asyncio.run(store.assign(rows))
    reply = api("GET", "/v1/experiments/x/power?minimum_effect=0.2&max_days=3650")
    assert reply["experiment"] == "x"
    assert reply["arrivals"]["users"] == len(exposed)
    (metric,) = reply["metrics"]
    totals = dict.fromkeys([row.user_id for row in rows if row.variant_id == ids[0]], 0.0)
    for kind, user, at, amount in past.rows:
        if kind == "purchase" and user in totals and exposed[user] <= at:
            totals[user] += amount
    assert metric["mean"] == pytest.approx(statistics.mean(totals.values()))
    (way,) = metric["outlooks"]
    assert way["method"] == "sequential"
    rate = reply["arrivals"]["per_day"]
    assert way["days"] == math.ceil((way["sample_size"]["users"] - len(exposed)) / rate)
    assert way["curve"][0]["days"] == 0 and way["curve"][0]["users"] == len(exposed)
    stopped = api("POST", "/v1/experiments/x/stop") and api("GET", "/v1/experiments/x/power?minimum_effect=0.2")
    assert stopped["metrics"][0]["outlooks"][0]["unknown"]["reason"] == "too_few_users"
    assert api("GET", "/v1/experiments/x/power?power=2", expect=422)["error"]["details"][0]["field"] == "power"
    assert api("GET", "/v1/experiments/none/power", expect=404)["error"]["code"] == "unknown_experiment"


def test_an_experiment_may_be_called_power(api: Api) -> None:
    """The address of planning is that of no experiment."""
    api("POST", "/v1/experiments", {"name": "power", "variants": [{"name": "a"}, {"name": "b"}]}, 201)
    assert api("GET", "/v1/experiments/power")["name"] == "power"
    assert api("PATCH", "/v1/experiments/power", {"description": "d"})["description"] == "d"
    assert api("GET", "/v1/experiments/power/power")["experiment"] == "power"
    assert api("POST", "/v1/experiments/power", {"metrics": [BOUGHT]})["experiment"] is None
    api("DELETE", "/v1/experiments/power", expect=204)


@pytest.fixture
def columns(tmp_path: Path, now: Clock) -> Iterator[ClickhouseSmallStore]:
    (tmp_path / "clickhouse").mkdir()
    found = ClickhouseSmallStore(tmp_path / "clickhouse")
    yield found
    found.close()


@pytest.mark.clickhouse
def test_the_other_engine_says_the_same(api: Api, columns: ClickhouseSmallStore, past: Past) -> None:
    for kind, user, at, amount in past.rows:
        columns.event(kind, user, clock.to_text(at), json.dumps({"amount": amount} if amount else {}))
    asked = {"metrics": [BOUGHT, REVENUE], "event": "purchase", "method": "sequential", "max_days": 3650}
    one = api("POST", "/v1/experiments/power", asked)
    other = Api(Catalog(columns), columns)("POST", "/v1/experiments/power", asked)
    assert one["arrivals"] == other["arrivals"]
    for ours, theirs in zip(one["metrics"], other["metrics"], strict=True):
        assert ours["mean"] == pytest.approx(theirs["mean"], rel=1e-9)
        assert ours["outlooks"][0]["sample_size"] == theirs["outlooks"][0]["sample_size"]
