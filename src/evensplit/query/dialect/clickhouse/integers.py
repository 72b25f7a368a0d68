"""Integers and their bits in ClickHouse. Not here: sums over groups of rows (`aggregates`)."""


class ClickhouseIntegers:
    """Implements `dialect.base.Integers`."""

    def bit(self, position: str) -> str:
        return f"bitShiftLeft(toInt64(1), {position})"

    def union(self, bits: str) -> str:
        return f"groupBitOr({bits})"

    def has_bit(self, bits: str, position: int) -> str:
        return f"bitTest({bits}, {position})"

    def window(self, bits: str, first: str, width: int) -> str:
        return f"bitAnd(bitShiftRight({bits}, {first}), toInt64({(1 << width) - 1}))"

    def members(self, bits: str) -> str:
        return f"bitCount({bits})"

    def divided(self, column: str, by: int) -> str:
        return f"intDiv({column}, {by})"
