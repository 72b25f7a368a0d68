"""Who is who in ClickHouse, by the ids themselves."""

from evensplit.query.fragment import Fragment

PERSONS = (
    "WITH merged AS (SELECT subject AS who, argMax(object, id) AS person "
    "FROM es_identity WHERE kind = 'merge' AND id <= ? GROUP BY subject), "
    "alive AS (SELECT subject, object, stated_at FROM es_identity AS i "
    "LEFT JOIN (SELECT subject AS visitor, max(id) AS up_to FROM es_identity WHERE kind = 'unlink' AND id <= ? "
    "GROUP BY subject) AS cut ON cut.visitor = i.subject "
    "WHERE kind = 'link' AND id <= ? AND (up_to IS NULL OR id > up_to)), "
    "owned AS (SELECT subject AS visitor, argMin(object, (stated_at, object)) AS owner FROM alive "
    "WHERE subject NOT IN (SELECT object FROM alive) AND subject NOT IN (SELECT who FROM merged) GROUP BY subject) "
    "SELECT owned.visitor AS id, coalesce(merged.person, owned.owner) AS person "
    "FROM owned LEFT JOIN merged ON merged.who = owned.owner "
    "UNION ALL SELECT who AS id, person FROM merged WHERE person <> who"
)


class ClickhousePersons:
    """Implements `dialect.base.Persons`."""

    nobody = "nullif('', '')"

    def key(self, column: str) -> str:
        return column

    def linked(self, links: int) -> Fragment:
        return self.resolved(links)

    def resolved(self, links: int) -> Fragment:
        return Fragment(PERSONS, (links, links, links))

    def name(self, key: str) -> str:
        return key
