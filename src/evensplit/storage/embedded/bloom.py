"""A Bloom filter over 16-byte keys: says of a key that it is surely not there, or probably is.

Many keys are asked for at once, in arrays: one by one they would cost more than the insert that they guard. Four bit
positions a key by double hashing (Kirsch and Mitzenmacher, 2006) of its two halves, mixed as in MurmurHash3's
finalizer, so that keys which count upwards spread like random ones.
"""

import numpy as np
from numpy.typing import NDArray

BITS = 1 << 24  # 16 bits a key for a million keys: with four probes 0.24 % false positives
PROBES = 4


class Bloom:
    """`bits` as `bytes(bloom)` gave them, or an empty filter."""

    def __init__(self, bits: bytes | None = None) -> None:
        self._bits = np.zeros(BITS // 8, np.uint8) if bits is None else np.frombuffer(bits, np.uint8).copy()

    def __bytes__(self) -> bytes:
        return self._bits.tobytes()

    def add(self, keys: bytes) -> None:
        """`keys` holds the keys one after another."""
        for at in _probes(keys):
            np.bitwise_or.at(self._bits, at >> 3, _mask(at))

    def probable(self, keys: bytes) -> list[int]:
        """The positions in `keys` of those that are probably there; none that is there is left out."""
        found = np.ones(len(keys) // 16, bool)
        for at in _probes(keys):
            found &= (self._bits[at >> 3] & _mask(at)) != 0
        return [int(position) for position in np.flatnonzero(found)]


def _probes(keys: bytes) -> list[NDArray[np.uint64]]:
    halves = np.frombuffer(keys, "<u8").reshape(-1, 2)
    first = _mixed(halves[:, 0] ^ _mixed(halves[:, 1]))
    step = (first >> np.uint64(32)) | np.uint64(1)
    return [(first + np.uint64(number) * step) & np.uint64(BITS - 1) for number in range(PROBES)]


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    words = (words ^ (words >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    words = (words ^ (words >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return words ^ (words >> np.uint64(33))


def _mask(at: NDArray[np.uint64]) -> NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (at & np.uint64(7)).astype(np.uint8))
