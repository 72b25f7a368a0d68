"""Who was active when: the events of persons, and a person each with the buckets as the bits of an integer."""

from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Source, sources
from evensplit.query.dialect import Dialect
from evensplit.query.edges import Buckets
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan import EventPlan
from evensplit.query.sql import scan

WORD = 62  # buckets that one integer says yes or no to


class Activity:
    """The statements about events at one moment, for one engine. Instants are milliseconds since 1970-01-01 UTC."""

    def __init__(self, as_of: AsOf, dialect: Dialect) -> None:
        self._as_of, self._dialect = as_of, dialect

    def rows(
        self, event: EventPlan, columns: Fragment, since: int | None, until: int, keys: tuple[Source, ...] = ()
    ) -> Fragment:
        """The columns of every such event of a person in [since, until). `keys`: what the columns look at."""
        bounds = [self._dialect.times.compared("<", until), self._dialect.sequences.up_to(self._as_of.watermark.events)]
        if since is not None:
            bounds.insert(0, self._dialect.times.compared(">=", since))
        return fill(
            "SELECT {} FROM {} WHERE {} AND {} AND person IS NOT NULL",
            columns,
            scan.events(self._dialect, self._as_of, (*sources(event.condition), *keys)),
            join(" AND ", bounds),
            scan.chosen(self._dialect, event.event_type, event.condition),
        )

    def buckets(self, event: EventPlan, buckets: Buckets, since: int | None, until: int) -> Fragment:
        """Rows (person, b): the bucket of each event."""
        return self.rows(event, fill("person, {} AS b", self._dialect.times.bucket(buckets)), since, until)

    def bits(self, event: EventPlan, buckets: Buckets, since: int | None, until: int) -> Fragment:
        """Rows (person, m): the buckets of the person's events, at most 62, as bits."""
        return fill(
            f"SELECT person, {self.union('b')} AS m FROM ({{}}) AS found GROUP BY person",
            self.buckets(event, buckets, since, until),
        )

    def union(self, position: str) -> str:
        """The bits of these positions, over a group."""
        return self._dialect.integers.union(self._dialect.integers.bit(position))
