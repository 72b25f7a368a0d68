"""Single values that are kept on ClickHouse: the one written last counts. What they hold is up to who writes them."""

from typing import TypeVar

import msgspec

from evensplit.storage.clickhouse.connection import Connection
from evensplit.storage.clickhouse.schema import STATE

_T = TypeVar("_T")


class State:
    """One value, under its name; for one thread."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._version = 0

    def read(self, kind: type[_T]) -> _T | None:
        """None where nothing has been written."""
        found = self._connection.look_up(
            "SELECT argMax(value, version), max(version) FROM es_state WHERE name = {name:String} GROUP BY name",
            {"name": self._name},
        )
        if not found:
            return None
        self._version = int(str(found[0][1]))
        return msgspec.json.decode(str(found[0][0]), type=kind)

    def write(self, value: object) -> None:
        """Call `read` once before."""
        self._version += 1
        text = msgspec.json.encode(value).decode()
        self._connection.insert("es_state", STATE, [[self._name], [text], [self._version]])
