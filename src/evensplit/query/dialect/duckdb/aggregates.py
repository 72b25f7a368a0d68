"""Aggregates in DuckDB. Sums are exact: of integers x * 2^e, so that no order of summing changes a digit.

Where the magnitudes of a property are known to lie close enough, one e serves all of them. Else doubles from 2^-12 to
2^29 share e = 64 (their last bit is at least 2^-64, and 2^34 of them fit into 128 bits), and all others are taken in
bands of 32 binary orders, e = 60 - 32 * floor(log2|x| / 32). Measured on 5 million events, beside 185 ms for a plain
sum that differs from run to run: 214 with one e, 527 with bands.
"""

from collections.abc import Sequence
from typing import Literal

from evensplit.query.fragment import Fragment, fill

COMMON = "64"
COMMON_FACTOR = "18446744073709551616.0"
COMMON_LOW, COMMON_HIGH = "2.44140625e-4", "536870912.0"


class DuckdbAggregates:
    """Implements `dialect.base.Aggregates`."""

    once = "MATERIALIZED"

    def quantile(self, column: str, q: float) -> str:
        return f"quantile_cont({column}, {q})"

    def quantile_at(self, column: str, q: float) -> Fragment:
        return Fragment(f"quantile_cont({column}, ?)", (q,))

    def quantiles(self, column: str, levels: Sequence[float]) -> Fragment:
        return Fragment(f"quantile_cont({column}, ?::DOUBLE[])", (list(levels),))

    def rounded_sum(self, column: str) -> str:
        return f"sum(({column})::BIGINT)"

    def as_double(self, whole: Fragment, exponent: int) -> Fragment:
        return fill("{}::DOUBLE / {}", whole, Fragment("?::DOUBLE", (2.0**exponent,)))

    def exponent(self, column: str) -> str:
        return (
            f"CASE WHEN abs({column}) BETWEEN {COMMON_LOW} AND {COMMON_HIGH} OR {column} = 0 THEN {COMMON} "
            f"WHEN {column} IS NOT NULL THEN 60 - 32 * floor(log2(abs({column})) / 32)::INTEGER END"
        )

    def whole(self, column: str, exponent: str) -> str:
        # In two factors: 2^e alone may be beyond the range of doubles.
        scaled = f"{column} * pow(2.0, {exponent} // 2) * pow(2.0, {exponent} - {exponent} // 2)"
        return f"CASE {exponent} WHEN {COMMON} THEN ({column} * {COMMON_FACTOR})::HUGEINT ELSE ({scaled})::HUGEINT END"

    def multiple(self, column: str, factor: Fragment) -> Fragment:
        return fill(f"({column} * {{}})::HUGEINT", factor)

    def compensated(self, column: str) -> str:
        return f"fsum({column} ORDER BY {column})"

    def packed(self, numbers: str) -> str:
        # As text: `any_value` of a list looks into it for every row. Six lists beside 1,000,000 rows: 0.16 s of CPU.
        return f"({numbers})::VARCHAR"

    def unpacked(self, packed: str, kind: Literal["BIGINT", "HUGEINT", "DOUBLE"]) -> str:
        return f"{packed}::{kind}[]"

    def total(self, column: str, exponent: str) -> str:
        unscaled = f"{column}::DOUBLE * pow(2.0, -({exponent} // 2)) * pow(2.0, {exponent} // 2 - {exponent})"
        return f"coalesce(sum({unscaled} ORDER BY {exponent}), 0.0)"
