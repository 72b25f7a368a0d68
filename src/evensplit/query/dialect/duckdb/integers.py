"""Integers and their bits in DuckDB. Not here: sums over groups of rows (`aggregates`)."""


class DuckdbIntegers:
    """Implements `dialect.base.Integers`."""

    def bit(self, position: str) -> str:
        return f"1::BIGINT << ({position})"

    def union(self, bits: str) -> str:
        return f"bit_or({bits})"

    def has_bit(self, bits: str, position: int) -> str:
        return f"{bits} & {1 << position} <> 0"

    def window(self, bits: str, first: str, width: int) -> str:
        return f"(({bits} >> ({first})) & {(1 << width) - 1})"

    def members(self, bits: str) -> str:
        return f"bit_count({bits})"

    def divided(self, column: str, by: int) -> str:
        return f"{column} // {by}"
