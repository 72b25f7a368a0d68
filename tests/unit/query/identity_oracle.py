"""Who is whom, and what is known of them, slowly and obviously from the log. Shares no code with `evensplit`."""

from collections.abc import Mapping, Sequence

from tests.unit.query.memory_store import Stated


def persons(log: Sequence[Stated]) -> dict[str, str]:
    """The person of every id in the log."""
    links = []
    for at, row in enumerate(log):
        undone = any(later.kind == "unlink" and later.subject == row.subject for later in log[at:])
        if row.kind == "link" and not undone:
            links.append(row)
    merged = {row.subject: row.object for row in log if row.kind == "merge"}  # the newest of each
    users = {row.object for row in links} | set(merged)
    ids = {row.subject for row in log} | {row.object for row in log if row.kind in ("link", "merge")}
    found = {}
    for id_ in ids:
        stated = sorted((row.at, row.object) for row in links if row.subject == id_)
        user = id_ if id_ in users or not stated else stated[0][1]
        found[id_] = merged.get(user, user)
    return found


def traits(log: Sequence[Stated]) -> dict[str, dict[str, Stated]]:
    """What was stated last of each person, by name; what was last said not to be set is in it, too."""
    known = persons(log)
    found: dict[str, dict[str, Stated]] = {}
    stated = [(row.at, place, row) for place, row in enumerate(log) if row.kind == "trait"]
    for _, _, row in sorted(stated, key=lambda each: each[:2]):
        found.setdefault(known.get(row.subject, row.subject), {})[row.object] = row
    return found


def written(log: Sequence[Stated]) -> list[Stated]:
    """The log with each merge (subject becomes part of object) as the rows that it amounts to."""
    merges = Merges()
    found: list[Stated] = []
    for row in log:
        found += merges.rows(row.object, row.subject, row.at) if row.kind == "merge" else [row]
    return found


class Merges:
    """Merges as commands: who was made part of whom, and the rows that this amounts to."""

    def __init__(self) -> None:
        self.into: dict[str, str] = {}

    def top(self, user: str) -> str:
        while user in self.into:
            user = self.into[user]
        return user

    def merge(self, kept: str, other: str) -> None:
        root, part = self.top(kept), self.top(other)
        if root != part:
            self.into[part] = root

    def unmerge(self, user: str) -> bool:
        return self.into.pop(user, None) is not None

    def rows(self, kept: str, other: str, at: int) -> list[Stated]:
        """Make one part of the other: the person of everybody concerned is written down."""
        self.merge(kept, other)
        root = self.top(kept)
        everybody = dict.fromkeys([root, kept, other, *self.into])
        return [Stated("merge", user, root, at) for user in everybody if self.top(user) == root]

    def persons(self, users: Sequence[str]) -> Mapping[str, str]:
        return {user: self.top(user) for user in users}
