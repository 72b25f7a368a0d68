"""Experiments and their variants: read, create, change, delete."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from sqlalchemy.sql.expression import ClauseElement

from evensplit import clock
from evensplit.errors import Conflict, UnknownExperiment
from evensplit.model.experiment import TRANSITIONS, Action, Design, Experiment, NewExperiment, Variant, check
from evensplit.model.metric import Metric
from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog import changes, reads, rows
from evensplit.storage.catalog.statements import compiled

REMEMBERED = 1_000


class Weight(msgspec.Struct, frozen=True):
    """A variant's weight, in force since that instant (the record's text)."""

    since: str
    variant_id: int
    weight: float


class Experiments:
    """The experiments of the record. Changes run one after another; who listens is told the names they touched."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._changing = asyncio.Lock()
        self._listeners: list[Callable[[str], None]] = []
        self._known: dict[str, Experiment] = {}
        self._generation: list[tuple[Value, ...]] = []

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """`listener` is called with the name of each experiment that changed, once the change is durable."""
        self._listeners.append(listener)

    def experiments(self) -> list[Experiment]:
        """All of them, archived ones too, in the order they were created."""
        variants: dict[Value, list[tuple[Value, ...]]] = {}
        for row in self._store.read(reads.VARIANTS({})):
            variants.setdefault(row[0], []).append(row)
        return [rows.experiment(row, variants.get(row[0], ())) for row in self._store.read(reads.TESTS({}))]

    def experiment(self, name: str) -> Experiment:
        """Raises UnknownExperiment. Remembered until anybody changes a test or a variant."""
        generation = self._store.read(reads.GENERATION({}))
        if generation != self._generation or len(self._known) >= REMEMBERED:
            self._known.clear()
            self._generation = generation
        found = self._known.get(name)
        if found is None:
            tests = self._store.read(reads.TEST({"name": name}))
            if not tests:
                raise UnknownExperiment(f"no experiment is named {name!r}")
            found = rows.experiment(tests[0], self._store.read(reads.VARIANTS_OF({"test_id": tests[0][0]})))
            self._known[name] = found
        return found

    def weights(self, experiment: Experiment) -> list[Weight]:
        """Every weight there ever was, oldest first; empty where only the present ones are known."""
        found = self._store.read(reads.WEIGHTS_OF({"test_id": experiment.id}))
        return [Weight(str(since), rows.whole(id_), rows.number(weight)) for since, id_, weight in found]

    async def create(self, new: NewExperiment) -> Experiment:
        """Raises Invalid for a design against the rules, and Conflict where the name is taken."""
        check(new.design)
        name = new.design.name
        async with self._changing:
            await self._write(name, changes.creation(new, _now()))
        return self.experiment(name)

    async def change(self, name: str, revise: Callable[[Experiment], Design]) -> Experiment:
        """Bring the experiment to what `revise` makes of it. Raises Conflict for a name that is taken and for
        the removal of a variant that has assignments."""
        async with self._changing:
            before = self.experiment(name)
            design = revise(before)
            check(design)
            kept = {variant.name for variant in design.variants}
            gone = [variant for variant in before.variants if variant.name not in kept]
            if design.name != name and self._store.read(reads.TEST({"name": design.name})):
                raise Conflict(f"an experiment is named {design.name!r} already")  # before anything is removed
            if gone:
                await self._remove(name, gone)
            has_history = bool(self.weights(before))
            await self._write(name, changes.revision(before, design, has_history, _now()), design.name)
        return self.experiment(design.name)

    async def move(self, name: str, action: Action) -> Experiment:
        """Start, stop or archive. Raises Conflict where the present state does not allow it."""
        async with self._changing:
            before = self.experiment(name)
            allowed, status = TRANSITIONS[action]
            if before.status not in allowed:
                raise Conflict(f"experiment {name!r} is {before.status}; {action} is not possible")
            if before.status != status:
                values: dict[str, Value] = {"status": status}
                if status == "running":
                    values |= {"started_at": before.started_at or _now(), "stopped_at": None}
                elif before.status == "running":
                    values |= {"stopped_at": _now()}
                await self._write(name, [changes.settings(before, values)])
        return self.experiment(name)

    async def measure(self, name: str, metrics: Sequence[Metric]) -> Experiment:
        """Replace the metric definitions."""
        async with self._changing:
            values = {"metrics": rows.metrics_text(metrics)}
            await self._write(name, [changes.settings(self.experiment(name), values)])
        return self.experiment(name)

    async def delete(self, name: str) -> None:
        """With its variants, assignments and metric values, as the schema's foreign keys say."""
        async with self._changing:
            await self._write(name, [changes.deletion(self.experiment(name))])

    async def _remove(self, name: str, variants: Sequence[Variant]) -> None:
        done = await self._store.write([compiled(changes.removal(variants))])
        if done[0].count != len(variants):
            names = ", ".join(repr(variant.name) for variant in variants)
            raise Conflict(f"a variant with assignments cannot be removed ({names}): set its weight to 0")
        self._changed(name)

    async def _write(self, name: str, statements: Sequence[ClauseElement], new_name: str | None = None) -> None:
        try:
            await self._store.write([compiled(statement) for statement in statements])
        except Conflict as error:
            raise Conflict(f"an experiment is named {new_name or name!r} already") from error
        self._changed(name)
        if new_name is not None and new_name != name:
            self._changed(new_name)

    def _changed(self, name: str) -> None:
        self._known.clear()  # `es_experiments` and `es_variants` have no generation: only we write them
        for listener in self._listeners:
            listener(name)


def _now() -> str:
    return clock.to_text(clock.now_ms())
