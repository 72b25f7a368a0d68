"""Clients that capture as fast as they can, remember what they were told, and retry as a careful sender would.

Every event carries its own number as `message_id` and in its properties, so that the record can be held against
what was acknowledged.
"""

import http.client
import json
import threading
import time
from types import TracebackType
from typing import Any

from tests.system import record
from tests.system.client import Client
from tests.system.server import WRITE_KEY, Server

EVENT_TYPES = ("page_view", "click", "purchase")


def event(number: str, position: int) -> dict[str, Any]:
    """One event of the traffic: a few persons, a few kinds, a value with a fraction."""
    return {
        "event_type": EVENT_TYPES[position % 3],
        "user_id": f"user{position % 97}",
        "session_id": f"session{position % 301}",
        "message_id": number,
        "properties": {"n": number, "k": f"k{position % 7}", "v": position % 1000 / 8},
    }


class Traffic:
    """`connections` threads that send until told to stop; use as a context manager."""

    def __init__(self, server: Server, connections: int = 8, limit: float = 30) -> None:
        self.server = server
        self.limit = limit
        self.acknowledged: set[str] = set()
        self.sent: set[str] = set()
        self.refused = 0  # 503s
        self.lost = 0  # connections that broke before an answer came
        self.faults: list[str] = []
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(connections)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(self.limit + 30)
            assert not thread.is_alive(), "a request hangs"

    def wait_for(self, more: int, limit: float = 30) -> None:
        """Return once this many more events were acknowledged."""
        goal = len(self.acknowledged) + more
        deadline = time.monotonic() + limit
        while len(self.acknowledged) < goal:
            assert time.monotonic() < deadline, f"{goal - len(self.acknowledged)} of {more} events not taken: {self}"
            time.sleep(0.01)

    def __str__(self) -> str:
        taken = f"{len(self.acknowledged)} of {len(self.sent)} taken"
        return f"{taken}, {self.refused} refused, {self.lost} unanswered, faults: {self.faults[:5]}"

    def _run(self, worker: int) -> None:
        client = Client(self.server.port, WRITE_KEY, self.limit)
        count = 0
        while not self._done.is_set():
            size = 1 if count % 4 else 25
            events = [event(f"{worker}-{n}", worker + n) for n in range(count, count + size)]
            count += size
            while events and not self._done.is_set():
                answered = self._send(client, events)
                if answered:
                    events = []
                else:
                    client.connection.close()
                    time.sleep(0.02)

    def _send(self, client: Client, events: list[dict[str, Any]]) -> bool:
        numbers = {e["message_id"] for e in events}
        with self._lock:
            self.sent |= numbers
        try:
            reply = client.post("/v1/events", json.dumps(events if len(events) > 1 else events[0]).encode())
        except TimeoutError:
            self.faults.append(f"no answer within {self.limit} s")
            return False
        except (OSError, http.client.HTTPException):
            self.lost += 1
            return False
        if reply.status == 503:
            self.refused += 1
            if "retry-after" not in reply.headers or reply.error(503) == "":
                self.faults.append(f"503 without Retry-After: {reply.headers}")
            return False
        if reply.status != 200 or reply.json()["rejected"]:
            self.faults.append(f"{reply.status} {reply.body[:300]!r}")
            return True
        with self._lock:
            self.acknowledged |= numbers
        return True


def kept(server: Server, traffic: Traffic) -> None:
    """Everything acknowledged stands in the record exactly once; nothing else but what was sent, at most once."""
    assert not traffic.faults, traffic.faults[:5]
    found = record.stored(server.record)
    missing = traffic.acknowledged - set(found)
    assert not missing, f"{len(missing)} acknowledged events are gone, e.g. {sorted(missing)[:5]}"
    twice = [number for number, count in found.items() if count > 1]
    assert not twice, f"{len(twice)} events are stored more than once, e.g. {twice[:5]}"
    assert set(found) <= traffic.sent
