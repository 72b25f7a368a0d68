"""Saved reports, SQL statements, dashboards and annotations as they are kept. Not here: their rules (`model.saved`),
running one.

A statement is kept as a report of the kind `sql` is, so that names are one's own among both; it is no report, though.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.sql.expression import ClauseElement

from evensplit import clock
from evensplit.errors import Conflict, Invalid, NotFound
from evensplit.model.faults import Fault
from evensplit.model.saved import Annotation, Dashboard, SavedReport, Tile, moment
from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog.rows import instant, maybe_text, whole
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import es_annotations, es_dashboards, es_saved, es_tiles

T = TypeVar("T")
SQL = "sql"

_saved = select(
    es_saved.c.id,
    es_saved.c.created_at,
    es_saved.c.updated_at,
    es_saved.c.name,
    es_saved.c.kind,
    es_saved.c.report,
    es_saved.c.description,
)
_dashboards = select(
    es_dashboards.c.id,
    es_dashboards.c.created_at,
    es_dashboards.c.updated_at,
    es_dashboards.c.name,
    es_dashboards.c.description,
    es_dashboards.c.since,
    es_dashboards.c.until,
)
_tiles = (
    select(es_tiles.c.dashboard_id, es_saved.c.name, es_tiles.c.x, es_tiles.c.y, es_tiles.c.w, es_tiles.c.h)
    .join(es_saved, es_saved.c.id == es_tiles.c.saved_id)
    .order_by(es_tiles.c.id)
)
_annotations = select(
    es_annotations.c.id, es_annotations.c.created_at, es_annotations.c.at, es_annotations.c.text
).order_by(es_annotations.c.moment, es_annotations.c.id)

_is_report = es_saved.c.kind != SQL
_SAVED = Prepared(_saved.where(_is_report).order_by(es_saved.c.name))
_SAVED_ONE = Prepared(_saved.where(_is_report, es_saved.c.name == bindparam("name")))
_SAVED_NAMES = Prepared(select(es_saved.c.name).where(_is_report))
_STATEMENTS = Prepared(_saved.where(es_saved.c.kind == SQL).order_by(es_saved.c.name))
_STATEMENT = Prepared(_saved.where(es_saved.c.kind == SQL, es_saved.c.name == bindparam("name")))
_DASHBOARDS = Prepared(_dashboards.order_by(es_dashboards.c.name))
_DASHBOARD = Prepared(_dashboards.where(es_dashboards.c.name == bindparam("name")))
_TILES = Prepared(_tiles)
_TILES_OF = Prepared(_tiles.where(es_tiles.c.dashboard_id == bindparam("id")))
_ANNOTATIONS = Prepared(
    _annotations.where(es_annotations.c.moment >= bindparam("since"), es_annotations.c.moment < bindparam("until"))
)
_ANNOTATION = Prepared(_annotations.where(es_annotations.c.id == bindparam("id")))


class Stored(msgspec.Struct, frozen=True):
    """What is known of anything kept here beside what it is. Times are the record's text."""

    id: int
    created_at: str
    updated_at: str


