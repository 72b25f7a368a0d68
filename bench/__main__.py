"""Runs the whole measurement, prints the table and writes RESULTS.md.

python -m bench [--quick] [--no-file]
"""

import argparse
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import floors, load, machine, rounds
from bench.table import Line, Samples, bound, markdown, ratio, shown
from tests.system.server import Server
from tests.system.traffic import event

RESULTS = Path(__file__).parent / "RESULTS.md"
MIB = 2**20
EXPLANATION = """\
A: a plain ASGI handler on the same uvicorn set-up that reads the body and answers 200.
B: `sqlite3.executemany` into the bare events table, WAL, `synchronous=FULL`.
C: the same question by hand in DuckDB SQL over a VARIANT table; ours is the whole HTTP request.
Ratios carry over to another machine, rates do not.
"""


def told(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S}  {text}", file=sys.stderr, flush=True)


def first_event(server: Server) -> float:
    """Seconds from the start of the process to the first acknowledged event."""
    start = time.perf_counter()
    server.spawn()
    while True:
        try:
            with server.client() as api:
                if api.post("/v1/events", event(f"start-{start}", 1)).status == 200:
                    return time.perf_counter() - start
        except OSError:
            pass
        if server.process is None or server.process.poll() is not None or time.perf_counter() - start > 60:
            raise RuntimeError(f"the server does not start: {server.said()}")
        time.sleep(0.005)


def start_times(folder: Path, large: Server) -> list[Line]:
    """Bytecode is compiled by the first start, which is not counted."""
    fresh, existing = Samples(), Samples()
    for number in range(4):
        server = Server(folder / f"start-{number}")
        spent = first_event(server)
        server.stop()
        if number:
            fresh.values.append(spent)
    for _ in range(3):
        existing.values.append(first_event(large))
        large.stop()
    return [
        bound("start to first event, empty directory", fresh.median, "s", 1.5, fresh.spread),
        bound("start to first event, with the rows", existing.median, "s", 1.5, existing.spread),
    ]


def idle(server: Server, seconds: float = 3) -> float:
    time.sleep(seconds)
    return server.memory() / MIB


def reports(size: rounds.Size, large: Server, folder: Path) -> list[Line]:
    """Each question asked by turns, over another range each time so that no answer is remembered."""
    told("filling floor C")
    connection = floors.columns(large.record, folder / "floor.duckdb")
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    since, end = midnight - timedelta(days=30), midnight + timedelta(days=1)
    lines = []
    with large.client() as api:
        for name, questions in floors.QUESTIONS.items():
            ours, theirs, bare = Samples(), Samples(), Samples()
            for turn in range(size.repeats + 1):
                until = end - timedelta(milliseconds=turn)
                start = time.perf_counter()
                found = rounds.ask(api, name, f"{since:%Y-%m-%dT%H:%M:%SZ}", f"{until:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z")
                middle = time.perf_counter()
                values = [since.replace(tzinfo=None), until.replace(tzinfo=None)]
                rows = connection.execute(questions[0], values).fetchall()
                bare_end = time.perf_counter()
                rest = [row for question in questions[1:] for row in connection.execute(question, values).fetchall()]
                end_ = time.perf_counter()
                expected = [(f"{day:%Y-%m-%d}", *others) for day, *others in rows] + rest
                if sorted(map(str, found)) != sorted(map(str, expected)):
                    raise RuntimeError(f"{name}: our answer is not that of plain SQL: {found[:5]} {expected[:5]}")
                if turn:  # the first one warms both up
                    ours.values.append((middle - start) * 1000)
                    theirs.values.append((end_ - middle) * 1000)
                    bare.values.append((bare_end - middle) * 1000)
            share = ours.median / theirs.median
            note = f"C {shown(theirs.median)} ms"
            if len(questions) > 1:
                note += f", {shown(bare.median)} ms without the total over the range"
            lines.append(Line(f"trend: {name}", ours.median, "ms", "C", share, "≤ 1.3 C", share <= 1.3, note))
    connection.close()
    return lines


