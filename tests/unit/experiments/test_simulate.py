"""A/A tests on past users: whose numbers they are, how often a difference is called, and the command."""

import asyncio
import json
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from evensplit import app, clock
from evensplit.cli import root
from evensplit.errors import DirectoryOwned, EvensplitError
from evensplit.experiments.measure import Measurement, measure, measurement
from evensplit.experiments.rehearsal import VARIANT, history, rehearse
from evensplit.experiments.simulate import Crowd, Method, Trial, of_the_past, simulated
from evensplit.model.faults import Fields
from evensplit.model.metric import Metric, Recorded, read_metrics
from evensplit.model.report import ANY, EventChoice
from evensplit.query.as_of import settle
from evensplit.settings import Settings
from evensplit.stats.estimate import NotEnough
from evensplit.stats.joint import joint
from evensplit.stats.resplit import Kind
from evensplit.stats.samples import Quantiles, Ratios, Values
from evensplit.storage.base import EventStore
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import SmallStore

DAY = 86_400_000
PAID = {"event": "purchase", "aggregate": "sum", "property": "amount"}
DEFINITIONS = [
    {"name": "bought", "kind": "proportion", "event": "purchase", "covariate_days": 10},
    {"name": "revenue", "kind": "mean", **PAID, "cap": {"upper_quantile": 0.9}, "covariate_days": 14},
    {"name": "average", "kind": "mean", **PAID, "aggregate": "avg", "cap": {"upper_value": 40}},
    {"name": "per view", "kind": "ratio", "numerator": PAID, "denominator": {"event": "view", "aggregate": "count"}},
    {"name": "median", "kind": "quantile", "q": 0.5, "event": "purchase", "property": "amount"},
]


def metrics_of(*definitions: object) -> tuple[Metric, ...]:
    fields = Fields(json.dumps({"metrics": definitions}).encode())
    found = read_metrics(fields.items("metrics"), fields.faults)
    assert fields.faults == []
    return found


@pytest.fixture
def busy(store: SmallStore, now: Clock) -> SmallStore:
    dice = random.Random(3)
    for n in range(250):
        for _ in range(dice.randrange(7)):
            kind, amount = dice.choice([("view", 0), ("view", 0), ("purchase", dice.randrange(1, 90))])
            at = clock.to_text(now.ms - dice.randrange(45 * DAY))
            store.event(kind, f"u{n}", at, json.dumps({"amount": amount} if amount else {}))
    return store


def crowds_of(store: SmallStore, event: str = ANY) -> list[Crowd | NotEnough]:
    return asyncio.run(of_the_past(store, metrics_of(*DEFINITIONS), EventChoice(event), 28))


@pytest.mark.parametrize("event", [ANY, "purchase"])
def test_the_rows_are_what_experiments_would_add_up(busy: SmallStore, event: str, now: Clock) -> None:
    """Samples made of the rows here equal those that the store makes of the same users as one variant."""

    async def measured() -> dict[int, Values | Ratios | Quantiles]:
        as_of = await settle(busy, None)
        rehearsed, scope = await rehearse(busy, EventChoice(event), history(now.ms, 28), as_of)
        plans = {n: measurement(metric, {}) for n, metric in enumerate(metrics_of(*DEFINITIONS))}
        wanted = {n: plan for n, plan in plans.items() if isinstance(plan, Measurement)}
        store: EventStore = rehearsed  # type: ignore[assignment]  # nothing but questions is asked of it
        return {n: each.samples[None][VARIANT] for n, each in (await measure(store, scope, wanted)).items()}

    samples = asyncio.run(measured())
    for number, crowd in enumerate(crowds_of(busy, event)):
        assert isinstance(crowd, Crowd)
        sample = samples[number]
        if isinstance(sample, Quantiles):
            assert sample.points == len(crowd.rows)
            assert sample.value == pytest.approx(float(np.quantile(crowd.rows[:, 0], 0.5)))
        else:
            ours = joint(crowd.rows.tolist(), crowd.rows.shape[1])
            assert ours.n == sample.joint.n > 40
            assert ours.totals == pytest.approx(sample.joint.totals)
            assert ours.products == pytest.approx(sample.joint.products, abs=1e-6)


