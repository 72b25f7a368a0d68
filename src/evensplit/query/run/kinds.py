"""The kinds of reports: a line each, from its name in a path to what reads, answers and looks behind it."""

from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from evensplit.model.report import Answer, Report, read
from evensplit.model.report.funnel import Funnel, FunnelAnswer, FunnelCell
from evensplit.model.report.lifecycle import Lifecycle, LifecycleAnswer, LifecycleCell
from evensplit.model.report.paths import Paths, PathsAnswer, PathsCell
from evensplit.model.report.persons import PersonsAnswer, PersonsQuestion
from evensplit.model.report.retention import Retention, RetentionAnswer, RetentionCell
from evensplit.model.report.sessions import Sessions, SessionsAnswer, SessionsCell
from evensplit.model.report.stickiness import Stickiness, StickinessAnswer, StickinessCell
from evensplit.model.report.trend import Trend, TrendAnswer, TrendCell
from evensplit.query.plan import funnel as funnel_plan
from evensplit.query.plan import lifecycle as lifecycle_plan
from evensplit.query.plan import paths as paths_plan
from evensplit.query.plan import retention as retention_plan
from evensplit.query.plan import sessions as sessions_plan
from evensplit.query.plan import stickiness as stickiness_plan
from evensplit.query.plan import trend as trend_plan
from evensplit.query.reading import Reading
from evensplit.query.run import funnel, lifecycle, paths, persons, retention, sessions, stickiness, trend
from evensplit.query.run.persons import Behind

R = TypeVar("R", bound=Report)
C = TypeVar("C")
Filled = TypeVar("Filled", bound=Report, covariant=True)


class Planned(Protocol[Filled]):
    """A plan of any kind."""

    @property
    def report(self) -> Filled: ...


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
    @property
    def cell(self) -> type[object]: ...
    @property
    def clocked(self) -> bool: ...

    def resolved(self, raw: bytes | str, now_ms: int) -> Report:
        """A report as JSON with nothing left open; no store is asked. Raises InvalidReport, InvalidJson."""
        ...

    async def asked(self, store: Reading, raw: bytes | str, now_ms: int) -> Answer:
        """The answer to a report as JSON. Raises InvalidReport, InvalidJson."""
        ...

    async def persons(self, store: Reading, asked: PersonsQuestion, now_ms: int) -> PersonsAnswer:
        """The persons behind a cell. Raises InvalidReport, InvalidJson."""
        ...


class Line(msgspec.Struct, Generic[R, C], frozen=True):
    """A `Kind`: `run` answers a report at a time of asking, `behind` says who stands behind a cell of it.

    `plan` checks a report and fills in what was left open. `clocked`: where the range reaches beyond the time of
    asking, the answer depends on that time (what is not over yet is null)."""

    name: str
    summary: str
    report: type[R]
    answer: type[Answer]
    cell: type[C]
    run: Callable[[Reading, R, int], Awaitable[Answer]]
    behind: Callable[[Reading, R, C, int], Awaitable[Behind]]
    plan: Callable[[R, int], Planned[R]]
    clocked: bool = True

    def resolved(self, raw: bytes | str, now_ms: int) -> Report:
        return self.plan(read(self.report, raw), now_ms).report

    async def asked(self, store: Reading, raw: bytes | str, now_ms: int) -> Answer:
        return await self.run(store, read(self.report, raw), now_ms)

    async def persons(self, store: Reading, asked: PersonsQuestion, now_ms: int) -> PersonsAnswer:
        report, cell = read(self.report, bytes(asked.report)), read(self.cell, bytes(asked.at))
        return await persons.page(store, await self.behind(store, report, cell, now_ms), asked)


TREND: Line[Trend, TrendCell] = Line(
    "trend", "Events over time", Trend, TrendAnswer, TrendCell, trend.run, trend.behind, trend_plan.plan, clocked=False
)
PATHS: Line[Paths, PathsCell] = Line(
    "paths", "What people do one after the other", Paths, PathsAnswer, PathsCell, paths.run, paths.behind,
    paths_plan.plan, clocked=False,
)  # fmt: skip
SESSIONS: Line[Sessions, SessionsCell] = Line(
    "sessions", "Visits, where they came from and what they saw", Sessions, SessionsAnswer, SessionsCell,
    sessions.run, sessions.behind, sessions_plan.plan, clocked=False,
)  # fmt: skip
RETENTION: Line[Retention, RetentionCell] = Line(
    "retention", "Who comes back, and when", Retention, RetentionAnswer, RetentionCell,
    retention.run, retention.behind, retention_plan.plan,
)  # fmt: skip
LIFECYCLE: Line[Lifecycle, LifecycleCell] = Line(
    "lifecycle", "Who is new, comes again, is back, is gone", Lifecycle, LifecycleAnswer, LifecycleCell,
    lifecycle.run, lifecycle.behind, lifecycle_plan.plan, clocked=False,
)  # fmt: skip
STICKINESS: Line[Stickiness, StickinessCell] = Line(
    "stickiness", "In how many intervals people come", Stickiness, StickinessAnswer, StickinessCell,
    stickiness.run, stickiness.behind, stickiness_plan.plan, clocked=False,
)  # fmt: skip
FUNNEL: Line[Funnel, FunnelCell] = Line(
    "funnel", "How many go from step to step", Funnel, FunnelAnswer, FunnelCell, funnel.run, funnel.behind,
    funnel_plan.plan, clocked=False,
)  # fmt: skip
KINDS: tuple[Kind, ...] = (TREND, FUNNEL, RETENTION, PATHS, LIFECYCLE, STICKINESS, SESSIONS)
