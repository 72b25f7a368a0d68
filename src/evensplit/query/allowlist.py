"""Judges the parse tree of a read-only SQL statement: every table, function, type and shape in it must be known.

The walk is closed: what it does not know, it refuses, so a new feature of the engine is refused until somebody has
looked at it. It also weighs the statement (`weight`). Running a judged statement is `storage.embedded.questions`.
"""

from collections.abc import Mapping

import msgspec

from evensplit.errors import SqlFailed, SqlNotAllowed
from evensplit.query import series, untyped, vocabulary
from evensplit.query.parse_tree import Tree, items, parts, text_of, tree_of, trees
from evensplit.query.vocabulary import FIXED, FLAT, GATHERING, GROWING, REPLACING, TABLES
from evensplit.query.weight import MOST_GROWTH, Weight, bounded, checked, heaviest, planned, row_of, total

MOST_QUERIES = 100
MOST_CTES = 30
MOST_GROUPING_SETS = 64
MOST_PARTS = 16  # of a dotted name
SHORT = 64  # characters of a text that do not count as growth

_INTERNAL = ("es_", "copy_", "duckdb_", "pragma_", "pg_", "sqlite_", "information_schema")
_CHANGING = ("INSERT", "UPDATE", "DELETE", "MERGE")


class Scope(msgspec.Struct, frozen=True):
    """What a name means at some place of the statement."""

    ctes: Mapping[str, Weight]
    reach: Weight = Weight(1)  # of the columns in reach: their growth, and how many they are
    aliases: Mapping[str, Weight] = {}  # of the select list so far: the engine puts them in where they are named
    repeated: bool = False  # inside the part of a recursion that runs again and again

    def beside(self, source: Weight) -> "Scope":
        """The same place with the columns of `source` in reach too."""
        growth = max(1, self.reach.growth, source.growth)
        return msgspec.structs.replace(self, reach=Weight(growth, max(self.reach.columns, source.columns)))


def judge(text: str) -> None:
    """`text` is what `json_serialize_sql` says of the statement. Raises SqlNotAllowed and SqlFailed."""
    try:
        tree = msgspec.json.decode(text, type=dict[str, object])
        if tree.get("error"):
            raise _unparsed(tree)
        statements = trees(tree.get("statements"))
        if not statements:
            raise SqlFailed("there is no statement")
        if len(statements) > 1:
            raise SqlNotAllowed(f"{len(statements)} statements: send one")
        query = tree_of(statements[0].get("node"))
        _Judge().query(query, Scope({}))
        untyped.check(query)
    except RecursionError:
        raise SqlNotAllowed("the statement nests too deep") from None


def _unparsed(tree: Tree) -> SqlFailed | SqlNotAllowed:
    message = text_of(tree.get("error_message")).splitlines()[0]
    if tree.get("error_type") == "not implemented" and message.startswith("Only SELECT"):
        return SqlNotAllowed("only a SELECT is allowed here")
    if message.startswith("Max expression depth"):
        return SqlNotAllowed("the statement nests too deep")
    return SqlFailed(message)