def test_users_stand_in_the_order_in_which_they_came(busy: SmallStore, now: Clock) -> None:
    (crowd,) = asyncio.run(
        of_the_past(busy, metrics_of({"name": "n", "kind": "mean", "event": ANY}), EventChoice(ANY), 28)
    )
    assert isinstance(crowd, Crowd)
    counts: dict[str, int] = {}
    since = clock.to_text(history(now.ms, 28).since)
    for _, _, user, _, at in sorted(busy.events, key=lambda row: row[4]):
        if at >= since and user is not None:
            counts[user] = counts.get(user, 0) + 1
    assert crowd.rows[:, 0].tolist() == [float(n) for n in counts.values()]


METHODS: tuple[Method, ...] = ("fixed", "sequential", "bayesian")


def test_the_error_rate_is_found() -> None:
    """800 users with plain numbers: the fixed test keeps its promise, looking all the time is safe where it may be."""
    rows = np.random.default_rng(1).gamma(2, 10, (800, 1))
    (metric,) = metrics_of({"name": "n", "kind": "mean", "event": "x"})
    heard: list[tuple[int, int, str]] = []
    trial = Trial(methods=METHODS, runs=1000, looks=5)
    fixed, always, belief = simulated(Crowd(metric, Kind("values"), rows), trial, lambda *told: heard.append(told))
    assert len(heard) == 3000 and heard[-1] == (1000, 1000, "n, bayesian")
    for outcome in (fixed, belief):
        assert outcome.rate is not None and 0.03 < outcome.rate < 0.072
        assert outcome.error is not None and outcome.error == pytest.approx(0.0069, abs=0.0012)
        assert outcome.holds and outcome.message.endswith("the promise is kept.")
    assert always.rate is not None and always.rate < 0.05 and always.looks == 5 and always.holds


@pytest.mark.parametrize(("share", "kept"), [(0.5, True), (0.1, False)])
def test_a_broken_promise_is_told(share: float, kept: bool) -> None:
    """Very skewed values: with equal sides the skewness cancels, with a side of 60 users against 540 it does not."""
    rows = np.random.default_rng(1).lognormal(0, 2, (600, 1))
    (metric,) = metrics_of({"name": "n", "kind": "mean", "event": "x"})
    trial = Trial(methods=("fixed",), runs=600, share=share)
    (found,) = simulated(Crowd(metric, Kind("values"), rows), trial, lambda *_: None)
    assert found.rate is not None and found.holds is kept
    assert (found.rate < 0.05) is kept
    assert ("more than promised" in found.message) is not kept


def test_no_users_and_no_numbers(store: SmallStore, now: Clock) -> None:
    (metric,) = metrics_of({"name": "n", "kind": "mean", "event": "x"})
    (few,) = simulated(Crowd(metric, Kind("values"), np.ones((3, 1))), Trial(methods=("fixed",)), lambda *_: None)
    assert few.rate is None and few.holds is None and "too few" in few.message
    (same,) = simulated(
        Crowd(metric, Kind("values"), np.ones((50, 1))), Trial(methods=("fixed",), runs=9), lambda *_: None
    )
    assert same.rate is None and same.unknown == 9 and "none of 9 splits had an answer" in same.message
    (nobody,) = asyncio.run(of_the_past(store, (metric,), EventChoice("never"), 28))
    assert isinstance(nobody, Crowd) and len(nobody.rows) == 0
    of_events = metrics_of({"name": "q", "kind": "quantile", "q": 0.5, "event": "x", "property": "p", "per": "event"})
    (none,) = asyncio.run(of_the_past(store, of_events, EventChoice(ANY), 28))
    assert isinstance(none, NotEnough) and none.reason == "not_simulated"
    (recorded,) = asyncio.run(of_the_past(store, (Recorded(name="r"),), EventChoice(ANY), 28))
    assert isinstance(recorded, NotEnough) and recorded.reason == "no_data"


