"""From the catalog's rows to experiments. Other programs write these tables too: only the schema can be relied on."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

import msgspec

from evensplit import clock
from evensplit.model.experiment import NULL, Experiment, HashVersion, Status, Variant
from evensplit.model.metric import Method, Metric
from evensplit.storage.base import Value

HEAVIEST = 1e300
_METRICS = msgspec.json.Decoder(tuple[Metric, ...])
_STATUSES: dict[object, Status] = {status: status for status in get_args(Status)}
_METHODS: dict[object, Method] = {method: method for method in get_args(Method)}
_HASHES: dict[object, HashVersion] = {version: version for version in get_args(HashVersion)}


def experiment(row: Sequence[Value], variants: Sequence[Sequence[Value]]) -> Experiment:
    """A row of `reads.TESTS` with its rows of `reads.VARIANTS`. Without a row of ours beside it a test is running."""
    test_id, name, description, created_at, status, control, hash_version, seed, method, metrics, origin = row[:11]
    found = tuple(variant(each) for each in variants)
    names = [each.name for each in found]
    return Experiment(
        id=whole(test_id),
        name=str(name),
        description=maybe_text(description),
        status=_STATUSES.get(status, "running"),
        created_at=instant(created_at),
        started_at=maybe_text(row[11]),
        stopped_at=maybe_text(row[12]),
        variants=found,
        control=str(control) if control in names else (names[0] if names else ""),
        hash_version=_HASHES.get(hash_version, "growthbook_v2"),
        seed=str(name) if seed is None else str(seed),
        method=_METHODS.get(method, "fixed"),
        metrics=_METRICS.decode(str(metrics)) if metrics else (),
        origin="loaded" if origin == "loaded" else "created",
    )


def variant(row: Sequence[Value]) -> Variant:
    """A row of `reads.VARIANTS`. A weight that no share can be made of counts as 0, and a sum must stay finite."""
    _, id_, name, description, weight, payload = row
    share = number(weight)
    return Variant(
        whole(id_),
        str(name),
        maybe_text(description),
        min(share, HEAVIEST) if share > 0 else 0.0,
        msgspec.Raw(str(payload).encode()) if payload else NULL,
    )


def metrics_text(metrics: Sequence[Metric]) -> str:
    """Metric definitions as `es_experiments.metrics` keeps them."""
    return msgspec.json.encode(metrics).decode()


def whole(value: Value) -> int:
    return value if isinstance(value, int) else int(str(value))


def number(value: Value) -> float:
    """SQLite keeps what it is given, also text in a REAL column."""
    return float(value) if isinstance(value, int | float) else math.nan


def maybe_text(value: Value) -> str | None:
    return None if value is None else str(value)


def instant(value: Value) -> str:
    """A time in the record's one form, whatever of SQLite's forms another program wrote."""
    text = str(value)
    if len(text) == 23 and text[10] == " ":
        return text
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return clock.EPOCH_TEXT
    aware = found if found.tzinfo else found.replace(tzinfo=UTC)
    return clock.to_text(round(aware.timestamp() * 1000))
