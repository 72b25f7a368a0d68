"""Who may open the pages: accounts, what each role may do, and links that show one thing to anybody who has them.

Here: the shapes and their rules. Not here: where they are kept (`storage.catalog`), how somebody signs in (`web`).
"""

from typing import Literal, TypeAlias, get_args

import msgspec

from evensplit.errors import Invalid
from evensplit.model.experiment import NAME_LENGTH
from evensplit.model.faults import Fault

# Each may do what those before it may: look · change saved reports, dashboards, experiments · accounts, keys, data.
Role: TypeAlias = Literal["viewer", "editor", "admin"]
Shown: TypeAlias = Literal["report", "dashboard"]

ROLES: tuple[Role, ...] = get_args(Role)
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 1_000


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who may sign in. Times are the record's text. `invited`: a one-time link is waiting to be used;
    `active`: there is a password."""

    id: int
    name: str
    role: Role
    created_at: str
    invited: bool
    active: bool

    def may(self, role: Role) -> bool:
        """Whether this account may do what `role` may."""
        return ROLES.index(self.role) >= ROLES.index(role)


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A link that shows one saved report or one dashboard without signing in. `hint` is the beginning of its token."""

    id: int
    shows: Shown
    name: str
    hint: str
    created_by: str | None
    created_at: str


def role_of(text: str) -> Role:
    """Raises Invalid."""
    for role in ROLES:
        if role == text:
            return role
    raise _fault("role", f"must be one of {', '.join(ROLES)}, is {text[:100]!r}")


def checked_name(text: str) -> str:
    """What somebody signs in with, without the spaces around it. Raises Invalid."""
    name = text.strip()
    if not name:
        raise _fault("name", "is required")
    if len(name) > NAME_LENGTH:
        raise _fault("name", f"must have at most {NAME_LENGTH} characters, has {len(name)}")
    if not name.isprintable():
        raise _fault("name", "must not hold characters that cannot be printed")
    return name


def check_password(text: str) -> None:
    """Raises Invalid. Length is what makes a password strong; nothing else is asked of it."""
    if len(text) < SHORTEST_PASSWORD:
        raise _fault("password", f"must have at least {SHORTEST_PASSWORD} characters")
    if len(text) > LONGEST_PASSWORD:
        raise _fault("password", f"must have at most {LONGEST_PASSWORD} characters")


def _fault(field: str, message: str) -> Invalid:
    return Invalid(f"{field}: {message}", [Fault(field, message)])