# --- the command ----------------------------------------------------------------------------------


def run(data: Path, *words: str) -> Result:
    return CliRunner(env={"EVENSPLIT_DATA": str(data)}).invoke(root, words)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulate")
    dice = random.Random(1)
    now = clock.now_ms()
    lines = [
        json.dumps(
            {
                "event_type": dice.choice(["view", "purchase"]),
                "user_id": f"u{dice.randrange(120)}",
                "timestamp": now - dice.randrange(DAY, 25 * DAY),
                "properties": {"amount": dice.randrange(90)},
            }
        )
        for _ in range(500)
    ]
    (folder / "events.ndjson").write_text("\n".join(lines))
    table = [f"p{n},{'ab'[n % 2]},{dice.randrange(50)}" for n in range(200)]
    (folder / "rounds.csv").write_text("\n".join(["user,variant,rounds", *table]))
    place = folder / "data"
    assert run(place, "import", str(folder / "events.ndjson")).exit_code == 0
    load = ("experiment", "load", "x", str(folder / "rounds.csv"), "--user", "user", "--variant", "variant")
    done = run(place, *load, "--metric", "rounds")
    assert done.exit_code == 0, done.output
    return place


def test_the_command(data: Path) -> None:
    bought = json.dumps(DEFINITIONS[0])
    done = run(data, "simulate", "--metric", bought, "--metric", json.dumps(DEFINITIONS[1]), "--runs", "200")
    assert done.exit_code == 0, done.output
    assert "bought, fixed: a difference that is none was called in" in done.output
    assert "revenue, sequential:" in done.output
    words = ("simulate", "--experiment", "x", "--runs", "150", "--json", "--method", "fixed", "--seed", "4")
    one, other = run(data, *words), run(data, *words)
    assert one.output == other.output
    outcome = json.loads(one.output)
    assert (outcome["metric"], outcome["users"], outcome["runs"]) == ("rounds", 200, 150)
    assert 0 <= outcome["rate"] < 0.15


def test_power_on_the_command_line(data: Path) -> None:
    done = run(data, "power", "--metric", json.dumps(DEFINITIONS[0]), "--effect", "0.3", "--event", "view")
    assert done.exit_code == 0, done.output
    assert "bought (primary, proportion)" in done.output and "to show a lift of +30.0%" in done.output
    done = run(data, "power", "--experiment", "x", "--effect", "0.5", "--json")
    assert json.loads(done.output)["metrics"][0]["metric"] == "rounds"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("simulate",), "either --metric"),
        (("simulate", "--metric", "{}", "--experiment", "x"), "either --metric"),
        (("simulate", "--metric", "{"), "JSON"),
        (("simulate", "--metric", '{"name": "r", "kind": "recorded"}'), "belong to an experiment"),
        (("simulate", "--experiment", "x", "--url", "http://127.0.0.1:1", "--key", "k"), "http://127.0.0.1:1: "),
        (("simulate", "--experiment", "none"), "no experiment is named 'none'"),
        (("power",), "either --metric"),
        (("power", "--metric", "{"), "JSON"),
    ],
)
def test_what_it_cannot_do(data: Path, words: tuple[str, ...], said: str) -> None:
    done = CliRunner(env={} if "--url" in words else {"EVENSPLIT_DATA": str(data)}).invoke(root, words)
    assert isinstance(done.exception, EvensplitError)
    assert said in done.exception.message


def test_a_directory_that_a_server_owns(data: Path) -> None:
    async def owned() -> Result:
        async with app.opened(Settings(data=str(data))):
            return await asyncio.to_thread(run, data, "simulate", "--experiment", "x")

    done = asyncio.run(owned())
    assert isinstance(done.exception, DirectoryOwned)
    assert done.exception.exit_code == 75
