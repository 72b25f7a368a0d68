"""Refuses SQL in which a value of `props` would be computed with before it was cast: the answer would be wrong.

Such a value carries its own type. The engine compares types before values (1.5 is not above 1, nor equal to 1.5 as
somebody writes it), sums whole numbers only, and groups by the whole of `props` under GROUP BY ALL. So it may be
shown, counted, grouped by, tested for NULL, compared with a text that stands in the statement, and cast. Whether the
statement is safe to run has been judged before (`allowlist`); what is not known here passes.
"""

from collections.abc import Mapping
from typing import TypeAlias

from evensplit.errors import SqlNotAllowed
from evensplit.query.parse_tree import Tree, items, parts, text_of, tree_of, trees
from evensplit.query.vocabulary import words

Names: TypeAlias = frozenset[str]  # columns that hold values without a type

NONE: Names = frozenset()
TABLES = {"events": frozenset({"props"})}
_EQUALITY = ("COMPARE_EQUAL", "COMPARE_NOTEQUAL", "COMPARE_DISTINCT_FROM", "COMPARE_NOT_DISTINCT_FROM", "COMPARE_IN")
# Functions that hand the value on, those that do so with their first argument only, and those that look at it as it is.
_PASSING = words("first last any_value arbitrary first_value last_value nth_value lag lead if ifnull")
_PASSING_FIRST = words("arg_max arg_min arg_max_null arg_min_null argmax argmin max_by min_by variant_extract")
_TAKING = words(
    """
    count typeof to_json json_object json_array list array_agg list_value struct_pack row map
    ~~ !~~ ~~* !~~* ~~~ like_escape not_like_escape ilike_escape not_ilike_escape
    regexp_matches regexp_full_match starts_with
    variant_typeof variant_exists variant_contains variant_keys variant_array_length variant_extract_string
    """
)


def check(query: Tree) -> None:
    """Raises SqlNotAllowed, naming the value and the cast."""
    _query(query, {}, NONE)


def _query(node: Tree, ctes: Mapping[str, Names], outer: Names) -> Names:
    """The names of its columns that hold values without a type."""
    ctes = dict(ctes)
    for entry in trees(tree_of(node.get("cte_map")).get("map")):
        value = tree_of(entry.get("value"))
        names = _query(tree_of(value.get("query_node")), ctes, outer)
        ctes[text_of(entry.get("key")).lower()] = _renamed(names, value.get("aliases"))
    if node.get("type") == "SELECT_NODE":
        return _select(node, ctes, outer)
    names = NONE
    for part in trees(node.get("children")) or [
        tree_of(node.get(side)) for side in ("left", "right") if node.get(side)
    ]:
        names |= _query(part, ctes, outer)
    _order(node, names, [], ctes)
    return names


def _select(node: Tree, ctes: Mapping[str, Names], outer: Names) -> Names:
    names = outer | _source(node.get("from_table"), ctes, outer)
    shown: list[bool] = []
    made: set[str] = set()
    typed: set[str] = set()
    for item in trees(node.get("select_list")):
        if item.get("class") == "STAR" and not item.get("columns"):
            made |= names - outer
        bare = _value(item, names | made, ctes)
        shown.append(bare)
        name = (text_of(item.get("alias")) or text_of((items(item.get("column_names")) or [""])[-1])).lower()
        (made if bare else typed).add(name)
    if node.get("aggregate_handling") == "FORCE_AGGREGATES" and any(shown):
        at = trees(node.get("select_list"))[shown.index(True)]
        raise SqlNotAllowed(f"GROUP BY ALL would not group by it: {_advice(at)}")
    reach = (names - typed) | made
    for key in ("where_clause", "group_expressions", "having", "qualify"):
        for part in parts([node.get(key)]):
            _value(part, names | reach, ctes)
    _order(node, reach, shown, ctes)
    return frozenset(made)


def _order(node: Tree, names: Names, shown: list[bool], ctes: Mapping[str, Names]) -> None:
    for modifier in trees(node.get("modifiers")):
        for order in trees(modifier.get("orders")):
            by = tree_of(order.get("expression"))
            place = text_of(tree_of(by.get("literal")).get("text")) if by.get("class") == "CONSTANT" else ""
            by_place = place.isdecimal() and len(place) < 6 and shown[int(place) - 1 : int(place)] == [True]
            if _value(by, names, ctes) or by_place or (by.get("class") == "STAR" and any(shown)):
                raise SqlNotAllowed(f"ORDER BY: {_advice(by)}")


