"""How the engine's parse tree is read: dictionaries and lists out of its JSON. What may stand in it is not for here.

An expression has a `class`; a query, a source or a frame around expressions has a `type`.
"""

from collections.abc import Iterator
from typing import TypeAlias

from evensplit.errors import SqlNotAllowed

Tree: TypeAlias = dict[str, object]


def parts(value: object) -> Iterator[Tree]:
    """The expressions, sources and frames within `value`, not those within them, in order."""
    _plain(value)
    waiting = list(reversed(value.values())) if isinstance(value, dict) else items(value)[::-1]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict):
            _plain(inner)
            if "class" in inner or isinstance(inner.get("type"), str):
                yield inner
            else:
                waiting.extend(reversed(inner.values()))
        elif isinstance(inner, list):
            waiting.extend(reversed(inner))


def _plain(value: object) -> None:
    if isinstance(value, dict) and (value.get("sample") or value.get("at_clause")):
        raise SqlNotAllowed("SAMPLE and AT are not allowed")


def tree_of(value: object) -> Tree:
    if not isinstance(value, dict):
        raise SqlNotAllowed("the statement has a form that is not known here")
    return value


def items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def trees(value: object) -> list[Tree]:
    return [tree_of(inner) for inner in items(value)]


def text_of(value: object) -> str:
    return value if isinstance(value, str) else ""
