"""Events as they come in: every one that is acknowledged is shown to every listener, and a stop is not held up."""

import http.client
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from tests.system.server import SECRET_KEY, WRITE_KEY, Server

Said = tuple[str, Any]  # the kind of a message, and what it says


class Listener:
    """One open stream."""

    def __init__(self, server: Server, query: str = "") -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        headers = {"Authorization": f"Bearer {SECRET_KEY}"}
        self.connection.request("GET", f"/v1/events/stream{query}", headers=headers)
        self.reply = self.connection.getresponse()
        assert self.reply.status == 200
        assert (self.reply.getheader("content-type") or "").startswith("text/event-stream")
        assert self.reply.readline().startswith(b": ")  # a comment: from now on nothing is missed

    def close(self) -> None:
        self.connection.close()

    def messages(self) -> Iterator[Said]:
        """Until the server ends the stream."""
        kind = ""
        while line := self.reply.readline():
            name, _, value = line.decode().strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, json.loads(value)

    def first(self, count: int) -> list[Said]:
        messages = self.messages()
        return [next(messages) for _ in range(count)]


def test_listeners_hear_every_event(served: Server) -> None:
    mark = f"live-{time.time_ns()}"
    with closing(Listener(served)) as all_, closing(Listener(served, f"?event_type={mark}-2&user_id=u2")) as some:
        with served.client() as client:
            for number in range(4):
                event = {"event_type": f"{mark}-{number}", "user_id": f"u{number}", "properties": {"a": "\n\r\n"}}
                client.call("POST", "/v1/events", event).good()
            listed = client.call("GET", "/v1/events?user_id=u2&limit=1").good()["events"]
        heard = [said for said in all_.first(4) if said[1]["event_type"].startswith(mark)]
        assert [(kind, event["event_type"]) for kind, event in heard] == [("event", f"{mark}-{n}") for n in range(4)]
        assert [event["id"] for _, event in heard] == sorted(event["id"] for _, event in heard)
        assert some.first(1) == [("event", listed[0])]


def test_more_than_can_be_shown_is_counted(served: Server) -> None:
    with closing(Listener(served)) as listener:
        with served.client() as client:
            client.call("POST", "/v1/events", [{"event_type": "burst", "user_id": "b"}] * 1_000).good()
        seen = 0
        for kind, said in listener.messages():
            seen += said["count"] if kind == "skipped" else 1
            if seen == 1_000:
                break
        assert seen == 1_000


def test_a_stop_ends_the_streams(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with closing(Listener(server)) as listener:
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5
        assert list(listener.messages()) == []


def test_the_write_key_hears_nothing(served: Server) -> None:
    with served.client(WRITE_KEY) as client:
        client.call("GET", "/v1/events/stream").error(403)
