"""The questions asked of the experiment tables, compiled once."""

from sqlalchemy import bindparam, select

from evensplit.storage.catalog.statements import Prepared
from evensplit.storage.schema import ab_tests, ab_variants, es_experiments, es_state, es_variants, es_weights

_tests = select(
    ab_tests.c.id,
    ab_tests.c.test_name,
    ab_tests.c.description,
    ab_tests.c.created_at,
    es_experiments.c.status,
    es_experiments.c.control,
    es_experiments.c.hash_version,
    es_experiments.c.seed,
    es_experiments.c.method,
    es_experiments.c.metrics,
    es_experiments.c.origin,
    es_experiments.c.started_at,
    es_experiments.c.stopped_at,
).select_from(ab_tests.outerjoin(es_experiments, es_experiments.c.test_id == ab_tests.c.id))

_variants = (
    select(
        ab_variants.c.test_id,
        ab_variants.c.id,
        ab_variants.c.variant_name,
        ab_variants.c.description,
        ab_variants.c.weight,
        es_variants.c.payload,
    )
    .select_from(ab_variants.outerjoin(es_variants, es_variants.c.variant_id == ab_variants.c.id))
    .order_by(ab_variants.c.id)
)

TESTS = Prepared(_tests.order_by(ab_tests.c.id))
TEST = Prepared(_tests.where(ab_tests.c.test_name == bindparam("name")))
VARIANTS = Prepared(_variants)
VARIANTS_OF = Prepared(_variants.where(ab_variants.c.test_id == bindparam("test_id")))
WEIGHTS_OF = Prepared(
    select(es_weights.c.since, es_weights.c.variant_id, es_weights.c.weight)
    .join(ab_variants, ab_variants.c.id == es_weights.c.variant_id)
    .where(ab_variants.c.test_id == bindparam("test_id"))
    .order_by(es_weights.c.since, es_weights.c.id)
)
# Triggers of the record move these numbers, whoever writes the tables.
GENERATION = Prepared(
    select(es_state.c.value)
    .where(es_state.c.name.in_(["generation_ab_tests", "generation_ab_variants"]))
    .order_by(es_state.c.name)
)