class Saved:
    """The saved reports and the dashboards made of them. Changes run one after another."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store
        self._changing = asyncio.Lock()

    # --- reports ----------------------------------------------------------------------------------

    def reports(self) -> list[tuple[Stored, SavedReport]]:
        """All of them, by name."""
        return [(_stored(row), _report(row)) for row in self._store.read(_SAVED({}))]

    def report(self, name: str) -> tuple[Stored, SavedReport]:
        """Raises NotFound."""
        row = _one(self._store.read(_SAVED_ONE({"name": name})), f"no saved report is named {name!r}")
        return _stored(row), _report(row)

    async def keep(self, saved: SavedReport) -> tuple[Stored, SavedReport]:
        """Raises Conflict where the name is taken."""
        async with self._changing:
            await self._write(es_saved, saved.name, [insert(es_saved).values(**_values(saved), **_new())])
            return self.report(saved.name)

    async def change(self, name: str, revise: Callable[[SavedReport], SavedReport]) -> tuple[Stored, SavedReport]:
        """Bring it to what `revise` makes of it; dashboards follow a new name. Raises NotFound, Conflict."""
        async with self._changing:
            stored, before = self.report(name)
            saved = revise(before)
            statement = update(es_saved).where(es_saved.c.id == stored.id).values(**_values(saved), updated_at=_now())
            await self._write(es_saved, saved.name, [statement])
            return self.report(saved.name)

    async def forget(self, name: str) -> None:
        """Its places on dashboards go with it. Raises NotFound."""
        async with self._changing:
            stored, _ = self.report(name)
            await self._store.write([compiled(delete(es_saved).where(es_saved.c.id == stored.id))])

    # --- SQL statements ---------------------------------------------------------------------------

    def statements(self) -> list[tuple[Stored, SavedReport]]:
        """All of them, by name; `report` is what `POST /v1/sql` takes."""
        return [(_stored(row), _report(row)) for row in self._store.read(_STATEMENTS({}))]

    def statement(self, name: str) -> tuple[Stored, SavedReport]:
        """Raises NotFound."""
        row = _one(self._store.read(_STATEMENT({"name": name})), f"no SQL statement is named {name!r}")
        return _stored(row), _report(row)

    async def keep_statement(self, saved: SavedReport) -> None:
        """In the place of the one of that name, if there is one. Raises Conflict where a report has the name."""
        async with self._changing:
            mine = (es_saved.c.kind == SQL) & (es_saved.c.name == saved.name)
            new = insert(es_saved).values(**_values(saved), **_new())
            await self._write(es_saved, saved.name, [delete(es_saved).where(mine), new])

    async def forget_statement(self, name: str) -> None:
        """Raises NotFound."""
        async with self._changing:
            stored, _ = self.statement(name)
            await self._store.write([compiled(delete(es_saved).where(es_saved.c.id == stored.id))])

    # --- dashboards -------------------------------------------------------------------------------

    def dashboards(self) -> list[tuple[Stored, Dashboard]]:
        """All of them, by name."""
        tiles: dict[Value, list[tuple[Value, ...]]] = {}
        for row in self._store.read(_TILES({})):
            tiles.setdefault(row[0], []).append(row)
        return [(_stored(row), _dashboard(row, tiles.get(row[0], []))) for row in self._store.read(_DASHBOARDS({}))]

    def dashboard(self, name: str) -> tuple[Stored, Dashboard]:
        """Raises NotFound."""
        row = _one(self._store.read(_DASHBOARD({"name": name})), f"no dashboard is named {name!r}")
        return _stored(row), _dashboard(row, self._store.read(_TILES_OF({"id": row[0]})))

    async def put_up(self, dashboard: Dashboard) -> tuple[Stored, Dashboard]:
        """Raises Conflict where the name is taken, Invalid where a saved report is not there."""
        async with self._changing:
            self._check_tiles(dashboard)
            created = insert(es_dashboards).values(**_face(dashboard), **_new())
            await self._write(es_dashboards, dashboard.name, [created, *_placed(dashboard)])
            return self.dashboard(dashboard.name)

    async def rearrange(self, name: str, revise: Callable[[Dashboard], Dashboard]) -> tuple[Stored, Dashboard]:
        """Bring it to what `revise` makes of it. Raises NotFound, Conflict, Invalid."""
        async with self._changing:
            stored, before = self.dashboard(name)
            dashboard = revise(before)
            self._check_tiles(dashboard)
            face = update(es_dashboards).where(es_dashboards.c.id == stored.id)
            statements = [
                face.values(**_face(dashboard), updated_at=_now()),
                delete(es_tiles).where(es_tiles.c.dashboard_id == stored.id),
                *_placed(dashboard),
            ]
            await self._write(es_dashboards, dashboard.name, statements)
            return self.dashboard(dashboard.name)

    async def take_down(self, name: str) -> None:
        """The saved reports stay. Raises NotFound."""
        async with self._changing:
            stored, _ = self.dashboard(name)
            await self._store.write([compiled(delete(es_dashboards).where(es_dashboards.c.id == stored.id))])

    def _check_tiles(self, dashboard: Dashboard) -> None:
        known = {row[0] for row in self._store.read(_SAVED_NAMES({}))}
        faults = [
            Fault(f"layout[{n}].saved", f"no saved report is named {tile.saved!r}")
            for n, tile in enumerate(dashboard.layout)
            if tile.saved not in known
        ]
        if faults:
            raise Invalid(f"{faults[0].field}: {faults[0].message}", faults)

    async def _write(self, table: Table, name: str, statements: Sequence[ClauseElement]) -> None:
        try:
            await self._store.write([compiled(statement) for statement in statements])
        except Conflict as error:
            what = "a saved report" if table is es_saved else "a dashboard"
            raise Conflict(f"{what} is named {name!r} already") from error


class Annotations:
    """The annotations, each known by its id."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def between(self, since: int, until: int) -> list[tuple[Stored, Annotation]]:
        """Those in [since, until), in milliseconds since 1970-01-01 UTC, by time."""
        return [_annotation(row) for row in self._store.read(_ANNOTATIONS({"since": since, "until": until}))]

    def one(self, id_: int) -> tuple[Stored, Annotation]:
        """Raises NotFound."""
        return _annotation(_one(self._store.read(_ANNOTATION({"id": id_})), f"no annotation has the id {id_}"))

    async def note(self, annotation: Annotation) -> tuple[Stored, Annotation]:
        """With the id it was given."""
        statement = insert(es_annotations).values(**_noted(annotation), created_at=_now())
        (done,) = await self._store.write([compiled(statement)])
        return self.one(done.last_id)

    async def change(self, id_: int, revise: Callable[[Annotation], Annotation]) -> tuple[Stored, Annotation]:
        """Bring it to what `revise` makes of it. Raises NotFound."""
        _, before = self.one(id_)
        statement = update(es_annotations).where(es_annotations.c.id == id_).values(**_noted(revise(before)))
        await self._touch(id_, statement)
        return self.one(id_)

    async def erase(self, id_: int) -> None:
        """Raises NotFound."""
        await self._touch(id_, delete(es_annotations).where(es_annotations.c.id == id_))

    async def _touch(self, id_: int, statement: ClauseElement) -> None:
        (done,) = await self._store.write([compiled(statement)])
        if not done.count:
            raise NotFound(f"no annotation has the id {id_}")


