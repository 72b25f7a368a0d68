"""Checks of the data behind results, and the verdict that follows from all of them. On both engines."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from evensplit.experiments.decision import Decision
from evensplit.experiments.results import VariantChecks
from evensplit.model.experiment import read_patch
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


# --- checks ---------------------------------------------------------------------------------------


def checked(world: World, **question: object) -> tuple[VariantChecks, set[str]]:
    found = world.results(**question)
    (result,) = found.metrics
    assert isinstance(result.checks, tuple)
    (checks,) = result.checks
    return checks, {each.code for each in found.warnings} - {"fixed_horizon"}


def test_groups_that_differed_before(world: World) -> None:
    world.metrics(REVENUE)
    fill(world)
    for n in range(0, 240, 2):
        came = -DAYS * DAY + n * DAYS * DAY / 240
        world.event("buy", f"u{n}", came - 30, revenue=1 + n % 7)
    checks, codes = checked(world, checks=True)
    assert checks.before is not msgspec.UNSET and checks.before.biased and checks.before.days == 14
    assert "pre_exposure_bias" in codes
    verdict = world.results(checks=True).verdict
    assert isinstance(verdict, Decision) and verdict.variants[0].rule == "data_in_doubt"
    world.metrics(REVENUE | {"covariate_days": 1})
    checks, codes = checked(world)
    assert checks.before is not msgspec.UNSET and checks.before.days == 1 and not checks.before.biased
    assert "pre_exposure_bias" not in codes, "in the one day before there was nothing"


def test_one_huge_value(world: World) -> None:
    world.metrics(REVENUE)
    fill(world)
    world.event("buy", "u1", -1, revenue=100_000)
    checks, codes = checked(world, checks=True)
    assert checks.capped is not msgspec.UNSET and checks.capped.moved is not None and checks.capped.moved > 0.5
    assert checks.capped.caps[0] is not None and checks.capped.caps[0] < 1_000
    assert checks.capped.difference is not None and abs(checks.capped.difference.estimate) < 10
    assert "outliers" in codes


def test_an_effect_that_fades(world: World) -> None:
    world.metrics({"name": "visits", "kind": "mean", "event": "visit", "aggregate": "count"})
    random_ = random.Random(4)
    for n in range(400):
        world.assign("ab"[n % 2], f"u{n}", hours=-12 * DAY)
        for day in range(10):
            extra = max(0, 5 - day) if n % 2 else 0
            for _ in range(random_.randrange(3) + extra):
                world.event("visit", f"u{n}", -12 * DAY + day * DAY + 2)
    checks, codes = checked(world, checks=True)
    novelty = checks.novelty
    assert novelty is not msgspec.UNSET and novelty.slope is not None
    assert novelty.fades and not novelty.grows and novelty.slope.estimate < 0 and novelty.p_value is not None
    assert [each.day for each in novelty.days] == list(range(7))
    assert novelty.days[0].difference.estimate == pytest.approx(5, abs=0.5)
    assert "novelty" in codes


def test_checks_that_cost_a_pass_are_made_on_request_only(world: World) -> None:
    world.metrics(REVENUE)
    fill(world, users=40)
    assert world.one().checks is msgspec.UNSET


def test_too_good_to_be_true(world: World) -> None:
    world.metrics(BOUGHT)
    for n in range(200):
        world.assign("ab"[n % 2], f"u{n}", hours=-5)
        if n % 2 or n % 10 == 0:
            world.event("buy", f"u{n}", -1)
    found = world.results()
    (warned,) = [each for each in found.warnings if each.code == "too_good"]
    assert warned.figures["variant"] == "b" and "lift of +400 %" in warned.message
    assert isinstance(found.verdict, Decision) and found.verdict.decision == "cannot_say"


def test_too_few_for_the_methods(world: World) -> None:
    world.metrics(BOUGHT)
    fill(world, users=24)
    (warned,) = [each for each in world.results().warnings if each.code == "too_few_conversions"]
    assert warned.figures["needed"] == 30 and warned.figures["variant"] == "b"


def test_windows_that_are_not_over(world: World) -> None:
    world.metrics(BOUGHT | {"window_hours": 48})
    fill(world, users=100)
    (warned,) = [each for each in world.results().warnings if each.code == "windows_open"]
    assert warned.count == 20 and warned.figures == {"metric": "bought", "users": 20}
    world.metrics(BOUGHT | {"window_hours": 48, "unfinished": "skip"})
    assert not [each for each in world.results().warnings if each.code == "windows_open"]


# --- the verdict ----------------------------------------------------------------------------------


def decision(world: World, **question: object) -> tuple[str, str]:
    found = world.results(**{"method": "sequential", **question}).verdict
    assert isinstance(found, Decision)
    return found.decision, found.variants[0].rule


def test_the_verdict_of_an_experiment(world: World) -> None:
    world.metrics(BOUGHT)
    fill(world, users=600, gain={"de": 0.3, "fr": 0.3, "it": 0.3})
    assert decision(world) == ("ship", "primary_better")
    assert decision(world, method="fixed") == ("keep_running", "not_readable_yet")
    assert decision(world, method="bayesian") == ("ship", "primary_better")
    guard = {"name": "left", "kind": "proportion", "event": "leave", "role": "guardrail", "direction": "down"}
    for n in range(0, 600, 3):
        world.event("leave", f"u{n}", -0.5)
    world.metrics(BOUGHT, guard | {"margin": 0.01})
    assert decision(world) == ("keep_running", "guardrail_open")
    world.metrics(BOUGHT | {"direction": "down"})
    assert decision(world) == ("do_not_ship", "primary_worse")
    world.metrics(BOUGHT, {"name": "other", "kind": "recorded"})
    assert decision(world) == ("keep_running", "primary_unknown")
    asyncio.run(world.catalog.move("x", "stop"))
    assert decision(world, method="fixed") == ("cannot_say", "primary_unknown")
    world.metrics(BOUGHT)
    assert decision(world, method="fixed") == ("ship", "primary_better")


def test_a_verdict_needs_all_metrics(world: World) -> None:
    world.metrics(BOUGHT, REVENUE)
    fill(world, users=40)
    assert world.results(metric="bought").verdict is msgspec.UNSET


def test_the_least_effect_that_matters_makes_a_plan(world: World) -> None:
    world.metrics(BOUGHT | {"minimum_effect": 0.5})
    fill(world, users=400)
    assert decision(world, method="fixed") == ("do_not_ship", "effect_too_small")
    world.metrics(BOUGHT | {"minimum_effect": 0.02})
    found = world.results(method="fixed").verdict
    assert isinstance(found, Decision) and found.variants[0].rule == "not_readable_yet"
    planned = found.reasons[0].figures["planned_users"]
    assert planned == pytest.approx(16 * 0.25 / 0.01**2 * 2, rel=0.2), "by the rule of thumb"
    assert decision(world) == ("keep_running", "undecided")


def test_a_variant_that_nobody_gets_any_more_does_not_stop_the_plan(world: World, now: Clock) -> None:
    world.metrics(BOUGHT | {"minimum_effect": 0.02})
    fill(world, users=60)
    now.pass_hours(1)
    body = b'{"weights": {"b": 0}}'
    asyncio.run(world.catalog.change("x", lambda before: read_patch(body, before)))
    assert decision(world, method="fixed") == ("keep_running", "not_readable_yet")
