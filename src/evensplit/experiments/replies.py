"""Answers to assigned users, ready to be sent, kept in memory within a bound. Not here: how an answer comes about."""

LIMIT_BYTES = 32 << 20
OVERHEAD = 200  # what Python needs for one more entry with its two objects, measured


class Replies:
    """Two generations: what is asked for moves to the young one, and when that is full the old one is dropped.
    A lookup costs two dictionary reads; a list in order of use would cost more than the rest of the answer."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._limit = limit_bytes // 2
        self._size = 0
        self._young: dict[str, dict[str, bytes]] = {}
        self._old: dict[str, dict[str, bytes]] = {}

    def get(self, experiment: str, user_id: str) -> bytes | None:
        replies = self._young.get(experiment)
        if replies is not None:
            found = replies.get(user_id)
            if found is not None:
                return found
        replies = self._old.get(experiment)
        if replies is None:
            return None
        found = replies.pop(user_id, None)
        if found is not None:
            self.put(experiment, user_id, found)
        return found

    def put(self, experiment: str, user_id: str, reply: bytes) -> None:
        if self._size >= self._limit:
            self._old, self._young, self._size = self._young, {}, 0
        self._young.setdefault(experiment, {})[user_id] = reply
        self._size += len(reply) + len(user_id) + OVERHEAD

    def forget(self, experiment: str) -> None:
        """Everything about one experiment."""
        self._young.pop(experiment, None)
        self._old.pop(experiment, None)
