"""Whole columns of cells as JSON, a slab at a time: the same as cell by cell, in far fewer steps.

Cells that repeat are remembered. Where they do not (ids, times, amounts), a whole slab is shown to be plain at once
and passed on as it stands. What a single cell means is said in `cells`.
"""

from collections.abc import Callable, Sequence

import msgspec

from evensplit.transfer import cells

_MEMO_SIZE = 100_000
_SURELY_FINITE = 300  # characters: no number this short without an exponent leaves the range of a double

_numbers = msgspec.json.Decoder(list[int | float]).decode

Quick = Callable[[Sequence[str]], list[str] | None]


class Kind(msgspec.Struct, frozen=True):
    """How cells become JSON: one by one, and a slab at once where `quick` can; it answers None where it cannot."""

    encode: cells.Encode
    quick: Quick | None = None


class Column:
    """The cells of one column, slab after slab, as JSON between `before` and `after`; what is not set stays empty."""

    def __init__(self, kind: Kind, before: str = "", after: str = "") -> None:
        self._kind = kind
        self._before = before
        self._after = after
        self._made: dict[str, str] = {"": ""}

    def parts(self, column: Sequence[str]) -> list[str]:
        made = self._made
        distinct = set(column)
        if self._kind.quick is not None and len(distinct) * 4 > len(column) and "" not in distinct:
            quick = self._kind.quick(column)
            if quick is not None:
                before, after = self._before, self._after
                return [f"{before}{cell}{after}" for cell in quick]
        if len(made) > _MEMO_SIZE:
            made.clear()
            made[""] = ""
        for cell in distinct.difference(made):
            made[cell] = f"{self._before}{self._kind.encode(cell)}{self._after}"
        return list(map(made.__getitem__, column))


def quick_texts(column: Sequence[str]) -> list[str] | None:
    """As `cells.text`, unless a cell may be guarded."""
    try:
        text = msgspec.json.encode(column).decode()
    except UnicodeError:  # bytes that were no UTF-8
        return None
    if "\"'" in text:
        return None
    # Within a JSON text a quote follows a backslash; one that follows a comma stands between two texts.
    return [f'"{cell}"' for cell in text[2:-2].split('","')]


def quick_values(column: Sequence[str]) -> list[str] | None:
    """As `cells.value`, for a slab of numbers."""
    text = ",".join(column)
    if text.count(",") != len(column) - 1 or not text.isascii() or any(sign in text for sign in " \t\r\n"):
        return None
    try:
        _numbers(f"[{text}]")
    except msgspec.DecodeError:
        return None
    return list(column) if max(map(len, column)) < _SURELY_FINITE else None


def quick_instants(column: Sequence[str]) -> list[str] | None:
    """As `cells.instant` in any zone, for a slab of `2026-11-22T10:11:12Z`."""
    if all(cell[10:11] == "T" and cell[-1] == "Z" and cell[-2] != " " for cell in column):
        return quick_texts(column)
    return None


VALUE = Kind(cells.value, quick_values)
TEXT = Kind(cells.text, quick_texts)
