"""The order of events in ClickHouse: one integer of time and id, an Int64 where it fits, else an Int128."""

from evensplit.query.dialect.base import Packing
from evensplit.query.fragment import Fragment
from evensplit.storage.clickhouse.binding import UpTo


class ClickhouseSequences:
    """Implements `dialect.base.Sequences`. A number of more than 64 bits is written as a text: it would be a double."""

    def key(self, packing: Packing) -> Fragment:
        kind, ids = _kind(packing), _whole(packing, packing.ids)
        return Fragment(f"to{kind}(toUnixTimestamp64Milli(created_at) - ?) * {ids} + to{kind}(id)", (packing.since,))

    def up_to(self, row_id: int) -> Fragment:
        return Fragment("?", (UpTo(row_id),))

    def far(self, packing: Packing) -> str:
        return _whole(packing, packing.keys)

    def elapsed(self, packing: Packing, column: str) -> str:
        return f"toInt64(intDiv({column}, {_whole(packing, packing.ids)}))"

    def row_id(self, packing: Packing, column: str) -> str:
        return f"toInt64({column} % {_whole(packing, packing.ids)})"

    def moment(self, packing: Packing, column: str) -> Fragment:
        return Fragment(f"fromUnixTimestamp64Milli({self.elapsed(packing, column)} + ?, 'UTC')", (packing.since,))

    def quotient(self, left: str, right: str) -> str:
        return f"intDiv({left}, nullIf({right}, 0))"

    def best(self, packing: Packing, depth: str, start: str) -> str:
        return f"to{_kind(packing)}({depth}) * {_whole(packing, packing.keys)} - {start}"


def _kind(packing: Packing) -> str:
    return "Int128" if packing.wide else "Int64"


def _whole(packing: Packing, number: int) -> str:
    return f"to{_kind(packing)}('{number}')"
