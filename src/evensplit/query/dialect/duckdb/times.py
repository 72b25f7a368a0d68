"""Time in DuckDB: `created_at` is a TIMESTAMP without zone, and means UTC."""

from datetime import datetime, timedelta
from typing import Literal

from evensplit.query.edges import Buckets, Run, runs
from evensplit.query.fragment import Fragment, fill

EPOCH = datetime(1970, 1, 1)


class DuckdbTimes:
    """Implements `dialect.base.Times`."""

    tick = 1

    def bucket(self, buckets: Buckets) -> Fragment:
        return _search(runs(buckets))

    def compared(self, sign: Literal["<", "<=", ">", ">="], at: int) -> Fragment:
        return Fragment(f"created_at {sign} ?", (_timestamp(at),))

    def before(self, at: int, row_id: int) -> Fragment:
        then = _timestamp(at)
        return Fragment("(created_at < ? OR (created_at = ? AND id < ?))", (then, then, row_id))

    def as_ms(self) -> Fragment:
        return Fragment("epoch_ms(created_at)")

    def ms(self, column: str) -> str:
        return f"epoch_ms({column})"

    def ticks(self, column: str) -> str:
        return f"epoch_us({column})"  # as it is kept; `epoch_ms` divides: 20 ns an event

    def given(self, text: str) -> Fragment:
        return Fragment("CAST(? AS TIMESTAMP)", (text,))

    def later(self, column: str, microseconds: int) -> Fragment:
        return Fragment(f"{column} + to_microseconds(?)", (microseconds,))

    def shown(self, column: str) -> str:
        return f"strftime({column}, '%Y-%m-%dT%H:%M:%S.%gZ')"


def _timestamp(at: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at)


def _search(found: tuple[Run, ...]) -> Fragment:
    """Binary search for the run, then arithmetic within it: no join, no list, no zone.

    Measured on 5 million events, daily edges: 66 ms; as CASE over 30 edges 93, as a join with them 134, ASOF 612."""
    if len(found) > 1:
        middle = len(found) // 2
        return fill(
            "CASE WHEN {} THEN {} ELSE {} END",
            Fragment("created_at < ?", (_timestamp(found[middle].start),)),
            _search(found[:middle]),
            _search(found[middle:]),
        )
    (run,) = found
    first = Fragment("?::INTEGER", (run.first,))
    if run.count == 1:
        return first
    steps = Fragment("((epoch_us(created_at) - ?) // ?)::INTEGER", (run.start * 1000, run.width * 1000))
    return fill("{} + {}", steps, first) if run.first else steps
