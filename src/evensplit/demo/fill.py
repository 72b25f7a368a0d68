"""Puts the made-up month into a store: experiments, who had which variant, all that happened, what was put up around.

Not here: what happens (`product`), which experiments there are (`trials`), reports and dashboards (`workspace`).
"""

import asyncio
import random
from collections.abc import Callable, Sequence

import msgspec

from evensplit import clock
from evensplit.demo.product import Event, Month, Shop
from evensplit.demo.trials import LOAD_TIME, TRIALS, is_lost
from evensplit.demo.workspace import furnish
from evensplit.experiments import assign
from evensplit.model.event import Batch
from evensplit.model.experiment import Experiment, NewExperiment
from evensplit.model.person import Trait
from evensplit.storage.base import CatalogStore, EventStore, NewAssignment, NewMetric
from evensplit.storage.catalog import Catalog

CHUNK = 5_000
AT_ONCE = 200  # statements about people, which share their commits

Progress = Callable[[int, int, str], None]


async def fill(month: Month, catalog: Catalog, rows: CatalogStore, events: EventStore, progress: Progress) -> int:
    """Fill an empty store; how many events that were."""
    experiments = [await _create(trial, month, catalog, rows) for trial in TRIALS]
    running = [experiment for experiment in experiments if experiment.status == "running"]
    by_name = {experiment.name: experiment for experiment in experiments}
    shop = Shop(month, lambda name, user: _variant(by_name[name], user))
    happened: list[Event] = []
    assigned: list[NewAssignment] = []
    for done, (user, seen, theirs) in enumerate(shop.visits()):
        happened += theirs
        if seen is not None:
            at = clock.to_text(seen)
            kept = [one for one in running if not is_lost(one.name, _variant(one, user), theirs)]
            assigned += [NewAssignment(user, one.id, _variant_id(one, user), at) for one in kept]
        if done % 100 == 0:
            progress(done, 2 * month.users, "making it up")
    assigned.sort(key=lambda row: (row.assigned_at, row.user_id))
    for start in range(0, len(assigned), CHUNK):
        await rows.assign(assigned[start : start + CHUNK])
    happened.sort(key=lambda event: event.at)
    for start in range(0, len(happened), CHUNK):
        await events.append(_batch(happened[start : start + CHUNK]))
        progress(month.users + month.users * start // len(happened), 2 * month.users, f"{start:,} events")
    await _record(month, by_name["headline"], assigned, events)
    await _describe(catalog, happened)
    await furnish(month, catalog)
    return len(happened)


async def _create(trial: NewExperiment, month: Month, catalog: Catalog, rows: CatalogStore) -> Experiment:
    """The experiment as if it had been created when the month's experiments began."""
    made = await catalog.create(trial)
    began = clock.to_text(month.experiments_since)
    variants_of = "SELECT id FROM ab_variants WHERE test_id = ?"
    await rows.write(
        [
            ("UPDATE ab_tests SET created_at = ? WHERE id = ?", [began, made.id]),
            ("UPDATE ab_variants SET created_at = ? WHERE test_id = ?", [began, made.id]),
            ("UPDATE es_experiments SET started_at = ? WHERE test_id = ? AND started_at IS NOT NULL", [began, made.id]),
            (f"UPDATE es_weights SET since = ? WHERE variant_id IN ({variants_of})", [began, made.id]),
        ]
    )
    return catalog.experiment(made.name)


async def _record(month: Month, experiment: Experiment, assigned: Sequence[NewAssignment], events: EventStore) -> None:
    """How long the page took for each of its users, sent as values of a metric."""
    chance = random.Random(month.seed)
    values = [
        NewMetric(
            row.test_id, row.variant_id, LOAD_TIME, round(chance.lognormvariate(6.4, 0.35)), row.assigned_at,
            row.user_id,
        )
        for row in assigned
        if row.test_id == experiment.id
    ]  # fmt: skip
    for start in range(0, len(values), CHUNK):
        await events.append_metrics(values[start : start + CHUNK], Batch())


async def _describe(catalog: Catalog, happened: Sequence[Event]) -> None:
    """Who signs up says something of themselves."""
    known = [event for event in happened if event.event_type == "sign_up"]
    for start in range(0, len(known), AT_ONCE):
        await asyncio.gather(
            *(
                catalog.identity.describe(event.user_id, _traits(event), clock.to_text(event.at))
                for event in known[start : start + AT_ONCE]
            )
        )


def _traits(event: Event) -> list[Trait]:
    told = {
        "plan": str(event.properties["plan"]),
        "country": str(event.properties["country"]),
        "signed_up": clock.to_text(event.at)[:10],
    }
    return [Trait(name, msgspec.json.encode(text).decode(), text, None) for name, text in told.items()]


def _position(experiment: Experiment, user: str) -> int:
    weights = [variant.weight for variant in experiment.variants]
    return assign.variant_of(experiment.hash_version, experiment.seed, user, weights)


def _variant(experiment: Experiment, user: str) -> str:
    return experiment.variants[_position(experiment, user)].name


def _variant_id(experiment: Experiment, user: str) -> int:
    return experiment.variants[_position(experiment, user)].id


def _batch(events: list[Event]) -> Batch:
    values: list[str | None] = []
    for event in events:
        properties = msgspec.json.encode(event.properties).decode()
        values += (event.event_type, event.user_id, event.session_id, properties, clock.to_text(event.at))
    return Batch(values)
