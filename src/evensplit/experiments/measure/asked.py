"""What is known before a statement is written, and the conditions on time that all of them share."""

from collections.abc import Sequence

import msgspec

from evensplit import clock
from evensplit.experiments import exposures
from evensplit.experiments.exposures import Scope
from evensplit.experiments.measure.kinds import Known
from evensplit.experiments.measure.numbers import Time
from evensplit.query.dialect.base import Packing, Times, packed
from evensplit.query.fragment import Fragment, fill, join
from evensplit.storage.base import Watermark


class Asked(msgspec.Struct, frozen=True):
    """Whose numbers, and what is known beforehand: the kinds of values that properties have, and when (milliseconds
    since 1970) the first person was assigned, the last event happened, and the last of all things that can be seen."""

    scope: Scope
    known: Known
    first: int
    last_event: int
    last: int

    @property
    def watermark(self) -> Watermark:
        return self.scope.as_of.watermark

    @property
    def packing(self) -> Packing:
        """Of the events from the first assignment on."""
        return packed(self.first, max(self.last_event, self.first) + 1, self.watermark.events)


def finished(asked: Asked, finish: int) -> Fragment:
    """The condition that so much time has passed since the assignment of `x`."""
    at = clock.to_text((asked.last * 1000 - finish) // 1000)
    return fill("x.assigned_at <= {}", asked.scope.dialect.times.given(at))


def during(time: Time, elapsed: str, times: Times) -> Fragment:
    """The condition that so many ticks after the assignment lie in a time."""
    since = Fragment(f"{elapsed} >= ?", (-(-time.begin // times.tick),))
    if time.end is None:
        return since
    return join(" AND ", [since, Fragment(f"{elapsed} < ?", (-(-time.end // times.tick),))])


def around(times: Sequence[Time]) -> Time:
    """A time that holds all of them."""
    ends = [time.end for time in times if time.end is not None]
    return Time(min(time.begin for time in times), max(ends) if len(ends) == len(times) else None)


def scanned(asked: Asked, types: Sequence[str | None], time: Time) -> Fragment:
    """The condition of a scan of events: of these types (None: of all), of a time that may count, with a user."""
    dialect = asked.scope.dialect
    parts = [
        dialect.sequences.up_to(asked.watermark.events),
        Fragment(f"{dialect.persons.key('user_id')} IS NOT NULL"),
        exposures.seen(asked.scope),
    ]
    since = asked.first + time.begin // 1000
    if since > 0:
        parts.append(fill("created_at >= {}", dialect.times.given(clock.to_text(since))))
    if None not in types:
        # As one IN, DuckDB makes a join of it.
        parts.append(fill("({})", join(" OR ", [Fragment("event_type = ?", (name,)) for name in types])))
    return join(" AND ", parts)
