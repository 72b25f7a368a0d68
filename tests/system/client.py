"""One keep-alive connection to a server, and replies as they came. No retries: a test wants to see every failure."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeAlias
from urllib.parse import quote

Body: TypeAlias = bytes | Mapping[str, Any] | Sequence[Any] | None


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def good(self, status: int = 200) -> Any:
        """The JSON body of a reply that must have this status."""
        assert self.status == status, f"{self.status} instead of {status}: {self.body[:2000]!r}"
        return self.json() if self.body else None

    def error(self, *statuses: int) -> str:
        """The code of an error in the one shape, with one of these statuses."""
        assert self.status in statuses, f"{self.status} instead of {statuses}: {self.body[:2000]!r}"
        assert self.headers["content-type"].startswith("application/json"), self.headers
        body = self.json()
        assert set(body) == {"error"}, body
        assert {"code", "message"} <= set(body["error"]) <= {"code", "message", "details"}, body
        assert isinstance(body["error"]["code"], str) and body["error"]["code"], body
        assert isinstance(body["error"]["message"], str) and body["error"]["message"], body
        assert isinstance(body["error"].get("details", []), list), body
        assert b"Traceback" not in self.body and b'File "' not in self.body, body
        code: str = body["error"]["code"]
        return code


class Client:
    """Not to be shared between threads."""

    def __init__(self, port: int, key: str | None, limit: float = 30) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=limit)
        self.key = key

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.connection.close()

    def call(self, method: str, path: str, body: Body = None, headers: Mapping[str, str] = {}) -> Reply:
        """Send one request; anything but bytes is sent as JSON."""
        sent = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        data = body
        if body is not None and not isinstance(body, bytes):
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        chunked = "Transfer-Encoding" in headers
        self.connection.request(method, path, data, sent | dict(headers), encode_chunked=chunked)  # type: ignore[arg-type]
        response = self.connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Reply(response.status, found, response.read())

    def post(self, path: str, body: Body, headers: Mapping[str, str] = {}) -> Reply:
        return self.call("POST", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] = {}) -> Reply:
        return self.call("GET", path, None, headers)

    def capture(self, events: Body) -> Any:
        """Send events that the server must take; the reply's body."""
        return self.post("/v1/events", events).good()

    def trend(self, series: Sequence[Mapping[str, Any]], **report: Any) -> Any:
        return self.post("/v1/reports/trend", {"series": list(series), **report}).good()

    def assign(self, experiment: str, user: str, **rest: Any) -> Any:
        return self.post(assignments(experiment), {"user_id": user, **rest}).good()

    def create(self, name: str, variants: Sequence[Mapping[str, Any]], **rest: Any) -> Any:
        return self.post("/v1/experiments", {"name": name, "variants": list(variants), **rest}).good(201)


def assignments(experiment: str) -> str:
    return f"/v1/experiments/{quote(experiment, safe='')}/assignments"
