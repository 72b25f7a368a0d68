"""Whole questions in DuckDB's SQL that have nothing in common with another engine's."""

from collections.abc import Sequence

from evensplit.query.conditions import Property
from evensplit.query.dialect.duckdb.values import (
    BOOLEANS,
    NUMBERS,
    TEXTS,
    extracted,
    mixed_number,
    nested_text,
    number_text,
)
from evensplit.query.fragment import Fragment, fill, join

KINDS = (
    "CASE type WHEN 'VARCHAR' THEN 'text' WHEN 'BOOLEAN' THEN 'boolean' "
    "WHEN 'OBJECT' THEN 'object' WHEN 'ARRAY' THEN 'array' ELSE 'number' END"
)
JSON_TEXT = (
    "CASE type WHEN 'VARCHAR' THEN value ->> '$' WHEN 'BOOLEAN' THEN value ->> '$' "
    f"WHEN 'OBJECT' THEN {nested_text('value::VARCHAR')} WHEN 'ARRAY' THEN {nested_text('value::VARCHAR')} "
    f"ELSE {number_text('value::DOUBLE')} END"
)


class DuckdbAsks:
    """Implements `dialect.base.Asks`."""

    def kinds(self, event_type: str | None, paths: Sequence[Property], after: int, up_to: int) -> Fragment:
        columns = [
            f"coalesce(bool_or(t{n} IN ({NUMBERS})), FALSE), coalesce(bool_or(t{n} = 'VARCHAR'), FALSE), "
            f"coalesce(bool_or(t{n} IN ({BOOLEANS})), FALSE), "
            f"coalesce(bool_or(t{n} NOT IN ({NUMBERS}, {TEXTS}, 'VARIANT_NULL')), FALSE), "
            f"min(abs(x{n})) FILTER (x{n} <> 0), max(abs(x{n})) FILTER (x{n} <> 0), "
            f"coalesce(bool_and(x{n} = trunc(x{n})), TRUE)"
            for n in range(len(paths))
        ]
        kinds = [
            fill(f"variant_typeof({{}}) AS t{n}, {{}} AS x{n}", extracted(path), mixed_number(path))
            for n, path in enumerate(paths)
        ]
        return fill(
            f"SELECT {', '.join(columns)} FROM (SELECT {{}} FROM events WHERE {{}})",
            join(", ", kinds),
            _among(event_type, Fragment("id > ? AND id <= ?", (after, up_to))),
        )

    def tried(self, patterns: Sequence[str]) -> Fragment:
        return fill("SELECT regexp_matches('', v) FROM ({})", self.listed(patterns))

    def listed(self, texts: Sequence[str | None]) -> Fragment:
        return Fragment("SELECT unnest(?::VARCHAR[]) AS v", (list(texts),))

    def counted(self, count: int) -> Fragment:
        return Fragment("SELECT unnest(range(?)) AS n", (count,))

    def newest(self, event_type: str | None, up_to: int, most: int) -> Fragment:
        return fill(
            "SELECT count(*), coalesce(min(id), 0) FROM (SELECT id FROM events WHERE {} ORDER BY id DESC LIMIT {})",
            _among(event_type, Fragment("id <= ?", (up_to,))),
            Fragment("?", (most,)),
        )

    def names(self, after: int, up_to: int) -> Fragment:
        return Fragment(
            "SELECT DISTINCT name FROM (SELECT unnest(variant_keys(props)) AS name "
            "FROM events WHERE id > ? AND id <= ? AND props IS NOT NULL) AS keys",
            (after, up_to),
        )

    def property_uses(self, event_type: str | None, low: int, high: int, frequent: int) -> Fragment:
        return fill(
            f"WITH pairs AS MATERIALIZED (SELECT key, {KINDS} AS kind, {JSON_TEXT} AS text, count(*) AS n "
            "FROM (SELECT props::JSON AS document FROM events WHERE {}) AS e, json_each(e.document) "
            "WHERE type <> 'NULL' GROUP BY ALL), "
            "kinds AS (SELECT key, kind, sum(n)::BIGINT AS events FROM pairs GROUP BY ALL), "
            "texts AS (SELECT key, kind, text, n FROM pairs "
            "QUALIFY row_number() OVER (PARTITION BY key, kind ORDER BY n DESC, text) <= {}) "
            "SELECT key, kind, events, text, n FROM kinds JOIN texts USING (key, kind) "
            "ORDER BY key, kind, n DESC, text",
            _among(event_type, Fragment("id >= ? AND id <= ?", (low, high))),
            Fragment("?", (frequent,)),
        )


def _among(event_type: str | None, ids: Fragment) -> Fragment:
    """Events of a type (None: of any) with those ids."""
    return ids if event_type is None else fill("{} AND {}", Fragment("event_type = ?", (event_type,)), ids)
