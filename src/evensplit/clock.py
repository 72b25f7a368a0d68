"""The only source of time and of chance. Tests replace `now_ms` and `random_bytes` here and nowhere else."""

import secrets
import time
from datetime import UTC, datetime

EPOCH_TEXT = "1970-01-01 00:00:00.000"


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return time.time_ns() // 1_000_000


def random_bytes(n: int) -> bytes:
    return secrets.token_bytes(n)


_last = (-1, "")  # a second and its text, replaced whole: several threads read it


def to_text(ms: int) -> str:
    """`ms` since the epoch as the record keeps it: UTC `YYYY-MM-DD HH:MM:SS.SSS`, which sorts as text."""
    global _last
    seconds, rest = divmod(ms, 1000)
    second, text = _last
    if seconds != second:  # formatting costs 2 microseconds; most events of a moment share the second
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.")
        _last = (seconds, text)
    return f"{text}{rest:03d}"


def from_text(text: str) -> int:
    """The inverse of `to_text`; also reads SQLite's `YYYY-MM-DD HH:MM:SS`."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)
