"""Assignments as they were stored. Not here: making one (`CatalogStore.assign`), or deciding which variant."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import bindparam, select

from evensplit.storage.base import CatalogStore, StoredAssignment
from evensplit.storage.catalog.rows import instant, whole
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import ab_assignments, ab_tests, ab_variants

AT_ONCE = 500  # users named in one statement

_assignments = select(
    ab_assignments.c.id,
    ab_assignments.c.user_id,
    ab_assignments.c.test_id,
    ab_assignments.c.variant_id,
    ab_assignments.c.assigned_at,
)
_ONE = Prepared(
    _assignments.where(
        ab_assignments.c.user_id == bindparam("user_id"), ab_assignments.c.test_id == bindparam("test_id")
    )
)
_PAGE = Prepared(
    _assignments.where(ab_assignments.c.test_id == bindparam("test_id"), ab_assignments.c.id > bindparam("after"))
    .order_by(ab_assignments.c.id)
    .limit(bindparam("most"))
)
_OF_USER = Prepared(
    select(ab_tests.c.test_name, ab_variants.c.variant_name, ab_assignments.c.assigned_at)
    .join(ab_tests, ab_tests.c.id == ab_assignments.c.test_id)
    .join(ab_variants, ab_variants.c.id == ab_assignments.c.variant_id)
    .where(ab_assignments.c.user_id == bindparam("user_id"))
    .order_by(ab_assignments.c.id)
)


class UserAssignment(msgspec.Struct, frozen=True):
    """One of a user's assignments, by name; the time is the record's text."""

    experiment: str
    variant: str
    assigned_at: str


class Assignments:
    """Reads `ab_assignments`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def one(self, test_id: int, user_id: str) -> StoredAssignment | None:
        """The row of this very id; whose other ids have rows is `links`' business."""
        found = self._store.read(_ONE({"test_id": test_id, "user_id": user_id}))
        return _stored(found[0]) if found else None

    def several(self, test_id: int, user_ids: Sequence[str]) -> dict[str, StoredAssignment]:
        """By user; who has none is not in it."""
        found: dict[str, StoredAssignment] = {}
        for start in range(0, len(user_ids), AT_ONCE):
            chunk = user_ids[start : start + AT_ONCE]
            statement = _assignments.where(ab_assignments.c.test_id == test_id, ab_assignments.c.user_id.in_(chunk))
            for row in self._store.read(compiled(statement)):
                found[str(row[1])] = _stored(row)
        return found

    def page(self, test_id: int, after: int, most: int) -> list[tuple[int, StoredAssignment]]:
        """Up to `most` rows with an id above `after`, oldest first, each with its id."""
        found = self._store.read(_PAGE({"test_id": test_id, "after": after, "most": most}))
        return [(whole(row[0]), _stored(row)) for row in found]

    def of_user(self, user_id: str) -> list[UserAssignment]:
        """Everything this id was assigned to, oldest first."""
        found = self._store.read(_OF_USER({"user_id": user_id}))
        return [UserAssignment(str(test), str(variant), instant(at)) for test, variant, at in found]


def _stored(row: Sequence[str | int | float | bytes | None]) -> StoredAssignment:
    return StoredAssignment(str(row[1]), whole(row[2]), whole(row[3]), instant(row[4]), new=False)
