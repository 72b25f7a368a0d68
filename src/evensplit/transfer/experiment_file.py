"""An experiment that ran elsewhere: a table with a row per user becomes assignments and recorded metrics.

The file is read twice, first to learn its variants and its truth-value columns, then to load. If loading stops
half-way the experiment is taken out again. Nothing is computed here: results are the business of `experiments`.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from evensplit import clock
from evensplit.errors import Invalid, Rejected
from evensplit.ingest import limits, timestamps
from evensplit.model.event import Batch
from evensplit.model.experiment import Design, Experiment, NewExperiment, NewVariant
from evensplit.model.metric import Recorded
from evensplit.storage.base import CatalogStore, EventStore, NewAssignment, NewMetric
from evensplit.storage.catalog import Catalog
from evensplit.transfer import cells, lines, tables
from evensplit.transfer.faults import OTHER_VARIANT, Fault
from evensplit.transfer.fields import Options
from evensplit.transfer.files import Source, stream
from evensplit.transfer.tables import Table

SHOWN = 10
MOST_VARIANTS = 100  # more than this, and the column most likely holds something else


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which column says what. Without `time` all users are assigned and measured at one instant: that of loading."""

    name: str
    user: str
    variant: str
    metrics: tuple[str, ...]
    time: str | None = None
    control: str | None = None
    weights: dict[str, float] = {}
    running: bool = False
    description: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.user, self.variant, *self.metrics, *((self.time,) if self.time else ()))


