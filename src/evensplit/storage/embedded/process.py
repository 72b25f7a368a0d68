"""The writer process: reads groups from its socket, commits each, answers. It ends when the server's end closes.

It ignores SIGTERM and SIGINT: the server decides when the last group has been sent.
"""

import contextlib
import json
import signal
import socket
import sys
from pathlib import Path

from evensplit.storage.embedded import frames
from evensplit.storage.embedded.groups import Group, Writer
from evensplit.storage.embedded.record import Connection, open_writer


def main(path: str, fd: str, mark: str, dedup_days: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    con = open_writer(Path(path))
    with socket.socket(fileno=int(fd)) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        writer = Writer(con, mark, int(dedup_days))
        channel.sendall(frames.pack(("ready", _last_group(con))))
        with contextlib.suppress(ConnectionError):  # the server was killed: what it had sent whole is committed
            _follow(channel, writer)
    con.close()


def _follow(channel: socket.socket, writer: Writer) -> None:
    unpacker = frames.Unpacker()
    while data := channel.recv(1 << 20):
        for message in unpacker.feed(data):
            outcome = writer.apply(Group(*message))  # type: ignore[arg-type]
            channel.sendall(frames.pack(tuple(outcome)))
            writer.tend()


def _last_group(con: Connection) -> tuple[str, int, list[int]] | None:
    """(mark, seq, duplicates) of the last group committed: after a crash the server asks for its fate here."""
    found = con.execute("SELECT value FROM es_state WHERE name = 'last_group'").fetchone()
    return tuple(json.loads(found[0])) if found else None


if __name__ == "__main__":
    main(*sys.argv[1:])