# --- from and to rows -----------------------------------------------------------------------------


def _one(found: Sequence[T], otherwise: str) -> T:
    if not found:
        raise NotFound(otherwise)
    return found[0]


def _stored(row: Sequence[Value]) -> Stored:
    return Stored(whole(row[0]), instant(row[1]), instant(row[2]))


def _report(row: Sequence[Value]) -> SavedReport:
    return SavedReport(
        name=str(row[3]),
        kind=str(row[4]),
        report=msgspec.Raw(str(row[5]).encode()),
        description=maybe_text(row[6]),
    )


def _dashboard(row: Sequence[Value], tiles: Sequence[Sequence[Value]]) -> Dashboard:
    return Dashboard(
        name=str(row[3]),
        layout=tuple(Tile(str(tile[1]), *map(whole, tile[2:6])) for tile in tiles),
        description=maybe_text(row[4]),
        since=maybe_text(row[5]),
        until=maybe_text(row[6]),
    )


def _annotation(row: Sequence[Value]) -> tuple[Stored, Annotation]:
    created = instant(row[1])
    return Stored(whole(row[0]), created, created), Annotation(str(row[2]), str(row[3]))


def _values(saved: SavedReport) -> dict[str, Value]:
    report = bytes(saved.report).decode()
    return {"name": saved.name, "kind": saved.kind, "report": report, "description": saved.description}


def _face(dashboard: Dashboard) -> dict[str, Value]:
    return {
        "name": dashboard.name,
        "description": dashboard.description,
        "since": dashboard.since,
        "until": dashboard.until,
    }


def _placed(dashboard: Dashboard) -> list[ClauseElement]:
    """A row for each tile. A saved report that went away meanwhile leaves NULL, which the table refuses."""
    board = select(es_dashboards.c.id).where(es_dashboards.c.name == dashboard.name).scalar_subquery()
    return [
        insert(es_tiles).values(
            dashboard_id=board,
            saved_id=select(es_saved.c.id).where(es_saved.c.name == tile.saved).scalar_subquery(),
            x=tile.x,
            y=tile.y,
            w=tile.w,
            h=tile.h,
        )
        for tile in dashboard.layout
    ]


def _noted(annotation: Annotation) -> dict[str, Value]:
    return {"at": annotation.at, "moment": moment(annotation.at), "text": annotation.text}


def _new() -> dict[str, Value]:
    now = _now()
    return {"created_at": now, "updated_at": now}


def _now() -> str:
    return clock.to_text(clock.now_ms())
