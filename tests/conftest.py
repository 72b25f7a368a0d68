"""Fixtures that start real servers. Unit tests do not use them."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

for module in ("client", "record", "server", "traffic"):
    pytest.register_assert_rewrite(f"tests.system.{module}")

from tests.system import record  # noqa: E402  (after the rewriting of its asserts was asked for)
from tests.system.client import Client  # noqa: E402
from tests.system.server import Server  # noqa: E402

MEMORY_GROWTH = 256 * 2**20  # bytes that abuse may leave behind in caches and heaps


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Makes servers, not yet started, each on a directory of its own (or a given one); they are gone after the test."""
    made: list[Server] = []

    def make(name: str = "data", settings: Mapping[str, str] = {}) -> Server:
        made.append(Server(tmp_path / name, settings))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One running server for all tests of a file, with little memory for the columns: what grows beyond is a fault."""
    server = Server(tmp_path_factory.mktemp("served") / "data", {"EVENSPLIT_DUCKDB_MEMORY": "128MB"}).start()
    yield server
    server.close()


@pytest.fixture
def api(served: Server) -> Iterator[Client]:
    """A connection to `served` with the secret key."""
    with served.client() as client:
        yield client


@pytest.fixture(scope="module")
def unharmed(served: Server) -> Iterator[None]:
    """After all of it the server still counts right and has not grown out of bounds."""
    with served.client() as api:
        api.capture({"event_type": "warm", "user_id": "u"})
        api.trend([{"event": "warm", "measure": "count"}])
    before = served.memory()
    yield
    with served.client() as api:
        api.capture({"event_type": "still here", "user_id": "u"})
        assert api.trend([{"event": "still here", "measure": "count"}])["series"][0]["total"] == 1
        stored = record.read(served.record, "SELECT count(*) FROM events")[0][0]
        assert api.trend([{"event": "@any", "measure": "count"}], since="-100d")["series"][0]["total"] <= stored
    record.sound(served.record)
    grown = served.memory() - before
    assert grown < MEMORY_GROWTH, f"memory grew by {grown / 2**20:.0f} MiB"
    assert "Traceback" not in served.said(), served.said()[-4000:]


@pytest.fixture
def nothing_taken(served: Server) -> Iterator[None]:
    """For tests in which every request is refused."""
    before = record.read(served.record, "SELECT count(*) FROM events")
    yield
    assert record.read(served.record, "SELECT count(*) FROM events") == before
