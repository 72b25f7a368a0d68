"""Time in ClickHouse: `created_at` is a DateTime64(3, 'UTC'); instants travel as whole milliseconds."""

from typing import Literal

from evensplit.query.edges import Buckets, Run, runs
from evensplit.query.fragment import Fragment, fill


class ClickhouseTimes:
    """Implements `dialect.base.Times`."""

    tick = 1000

    def bucket(self, buckets: Buckets) -> Fragment:
        return _search(runs(buckets))

    def compared(self, sign: Literal["<", "<=", ">", ">="], at: int) -> Fragment:
        return fill(f"created_at {sign} {{}}", _time(at))

    def before(self, at: int, row_id: int) -> Fragment:
        return fill(
            "(created_at < {} OR (created_at = {} AND id < {}))", _time(at), _time(at), Fragment("?", (row_id,))
        )

    def as_ms(self) -> Fragment:
        return Fragment("toUnixTimestamp64Milli(created_at)")

    def ms(self, column: str) -> str:
        return f"toUnixTimestamp64Milli({column})"

    def ticks(self, column: str) -> str:
        return self.ms(column)

    def given(self, text: str) -> Fragment:
        return Fragment("toDateTime64(?, 3, 'UTC')", (text,))

    def later(self, column: str, microseconds: int) -> Fragment:
        return Fragment(f"addMicroseconds({column}, ?)", (microseconds,))

    def shown(self, column: str) -> str:
        return f"concat(replaceOne(toString({column}), ' ', 'T'), 'Z')"


def _time(at: int) -> Fragment:
    return Fragment("fromUnixTimestamp64Milli(?, 'UTC')", (at,))


def _search(found: tuple[Run, ...]) -> Fragment:
    """Binary search for the run, then arithmetic within it."""
    if len(found) > 1:
        middle = len(found) // 2
        return fill(
            "if({}, {}, {})",
            fill("created_at < {}", _time(found[middle].start)),
            _search(found[:middle]),
            _search(found[middle:]),
        )
    (run,) = found
    first = Fragment("toInt32(?)", (run.first,))
    if run.count == 1:
        return first
    steps = Fragment("toInt32(intDiv(toUnixTimestamp64Milli(created_at) - ?, ?))", (run.start, run.width))
    return fill("{} + {}", steps, first) if run.first else steps
