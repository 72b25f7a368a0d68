"""The measured rounds: floors and ours by turns, so that a noisy machine troubles both alike."""

import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import floors, load
from bench.table import Samples
from tests.system import record
from tests.system.client import Client
from tests.system.server import Server, environment, free_port, run_command

USERS = 1_000  # assigned before evaluation is measured


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int
    seconds: int  # of each load
    stored: int  # rows before batches with random ids and reports are measured
    floor_rows: int
    file_rows: int
    repeats: int  # of each report


FULL = Size(rounds=4, seconds=4, stored=5_000_000, floor_rows=300_000, file_rows=1_000_000, repeats=9)
QUICK = Size(rounds=2, seconds=2, stored=300_000, floor_rows=100_000, file_rows=300_000, repeats=5)


def now_ms() -> str:
    return str(time.time_ns() // 1_000_000)


@contextmanager
def noop() -> Iterator[str]:
    """Floor A, running; its URL."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "bench.noop", str(port)], env=environment())
    try:
        for _ in range(200):
            try:
                with Client(port, None) as client:
                    client.get("/")
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait()


def last_id(server: Server) -> int:
    return int(record.read(server.record, "SELECT coalesce(max(id), 0) FROM events")[0][0])


def captured(server: Server, script: str, seconds: int, size: int, *arguments: str) -> load.Load:
    """A load of captures; fails if fewer rows were kept than were acknowledged."""
    before = last_id(server)
    done = load.run(f"http://127.0.0.1:{server.port}/v1/events", script, seconds, *arguments)
    kept = last_id(server) - before
    if kept < done.requests * size:
        raise RuntimeError(f"{script} {arguments}: {done.requests * size} events acknowledged, {kept} kept")
    return done


def caught_up(server: Server) -> float:
    """Seconds until the first report after a load answers: by then the columns hold all of it."""
    start = time.perf_counter()
    with server.client(limit=300) as api:
        api.trend([{"event": "@any", "measure": "count"}])
    return time.perf_counter() - start


def fill(server: Server, rows: int, told: Callable[[str], None]) -> None:
    """Bring a server to so many rows, each with a random message id, spread over the last 29 days."""
    while (stored := last_id(server)) < rows:
        told(f"filling: {stored:,} of {rows:,} rows")
        seconds = 5 if rows - stored > 300_000 else 1
        captured(server, "batch", seconds, 100, "random", now_ms(), "29")
    told("waiting for the columns")
    caught_up(server)


def prepare_evaluation(server: Server) -> str:
    """An experiment whose users all have a variant; the URL to ask."""
    with server.client() as api:
        api.create("bench", [{"name": "control"}, {"name": "treatment"}])
        path = "/v1/experiments/bench/assignments"
        api.post(path, {"user_ids": [f"u{n}" for n in range(1, USERS + 1)]}).good()
    return f"http://127.0.0.1:{server.port}{path}"


def write_file(path: Path, count: int) -> None:
    """An NDJSON file to import."""
    with path.open("w") as file:
        for part in floors.rows(count):
            for event_type, user, session, properties, created_at in part:
                file.write(
                    f'{{"event_type":"{event_type}","user_id":"{user}","session_id":"{session}",'
                    f'"timestamp":"{created_at.replace(" ", "T")}Z","properties":{properties}}}\n'
                )


def imported(path: Path, data: Path, count: int) -> float:
    """Rows a second of the whole command, its start and end included, into a fresh directory."""
    start = time.perf_counter()
    done = run_command("import", str(path), "--data", str(data), limit=300)
    spent = time.perf_counter() - start
    stored = record.read(data / "analytics.db", "SELECT count(*) FROM events")[0][0] if done.returncode == 0 else 0
    if stored != count:
        raise RuntimeError(f"import kept {stored} of {count} rows: {done}")
    return count / spent


class Rounds:
    """Measures every rate once a round."""

    def __init__(self, size: Size, folder: Path, fresh: Server, large: Server) -> None:
        self.size = size
        self.folder = folder
        self.fresh = fresh
        self.large = large
        self.samples: defaultdict[str, Samples] = defaultdict(Samples)
        self.evaluation = prepare_evaluation(fresh)
        self.file = folder / "events.ndjson"
        write_file(self.file, size.file_rows)

    def run(self, noop_url: str, told: Callable[[str], None]) -> None:
        for number in range(1, self.size.rounds + 1):
            told(f"round {number} of {self.size.rounds}")
            self._requests(noop_url)
            self._batches()
            self._import(number)

    def _keep(self, name: str, done: load.Load, size: int = 1) -> None:
        self.samples[name].values.append(done.rate * size)
        self.samples[f"{name} p50"].values.append(done.median_ms)
        self.samples[f"{name} p99"].values.append(done.p99_ms)

    def _requests(self, noop_url: str) -> None:
        seconds = self.size.seconds
        self._keep("A", load.run(noop_url, "single", seconds))
        self._keep("single", captured(self.fresh, "single", seconds, 1))
        self.samples["catch-up, single"].values.append(caught_up(self.fresh))
        self._keep("A evaluation", load.run(noop_url, "evaluate", seconds, str(USERS)))
        self._keep("evaluation", load.run(self.evaluation, "evaluate", seconds, str(USERS)))

    def _batches(self) -> None:
        seconds, floor = self.size.seconds, self.folder / "floor.db"
        self.samples["B"].values.append(floors.executemany(floor, self.size.floor_rows))
        for kind, server in (("none", self.fresh), ("ordered", self.fresh), ("random", self.large)):
            self._keep(kind, captured(server, "batch", seconds, 100, kind, now_ms(), "0"), 100)
            self.samples[f"catch-up, {kind}"].values.append(caught_up(server))

    def _import(self, number: int) -> None:
        data = self.folder / f"import-{number}"
        self.samples["import"].values.append(imported(self.file, data, self.size.file_rows))


def ask(api: Client, name: str, since: str, until: str) -> list[tuple[object, ...]]:
    """Our report for one of the floors' questions, as rows like theirs."""
    measure = "users" if name == "daily uniques" else "count"
    report: dict[str, object] = {"series": [{"event": "@any", "measure": measure}], "since": since, "until": until}
    if name.startswith("breakdown"):
        report["breakdown"] = [{"property": "country", "limit": 10}]
    reply = json.loads(api.post("/v1/reports/trend", report).body)
    found: list[tuple[object, ...]] = []
    for series in reply["series"]:
        part = tuple(series["breakdown"]) if series.get("breakdown") else ()
        found += [(day, *part, value) for day, value in zip(reply["buckets"], series["values"], strict=True) if value]
    if measure == "users":
        found.append((reply["series"][0]["total"],))
    return found
