"""Who is who in DuckDB: beside each id stands its number, given out by the columnar copy (`storage.embedded.ids`)."""

from evensplit.query.fragment import Fragment

KEYS = {"user_id": "user_number", "subject": "subject_number", "object": "object_number"}
PERSONS = (
    "WITH stated AS MATERIALIZED (SELECT id, kind, {subject} AS subject, {object} AS object, object AS name, "
    "stated_at FROM es_identity "
    "WHERE kind <> 'trait' AND id <= ?), "
    "merged AS MATERIALIZED (SELECT subject AS id, arg_max(object, id) AS person "
    "FROM stated WHERE kind = 'merge' GROUP BY subject), "
    "cut AS (SELECT subject, max(id) AS up_to FROM stated WHERE kind = 'unlink' GROUP BY subject), "
    "alive AS MATERIALIZED (SELECT l.subject, l.object, l.name, l.stated_at FROM stated AS l "
    "LEFT JOIN cut ON cut.subject = l.subject WHERE l.kind = 'link' AND (up_to IS NULL OR l.id > up_to)), "
    "users AS (SELECT object AS id FROM alive UNION ALL SELECT id FROM merged), "
    "owned AS (SELECT subject AS id, arg_min(object, (stated_at, name)) AS owner FROM alive "
    "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = alive.subject) GROUP BY subject) "
    "SELECT owned.id AS id, coalesce(merged.person, owned.owner) AS person "
    "FROM owned LEFT JOIN merged ON merged.id = owned.owner "
    "UNION ALL SELECT id, person FROM merged WHERE person <> id"
)


class DuckdbPersons:
    """Implements `dialect.base.Persons`."""

    nobody = "NULL::BIGINT"

    def key(self, column: str) -> str:
        table, dot, name = column.rpartition(".")
        return f"{table}{dot}{KEYS[name]}"

    def linked(self, links: int) -> Fragment:
        return Fragment(PERSONS.format(subject=KEYS["subject"], object=KEYS["object"]), (links,))

    def resolved(self, links: int) -> Fragment:
        return Fragment(PERSONS.format(subject="subject", object="object"), (links,))

    def name(self, key: str) -> str:
        return f"(SELECT id FROM copy_ids WHERE number = {key})"
