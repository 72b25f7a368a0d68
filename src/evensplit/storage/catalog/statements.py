"""From SQLAlchemy Core to the text and values that the `CatalogStore` port takes. Not here: what is asked."""

from collections.abc import Mapping
from functools import cache

from sqlalchemy.dialects.sqlite.base import SQLiteDialect
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.expression import ClauseElement

from evensplit.storage.base import Statement, Value


@cache
def _dialect() -> Dialect:
    return SQLiteDialect(paramstyle="qmark")


def compiled(statement: ClauseElement) -> Statement:
    """The statement with its values, lists spelt out."""
    return Prepared(statement)({})


class Prepared:
    """A statement compiled once, for what is asked often: compiling costs a hundred times the question."""

    def __init__(self, statement: ClauseElement) -> None:
        text = statement.compile(dialect=_dialect(), compile_kwargs={"render_postcompile": True})
        self._sql = str(text)
        self._order: list[str] = list(getattr(text, "positiontup", None) or ())
        self._fixed: dict[str, Value] = dict(text.params or {})

    def __call__(self, values: Mapping[str, Value]) -> Statement:
        """With a value for each parameter that is not fixed."""
        named = {**self._fixed, **values}
        return self._sql, [named[name] for name in self._order]
