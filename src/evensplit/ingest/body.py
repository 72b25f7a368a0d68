"""Undoes the compression of a request's body, never beyond a limit: a bomb costs neither time nor memory.

What the body holds is for `forms` to say.
"""

import zlib
from collections.abc import Callable

import zstandard

from evensplit.errors import Malformed, TooLarge, UnsupportedEncoding

MAX_BYTES = 20 * 1024 * 1024

_MOST_MEMBERS = 100  # each copies what follows it, so their number bounds the time
_MOST_FRAMES = 10_000
_GZIP, _ZLIB, _RAW = 31, 15, -15
_ZSTD_WINDOW = 32 * 1024 * 1024  # RFC 9659 asks senders for 8 MiB
_ZSTD_STEP = 512  # bytes fed at once: a block of 4 bytes may stand for 128 KiB, so this bounds what one step yields


def decoded(body: bytes, encoding: str, most: int = MAX_BYTES) -> bytes:
    """`body` without its Content-Encoding. Raises UnsupportedEncoding, TooLarge beyond `most`, Malformed if damaged."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    undo = _DECODERS.get(encoding)
    if undo is None:
        raise UnsupportedEncoding(f"Content-Encoding {encoding[:64]!r} is not one of gzip, zstd, deflate")
    try:
        return undo(body, most)
    except (zlib.error, zstandard.ZstdError) as error:
        raise Malformed(f"the body is not {encoding}: {error}") from None


def _gzip(body: bytes, most: int) -> bytes:
    """All members of a gzip file, one after another (RFC 1952)."""
    parts: list[bytes] = []
    size = 0
    while body and len(parts) < _MOST_MEMBERS:
        part, body = _inflate(body, _GZIP, most, size)
        size += len(part)
        parts.append(part)
    if body or not parts:
        raise Malformed("the body is not gzip: there is nothing, or it has very many members")
    return b"".join(parts)


def _deflate(body: bytes, most: int) -> bytes:
    """Zlib's wrapping, as RFC 9110 asks, or none, as some send."""
    try:
        return _inflate(body, _ZLIB, most)[0]
    except zlib.error:
        return _inflate(body, _RAW, most)[0]


def _inflate(body: bytes, window: int, most: int, before: int = 0) -> tuple[bytes, bytes]:
    """One stream, of which `before` bytes of `most` are used up, and what follows it."""
    stream = zlib.decompressobj(window)
    whole = stream.decompress(body, most - before + 1)
    if len(whole) > most - before:
        raise _too_large(most)
    if not stream.eof:
        raise Malformed("the compressed body is cut off")
    return whole, stream.unused_data


def _zstd(body: bytes, most: int) -> bytes:
    """All frames, one after another (RFC 8878)."""
    parts: list[bytes] = []
    size, frames, position = 0, 1, 0
    context = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    stream = context.decompressobj()
    while position < len(body):
        step = body[position : position + _ZSTD_STEP]
        part = stream.decompress(step)
        position += len(step)
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if stream.eof:
            position -= len(stream.unused_data)
            if position < len(body):
                stream = context.decompressobj()
                frames += 1
        if frames > _MOST_FRAMES:
            raise Malformed(f"the body has more than {_MOST_FRAMES} zstd frames")
    if not stream.eof:
        raise Malformed("the compressed body is cut off")
    return b"".join(parts)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body has more than {most} bytes once decompressed")


_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _zstd,
}
