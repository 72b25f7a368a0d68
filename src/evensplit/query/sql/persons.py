"""A page of the persons that a statement names, and the ids that resolve to them. Same text for every engine."""

from collections.abc import Sequence

from evensplit.query.as_of import AsOf
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join


def counted(who: Fragment) -> Fragment:
    """One row: how many persons the rows (person) of `who` name."""
    return fill("SELECT count(DISTINCT person) FROM ({}) AS who", who)


def page(who: Fragment, after: str | None, limit: int, dialect: Dialect) -> Fragment:
    """The next persons by id, of the rows (person) of `who`."""
    beyond = Fragment("person IS NOT NULL") if after is None else Fragment("person > ?", (after,))
    return fill(
        f"SELECT person FROM (SELECT {dialect.persons.name('k')} AS person "
        "FROM (SELECT DISTINCT person AS k FROM ({}) AS who) AS keys) AS named WHERE {} ORDER BY person LIMIT {}",
        who,
        beyond,
        Fragment("?", (limit,)),
    )


def ids(dialect: Dialect, as_of: AsOf, persons: Sequence[str]) -> Fragment | None:
    """Rows (id, person) of the ids that resolve to these persons; None where nothing is linked."""
    if not as_of.links or not persons:
        return None
    marks = join(", ", [Fragment("?", (person,)) for person in persons])
    return fill(
        "SELECT id, person FROM ({}) AS l WHERE person IN ({}) ORDER BY id",
        dialect.persons.resolved(as_of.links),
        marks,
    )
