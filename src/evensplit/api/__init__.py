"""JSON over HTTP: `capture` is the plain ASGI app in front, `routes` lists what Litestar serves."""
