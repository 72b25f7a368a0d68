"""The order of events in DuckDB: one integer of time and id, a BIGINT where it fits, else a HUGEINT."""

from evensplit.query.dialect.base import Packing
from evensplit.query.fragment import Fragment


class DuckdbSequences:
    """Implements `dialect.base.Sequences`."""

    def key(self, packing: Packing) -> Fragment:
        # In microseconds, as it is kept: the columns hold whole milliseconds, so that 1000 of them are one `ids`.
        kind, ids = _kind(packing), packing.ids // 1000
        return Fragment(f"(epoch_us(created_at) - ?)::{kind} * {ids} + id", (packing.since * 1000,))

    def up_to(self, row_id: int) -> Fragment:
        return Fragment("id <= ?", (row_id,))

    def far(self, packing: Packing) -> str:
        return f"{packing.keys}::{_kind(packing)}"

    def elapsed(self, packing: Packing, column: str) -> str:
        return f"({column} // {packing.ids})::BIGINT"

    def row_id(self, packing: Packing, column: str) -> str:
        return f"({column} % {packing.ids})::BIGINT"

    def moment(self, packing: Packing, column: str) -> Fragment:
        return Fragment(f"make_timestamp(({self.elapsed(packing, column)} + ?) * 1000)", (packing.since,))

    def quotient(self, left: str, right: str) -> str:
        return f"({left}) // nullif({right}, 0)"

    def best(self, packing: Packing, depth: str, start: str) -> str:
        return f"({depth})::{_kind(packing)} * {packing.keys} - {start}"


def _kind(packing: Packing) -> str:
    return "HUGEINT" if packing.wide else "BIGINT"
