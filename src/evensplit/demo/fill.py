"""Puts the made-up month into a store: two experiments, who had which variant, and all that happened."""

from collections.abc import Callable

import msgspec

from evensplit import clock
from evensplit.demo.product import BUY, HEADLINES, Event, Month, Shop
from evensplit.experiments import assign
from evensplit.model.event import Batch
from evensplit.model.experiment import Design, Experiment, NewExperiment, NewVariant
from evensplit.model.metric import Mean, Metric, Proportion
from evensplit.model.report import EventChoice
from evensplit.storage.base import CatalogStore, EventStore, NewAssignment
from evensplit.storage.catalog import Catalog

CHUNK = 5_000

Progress = Callable[[int, int, str], None]

DESIGNS: dict[str, tuple[str, tuple[str, ...], tuple[Metric, ...]]] = {
    "checkout_button": (
        "A green button on the last page of the checkout",
        tuple(BUY),
        (
            Proportion(name="bought", event=EventChoice("purchase")),
            Mean(name="revenue", event=EventChoice("purchase"), aggregate="sum", property="revenue", role="secondary"),
        ),
    ),
    "headline": (
        "Other words above the list of teas",
        HEADLINES,
        (Proportion(name="put_in_cart", event=EventChoice("add_to_cart")),),
    ),
}


async def fill(month: Month, catalog: Catalog, rows: CatalogStore, events: EventStore, progress: Progress) -> int:
    """Fill an empty store; how many events that were."""
    experiments = [await _create(name, month, catalog, rows) for name in DESIGNS]
    by_name = {experiment.name: experiment for experiment in experiments}
    shop = Shop(month, lambda name, user: _variant(by_name[name], user))
    happened: list[Event] = []
    assigned: list[NewAssignment] = []
    for done, (user, seen, theirs) in enumerate(shop.visits()):
        happened += theirs
        if seen is not None:
            at = clock.to_text(seen)
            assigned += [NewAssignment(user, one.id, _variant_id(one, user), at) for one in experiments]
        if done % 100 == 0:
            progress(done, 2 * month.users, "making it up")
    assigned.sort(key=lambda row: (row.assigned_at, row.user_id))
    for start in range(0, len(assigned), CHUNK):
        await rows.assign(assigned[start : start + CHUNK])
    happened.sort(key=lambda event: event.at)
    for start in range(0, len(happened), CHUNK):
        await events.append(_batch(happened[start : start + CHUNK]))
        progress(month.users + month.users * start // len(happened), 2 * month.users, f"{start:,} events")
    return len(happened)


async def _create(name: str, month: Month, catalog: Catalog, rows: CatalogStore) -> Experiment:
    """The experiment as if it had been created when the month's experiments began."""
    description, variants, metrics = DESIGNS[name]
    design = Design(name, tuple(NewVariant(variant) for variant in variants), description)
    made = await catalog.create(NewExperiment(design=design, metrics=metrics))
    began = clock.to_text(month.experiments_since)
    variants_of = "SELECT id FROM ab_variants WHERE test_id = ?"
    await rows.write(
        [
            ("UPDATE ab_tests SET created_at = ? WHERE id = ?", [began, made.id]),
            ("UPDATE ab_variants SET created_at = ? WHERE test_id = ?", [began, made.id]),
            ("UPDATE es_experiments SET started_at = ? WHERE test_id = ?", [began, made.id]),
            (f"UPDATE es_weights SET since = ? WHERE variant_id IN ({variants_of})", [began, made.id]),
        ]
    )
    return catalog.experiment(name)


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
