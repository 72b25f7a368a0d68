"""Compressed bodies come out whole, or are refused without being blown up."""

import gzip
import os
import tracemalloc
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from evensplit.errors import Malformed, TooLarge, UnsupportedEncoding
from evensplit.ingest.body import decoded

MIB = 2**20


def deflate_raw(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def zstd_stream(data: bytes) -> bytes:
    stream = zstandard.ZstdCompressor(level=19).compressobj()
    return stream.compress(data) + stream.flush()


WAYS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    (" GZip ", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", deflate_raw),
    ("zstd", zstd),
    ("zstd", zstd_stream),
    ("identity", bytes),
    ("", bytes),
]


@given(st.binary(max_size=5_000), st.sampled_from(WAYS))
def test_round_trip(data: bytes, way: tuple[str, Callable[[bytes], bytes]]) -> None:
    encoding, squeeze = way
    assert decoded(squeeze(data), encoding) == data


@given(st.binary(max_size=500), st.sampled_from(["gzip", "deflate", "zstd"]))
def test_any_bytes_are_decoded_or_refused(data: bytes, encoding: str) -> None:
    try:
        decoded(data, encoding)
    except (Malformed, TooLarge):
        pass


@pytest.mark.parametrize("squeeze", [gzip.compress, zstd])
def test_several_members_are_one_body(squeeze: Callable[[bytes], bytes]) -> None:
    encoding = "zstd" if squeeze is zstd else "gzip"
    assert decoded(squeeze(b"one ") + squeeze(b"") + squeeze(b"two"), encoding) == b"one two"
    half = squeeze(os.urandom(600))
    with pytest.raises(TooLarge):
        decoded(half + half, encoding, 1_000)


@pytest.mark.parametrize(("encoding", "squeeze"), WAYS[:7])
def test_a_cut_off_body_is_refused(encoding: str, squeeze: Callable[[bytes], bytes]) -> None:
    whole = squeeze(b"a body that is long enough to be cut off " * 20)
    for end in (0, 1, len(whole) // 2, len(whole) - 1):
        with pytest.raises(Malformed):
            decoded(whole[:end], encoding)


def test_very_many_members_are_refused() -> None:
    for encoding, one in (("gzip", gzip.compress(b"")), ("zstd", zstd(b""))):
        with pytest.raises(Malformed):
            decoded(one * 20_000, encoding)


def bomb(encoding: str) -> bytes:
    """200 MB, without ever holding them."""
    chunk = bytes(MIB)
    if encoding == "zstd":
        stream = zstandard.ZstdCompressor().compressobj()
        return b"".join([*(stream.compress(chunk) for _ in range(200)), stream.flush()])
    squeezer = zlib.compressobj(1, zlib.DEFLATED, {"gzip": 31, "deflate": 15, "raw": -15}[encoding])
    return b"".join([*(squeezer.compress(chunk) for _ in range(200)), squeezer.flush()])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw", "zstd"])
def test_a_bomb_takes_no_memory(encoding: str) -> None:
    data = bomb(encoding)
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decoded(data, "deflate" if encoding == "raw" else encoding)
        assert tracemalloc.get_traced_memory()[1] < 64 * MIB
    finally:
        tracemalloc.stop()


def test_the_limit_is_exact() -> None:
    for encoding, squeeze in WAYS[:7]:
        assert len(decoded(squeeze(bytes(1_000)), encoding, 1_000)) == 1_000
        with pytest.raises(TooLarge):
            decoded(squeeze(bytes(1_001)), encoding, 1_000)


@pytest.mark.parametrize("encoding", ["br", "compress", "nonsense", "gzip, br", "gzip, gzip"])
def test_unknown_encodings(encoding: str) -> None:
    with pytest.raises(UnsupportedEncoding):
        decoded(b"{}", encoding)
