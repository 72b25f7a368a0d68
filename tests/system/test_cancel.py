"""A question that nobody waits for any more stops running."""

import json
import socket
import time
from pathlib import Path

from tests.system.server import SECRET_KEY, Server

# Eight steps in any order, each of which every event meets, for each of 50 users: seconds, unless it is interrupted.
SLOW = {
    "steps": ["@any"] * 8,
    "order": "any",
    "window": "100d",
    "breakdown": [{"property": "@user_id", "limit": 50}],
    "view": "trend",
    "since": "2026-01-01",
    "until": "2026-12-31",
}


def cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / 100


def test_a_client_that_leaves_ends_its_question(served: Server) -> None:
    with served.client() as client:
        for part in range(40):
            events = [
                {"event_type": f"e{n % 7}", "user_id": f"u{n % 900}", "timestamp": 1_772_000_000_000 + 977 * n * part}
                for n in range(10_000)
            ]
            client.call("POST", "/v1/events", events).good()
        client.call("POST", "/v1/reports/trend", {"series": [{"event": "@any"}]}).good()  # the columns follow
    body = json.dumps(SLOW).encode()
    head = f"POST /v1/reports/funnel HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET_KEY}\r\n"
    with socket.create_connection(("127.0.0.1", served.port)) as leaving:
        leaving.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.2)
        assert used_in(0.5, served.pid) > 0.15, "it runs while somebody waits"
    time.sleep(0.2)
    assert used_in(1.0, served.pid) < 0.2


def used_in(seconds: float, pid: int) -> float:
    """CPU seconds that the process uses in this time."""
    before = cpu_seconds(pid)
    time.sleep(seconds)
    return cpu_seconds(pid) - before
