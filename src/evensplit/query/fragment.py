"""Pieces of SQL that carry their values along, in the order of their question marks. No value is printed into text."""

from collections.abc import Iterable

import msgspec


class Fragment(msgspec.Struct, frozen=True):
    """Text with a `?` for each of `values`."""

    sql: str
    values: tuple[object, ...] = ()


def join(separator: str, fragments: Iterable[Fragment]) -> Fragment:
    """The fragments with the separator between them."""
    parts = tuple(fragments)
    return Fragment(separator.join(part.sql for part in parts), tuple(value for part in parts for value in part.values))


def fill(template: str, *fragments: Fragment) -> Fragment:
    """The template with each `{}` replaced by a fragment, in order. A `?` may stand in fragments only."""
    values = tuple(value for fragment in fragments for value in fragment.values)
    return Fragment(template.format(*(fragment.sql for fragment in fragments)), values)
