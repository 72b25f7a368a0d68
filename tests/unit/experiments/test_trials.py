"""A/A tests as they are asked for over HTTP: what is answered, within which limits, and beside what else."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.datastructures import State

from evensplit import clock
from evensplit.api import simulate
from evensplit.errors import Invalid
from evensplit.experiments.simulate import Trial
from evensplit.experiments.trials import Asked, Simulator, read_asked
from evensplit.model.report import EventChoice
from evensplit.storage.catalog import Catalog
from evensplit.web.responses import EXCEPTION_HANDLERS
from tests.unit.experiments.conftest import Clock
from tests.unit.experiments.stores import SmallStore

DAY = 86_400_000
BOUGHT = {"name": "bought", "kind": "proportion", "event": "purchase"}


@pytest.fixture
def busy(store: SmallStore, now: Clock) -> SmallStore:
    for n in range(120):
        store.event("purchase" if n % 3 else "view", f"u{n % 60}", clock.to_text(now.ms - DAY - n * 1_000))
    return store


def send(catalog: Catalog, store: SmallStore, body: object) -> tuple[int, Any]:
    services = SimpleNamespace(simulator=Simulator(catalog, store))
    app = Litestar(simulate.HANDLERS, state=State({"services": services}), exception_handlers=EXCEPTION_HANDLERS)

    async def sent() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/v1/simulate", content=json.dumps(body))

    reply = asyncio.run(sent())
    return reply.status_code, reply.json()


def test_past_users(catalog: Catalog, busy: SmallStore) -> None:
    body = {"metrics": [BOUGHT], "event": "view", "runs": 50, "methods": ["bayesian", "fixed"], "seed": 0}
    status, found = send(catalog, busy, body)
    assert status == 200, found
    assert (found["runs"], found["alpha"], found["share"], found["looks"], found["seed"]) == (50, 0.05, 0.5, 20, 0)
    assert [(each["method"], each["users"], each["runs"]) for each in found["outcomes"]] == [
        ("fixed", 20, 50),
        ("bayesian", 20, 50),
    ]
    quantile = {"name": "q", "kind": "quantile", "q": 0.5, "event": "view", "property": "p", "per": "event"}
    status, found = send(catalog, busy, {"metrics": [quantile]})
    (none,) = found["outcomes"]
    assert status == 200 and none["rate"] is None and "no number of its own for each user" in none["message"]


def test_every_fault_is_named(catalog: Catalog, busy: SmallStore) -> None:
    body = {
        "metrics": [{"name": "r", "kind": "recorded"}],
        "experiment": "x",
        "days": 0,
        "methods": ["fixed", "guess"],
        "runs": 10_001,
        "alpha": 1,
        "looks": 1_001,
        "seed": -1,
        "speed": 1,
    }
    status, found = send(catalog, busy, body)
    assert status == 422
    fields = {each["field"] for each in found["error"]["details"]}
    assert fields == {"metrics[0].kind", "methods[1]", "speed", *set(body) - {"experiment", "methods"}}
    assert send(catalog, busy, {})[0] == 422
    status, found = send(catalog, busy, {"experiment": "none"})
    assert (status, found["error"]["code"]) == (404, "unknown_experiment")


def test_defaults_are_those_of_the_command() -> None:
    asked = read_asked(json.dumps({"metrics": [BOUGHT]}).encode())
    assert (asked.event, asked.days, asked.trial) == (EventChoice("@any"), 28, Trial())


def long() -> Asked:
    """More splits than anybody waits for."""
    asked = read_asked(json.dumps({"metrics": [BOUGHT]}).encode())
    return msgspec.structs.replace(asked, trial=Trial(runs=10**9))


def test_it_has_a_limit_in_time(catalog: Catalog, busy: SmallStore) -> None:
    with pytest.raises(Invalid, match="ask for fewer runs"):
        asyncio.run(Simulator(catalog, busy, seconds=-1).answer(long()))


def test_others_are_answered_meanwhile_and_it_ends_with_who_asked(catalog: Catalog, busy: SmallStore) -> None:
    """The loop goes on; when the question is given up its thread ends, which the end of the loop waits for."""

    async def asked() -> None:
        simulator = Simulator(catalog, busy, seconds=3600)
        task = asyncio.create_task(simulator.answer(long()))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        short = read_asked(json.dumps({"metrics": [BOUGHT], "runs": 1}).encode())
        assert (await simulator.answer(short)).runs == 1

    asyncio.run(asked())
