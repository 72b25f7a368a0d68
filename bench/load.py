"""wrk, run and read: how many requests a second, how long they took, how many failed."""

import random
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

LUA = Path(__file__).parent / "lua"
CONNECTIONS = 32
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True)
class Load:
    rate: float  # requests a second
    requests: int
    median_ms: float
    p99_ms: float


def available() -> bool:
    return shutil.which("wrk") is not None


def run(url: str, script: str, seconds: int, *arguments: str) -> Load:
    """One thread of wrk with 32 connections; every failed request is an error here."""
    seed = str(random.randrange(2**31))
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    command += ["-s", str(LUA / f"{script}.lua"), url, "--", seed, *arguments]
    return read(subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=True).stdout)


def read(said: str) -> Load:
    """What wrk said. Raises where a request failed."""
    for complaint in ("Non-2xx", "Socket errors"):
        if complaint in said:
            raise RuntimeError(said)
    return Load(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", said)[0]),
        requests=int(_found(r"(\d+) requests in", said)[0]),
        median_ms=_milliseconds("50%", said),
        p99_ms=_milliseconds("99%", said),
    )


def _found(pattern: str, said: str) -> tuple[str, ...]:
    match = re.search(pattern, said)
    if match is None:
        raise RuntimeError(f"wrk said something else: {said}")
    return match.groups()


def _milliseconds(share: str, said: str) -> float:
    number, unit = _found(rf"{re.escape(share)}\s+([\d.]+)(us|ms|s|m)\b", said)
    return float(number) * UNITS[unit]
