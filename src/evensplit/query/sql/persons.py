"""A page of the persons that a statement names, and the ids that resolve to them. Same text for every engine."""

from collections.abc import Sequence

from evensplit.query.as_of import AsOf
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.sql.scan import people


def counted(who: Fragment) -> Fragment:
    """One row: how many persons the rows (person) of `who` name."""
    return fill("SELECT count(DISTINCT person) FROM ({}) AS who", who)


def page(who: Fragment, after: str | None, limit: int) -> Fragment:
    """The next persons by id."""
    beyond = Fragment("person IS NOT NULL") if after is None else Fragment("person > ?", (after,))
    return fill(
        "SELECT DISTINCT person FROM ({}) AS who WHERE {} ORDER BY person LIMIT {}",
        who,
        beyond,
        Fragment("?", (limit,)),
    )


def ids(dialect: Dialect, as_of: AsOf, persons: Sequence[str]) -> Fragment | None:
    """Rows (id, person) of the ids that resolve to these persons; None where nothing is linked."""
    found = people(dialect, as_of)
    if found is None or not persons:
        return None
    marks = join(", ", [Fragment("?", (person,)) for person in persons])
    return fill("SELECT id, person FROM ({}) AS l WHERE person IN ({}) ORDER BY id", found, marks)
