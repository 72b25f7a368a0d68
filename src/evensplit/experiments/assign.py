"""Which variant a user falls into: pure hashing, no state. What is stored wins over it; that is `assignments`.

The default is GrowthBook's hash version 2, so that its SDKs, which evaluate locally, agree with the server:
https://docs.growthbook.io/lib/build-your-own#hashing
"""

import math
import sys
from collections.abc import Callable, Sequence
from typing import TypeAlias

HashVersion: TypeAlias = str
Range: TypeAlias = tuple[float, float]  # start inclusive, end exclusive, within [0, 1]

FNV_OFFSET = 0x811C9DC5
FNV_PRIME = 0x01000193
UTF_16 = "utf-16-le" if sys.byteorder == "little" else "utf-16-be"


def fnv1a_32(text: str) -> int:
    """FNV-1a over UTF-16 code units, as the JavaScript SDKs read text."""
    state = FNV_OFFSET
    if text.isascii():
        for unit in text.encode("ascii"):
            state = ((state ^ unit) * FNV_PRIME) & 0xFFFFFFFF
        return state
    for unit in memoryview(text.encode(UTF_16, "surrogatepass")).cast("H"):
        state = ((state ^ unit) * FNV_PRIME) & 0xFFFFFFFF
    return state


def _growthbook_v1(seed: str, user_id: str) -> tuple[int, int]:
    return fnv1a_32(user_id + seed) % 1000, 1000


def _growthbook_v2(seed: str, user_id: str) -> tuple[int, int]:
    return fnv1a_32(str(fnv1a_32(seed + user_id))) % 10_000, 10_000


# version: (seed, user) -> (bucket, how many buckets there are)
HASHES: dict[HashVersion, Callable[[str, str], tuple[int, int]]] = {
    "growthbook_v2": _growthbook_v2,
    "growthbook_v1": _growthbook_v1,
}


def bucket(version: HashVersion, seed: str, user_id: str) -> tuple[int, int]:
    """The user's bucket and the number of buckets."""
    return HASHES[version](seed, user_id)


def ranges(weights: Sequence[float]) -> list[Range]:
    """The weights as cumulative shares of [0, 1], in the order of the variants."""
    total = math.fsum(weights)
    cumulative, edges = 0.0, []
    for weight in weights:
        start = cumulative
        cumulative += weight / total
        edges.append((start, cumulative))
    return edges


def choose(point: float, edges: Sequence[Range]) -> int:
    """The position of the range that holds `point`; -1 if none does."""
    for position, (start, end) in enumerate(edges):
        if start <= point < end:
            return position
    return -1


def variant_of(version: HashVersion, seed: str, user_id: str, weights: Sequence[float]) -> int:
    """The position of the user's variant. The weights are finite, not negative, with a positive sum."""
    number, buckets = bucket(version, seed, user_id)
    position = choose(number / buckets, ranges(weights))
    if position >= 0:
        return position
    # Shares are rounded, and a thousand of them may add up to a little less than 1.
    return max(index for index, weight in enumerate(weights) if weight > 0)