def _source(value: object, ctes: Mapping[str, Names], outer: Names) -> Names:
    if not isinstance(value, dict):
        return NONE
    if value.get("type") == "BASE_TABLE":
        name = text_of(value.get("table_name")).lower()
        return _renamed(ctes.get(name, TABLES.get(name, NONE)), value.get("column_name_alias"))
    if value.get("type") == "SUBQUERY":
        names = _query(tree_of(tree_of(value.get("subquery")).get("node")), ctes, outer)
        return _renamed(names, value.get("column_name_alias"))
    if value.get("type") == "PIVOT":
        return _source(value.get("source"), ctes, outer)
    if value.get("type") != "JOIN":
        return NONE
    left = _source(value.get("left"), ctes, outer)
    names = left | _source(value.get("right"), ctes, outer | left)
    for column in items(value.get("using_columns")):
        if text_of(column).lower() in names:
            raise SqlNotAllowed(f"USING ({text_of(column)}): a value of props has no type of its own, so cast it")
    for part in parts([value.get("condition")]):
        _value(part, names | outer, ctes)
    return names


def _renamed(names: Names, aliases: object) -> Names:
    """Which column got which of the new names is not followed: all of them may hold such a value."""
    return names | {text_of(alias).lower() for alias in items(aliases)} if names else names


def _value(part: Tree, names: Names, ctes: Mapping[str, Names]) -> bool:
    """Is this a value without a type? Raises where one is computed with inside."""
    kind = part.get("class")
    if kind == "COLUMN_REF":
        return any(text_of(name).lower() in names for name in items(part.get("column_names")))
    if kind in ("FUNCTION", "WINDOW"):
        return _call(part, names, ctes)
    if kind == "SUBQUERY":
        inner = _query(tree_of(tree_of(part.get("subquery")).get("node")), ctes, names)
        child = [_value(one, names, ctes) for one in parts([part.get("child")])]
        if child and (any(child) or inner):
            raise SqlNotAllowed(f"IN (SELECT ...): {_advice(part)}")
        return bool(inner) and part.get("subquery_type") == "SCALAR"
    within = [(one, _value(one, names, ctes)) for one in parts(part)]
    bare = [one for one, found in within if found]
    if not bare or kind in ("CAST", "CONJUNCTION", "STAR"):
        return False
    if kind == "COMPARISON" or part.get("type") == "COMPARE_IN":
        texts = [
            one for one, found in within if not found and tree_of(one.get("literal") or {}).get("kind") == "STRING"
        ]
        if part.get("type") not in _EQUALITY or len(bare) > 1 or len(texts) < len(within) - 1:
            raise SqlNotAllowed(f"compared: {_advice(bare[0])}")
    elif kind == "BETWEEN":
        raise SqlNotAllowed(f"BETWEEN: {_advice(bare[0])}")
    elif kind == "LAMBDA":
        raise SqlNotAllowed("-> reads JSON text: use properties -> 'name', or props.name")
    elif kind == "CASE" or part.get("type") in ("OPERATOR_COALESCE", "OPERATOR_TRY"):
        return True
    return part.get("type") in ("ARRAY_EXTRACT", "STRUCT_EXTRACT", "ARRAY_SLICE") and within[0][1]


def _call(part: Tree, names: Names, ctes: Mapping[str, Names]) -> bool:
    name = text_of(part.get("function_name")).lower()
    arguments = [list(parts(argument)) for argument in items(part.get("arguments"))]
    found = [any(_value(one, names, ctes) for one in argument) for argument in arguments]
    for one in parts({**part, "arguments": None, "order_bys": None, "orders": None}):
        _value(one, names, ctes)
    orders = [*items(part.get("orders")), *items(tree_of(part.get("order_bys") or {}).get("orders"))]
    for order in trees(orders):
        if _value(tree_of(order.get("expression")), names, ctes):
            raise SqlNotAllowed(f"ORDER BY: {_advice(tree_of(order.get('expression')))}")
    if not any(found):
        return False
    if name == "->>":
        raise SqlNotAllowed("->> reads JSON text: use properties ->> 'name', or props.name::VARCHAR")
    if name in _PASSING or (name in _PASSING_FIRST and not any(found[1:])):
        return True
    if name not in _TAKING:
        raise SqlNotAllowed(f"{name}: {_advice(arguments[found.index(True)][0])}")
    return False


def _advice(part: Tree) -> str:
    shown = ".".join(text_of(name) for name in items(part.get("column_names")))[:100] or "props.name"
    return f"a value of props has no type of its own, so cast it, as in {shown}::DOUBLE or {shown}::VARCHAR"
