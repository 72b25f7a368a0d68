"""Whole questions in ClickHouse's SQL that have nothing in common with another engine's."""

from collections.abc import Sequence

from evensplit.query.conditions import Property
from evensplit.query.dialect.clickhouse.values import in_props, kept_text, number, number_text, re2, subcolumn
from evensplit.query.fragment import Fragment, fill, join

# The letters of `texts`, and the types in `props`.
LETTERS = "transform(substring({}, 1, 1), ['n', 's', 'b', 'o', 'a'], ['number', 'text', 'boolean', 'object', 'array'])"
TYPES = "transform({}, ['Float64', 'String', 'Bool'], ['number', 'text', 'boolean'])"
# Of the paths in `texts` those without a dot that is not part of a key; and such a path as the key that it is.
ONE_KEY = r"match({}, '^(?:[^.\\\\]|\\\\.)*$')"
KEY = r"replaceRegexpAll({}, '\\\\(.)', '\\1')"


class ClickhouseAsks:
    """Implements `dialect.base.Asks`."""

    def kinds(self, event_type: str | None, paths: Sequence[Property], after: int, up_to: int) -> Fragment:
        columns = [
            f"countIf(x{n} IS NOT NULL) > 0, countIf(t{n}) > 0, countIf(b{n}) > 0, countIf(o{n}) > 0, "
            f"minIf(abs(x{n}), x{n} <> 0), maxIf(abs(x{n}), x{n} <> 0), countIf(x{n} <> trunc(x{n})) = 0"
            for n in range(len(paths))
        ]
        return fill(
            f"SELECT {', '.join(columns)} FROM (SELECT {{}} FROM events WHERE {{}})",
            join(", ", [_kinds(of, n) for n, of in enumerate(paths)]),
            _among(event_type, Fragment("id > ? AND id <= ?", (after, up_to))),
        )

    def tried(self, patterns: Sequence[str]) -> Fragment:
        return fill("SELECT match('', v) FROM ({})", self.listed([re2(pattern) for pattern in patterns]))

    def listed(self, texts: Sequence[str | None]) -> Fragment:
        return Fragment("SELECT arrayJoin(?) AS v", (list(texts),))

    def counted(self, count: int) -> Fragment:
        return Fragment("SELECT toInt64(number) AS n FROM numbers(?)", (count,))

    def newest(self, event_type: str | None, up_to: int, most: int) -> Fragment:
        return fill(
            "SELECT count(*), coalesce(min(id), 0) FROM (SELECT id FROM events WHERE {} ORDER BY id DESC LIMIT {})",
            _among(event_type, Fragment("id <= ?", (up_to,))),
            Fragment("?", (most,)),
        )

    def names(self, after: int, up_to: int) -> Fragment:
        return Fragment(
            "SELECT DISTINCT arrayJoin(arrayConcat(JSONAllPaths(props), mapKeys(texts))) "
            "FROM events WHERE id > ? AND id <= ?",
            (after, up_to),
        )

    def property_uses(self, event_type: str | None, low: int, high: int, frequent: int) -> Fragment:
        kept = f"arrayFilter(e -> {ONE_KEY.format('e.1')}, arrayZip(mapKeys(texts), mapValues(texts)))"
        return fill(
            "WITH entries AS (SELECT arrayJoin(arrayConcat("
            f"arrayMap((key, type, text) -> (key, {TYPES.format('type')}, text), "
            "mapKeys(JSONAllPathsWithTypes(props)), mapValues(JSONAllPathsWithTypes(props)), JSONAllValues(props)), "
            f"arrayMap(e -> ({KEY.format('e.1')}, {LETTERS.format('e.2')}, substring(e.2, 2)), {kept})"
            ")) AS entry FROM events WHERE {}), "
            "pairs AS MATERIALIZED (SELECT entry.1 AS key, entry.2 AS kind, "
            f"if(entry.2 = 'number', {number_text('toFloat64OrZero(entry.3)')}, entry.3) AS text, count(*) AS n "
            "FROM entries GROUP BY ALL), "
            "kinds AS (SELECT key, kind, sum(n) AS events FROM pairs GROUP BY ALL), "
            "texts AS (SELECT key, kind, text, n FROM pairs "
            "QUALIFY row_number() OVER (PARTITION BY key, kind ORDER BY n DESC, text) <= {}) "
            "SELECT key, kind, events, text, n FROM kinds JOIN texts USING (key, kind) "
            "ORDER BY key, kind, n DESC, text",
            _among(event_type, Fragment("id >= ? AND id <= ?", (low, high))),
            Fragment("?", (frequent,)),
        )


def _kinds(of: Property, n: int) -> Fragment:
    """The number (xN), and whether there is a text (tN), a boolean (bN), an object or array (oN)."""
    kept = kept_text(of)
    if in_props(of):
        text, boolean = (fill("{} IS NOT NULL", subcolumn(of, kind)) for kind in ("String", "Bool"))
        return fill(f"{{}} AS x{n}, {{}} AS t{n}, {{}} AS b{n}, {{}} <> '' AS o{n}", number(of), text, boolean, kept)
    letter = fill("substring({}, 1, 1)", kept)
    return fill(
        f"{{}} AS x{n}, {{}} = 's' AS t{n}, {{}} = 'b' AS b{n}, {{}} IN ('o', 'a') AS o{n}",
        number(of),
        *[letter] * 3,
    )


def _among(event_type: str | None, ids: Fragment) -> Fragment:
    """Events of a type (None: of any) with those ids."""
    return ids if event_type is None else fill("{} AND {}", Fragment("event_type = ?", (event_type,)), ids)
