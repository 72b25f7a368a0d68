"""Parquet files in and out through an in-memory DuckDB. Rows leave as JSON texts; what they mean is not known here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from evensplit.errors import Invalid

if TYPE_CHECKING:
    import duckdb

_TIMES = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS")


class ParquetFile:
    """A Parquet file opened for reading: its column names, and its rows in batches."""

    def __init__(self, path: Path) -> None:
        import duckdb  # at first use: most files are no Parquet

        self._con = _engine()
        try:
            found = self._con.execute("DESCRIBE SELECT * FROM read_parquet(?)", [str(path)]).fetchall()
        except duckdb.Error as error:
            self._con.close()
            raise Invalid(f"{path.name}: this is no readable Parquet file ({str(error).splitlines()[0]})") from None
        self._path = path
        self.columns = [str(row[0]) for row in found]
        self._types = [str(row[1]) for row in found]
        (self.rows,) = self._con.execute(
            "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata(?)", [str(path)]
        ).fetchone() or (0,)

    def batches(self, size: int) -> Iterator[list[tuple[str | None, ...]]]:
        """Each cell as JSON text, None where the file has null, NaN or an infinity."""
        wanted = ", ".join(
            _as_json(_identifier(name), kind) for name, kind in zip(self.columns, self._types, strict=True)
        )
        cursor = self._con.execute(f"SELECT {wanted} FROM read_parquet(?)", [str(self._path)])
        while rows := cursor.fetchmany(size):
            yield rows

    def close(self) -> None:
        self._con.close()


def write(lines: Path, columns: Mapping[str, str], target: Path) -> None:
    """A Parquet file at `target` from a file of NDJSON; `columns` holds names and DuckDB types."""
    with _engine() as con:
        source = con.read_json(str(lines), format="newline_delimited", columns=dict(columns))
        source.write_parquet(str(target), compression="zstd")


def _engine() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(config={"threads": 1, "memory_limit": "1GB"})


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _as_json(column: str, kind: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"to_json(strftime(make_timestamp(epoch_us({column})), '%Y-%m-%dT%H:%M:%S.%fZ'))::VARCHAR"
    if kind in _TIMES:
        return f"to_json(strftime({column}::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%f'))::VARCHAR"
    if kind in ("FLOAT", "DOUBLE"):
        return f"CASE WHEN isfinite({column}) THEN to_json({column})::VARCHAR END"
    return f"CASE WHEN {column} IS NOT NULL THEN to_json({column})::VARCHAR END"