def disk(server: Server, name: str) -> list[Line]:
    """Of a stopped server, so that nothing waits in a log."""
    count = rounds.last_id(server)

    def size(path: Path) -> int:
        return sum(part.stat().st_size for part in server.data.glob(path.name + "*"))

    return [
        Line(f"bytes per event, record, {name}", size(server.record) / count, "B"),
        Line(f"bytes per event, copy, {name}", size(server.columns) / count, "B"),
    ]


def rates(measured: rounds.Rounds) -> list[Line]:
    s = measured.samples
    lines = [
        Line("A: no-op handler, capture request", s["A"].median, "req/s", note=s["A"].spread),
        Line("A: no-op handler, evaluation request", s["A evaluation"].median, "req/s", note=s["A evaluation"].spread),
        Line("B: executemany, 5,000 a transaction", s["B"].median, "rows/s", note=s["B"].spread),
        ratio("capture, single events", s["single"], s["A"], "A", 0.5, "ev/s"),
        ratio("evaluation, assigned user", s["evaluation"], s["A evaluation"], "A", 0.7, "req/s"),
        ratio("capture, batches of 100, no ids", s["none"], s["B"], "B", 0.6, "ev/s"),
        ratio("capture, batches of 100, time-ordered ids", s["ordered"], s["B"], "B", 0.4, "ev/s"),
        ratio(f"... random ids, {measured.size.stored:,} rows stored", s["random"], s["B"], "B", 0.25, "ev/s"),
        ratio("import of an NDJSON file", s["import"], s["B"], "B", 0.6, "rows/s"),
    ]
    for name, kind in (("single events", "single"), ("batches without ids", "none"), ("random ids", "random")):
        waited = s[f"catch-up, {kind}"]
        remark = f"after {measured.size.seconds} s of load; {waited.spread}"
        lines.append(Line(f"first report right after {name}", waited.median, "s", note=remark))
    waits = [f"{kind} {shown(s[f'{kind} p50'].median)} / {shown(s[f'{kind} p99'].median)}" for kind in ("A", "single")]
    lines.append(Line("latency p50 / p99", s["single p50"].median, "ms", note="; ".join(waits)))
    return lines


def measure(size: rounds.Size, folder: Path) -> list[Line]:
    fresh, large = Server(folder / "fresh"), Server(folder / "large")
    try:
        first_event(fresh)
        lines = [bound("idle memory, all processes (PSS)", idle(fresh), "MiB", 150)]
        large.start()
        rounds.fill(large, size.stored, told)
        measured = rounds.Rounds(size, folder, fresh, large)
        with rounds.noop() as url:
            measured.run(url, told)
        fresh.stop()
        lines += reports(size, large, folder)
        lines.append(Line("memory after that, all processes (PSS)", idle(large), "MiB"))
        large.stop()
        told("starting and stopping")
        lines += start_times(folder, large)
        lines += disk(large, "random ids") + disk(Server(folder / "import-1"), "no ids")
    finally:
        fresh.close()
        large.close()
    return rates(measured) + lines


def page(lines: list[Line], quick: bool, folder: Path, spent: float) -> str:
    shape = "quick run: small sizes, figures are rough" if quick else "full run"
    return "\n".join(
        [
            "# Measured",
            "",
            f"`python -m bench`, {shape}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {spent:.0f} s.",
            "",
            *(f"- {line}" for line in machine.described(folder)),
            f"- wrk with {load.CONNECTIONS} connections; floors and ours by turns in each round, medians of the rounds",
            "",
            markdown(lines),
            "",
            EXPLANATION,
        ]
    )


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    options.add_argument("--quick", action="store_true", help="small sizes, under two minutes")
    options.add_argument("--no-file", action="store_true", help="print only, leave RESULTS.md as it is")
    chosen = options.parse_args()
    if not load.available():
        sys.exit("bench needs wrk (Debian and Ubuntu: apt-get install wrk)")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="evensplit-bench-") as folder:
        lines = measure(rounds.QUICK if chosen.quick else rounds.FULL, Path(folder))
        text = page(lines, chosen.quick, Path(folder), time.monotonic() - start)
    print(text)
    if not chosen.no_file:
        # What other commands of this folder measured stands below the first heading of its own, and stays.
        _, heading, others = RESULTS.read_text().partition("\n## ") if RESULTS.exists() else ("", "", "")
        RESULTS.write_text(text + heading + others)


if __name__ == "__main__":
    main()
