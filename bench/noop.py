"""Floor A: a plain ASGI handler that reads the body and answers 200 with JSON, on the server's own uvicorn set-up.

`python -m bench.noop PORT`. One process, uvloop, httptools, no access log, nothing stored.
"""

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn

Message = MutableMapping[str, Any]
BODY = b'{"accepted":1,"duplicate":0,"rejected":0,"notes":[]}'
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())],
}
END = {"type": "http.response.body", "body": BODY}


async def handle(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while True:
        message = await receive()
        if not message.get("more_body", False):
            break
    await send(START)
    await send(END)


if __name__ == "__main__":
    uvicorn.run(
        handle,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
    )
