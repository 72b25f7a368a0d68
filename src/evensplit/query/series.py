"""How long `range` and `generate_series` in FROM may be: counted where numbers say it, stepped where times say it."""

from evensplit.errors import SqlNotAllowed
from evensplit.query.parse_tree import Tree, parts, text_of, tree_of

LONGEST = 10_000_000


def check(name: str, arguments: list[object]) -> None:
    """Numbers must be written out, at most `LONGEST` of them; instants need a step that is an interval."""
    given = [tree_of(tree_of(argument).get("expression")) for argument in arguments]
    numbers = [_whole(expression) for expression in given]
    if all(number is not None for number in numbers) and given:
        _count(name, [number for number in numbers if number is not None])
    elif len(given) != 3 or not _is_interval(given[2]) or any(_names_a_column(expression) for expression in given):
        raise SqlNotAllowed(
            f"{name}: give whole numbers as they are, or two instants and a step such as INTERVAL 1 DAY, not columns"
        )


def _count(name: str, numbers: list[int]) -> None:
    start, stop, step = {1: [0, *numbers, 1], 2: [*numbers, 1]}.get(len(numbers), numbers)[:3]
    if step and abs(stop - start) // abs(step) > LONGEST:
        raise SqlNotAllowed(f"{name}: more than {LONGEST} rows")


def _whole(expression: Tree) -> int | None:
    if expression.get("class") != "CONSTANT":
        return None
    literal = tree_of(expression.get("literal"))
    text = text_of(literal.get("text")).replace("_", "")
    if literal.get("kind") != "INTEGER" or len(text) > 40:
        return None
    try:
        return int(text)
    except ValueError:
        return None


def _is_interval(expression: Tree) -> bool:
    if expression.get("class") == "CAST":
        return text_of(tree_of(expression.get("type_expr")).get("type_name")).lower() == "interval"
    return expression.get("class") == "FUNCTION" and text_of(expression.get("function_name")).startswith("to_")


def _names_a_column(expression: Tree) -> bool:
    """Besides those that SQL gives a name of its own."""
    if expression.get("class") == "COLUMN_REF":
        return expression.get("column_names") not in (["current_date"], ["current_timestamp"], ["localtimestamp"])
    return expression.get("class") in ("SUBQUERY", "STAR") or any(map(_names_a_column, parts(expression)))
