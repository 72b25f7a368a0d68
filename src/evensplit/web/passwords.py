"""Passwords: the room of argon2, which is loaded when the first one is set or tried.

A hash takes 64 MiB and tens of milliseconds, on purpose: it runs in a thread, and no more than two at a time.
"""

import asyncio
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

AT_ONCE = 2
ROUNDS, KIB, LANES = 3, 65_536, 4  # the second choice of RFC 9106


class Passwords:
    """Makes and checks what is kept of a password (argon2id, with the salt and the costs in it)."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def kept(self, password: str) -> str:
        """What is kept of it."""
        async with self._turns:
            return await asyncio.to_thread(lambda: _hasher().hash(password))

    async def fits(self, kept: str | None, password: str) -> bool:
        """Whether it is that password. Without anything kept it takes as long, so that names cannot be guessed."""
        async with self._turns:
            return await asyncio.to_thread(_fits, kept, password)


def _fits(kept: str | None, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        _hasher().verify(_nobodys() if kept is None else kept, password)
    except (VerificationError, InvalidHashError):
        return False
    return kept is not None


@cache
def _hasher() -> "PasswordHasher":
    from argon2 import PasswordHasher

    return PasswordHasher(ROUNDS, KIB, LANES)


@cache
def _nobodys() -> str:
    return _hasher().hash("nobody has this password")