class _Judge:
    """One statement. `query`, `source` and `expression` call each other down the tree."""

    def __init__(self) -> None:
        self._queries = 0
        self._ctes = 0
        self._rows: set[str] = set()  # names of tables and their aliases: named as a column they are a whole row

    # --- queries ----------------------------------------------------------------------------------

    def query(self, node: Tree, scope: Scope) -> Weight:
        self._queries += 1
        if self._queries > MOST_QUERIES:
            raise SqlNotAllowed(f"more than {MOST_QUERIES} queries in one statement")
        kind = text_of(node.get("type"))
        if kind.startswith(_CHANGING):
            raise SqlNotAllowed(
                f"{kind.split('_')[0]}: a statement here changes nothing, and neither does any part of it"
            )
        scope = msgspec.structs.replace(scope, ctes=self._with(node, scope))
        if kind == "SELECT_NODE":
            return self._select(node, scope)
        if kind == "SET_OPERATION_NODE":
            weights = [self.query(part, scope) for part in trees(node.get("children"))]
            return self._rest(node, scope, ("children", "cte_map"), heaviest(weights))
        if kind == "RECURSIVE_CTE_NODE":
            first = self.query(tree_of(node.get("left")), scope)
            ctes = {**scope.ctes, text_of(node.get("cte_name")).lower(): first}
            inside = msgspec.structs.replace(scope, ctes=ctes, repeated=True)
            again = self.query(tree_of(node.get("right")), inside)
            both = first._replace(tables=first.tables + again.tables, size=first.size + again.size)
            return self._rest(node, inside, ("left", "right", "cte_map"), both)
        raise SqlNotAllowed(f"{kind}: this form of query is not allowed")

    def _with(self, node: Tree, scope: Scope) -> Mapping[str, Weight]:
        """The common table expressions in force: each sees those before it, and itself only in a recursion."""
        ctes = dict(scope.ctes)
        for entry in trees(tree_of(node.get("cte_map")).get("map")):
            self._ctes += 1
            if self._ctes > MOST_CTES:
                raise SqlNotAllowed(f"more than {MOST_CTES} common table expressions")
            name = text_of(entry.get("key")).lower()
            if name.startswith(_INTERNAL) or not name.isprintable() or any(mark in name for mark in "./\\:*?"):
                raise SqlNotAllowed(f"WITH {name[:100]}: a common table expression needs a plain name of your own")
            value = tree_of(entry.get("value"))
            for key in ("key_targets", "payload_aggregates"):
                if value.get(key):
                    raise SqlNotAllowed("USING KEY is not allowed in a common table expression")
            body = value.get("query_node") or tree_of(value.get("query")).get("node")
            ctes[name] = self.query(tree_of(body), msgspec.structs.replace(scope, ctes=ctes))
        return ctes

    def _select(self, node: Tree, scope: Scope) -> Weight:
        if len(items(node.get("group_sets"))) > MOST_GROUPING_SETS:
            raise SqlNotAllowed(f"more than {MOST_GROUPING_SETS} grouping sets")
        source = self.source(node.get("from_table"), scope)
        aliases = dict(scope.aliases)
        inside = msgspec.structs.replace(scope.beside(source), aliases=aliases)
        row = Weight(0, 0, source.tables, source.size)
        for item in trees(node.get("select_list")):
            weight = self.expression(item, inside)
            wide = max(1, weight.columns)  # an expression over COLUMNS is written out for each of them
            row = checked(row_of(row, planned(weight, wide)._replace(columns=wide)))
            name = text_of(item.get("alias")).lower()
            if name:
                aliases[name] = weight
        return self._rest(node, inside, ("select_list", "from_table", "cte_map"), row)

    def _rest(self, node: Tree, scope: Scope, done: tuple[str, ...], shape: Weight) -> Weight:
        """`shape` with the parts of `node` that do not shape its rows: conditions, order, limits."""
        others = [self.expression(part, scope) for part in parts({k: v for k, v in node.items() if k not in done})]
        rest = total([planned(other, max(1, other.columns)) for other in others])
        return checked(shape._replace(tables=shape.tables + rest.tables, size=shape.size + rest.size))

    # --- what stands in FROM ----------------------------------------------------------------------

    def source(self, value: object, scope: Scope) -> Weight:
        if value is None:
            return Weight()
        ref = tree_of(value)
        kind = text_of(ref.get("type"))
        self._rows.add(text_of(ref.get("alias")).lower())
        match kind:
            case "EMPTY":
                return Weight()
            case "BASE_TABLE":
                return self._table(ref, scope)
            case "SUBQUERY":
                inner = self.query(tree_of(tree_of(ref.get("subquery")).get("node")), scope)
                return self._rest(ref, scope, ("subquery",), inner)
            case "JOIN":
                return self._join(ref, scope)
            case "TABLE_FUNCTION":
                return self._table_function(ref, scope)
            case "EXPRESSION_LIST":
                rows = items(ref.get("values"))
                weight = heaviest([self.expression(part, scope) for part in parts(rows)])
                wide = weight._replace(columns=max((len(items(row)) for row in rows), default=0))
                return self._rest(ref, scope, ("values",), wide)
            case "PIVOT":
                return self._pivot(ref, scope)
            case "SHOW_REF":
                raise SqlNotAllowed("DESCRIBE, SHOW and SUMMARIZE are not allowed here")
        raise SqlNotAllowed(f"{kind}: this is not allowed in FROM")

    def _table(self, ref: Tree, scope: Scope) -> Weight:
        path = [text_of(part) for part in items(tree_of(ref.get("qualified_name")).get("path"))]
        name = path[-1].lower() if path else ""
        shown = ".".join(path)[:100]
        if len(path) != 1 or ref.get("schema_name") or ref.get("catalog_name"):
            raise SqlNotAllowed(f"table {shown}: tables are named without schema or catalog")
        if path[0] != text_of(ref.get("table_name")):
            raise SqlNotAllowed(f"table {shown}: its name is not plain")
        self._rest(ref, scope, (), Weight())  # nothing else may hang on it
        self._rows.add(name)
        if name in scope.ctes:
            found = scope.ctes[name]
            return found._replace(growth=max(1, found.growth), tables=max(1, found.tables))
        if name not in TABLES:
            raise SqlNotAllowed(f"table {shown}: the tables are {', '.join(TABLES)}")
        return Weight(1, len(TABLES[name]), 1)

    def _join(self, ref: Tree, scope: Scope) -> Weight:
        left = self.source(ref.get("left"), scope)
        right = self.source(ref.get("right"), scope.beside(left))  # LATERAL sees what stands to its left
        both = checked(row_of(left, right))
        return self._rest(ref, scope.beside(both), ("left", "right"), both)

    def _table_function(self, ref: Tree, scope: Scope) -> Weight:
        call = tree_of(ref.get("function"))
        name = _function_name(call)
        if name not in vocabulary.TABLE_FUNCTIONS or call.get("class") != "FUNCTION":
            raise SqlNotAllowed(f"function {name}: it is not allowed in FROM")
        if name in ("range", "generate_series"):
            series.check(name, items(call.get("arguments")))
        weight = total([self.expression(part, scope) for part in parts(call)])
        wide = weight._replace(growth=max(1, weight.growth), columns=10, tables=1 + weight.tables)
        return self._rest(ref, scope, ("function",), wide)

    def _pivot(self, ref: Tree, scope: Scope) -> Weight:
        source = self.source(ref.get("source"), scope)
        columns = len(items(ref.get("aggregates"))) or 1
        for pivot in trees(ref.get("pivots")):
            if pivot.get("pivot_enum") or pivot.get("subquery"):
                raise SqlNotAllowed("PIVOT: the values must be listed in IN (...)")
            columns *= len(items(pivot.get("entries"))) or 1
        wide = checked(source._replace(columns=source.columns + columns))
        return self._rest(ref, scope.beside(source), ("source",), wide)

    # --- expressions ------------------------------------------------------------------------------

    def expression(self, part: Tree, scope: Scope) -> Weight:
        kind = part.get("class")
        match kind:
            case None:
                if part.get("type") not in vocabulary.FRAMES:
                    raise SqlNotAllowed(f"{part.get('type')}: this is not allowed here")
                return total([self.expression(inner, scope) for inner in parts(part)])
            case "COLUMN_REF":
                return self._column(part, scope)
            case "CONSTANT":
                return Weight(int(len(str(tree_of(part.get("literal")).get("text"))) > SHORT))
            case "PARAMETER":
                return Weight(1)
            case "FUNCTION":
                return self._function(part, scope)
            case "WINDOW":
                return self._window(part, scope)
            case "CAST":
                return self._cast(part, scope)
            case "SUBQUERY":
                inner = self.query(tree_of(tree_of(part.get("subquery")).get("node")), scope)
                return self._rest(part, scope, ("subquery",), inner._replace(columns=0))
            case "STAR":
                weight = total([self.expression(inner, scope) for inner in parts(part)])
                return Weight(scope.reach.growth, max(1, scope.reach.columns), weight.tables, weight.size + 1)
            case "LAMBDA" if part.get("syntax_type") == "SINGLE_ARROW":  # json -> key; no function here takes a lambda
                return heaviest([self.expression(inner, scope) for inner in parts(part)])
            case "OPERATOR" if part.get("type") in vocabulary.OPERATORS:
                weights = [self.expression(inner, scope) for inner in parts(part)]
                if part.get("type") == "ARRAY_CONSTRUCTOR":
                    return self._grown("a list", 2, weights, scope)
                return heaviest(weights)
        if kind in vocabulary.PLAIN:
            return heaviest([self.expression(inner, scope) for inner in parts(part)])
        raise SqlNotAllowed(f"{kind} {part.get('type')}: this form of expression is not allowed")

    def _column(self, part: Tree, scope: Scope) -> Weight:
        names = [text_of(name).lower() for name in items(part.get("column_names"))]
        if len(names) > MOST_PARTS:
            raise SqlNotAllowed(f"a name of more than {MOST_PARTS} parts")
        alias = scope.aliases.get(names[0] if names else "", Weight())
        growth = max(scope.reach.growth, alias.growth)
        if names and names[-1] in self._rows:
            growth *= max(1, scope.reach.columns)
        return Weight(growth, 0, alias.tables, alias.size)

    def _function(self, part: Tree, scope: Scope) -> Weight:
        name = _function_name(part)
        arguments = items(part.get("arguments"))
        weights = [total([self.expression(inner, scope) for inner in parts(one)]) for one in arguments]
        rest = total([self.expression(inner, scope) for inner in parts({**part, "arguments": None})])
        weights = [planned(weight, vocabulary.REPEATING.get(name, 1)) for weight in weights]
        beside = Weight(0, rest.columns, rest.tables, rest.size + 1)
        if name in GATHERING or len(arguments) >= vocabulary.BEST_OF.get(name, 1_000):
            _at_most_once(name, scope)
            return total([*weights, beside])._replace(growth=MOST_GROWTH)
        if name in REPLACING:
            return self._grown(
                name, _replaced(name, arguments), [*weights[:1], *map(bounded, weights[1:]), beside], scope
            )
        if name in GROWING:
            return self._grown(name, GROWING[name], [*weights, beside], scope)
        if name in FIXED:
            return bounded(total([*weights, beside]))
        if name not in FLAT:
            raise SqlNotAllowed(f"function {name}: {_WHY.get(name, 'it is not one of the functions allowed here')}")
        if name in vocabulary.JOINING and sum(weight.growth > 0 for weight in weights) > 1:
            if scope.repeated:
                raise SqlNotAllowed(f"{name} in a recursion joins lists too: cast all operands but one to numbers")
            return self._grown(name, 1, [*weights, beside], scope)
        return heaviest([*weights, beside])

    def _grown(self, what: str, times: int, weights: list[Weight], scope: Scope) -> Weight:
        _at_most_once(what, scope)
        weight = total(weights)
        growth = weight.growth * times
        if growth > MOST_GROWTH:
            raise SqlNotAllowed(
                f"{what}: the value may become {growth} times as long as what it is made of, more than {MOST_GROWTH}"
            )
        return weight._replace(growth=growth)

    def _window(self, part: Tree, scope: Scope) -> Weight:
        name = _function_name(part)
        if name not in FIXED and (
            name not in FLAT or len(items(part.get("arguments"))) >= vocabulary.BEST_OF.get(name, 9)
        ):
            raise SqlNotAllowed(f"function {name}: it is not allowed over a window")
        weight = heaviest([self.expression(inner, scope) for inner in parts(part)])
        return bounded(weight) if name in FIXED else weight

    def _cast(self, part: Tree, scope: Scope) -> Weight:
        weight = total([self.expression(inner, scope) for inner in parts({**part, "type_expr": None})])
        times = _type_growth(tree_of(part.get("type_expr")))
        if times > 1:
            return self._grown("the cast", times, [weight], scope)
        return bounded(weight) if times == 0 else weight