class Loaded(msgspec.Struct):
    """What was loaded, counted; `shown` are the first bad rows."""

    users: Counter[str] = msgspec.field(default_factory=Counter)
    values: int = 0
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    shown: list[Fault] = []

    def refuse(self, fault: Fault) -> None:
        self.reasons[fault.reason] += 1
        if len(self.shown) < SHOWN:
            self.shown.append(fault)


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row that can be used. `values` holds a number for each metric, None where the cell is not set."""

    line: int
    user: str
    variant: str
    at: str
    values: tuple[float | None, ...]


class Seen(msgspec.Struct):
    """What the first reading found: variants, metrics that hold truth values, and when each user was first there."""

    variants: set[str] = set()
    truths: Counter[str] = msgspec.field(default_factory=Counter)
    first: dict[str, str] = {}


Progress = Callable[[int, int], None]


class Stores(msgspec.Struct, frozen=True):
    """Where the experiment goes."""

    catalog: Catalog
    rows: CatalogStore
    events: EventStore


async def load(source: Source, plan: Plan, options: Options, stores: Stores, progress: Progress) -> Loaded:
    """Create the experiment and fill it. Raises Conflict for a name that is taken, Invalid if the file does not fit."""
    now = clock.now_ms()
    reading = Reading(source, plan, options, now)
    seen = _look(reading)
    if len(seen.variants) > MOST_VARIANTS:
        raise Invalid(f"column {plan.variant!r} holds more than {MOST_VARIANTS} different values; is it the variant?")
    experiment = await stores.catalog.create(_design(plan, seen))
    done = False
    try:
        loaded = await _fill(reading, experiment, seen, stores, progress)
        if not plan.running:
            await stores.catalog.move(plan.name, "stop")
        done = True
    finally:
        if not done:
            await stores.catalog.delete(plan.name)
    return loaded


def _look(reading: "Reading") -> Seen:
    seen = Seen()
    for row in reading.rows(Loaded(), seen.truths):
        seen.variants.add(row.variant)
        if reading.plan.time and row.at < seen.first.get(row.user, "9"):
            seen.first[row.user] = row.at
        if len(seen.variants) > MOST_VARIANTS:
            break
    return seen


def _design(plan: Plan, seen: Seen) -> NewExperiment:
    """Variants in the order of their names; the control is the one asked for, else `control`, else the first."""
    names = sorted(seen.variants)
    control = plan.control or next((name for name in names if name.lower() == "control"), None)
    unknown = sorted({*plan.weights, *([control] if control else [])} - seen.variants)
    if unknown:
        raise Invalid(f"the file has no variant {unknown[0]!r}; it has {', '.join(map(repr, names))}")
    return NewExperiment(
        design=Design(
            plan.name,
            tuple(NewVariant(name, weight=plan.weights.get(name, 1.0)) for name in names),
            plan.description,
            control,
        ),
        metrics=tuple(
            Recorded(name=name, shape="proportion" if seen.truths[name] else None, per="user") for name in plan.metrics
        ),
        origin="loaded",
        method="fixed",
    )


async def _fill(reading: "Reading", experiment: Experiment, seen: Seen, stores: Stores, progress: Progress) -> Loaded:
    loaded = Loaded()
    ids = {variant.name: variant.id for variant in experiment.variants}
    for rows in reading.slabs(loaded):
        proposed = [
            NewAssignment(row.user, experiment.id, ids[row.variant], seen.first.get(row.user, row.at)) for row in rows
        ]
        standing = await stores.rows.assign(proposed)
        values: list[NewMetric] = []
        for row, stored in zip(rows, standing, strict=True):
            if stored.variant_id != ids[row.variant]:
                message = f"user {row.user!r} has another variant in an earlier row"
                loaded.refuse(Fault(row.line, OTHER_VARIANT, message, ""))
                continue
            loaded.users[row.variant] += stored.new
            values += [
                NewMetric(experiment.id, stored.variant_id, name, value, row.at, row.user)
                for name, value in zip(reading.plan.metrics, row.values, strict=True)
                if value is not None
            ]
        if values:
            await stores.events.append_metrics(values, Batch())
        loaded.values += len(values)
        progress(reading.position, reading.size)
    return loaded


# --- reading --------------------------------------------------------------------------------------


class Reading:
    """The file as rows that can be used; what cannot is told to the one who reads."""

    def __init__(self, source: Source, plan: Plan, options: Options, now: int) -> None:
        self.plan = plan
        self.position = 0
        self.size = 1
        self._source = source
        self._options = options
        self._arrival = timestamps.Arrival(now)

    def rows(self, loaded: Loaded, truths: Counter[str] | None = None) -> Iterator[Row]:
        for rows in self.slabs(loaded, truths):
            yield from rows

    def slabs(self, loaded: Loaded, truths: Counter[str] | None = None) -> Iterator[list[Row]]:
        """`truths` counts the cells of each metric that are true or false."""
        with _table(self._source, self.plan.columns) as table:
            self.size = table.size
            wanted = [_position(table.names, name) for name in self.plan.columns]
            for slab in table.slabs():
                for fault in slab.faults:
                    loaded.refuse(fault)
                self.position = slab.position
                columns = [slab.columns[at] for at in wanted]
                rows = []
                for line, *row in zip(slab.lines, *columns, strict=True):
                    try:
                        rows.append(self._row(line, row, table.json, truths))
                    except Rejected as refused:
                        loaded.refuse(Fault(line, refused.code, refused.message, ""))
                yield rows

    def _row(self, line: int, row: Sequence[str], json: bool, truths: Counter[str] | None) -> Row:
        plain = cells.inner if json else cells.unguarded
        try:
            user, variant = plain(row[0]), plain(row[1])
        except msgspec.DecodeError:
            raise Rejected("invalid_text", "the user or the variant is no storable text") from None
        if not user or len(user) > limits.MAX_ID or "\0" in user or not _storable(user):
            raise Rejected("invalid_user_id", f"column {self.plan.user!r} holds no id of 1 to 512 characters")
        if not variant or not _storable(variant):
            raise Rejected("unknown_variant", f"column {self.plan.variant!r} names no variant")
        values = []
        for name, cell in zip(self.plan.metrics, row[2:], strict=False):
            text = cell if json or not cell else cells.value(cell)
            values.append(_measured(name, text))
            if truths is not None and text in ("true", "false"):
                truths[name] += 1
        return Row(line, user, variant, self._instant(row[-1], json), tuple(values))

    def _instant(self, cell: str, json: bool) -> str:
        if self.plan.time is None:
            return self._arrival.text
        try:
            text = cells.instant(self._options.zone)(cells.inner(cell) if json else cell)
            moment = msgspec.json.decode(text, type=str | int | float)
        except (msgspec.DecodeError, UnicodeError):
            raise Rejected("invalid_timestamp", f"column {self.plan.time!r} holds no time") from None
        return timestamps.to_record(moment, self._arrival)


def _measured(name: str, text: str) -> float | None:
    if not text:
        return None
    if text in ("true", "false"):
        return float(text == "true")
    if text[0] not in "-0123456789":
        raise Rejected("invalid_number", f"column {name!r} holds {text[:64]}, neither a number nor true or false")
    value = float(text)
    if not math.isfinite(value):
        raise Rejected("invalid_number", f"column {name!r} holds {text[:64]}, more than a 64-bit float can hold")
    return value


def _storable(text: str) -> bool:
    """Whether it is UTF-8: bytes that are not come from a CSV file as lone surrogates."""
    try:
        text.encode()
    except UnicodeError:
        return False
    return True


def _position(names: Sequence[str], name: str) -> int:
    if name not in names:
        raise Invalid(f"the file has no column {name!r}; its columns are {', '.join(map(repr, names))}")
    return list(names).index(name)


@contextmanager
def _table(source: Source, names: Sequence[str]) -> Iterator[Table]:
    if source.format == "ndjson":
        with stream(source) as data:
            yield lines.Picked(source, data, list(dict.fromkeys(names)))
    else:
        with tables.opened(source) as table:
            yield table
