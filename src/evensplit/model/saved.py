"""What is kept beside the data for people to come back to: saved reports, dashboards of them, annotations.

Here: their shapes and the reading of their JSON. Not here: whether a report is valid (its kind says so), when a
`since` lies (`query.ranges`), where they are kept (`storage.catalog.saved`).
"""

import re
from datetime import UTC, date, datetime

import msgspec

from evensplit.model.experiment import DESCRIPTION_LENGTH, name_faults, settle
from evensplit.model.faults import ABSENT, MISSING, Fault, Fields, text_of

MOST_TILES = 200
WIDEST = 1_000  # units of the grid; how wide one is, is for whoever draws it
LONGEST_TEXT = 2_000
LONGEST_REPORT = 1_000_000  # bytes
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class SavedReport(msgspec.Struct, frozen=True, kw_only=True):
    """A report under a name. `report` is the JSON as it was sent: `-30d` is looked up anew each time."""

    name: str
    kind: str
    report: msgspec.Raw
    description: str | None = None


class Tile(msgspec.Struct, frozen=True):
    """Where a saved report stands on a dashboard."""

    saved: str
    x: int
    y: int
    w: int
    h: int


class Dashboard(msgspec.Struct, frozen=True, kw_only=True):
    """Saved reports side by side; `since` and `until`, where given, stand in for those of all its reports."""

    name: str
    layout: tuple[Tile, ...] = ()
    description: str | None = None
    since: str | None = None
    until: str | None = None


class Annotation(msgspec.Struct, frozen=True):
    """Something that happened, on a day (`2026-11-01`) or at an instant with its zone."""

    at: str
    text: str


# --- reading --------------------------------------------------------------------------------------
# `before` is what stands: what the body leaves out stays as it is (PATCH). Without it everything is read anew.


def read_saved(body: bytes, before: SavedReport | None = None) -> SavedReport:
    """Raises Invalid with every fault, or InvalidJson."""
    fields = Fields(text_of(body))
    saved = SavedReport(
        name=_required(fields, "name", before.name if before else None),
        kind=_required(fields, "kind", before.kind if before else None),
        report=_report(fields, before),
        description=_optional(fields, "description", before.description if before else None),
    )
    fields.end()
    fields.faults += name_faults("name", saved.name) + _text_faults("description", saved.description)
    settle(fields.faults)
    return saved


def read_dashboard(body: bytes, before: Dashboard | None = None) -> Dashboard:
    """Raises Invalid with every fault, or InvalidJson."""
    fields = Fields(text_of(body))
    layout = () if before is None else before.layout
    if fields.peek("layout") != MISSING:
        layout = tuple(map(_tile, fields.items("layout")))
    fields.raw("layout")
    dashboard = Dashboard(
        name=_required(fields, "name", before.name if before else None),
        layout=layout,
        description=_optional(fields, "description", before.description if before else None),
        since=_optional(fields, "since", before.since if before else None),
        until=_optional(fields, "until", before.until if before else None),
    )
    fields.end()
    fields.faults += name_faults("name", dashboard.name) + _text_faults("description", dashboard.description)
    if len(layout) > MOST_TILES:
        fields.fault("layout", f"must have at most {MOST_TILES} entries, has {len(layout)}")
    settle(fields.faults)
    return dashboard


def read_annotation(body: bytes, before: Annotation | None = None) -> Annotation:
    """Raises Invalid with every fault, or InvalidJson."""
    fields = Fields(text_of(body))
    annotation = Annotation(
        _required(fields, "at", before.at if before else None),
        _required(fields, "text", before.text if before else None),
    )
    fields.end()
    if not fields.faults:
        fields.faults += _text_faults("text", annotation.text, LONGEST_TEXT)
        if not annotation.text.strip():
            fields.fault("text", "must not be empty")
        if moment(annotation.at) is None:
            fields.fault("at", f"{annotation.at[:100]!r} is no date (2026-11-01) and no instant with a zone")
    settle(fields.faults)
    return annotation


def moment(at: str) -> int | None:
    """When an annotation stands, in milliseconds since 1970-01-01 UTC; a day at its start in UTC. None: not a time."""
    try:
        if _DATE.fullmatch(at):
            day = date.fromisoformat(at)
            return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
        found = msgspec.convert(at, datetime)  # RFC 3339
        return None if found.tzinfo is None else round(found.timestamp() * 1000)
    except (ValueError, OverflowError, msgspec.ValidationError):
        return None


# --- fields ---------------------------------------------------------------------------------------


def _required(fields: Fields, name: str, standing: str | None) -> str:
    """A text that must be given, unless something stands already."""
    if standing is not None and fields.peek(name) == MISSING:
        return standing
    return fields.require(name, str, "unnamed")


def _optional(fields: Fields, name: str, standing: str | None) -> str | None:
    """A text that may be null."""
    raw = fields.raw(name)
    if raw == MISSING:
        return standing
    return None if raw in ABSENT else fields.read(raw, name, str, "")


def _report(fields: Fields, before: SavedReport | None) -> msgspec.Raw:
    raw = fields.raw("report")
    if raw == MISSING and before is not None:
        return before.report
    if raw in ABSENT:
        fields.fault("report", "is required")
    elif len(raw) > LONGEST_REPORT:
        fields.fault("report", f"must have at most {LONGEST_REPORT} bytes, has {len(raw)}")
    return fields.json(raw, "report")


def _tile(fields: Fields) -> Tile:
    def whole(name: str, least: int) -> int:
        number = fields.require(name, int, least)
        if not least <= number <= WIDEST:
            fields.fault(name, f"must be from {least} to {WIDEST}, is {number}")
        return number

    tile = Tile(fields.require("saved", str, ""), whole("x", 0), whole("y", 0), whole("w", 1), whole("h", 1))
    fields.end()
    return tile


def _text_faults(field: str, text: str | None, longest: int = DESCRIPTION_LENGTH) -> list[Fault]:
    if text is None:
        return []
    if len(text) > longest:
        return [Fault(field, f"must have at most {longest} characters, has {len(text)}")]
    return [Fault(field, "must not hold NUL")] if "\0" in text else []
