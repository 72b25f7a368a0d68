"""A dashboard as a grid of 12 columns: what a tile shows, how tiles follow each other, how its range stands in.

Here: pure steps from a `Dashboard` to what is drawn. Not here: asking (`answers`), the pages (`pages.dashboards`).
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit import charts
from evensplit.model.report import Answer
from evensplit.model.report.funnel import FunnelAnswer
from evensplit.model.report.retention import RetentionAnswer
from evensplit.model.report.sessions import SessionsAnswer
from evensplit.model.report.stickiness import StickinessAnswer
from evensplit.model.report.trend import TrendAnswer
from evensplit.model.saved import WIDEST, Dashboard, SavedReport, Tile
from evensplit.ui.tables import Cell, name_of

Look: TypeAlias = Literal["figures", "chart", "table"]

COLUMNS = 12
USUAL = (6, 4)  # wide and high
WIDTHS = ((3, "a quarter"), (4, "a third"), (6, "half"), (8, "two thirds"), (12, "all of it"))
HEIGHTS = ((2, "figures"), (4, "chart"), (6, "large chart"), (8, "chart and table"))
FLATTEST_CHART, FLATTEST_TABLE = 3, 8
HIGHEST = 16
MOST_FIGURES = 6


class Panel(msgspec.Struct, frozen=True):
    """A report on a page. `wide` of 12 columns, `high` in rows; what it shows follows from how high it is."""

    name: str
    kind: str
    description: str | None
    wide: int
    high: int

    @property
    def look(self) -> Look:
        return "figures" if self.high < FLATTEST_CHART else "chart" if self.high < FLATTEST_TABLE else "table"


def panel(saved: SavedReport, tile: Tile) -> Panel:
    wide, high = max(1, min(tile.w, COLUMNS)), max(1, min(tile.h, HIGHEST))
    return Panel(saved.name, saved.kind, saved.description, wide, high)


def in_order(dashboard: Dashboard) -> list[Tile]:
    """As one reads: row by row."""
    return sorted(dashboard.layout, key=lambda tile: (tile.y, tile.x))


def packed(tiles: Sequence[tuple[str, int, int]]) -> tuple[Tile, ...]:
    """Saved reports with how wide and high each is, one after the other; a row is as high as its highest."""
    placed: list[Tile] = []
    x = y = tallest = 0
    for name, wide, high in tiles:
        w, h = max(1, min(wide, COLUMNS)), max(1, min(high, HIGHEST))
        if x + w > COLUMNS:
            x, y, tallest = 0, y + tallest, 0
        placed.append(Tile(name, x, min(y, WIDEST), w, h))
        x, tallest = x + w, max(tallest, h)
    return tuple(placed)


def with_tile(dashboard: Dashboard, name: str) -> Dashboard:
    """Beside the last tile of the lowest row where there is room, else below all."""
    wide, high = USUAL
    if any(tile.saved == name for tile in dashboard.layout):
        return dashboard
    bottom = max((tile.y + tile.h for tile in dashboard.layout), default=0)
    lowest = [tile for tile in dashboard.layout if tile.y + tile.h == bottom]
    right = max((tile.x + tile.w for tile in lowest), default=COLUMNS)
    x, y = (right, min(tile.y for tile in lowest)) if lowest and right + wide <= COLUMNS else (0, bottom)
    placed = Tile(name, x, min(y, WIDEST), wide, high)
    return msgspec.structs.replace(dashboard, layout=(*dashboard.layout, placed))


def over(report: bytes, since: str, until: str, timezone: str) -> bytes:
    """The report over another range and zone; what is empty stays as the report has it."""
    fields = msgspec.json.decode(report, type=dict[str, msgspec.Raw])
    for name, text in (("since", since), ("until", until), ("timezone", timezone)):
        if text:
            fields[name] = msgspec.Raw(msgspec.json.encode(text))
    return msgspec.json.encode(fields)


def headline(answer: Answer) -> list[tuple[str, Cell]]:
    """The few figures that say most of an answer; none where only its chart does."""
    return _figures(answer)[:MOST_FIGURES]


def _figures(answer: Answer) -> list[tuple[str, Cell]]:
    if isinstance(answer, TrendAnswer):
        one = len({line.label for line in answer.series}) == 1
        return [(name_of(line.label, line.breakdown, one), Cell(line.total)) for line in answer.series]
    if isinstance(answer, FunnelAnswer):
        steps = answer.steps
        ends = [(charts.label_of(step.label), Cell(step.users)) for step in [*steps[:1], *steps[-1:]]]
        return [*ends, ("first to last", Cell(steps[-1].rate_from_start, "share"))] if steps else []
    if isinstance(answer, RetentionAnswer):
        named = [(f"{answer.report.interval} {n}", rate) for n, rate in enumerate(answer.total.rates)][1:4]
        return [("people", Cell(answer.total.size)), *((name, Cell(rate, "share")) for name, rate in named)]
    if isinstance(answer, SessionsAnswer):
        totals = answer.totals
        counts = (("visitors", totals.visitors), ("sessions", totals.sessions), ("page views", totals.page_views))
        shown = [(name, Cell(count)) for name, count in counts]
        length = ("median duration", Cell(totals.median_duration, "seconds"))
        return [*shown, ("bounce rate", Cell(totals.bounce_rate, "share")), length]
    if isinstance(answer, StickinessAnswer):
        return [("people", Cell(sum(bar.users for bar in answer.histogram)))]
    return []
