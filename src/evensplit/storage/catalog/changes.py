"""The statements that bring the experiment tables from one state to another. Pure: nothing is read or written here."""

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, exists, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.sql.expression import ClauseElement

from evensplit.model.experiment import Design, Experiment, NewExperiment, NewVariant, Variant
from evensplit.storage.base import Value
from evensplit.storage.catalog import rows
from evensplit.storage.schema import ab_assignments, ab_tests, ab_variants, es_experiments, es_variants, es_weights


def creation(new: NewExperiment, now: str) -> list[ClauseElement]:
    """`now` is the record's text."""
    name = new.design.name
    settings: dict[str, Value] = {
        "status": "running" if new.start else "draft",
        "control": new.design.control,
        "hash_version": new.hash_version,
        "seed": name if new.seed is None else new.seed,
        "method": new.method,
        "metrics": rows.metrics_text(new.metrics),
        "origin": new.origin,
        "started_at": now if new.start else None,
    }
    test_id = select(ab_tests.c.id).where(ab_tests.c.test_name == name).scalar_subquery()
    statements: list[ClauseElement] = [
        insert(ab_tests).values(test_name=name, description=new.design.description, created_at=now),
        insert(es_experiments).values(test_id=test_id, **settings),
    ]
    for variant in new.design.variants:
        statements += _addition(name, variant, now)
    return statements


def revision(before: Experiment, design: Design, has_history: bool, now: str) -> list[ClauseElement]:
    """All but the removal of variants. `has_history`: `es_weights` knows this experiment."""
    statements: list[ClauseElement] = []
    if not has_history:
        # A test of another program: what it has had until now held from its beginning.
        statements += [_weight(variant.id, variant.weight, before.created_at) for variant in before.variants]
    for variant in design.variants:
        stored = before.named(variant.name)
        statements += _addition(before.name, variant, now) if stored is None else _alteration(stored, variant, now)
    statements.append(settings(before, {"control": design.control}))
    statements.append(
        update(ab_tests).where(ab_tests.c.id == before.id).values(test_name=design.name, description=design.description)
    )
    return statements


def settings(before: Experiment, values: Mapping[str, Value]) -> ClauseElement:
    """Change columns of `es_experiments`; the row is made where another program created the test."""
    standing: dict[str, Value] = {
        "status": before.status,
        "control": before.control or None,
        "hash_version": before.hash_version,
        "seed": before.seed,
        "method": before.method,
        "metrics": rows.metrics_text(before.metrics),
        "origin": before.origin,
        "started_at": before.started_at,
        "stopped_at": before.stopped_at,
    }
    statement = upsert(es_experiments).values(test_id=before.id, **(standing | dict(values)))
    return statement.on_conflict_do_update(index_elements=["test_id"], set_=dict(values))


def removal(variants: Sequence[Variant]) -> ClauseElement:
    """All of them or none: one statement looks and deletes, so that no assignment can slip between."""
    ids = [variant.id for variant in variants]
    used = exists().where(ab_assignments.c.variant_id.in_(ids))
    return delete(ab_variants).where(ab_variants.c.id.in_(ids), ~used)


def deletion(experiment: Experiment) -> ClauseElement:
    """The foreign keys take variants, assignments and metric values with it."""
    return delete(ab_tests).where(ab_tests.c.id == experiment.id)


def _addition(test_name: str, variant: NewVariant, now: str) -> list[ClauseElement]:
    test_id = select(ab_tests.c.id).where(ab_tests.c.test_name == test_name).scalar_subquery()
    variant_id = (
        select(ab_variants.c.id)
        .join(ab_tests, ab_tests.c.id == ab_variants.c.test_id)
        .where(ab_tests.c.test_name == test_name, ab_variants.c.variant_name == variant.name)
        .scalar_subquery()
    )
    return [
        insert(ab_variants).values(
            test_id=test_id,
            variant_name=variant.name,
            description=variant.description,
            weight=variant.weight,
            created_at=now,
        ),
        insert(es_variants).values(variant_id=variant_id, payload=bytes(variant.payload).decode()),
        insert(es_weights).values(variant_id=variant_id, weight=variant.weight, since=now),
    ]


def _alteration(stored: Variant, variant: NewVariant, now: str) -> list[ClauseElement]:
    statements: list[ClauseElement] = []
    if (stored.weight, stored.description) != (variant.weight, variant.description):
        statements.append(
            update(ab_variants)
            .where(ab_variants.c.id == stored.id)
            .values(weight=variant.weight, description=variant.description)
        )
    if stored.weight != variant.weight:
        statements.append(_weight(stored.id, variant.weight, now))
    payload = bytes(variant.payload).decode()
    if bytes(stored.payload).decode() != payload:
        statement = upsert(es_variants).values(variant_id=stored.id, payload=payload)
        statements.append(statement.on_conflict_do_update(index_elements=["variant_id"], set_={"payload": payload}))
    return statements


def _weight(variant_id: int, weight: float, since: str) -> ClauseElement:
    return insert(es_weights).values(variant_id=variant_id, weight=weight, since=since)
