"""A server over the made-up shop of `evensplit demo`, smaller than by default. Not here: what is looked at in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.browser.signing_in import PASSWORD
from tests.system.server import Server, run_command

USERS = 1_500


@contextmanager
def demo(folder: Path, users: int = USERS) -> Iterator[Server]:
    """Filled and started; its admin has `PASSWORD`."""
    data = folder / "demo"
    done = run_command("demo", "--fill-only", "--users", str(users), "--data", str(data))
    assert done.returncode == 0, done.stderr
    server = Server(data, {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    try:
        yield server
    finally:
        server.close()
