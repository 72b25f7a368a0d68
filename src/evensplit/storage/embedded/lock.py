"""One process owns a data directory: a flock on `evensplit.lock`, whose text says who."""

import fcntl
import os
import time
from pathlib import Path

from evensplit.errors import DirectoryOwned, StartError

PATIENCE = 3.0  # seconds: the writer of a server that was killed may still be committing its last group


class DirectoryLock:
    """Held from construction until `release`, or until every process that inherited the descriptor has ended."""

    def __init__(self, directory: Path, owner: str) -> None:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self.fd = os.open(directory / "evensplit.lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StartError(f"the data directory {str(directory)!r} cannot be used: {error.strerror}") from error
        deadline = time.monotonic() + PATIENCE
        while not self._take():
            text = os.pread(self.fd, 1024, 0).decode(errors="replace").strip()
            if _alive(text) or time.monotonic() > deadline:
                os.close(self.fd)
                raise DirectoryOwned(f"{str(directory)!r} is owned by another process: {text or 'unknown'}")
            time.sleep(0.02)
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, f"pid {os.getpid()}, {owner}\n".encode(), 0)

    def _take(self) -> bool:
        try:
            fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        os.close(self.fd)


def _alive(text: str) -> bool:
    try:
        os.kill(int(text.split(",")[0].removeprefix("pid ")), 0)
    except (ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True
