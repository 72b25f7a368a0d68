"""One question to the columns: run in a thread, given up from another. Not here: what is asked, and somebody's SQL."""

from collections.abc import Sequence

import duckdb

from evensplit.errors import QueryFailed


class Ask:
    """A statement on a connection of its own."""

    def __init__(self, engine: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object]) -> None:
        self._engine = engine
        self._sql = sql
        self._values = list(values)
        self._given_up = False
        self._running: duckdb.DuckDBPyConnection | None = None

    def run(self) -> list[tuple[object, ...]]:
        """Everything that it finds. Raises QueryFailed, also where nobody waits for it any more."""
        try:
            with self._engine.cursor() as cursor:
                self._running = cursor
                if self._given_up:
                    raise QueryFailed("nobody waits for the answer any more")
                return cursor.execute(self._sql, self._values).fetchall()
        except duckdb.Error as error:
            raise QueryFailed("the question could not be answered; the log says why") from error
        finally:
            self._running = None

    def give_up(self) -> None:
        """Interrupt it, or keep it from running."""
        self._given_up = True
        running = self._running
        if running is not None:
            running.interrupt()
