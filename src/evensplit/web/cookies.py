"""The two cookies: who is signed in, and, before anybody is, what ties a form to the browser that asked for it.

Here: their names, their attributes, reading them, and the token that every form carries. Not here: whose they are.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping

TOKEN = re.compile(r"[0-9a-f]{48}")
FORM = "evensplit form "  # begins what is hashed: the token of a form says nothing of the cookie


class Cookies:
    """`secure`: browsers reach us by https. Then the names bind the cookies to this very host as well."""

    def __init__(self, secure: bool) -> None:
        self._secure = secure
        prefix = "__Host-" if secure else ""
        self.session = f"{prefix}es_session"
        self.visitor = f"{prefix}es_visitor"

    def read(self, headers: Mapping[bytes, bytes], name: str) -> str | None:
        """Its token; None where there is none that could be ours."""
        for part in headers.get(b"cookie", b"").decode("latin-1").split(";"):
            key, _, value = part.strip().partition("=")
            if key == name and TOKEN.fullmatch(value):
                return value
        return None

    def set(self, name: str, token: str, seconds: int | None = None) -> tuple[bytes, bytes]:
        """The header; without `seconds` it lasts as long as the browser runs."""
        age = "" if seconds is None else f"; Max-Age={seconds}"
        secure = "; Secure" if self._secure else ""
        return b"set-cookie", f"{name}={token}; Path=/; HttpOnly; SameSite=Lax{age}{secure}".encode()

    def clear(self, name: str) -> tuple[bytes, bytes]:
        return self.set(name, "", 0)


def form_token(cookie: str) -> str:
    """What a form must carry that comes from a browser with that cookie."""
    return hashlib.sha256((FORM + cookie).encode()).hexdigest()


def is_form_token(shown: str, cookie: str) -> bool:
    return hmac.compare_digest(shown.encode("utf-8", "replace"), form_token(cookie).encode())
