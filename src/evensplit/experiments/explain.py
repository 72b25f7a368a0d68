"""Why a user has the variant they have: a stored row, a row of the same person, or the hash. Nothing is stored here."""

from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments import assign
from evensplit.model.experiment import Experiment
from evensplit.model.instant import rfc3339
from evensplit.storage.catalog import Catalog

Decider: TypeAlias = Literal["stored", "same_person", "hash", "not_running", "stopped", "archived", "no_variant"]


class Share(msgspec.Struct, frozen=True):
    """A variant's part of the buckets: from `start` (inclusive) to `end` (exclusive), as fractions."""

    variant: str
    start: float
    end: float


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What decided, and what the hash alone would have said."""

    experiment: str
    user_id: str
    status: str
    decided_by: Decider
    variant: str | None
    assigned_at: str | None = None
    stored_for: str | None = None  # the id whose row decided
    hash_version: str
    seed: str
    bucket: int
    buckets: int
    hashed_variant: str | None
    shares: tuple[Share, ...]


def explain(catalog: Catalog, experiment: Experiment, user_id: str) -> Explanation:
    """Which rule, hash, bucket or stored row decides for this user now."""
    number, buckets = assign.bucket(experiment.hash_version, experiment.seed, user_id)
    weights = [variant.weight for variant in experiment.variants]
    hashed: str | None = None
    shares: tuple[Share, ...] = ()
    if sum(weights) > 0:
        position = assign.variant_of(experiment.hash_version, experiment.seed, user_id, weights)
        hashed = experiment.variants[position].name
        shares = tuple(
            Share(variant.name, start, end)
            for variant, (start, end) in zip(experiment.variants, assign.ranges(weights), strict=True)
        )
    decider, variant, at, owner = _decider(catalog, experiment, user_id, hashed)
    return Explanation(
        experiment=experiment.name,
        user_id=user_id,
        status=experiment.status,
        decided_by=decider,
        variant=variant,
        assigned_at=at,
        stored_for=owner,
        hash_version=experiment.hash_version,
        seed=experiment.seed,
        bucket=number,
        buckets=buckets,
        hashed_variant=hashed,
        shares=shares,
    )


def _decider(
    catalog: Catalog, experiment: Experiment, user_id: str, hashed: str | None
) -> tuple[Decider, str | None, str | None, str | None]:
    """(what decides, the variant, since when, whose row)."""
    if experiment.status == "archived":
        return "archived", None, None, None
    if experiment.status == "draft":
        return "not_running", None, None, None
    rows = catalog.assignments.several(experiment.id, [user_id, *catalog.links.circle(user_id)])
    stored = rows.get(user_id) or min(rows.values(), key=lambda row: (row.assigned_at, row.user_id), default=None)
    if stored is not None:
        variant = experiment.variant(stored.variant_id)
        decider: Decider = "stored" if stored.user_id == user_id else "same_person"
        return decider, variant.name if variant else None, rfc3339(stored.assigned_at), stored.user_id
    if experiment.status == "stopped":
        return "stopped", None, None, None
    return ("hash" if hashed else "no_variant"), hashed, None, None
