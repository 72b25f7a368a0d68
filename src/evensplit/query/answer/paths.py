"""From the rows of `sql.paths` to nodes and links: named, cut at the limit, in order. Pure."""

from collections.abc import Iterable
from typing import cast

from evensplit.model.report.paths import PathLink, PathNode
from evensplit.query.plan.paths import PathsPlan

Row = tuple[int, str, str | None, int, int, int]


def graph(rows: Iterable[tuple[object, ...]], planned: PathsPlan) -> tuple[list[PathNode], list[PathLink], bool]:
    """The nodes that are shown, the links, and whether there are more links. Ties are broken by step and text."""
    found = sorted(cast("list[Row]", list(rows)), key=_order)
    limit = planned.report.limit
    links = [row for row in found if row[2] is not None]
    users = {(step, value): count for step, value, _, count, _, _ in [row for row in found if row[2] is None][:limit]}
    shown: list[PathLink] = []
    for step, value, then, count, of_source, of_target in links[:limit]:
        assert then is not None
        users[step, value], users[step + 1, then] = of_source, of_target
        shown.append(PathLink(_id(step, value), _id(step + 1, then), count))
    nodes = [PathNode(_id(step, value), step, value, count) for (step, value), count in users.items()]
    return sorted(nodes, key=lambda node: (node.step, -node.users, node.value)), shown, len(links) > limit


def _order(row: Row) -> tuple[int, int, str, str]:
    """Most users first."""
    return (-row[3], row[0], row[1], row[2] or "")


def _id(step: int, value: str) -> str:
    return f"{step}:{value}"
