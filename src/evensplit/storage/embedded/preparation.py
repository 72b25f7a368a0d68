"""What comes before everything else: the directory is taken, its record is brought to the newest migration.

The migration is a process of its own (Alembic is never loaded into a server), so a start can go on loading meanwhile.
"""

import subprocess
import sys
from pathlib import Path

from evensplit.errors import StartError
from evensplit.storage.embedded.lock import DirectoryLock
from evensplit.storage.embedded.record import is_current

RECORD = "analytics.db"


class Preparation:
    """Begun by its construction (raises DirectoryOwned), over when `finish` returns."""

    def __init__(self, directory: Path, owner: str) -> None:
        self.lock = DirectoryLock(directory, owner)
        self.record = directory / RECORD
        self._migration: subprocess.Popen[bytes] | None = None
        if not is_current(self.record):
            words = [sys.executable, "-m", "evensplit.storage.migrate", str(self.record)]
            self._migration = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self) -> None:
        """Wait for the migration. Raises StartError where the record cannot be opened or brought up to date."""
        if self._migration is None:
            return
        _, said = self._migration.communicate()
        if self._migration.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else f"exit code {self._migration.returncode}"
            raise StartError(f"the record {str(self.record)!r} cannot be opened or brought up to date: {reason}")
