"""A server process as its operator sees it: started, asked, stopped, killed, weighed.

What is asked of it stands in `client`, what it kept in `record`; the product itself is never imported here.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.system.client import Client

WRITE_KEY = "es_w_" + "w" * 32
SECRET_KEY = "es_s_" + "s" * 32
SOURCES = Path(__file__).parents[2] / "src"
START_LIMIT = 60.0  # seconds; generous because a rebuild of the columns happens before serving


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """This process's environment without its EVENSPLIT_* settings, with keys that tests know."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EVENSPLIT_")}
    kept["PYTHONPATH"] = os.pathsep.join([str(SOURCES), kept.get("PYTHONPATH", "")])
    return kept | {"EVENSPLIT_WRITE_KEY": WRITE_KEY, "EVENSPLIT_SECRET_KEY": SECRET_KEY} | dict(extra)


def run_command(*arguments: str, stdin: str = "", limit: float = 120) -> subprocess.CompletedProcess[str]:
    """Run one `evensplit` command to its end."""
    command = [sys.executable, "-m", "evensplit", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=limit, env=environment())


class Server:
    """One data directory and the process that serves it, if any."""

    def __init__(self, data: Path, settings: Mapping[str, str] = {}) -> None:
        self.data = data
        self.port = free_port()
        self.settings = dict(settings)
        self.log = data.parent / f"{data.name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def record(self) -> Path:
        return self.data / "analytics.db"

    @property
    def columns(self) -> Path:
        return self.data / "analytics.duckdb"

    @property
    def pid(self) -> int:
        assert self.process is not None, "the server was never started"
        return self.process.pid

    def spawn(self) -> None:
        """Start the process and return at once."""
        command = [sys.executable, "-m", "evensplit", "serve", "--data", str(self.data), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(self.settings)
            )

    def start(self) -> "Server":
        """Start the process and wait until its stores are usable."""
        self.spawn()
        deadline = time.monotonic() + START_LIMIT
        while not self.ready():
            assert self.process is not None
            code = self.process.poll()
            assert code is None, f"the server ended with {code}:\n{self.said()}"
            assert time.monotonic() < deadline, f"the server is not ready after {START_LIMIT} s:\n{self.said()}"
            time.sleep(0.02)
        return self

    def ready(self) -> bool:
        try:
            with self.client() as client:
                return client.call("GET", "/readyz").status == 200
        except OSError:
            return False

    def client(self, key: str | None = SECRET_KEY, limit: float = 30) -> Client:
        return Client(self.port, key, limit)

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self, limit: float = 30) -> int:
        """SIGTERM; the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(limit)

    def kill(self) -> None:
        """SIGKILL to the main process alone; returns once all its children have ended by themselves."""
        assert self.process is not None
        children = descendants(self.pid)
        self.process.kill()
        self.process.wait(10)
        for child in children:
            wait_ended(child)

    def writer(self) -> int:
        """The child that holds the record open."""
        for child in descendants(self.pid):
            if str(self.record) in open_files(child):
                return child
        raise AssertionError("no child of the server has the record open")

    def memory(self) -> int:
        """Proportional set size of the whole process tree, in bytes: shared pages are counted once."""
        return sum(proportional_size(pid) for pid in (self.pid, *descendants(self.pid)))

    def close(self) -> None:
        """End whatever still runs; for the end of a test."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        for task in tasks:
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    except FileNotFoundError:
        pass
    return found


def ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_ended(pid: int, limit: float = 15) -> None:
    deadline = time.monotonic() + limit
    while not ended(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs {limit} s after its parent was killed"
        time.sleep(0.02)


def open_files(pid: int) -> set[str]:
    found: set[str] = set()
    for link in Path(f"/proc/{pid}/fd").glob("*"):
        try:
            found.add(os.readlink(link))
        except OSError:
            continue
    return found


def proportional_size(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc/{pid}/smaps_rollup has no Pss line")