_WHY = {
    "range": "it builds lists; in FROM it is allowed",
    "generate_series": "it builds lists; in FROM it is allowed",
    **dict.fromkeys(("repeat", "lpad", "rpad", "format", "printf"), "it may build texts of any length"),
    **dict.fromkeys(("list_transform", "list_apply", "list_filter", "list_reduce"), "it builds lists"),
}


def _at_most_once(what: str, scope: Scope) -> None:
    if scope.repeated:
        raise SqlNotAllowed(f"{what}: in a recursion it would let values grow without end")


def _function_name(call: Tree) -> str:
    name = text_of(call.get("function_name")).lower()
    path = [text_of(part) for part in items(tree_of(call.get("qualified_name")).get("path"))]
    if call.get("schema") or call.get("catalog") or len(path) != 1 or path[0].lower() != name:
        raise SqlNotAllowed(f"function {'.'.join(path)[:100] or name}: functions are named without schema or catalog")
    return name


def _replaced(name: str, arguments: list[object]) -> int:
    """How much longer the first argument may become: the text put into it must stand in the statement."""
    at = REPLACING[name]
    if at >= len(arguments):
        return 2
    expression = tree_of(tree_of(arguments[at]).get("expression"))
    text = text_of(tree_of(expression.get("literal")).get("text")) if expression.get("class") == "CONSTANT" else None
    if text is None:
        raise SqlNotAllowed(f"{name}: the text put in must be written in the statement")
    return 1 + len(text)


def _type_growth(kind: Tree) -> int:
    """How much longer a value may become by a cast to this type; 0: it is of bounded size."""
    name = text_of(kind.get("type_name")).lower()
    path = items(tree_of(kind.get("qualified_name")).get("path"))
    if kind.get("class") != "TYPE" or len(path) != 1 or text_of(path[0]).lower() != name:
        raise SqlNotAllowed(f"type {name[:100]}: this is not a type that may be named here")
    within = list(parts(items(kind.get("children"))))
    if name in vocabulary.FIXED_TYPES or name in vocabulary.TEXT_TYPES:
        if any(inner.get("class") != "CONSTANT" for inner in within):
            raise SqlNotAllowed(f"type {name}: its width must be a number")
        return int(name in vocabulary.TEXT_TYPES)
    if name not in vocabulary.GROWING_TYPES:
        raise SqlNotAllowed(f"type {name[:100]}: it is not one of the types allowed here")
    for inner in within:
        _type_growth(inner)
    return vocabulary.GROWING_TYPES[name]
