"""Aggregates in ClickHouse. Sums are exact, of integers x * 2^e with the same e as on DuckDB (see there).

A cast of a double to Int128 is not exact here (1e21 became 1000000000000000000010), nor is the way back: both go
through two halves that doubles hold.
"""

from collections.abc import Sequence
from typing import Literal

from evensplit.query.fragment import Fragment, fill

COMMON = "64"
COMMON_FACTOR = "18446744073709551616.0"
COMMON_LOW, COMMON_HIGH = "2.44140625e-4", "536870912.0"
HALF = "281474976710656"  # 2^48
LOW = "4611686018427387904"  # 2^62


class ClickhouseAggregates:
    """Implements `dialect.base.Aggregates`."""

    once = "MATERIALIZED"

    def quantile(self, column: str, q: float) -> str:
        return f"quantileExactInclusive({q})({column})"

    def quantile_at(self, column: str, q: float) -> Fragment:
        return Fragment(f"quantileExactInclusive(?)({column})", (q,))

    def quantiles(self, column: str, levels: Sequence[float]) -> Fragment:
        return Fragment(f"quantilesExactInclusive({', '.join('?' * len(levels))})({column})", tuple(levels))

    def rounded_sum(self, column: str) -> str:
        # Under a NULL there may stand what no integer can be made of.
        return f"sum(toInt128(accurateCastOrNull(round({column}), 'Int64')))"

    def as_double(self, whole: Fragment, exponent: int) -> Fragment:
        double = f"toFloat64(toInt64(intDiv(s, {LOW}))) * {LOW} + toFloat64(toInt64(s % {LOW}))"
        return fill(f"arrayMap(s -> {double}, [{{}}])[1] / {{}}", whole, Fragment("?::DOUBLE", (2.0**exponent,)))

    def exponent(self, column: str) -> str:
        return (
            f"multiIf(abs({column}) BETWEEN {COMMON_LOW} AND {COMMON_HIGH} OR {column} = 0, {COMMON}, "
            f"{column} IS NOT NULL, toInt32(60 - 32 * floor(log2(abs({column})) / 32)), NULL)"
        )

    def whole(self, column: str, exponent: str) -> str:
        # In two factors: 2^e alone may be beyond the range of doubles.
        scaled = f"{column} * pow(2.0, intDiv({exponent}, 2)) * pow(2.0, {exponent} - intDiv({exponent}, 2))"
        return _whole(f"if({exponent} = {COMMON}, {column} * {COMMON_FACTOR}, {scaled})")

    def multiple(self, column: str, factor: Fragment) -> Fragment:
        product = fill(f"({column} * {{}})", factor)
        return fill(_whole("{}"), *[product] * 3)

    def unscaled(self, column: str, exponent: str) -> str:
        double = f"(toFloat64(toInt64(intDiv({column}, {LOW}))) * {LOW} + toFloat64(toInt64({column} % {LOW})))"
        return f"{double} * pow(2.0, -intDiv({exponent}, 2)) * pow(2.0, intDiv({exponent}, 2) - {exponent})"

    def compensated(self, column: str) -> str:
        # As an aggregate, sumKahan adds up in the order in which threads come along.
        return f"if(count({column}) = 0, NULL, arrayReduce('sumKahan', arraySort(groupArray({column}))))"

    def packed(self, numbers: str) -> str:
        return numbers

    def unpacked(self, packed: str, kind: Literal["BIGINT", "HUGEINT", "DOUBLE"]) -> str:
        return packed

    def total(self, column: str, exponent: str) -> str:
        pair = f"(assumeNotNull({exponent}), assumeNotNull({self.unscaled(column, exponent)}))"
        pairs = f"groupArray({pair}) FILTER (WHERE {exponent} IS NOT NULL)"
        return f"arrayFold((a, p) -> a + p.2, arraySort({pairs}), 0.0)"


def _whole(double: str) -> str:
    """A double that is a whole number below 2^95 as an integer."""
    high = f"trunc({double} / {HALF})"
    return f"toInt128(toInt64({high})) * {HALF} + toInt64({double} - {high} * {HALF})"
