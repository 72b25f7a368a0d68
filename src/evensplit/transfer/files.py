"""Opening a file to read: its format, its compression, and how far the reading is."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Literal, TypeAlias, cast

import msgspec
import zstandard

from evensplit.errors import Invalid

Format: TypeAlias = Literal["csv", "tsv", "ndjson", "parquet"]
FORMATS: tuple[Format, ...] = ("csv", "tsv", "ndjson", "parquet")
SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSED = {".gz": "gzip", ".zst": "zstd", ".zstd": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}


class Damaged(Invalid):
    """The compressed stream ends or breaks off; what came before it has been read."""

    code = "damaged_file"


class Source(msgspec.Struct, frozen=True):
    """A file as it is to be read."""

    path: Path
    format: Format

    @property
    def size(self) -> int:
        """Bytes on disk: the end of a progress bar."""
        return self.path.stat().st_size


class Stream:
    """Decompressed bytes of a source, and the position within the file on disk."""

    def __init__(self, raw: IO[bytes], data: IO[bytes]) -> None:
        self._raw = raw
        self.data = data

    @property
    def position(self) -> int:
        return self._raw.tell()


def source(path: Path, given: Format | None = None) -> Source:
    """The file at `path`, its format from `given` or from the suffix (`events.csv.gz` is CSV)."""
    if not path.is_file():
        raise Invalid(f"there is no file {str(path)!r}")
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    found = given or (SUFFIXES.get(suffixes[-1]) if suffixes else None)
    if found is None:
        raise Invalid(f"{path.name}: the suffix does not tell the format; say --format {'|'.join(FORMATS)}")
    return Source(path, found)


@contextmanager
def stream(source: Source) -> Iterator[Stream]:
    """Open for reading; gzip and Zstandard are seen by their first bytes, whatever the file is called."""
    with source.path.open("rb") as raw:
        head = raw.read(4)
        raw.seek(0)
        compression = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
        try:
            if compression == "gzip":
                yield Stream(raw, cast(IO[bytes], io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 20)))
            elif compression == "zstd":
                unpacked = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
                yield Stream(raw, cast(IO[bytes], io.BufferedReader(unpacked, 1 << 20)))
            else:
                yield Stream(raw, raw)
        except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
            raise Damaged(f"{source.path.name}: the compressed data is damaged or cut off ({error})") from None
