"""What the figures were measured on. Names no host, no user and no path."""

import os
import platform
import sqlite3
import statistics
import subprocess
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("uvicorn", "uvloop", "httptools", "msgspec", "litestar", "duckdb")


def described(folder: Path) -> list[str]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    wrk = subprocess.run(["wrk", "-v"], capture_output=True, text=True).stdout.splitlines()
    return [
        f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB memory, Linux {platform.release()}",
        f"file system {_file_system(folder)}; appending 4 KiB and syncing it takes {sync_ms(folder):.2f} ms (median)",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        f"{wrk[0].split(' [')[0] if wrk else 'wrk is missing'}, on the same machine as the server",
    ]


def sync_ms(folder: Path) -> float:
    spent = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(100):
            file.write(b"x" * 4096)
            file.flush()
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            spent.append(time.perf_counter() - start)
    return statistics.median(spent) * 1000


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(folder: Path) -> str:
    best = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if folder.resolve().is_relative_to(place) and len(place) > len(best[0]):
            best = (place, kind)
    return best[1]
