"""The kinds of reports: a line each, from its name in a path to what reads, answers and looks behind it."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from evensplit.model.report import Answer, Report, read
from evensplit.model.report.persons import PersonsAnswer, PersonsQuestion
from evensplit.model.report.trend import Trend, TrendAnswer, TrendCell
from evensplit.query.reading import Reading
from evensplit.query.run import persons, trend
from evensplit.query.run.persons import Behind

R = TypeVar("R", bound=Report)
C = TypeVar("C")


class Kind(Protocol):
    """What the rest of the product needs of a kind."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def report(self) -> type[Report]: ...
    @property
    def answer(self) -> type[Answer]: ...

    async def asked(self, store: Reading, raw: bytes | str, now_ms: int) -> Answer:
        """The answer to a report as JSON. Raises InvalidReport, InvalidJson."""
        ...

    async def persons(self, store: Reading, asked: PersonsQuestion, now_ms: int) -> PersonsAnswer:
        """The persons behind a cell. Raises InvalidReport, InvalidJson."""
        ...


class Line(msgspec.Struct, Generic[R, C], frozen=True):
    """A `Kind`: `run` answers a report at a time of asking, `behind` says who stands behind a cell of it."""

    name: str
    summary: str
    report: type[R]
    answer: type[Answer]
    cell: type[C]
    run: Callable[[Reading, R, int], Awaitable[Answer]]
    behind: Callable[[Reading, R, C, int], Awaitable[Behind]]

    async def asked(self, store: Reading, raw: bytes | str, now_ms: int) -> Answer:
        return await self.run(store, read(self.report, raw), now_ms)

    async def persons(self, store: Reading, asked: PersonsQuestion, now_ms: int) -> PersonsAnswer:
        report, cell = read(self.report, bytes(asked.report)), read(self.cell, bytes(asked.at))
        return await persons.page(store, await self.behind(store, report, cell, now_ms), asked)


TREND: Line[Trend, TrendCell] = Line(
    "trend", "Events over time", Trend, TrendAnswer, TrendCell, trend.run, trend.behind
)
KINDS: tuple[Kind, ...] = (TREND,)
