"""Reports over millions of events while eight connections send single events as fast as they can.

python -m bench.mixed [--events N]    Prints quiet and busy times of three reports and of capture.
"""

import argparse
import subprocess
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from bench import load, product
from bench.reports import fill, told
from bench.table import Samples, shown
from tests.system.server import Server

CONNECTIONS = 8
SECONDS = 20
REPEATS = 9
PATIENCE = 600  # seconds for the first report, which waits for the columns
REPORTS: dict[str, tuple[str, dict[str, object]]] = {
    "daily uniques": ("trend", {"series": [{"event": "@any", "measure": "users"}]}),
    "breakdown": ("trend", {"series": [{"event": "@any"}], "breakdown": [{"property": "country"}]}),
    "funnel": ("funnel", {"steps": ["page_view", "add_to_cart", "purchase"], "window": "14d"}),
}


def sending(server: Server, seconds: int) -> "subprocess.Popen[str]":
    url = f"http://127.0.0.1:{server.port}/v1/events"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(load.LUA / "single.lua"), url]
    return subprocess.Popen([*command, "--", "1", str(10**9)], stdout=subprocess.PIPE, text=True)


def ended(process: "subprocess.Popen[str]") -> tuple[float, float]:
    """(events a second, p99 in milliseconds). Raises where a request was not answered with 200."""
    said, _ = process.communicate()
    found = load.read(said)
    return found.rate, found.p99_ms


def asked(server: Server, name: str, turn: int) -> float:
    kind, report = REPORTS[name]
    until = product.FIRST + timedelta(days=product.DAYS) - timedelta(milliseconds=turn)
    body = report | {"since": f"{product.FIRST:%Y-%m-%dT%H:%M:%SZ}", "until": until.isoformat(timespec="milliseconds")}
    with server.client(limit=PATIENCE) as api:
        began = time.perf_counter()
        api.post(f"/v1/reports/{kind}", body).good()
        return (time.perf_counter() - began) * 1000


def times(server: Server, first: int, until: float | None = None) -> dict[str, Samples]:
    """Each report by turns; so often, or until that time."""
    found = {name: Samples() for name in REPORTS}
    turn = first
    while turn < first + REPEATS if until is None else time.monotonic() < until:
        for name, samples in found.items():
            samples.values.append(asked(server, name, turn))
        turn += 1
    return found


def measure(server: Server) -> None:
    told("waiting for the columns")
    times(server, 0)
    quiet = times(server, 100)
    told("capture alone")
    rate, p99 = ended(sending(server, SECONDS))
    times(server, 200)
    told("both")
    process = sending(server, SECONDS)
    time.sleep(1)
    busy = times(server, 300, time.monotonic() + SECONDS - 3)
    busy_rate, busy_p99 = ended(process)
    for name, samples in quiet.items():
        ratio = busy[name].median / samples.median
        print(f"{name}: {shown(samples.median)} ms alone, {shown(busy[name].median)} ms under load, {ratio:.2f} x")
    print(f"capture: p99 {shown(p99)} ms alone, {shown(busy_p99)} ms with reports, {busy_p99 / p99:.2f} x")
    print(f"capture: {shown(rate)} events/s alone, {shown(busy_rate)} with reports")


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.mixed", description=__doc__)
    options.add_argument("--events", type=int, default=5_000_000)
    options.add_argument("--folder", type=Path, help="A directory of events that are there already.")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="evensplit-bench-") as name:
        server = Server(chosen.folder or Path(name) / "mixed")
        server.data.mkdir(parents=True, exist_ok=True)
        if chosen.folder is None:
            fill(server.data, chosen.events)
        try:
            server.start()
            measure(server)
        finally:
            server.close()


if __name__ == "__main__":
    main()
