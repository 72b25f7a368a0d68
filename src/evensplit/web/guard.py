"""Who is asking, may they, and did they ask for us: keys and the Host header. What a key opens is said by the routes.

Keys are compared as SHA-256; a key that was seen and found good is remembered as it was presented, in memory only.
"""

import hashlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Literal, TypeAlias
from urllib.parse import parse_qs, urlsplit

from evensplit.errors import BadHost, Forbidden, Unauthorized

Kind: TypeAlias = Literal["write", "secret"]

_QUERY = b"\n?"  # begins what is remembered of a query; no header holds a line break
_MOST_SEEN = 4_096


class Keys:
    """The keys in force. `replace` follows every change of them."""

    def __init__(self, keys: Iterable[tuple[str, Kind]] = ()) -> None:
        self._kinds: dict[str, Kind] = {}
        self._seen: dict[bytes, Kind] = {}
        self.replace(keys)

    def replace(self, keys: Iterable[tuple[str, Kind]]) -> None:
        """`keys` are (SHA-256 of the key in hexadecimal, kind), without those that were revoked."""
        self._kinds = dict(keys)
        self._seen = {}

    def who(self, headers: Mapping[bytes, bytes], query: bytes) -> Kind:
        """The kind of the key presented. Raises Unauthorized where there is none, or none of ours.

        A secret key counts in `Authorization: Bearer` only; a write key also as the Basic user name and as `?key=`.
        """
        shown = headers.get(b"authorization")
        if shown is None:
            shown = _QUERY + query
        kind = self._seen.get(shown)
        if kind is None:
            kind = self._judge(shown)
            if len(self._seen) >= _MOST_SEEN:
                self._seen.clear()
            self._seen[shown] = kind
        return kind

    def _judge(self, shown: bytes) -> Kind:
        scheme, _, rest = shown.partition(b" ")
        if shown.startswith(_QUERY):
            key = parse_qs(shown[len(_QUERY) :].decode("latin-1")).get("key", [""])[-1].encode()
        elif scheme.lower() == b"bearer":
            key = rest.strip()
        elif scheme.lower() == b"basic":
            key = _user_name(rest)
        else:
            raise Unauthorized("Authorization is neither Bearer nor Basic")
        if not key:
            raise Unauthorized("a key is needed: Authorization: Bearer KEY")
        kind = self._kinds.get(hashlib.sha256(key).hexdigest())
        if kind is None:
            raise Unauthorized("this key is not known")
        if kind == "secret" and scheme.lower() != b"bearer":
            raise Unauthorized("a secret key is accepted in Authorization: Bearer only")
        return kind


def _user_name(encoded: bytes) -> bytes:
    try:
        return b64decode(encoded.strip(), validate=True).partition(b":")[0]
    except NotBase64:
        return b""


def need_secret(kind: Kind) -> None:
    """Raises Forbidden for a write key."""
    if kind != "secret":
        raise Forbidden("a write key may send events, identify, ask for one user's variant; this needs the secret key")


class Hosts:
    """The names under which this server may be addressed (against DNS rebinding).

    Bound to one address: that address, its loopback names and the host of the public URL. Bound to all addresses:
    the host of the public URL and every address written as a number, which no name can be rebound to; without a
    public URL every host, for then nobody has said what the names are.
    """

    def __init__(self, host: str, public_url: str = "") -> None:
        public = urlsplit(public_url).hostname
        wildcard = host in ("", "0.0.0.0", "::")
        self._any = wildcard and not public
        self._numbers = wildcard
        self._names = {host.lower().strip("[]")} | ({public} if public else set())
        if wildcard or _is_loopback(host):
            self._names |= {"localhost", "127.0.0.1", "::1"}
        self._seen: set[bytes | None] = {None}  # HTTP/1.0 may leave the header out; browsers never do

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Raises BadHost."""
        shown = headers.get(b"host")
        if shown in self._seen or self._any:
            return
        assert shown is not None
        name = host_name(shown)
        if name not in self._names and not (self._numbers and _is_number(name)):
            raise BadHost(f"this server does not answer for the host {name[:256]!r}")
        if len(self._seen) < _MOST_SEEN:
            self._seen.add(shown)


def host_name(header: bytes) -> str:
    """The name or address in a Host header, without port, brackets and final dot; empty where there is none."""
    text = header.decode("latin-1").strip().lower()
    if text.startswith("["):
        address, closed, _ = text[1:].partition("]")
        return address if closed else ""
    return text.partition(":")[0].removesuffix(".")


def _is_loopback(host: str) -> bool:
    return host.lower() == "localhost" or (_is_number(host) and ip_address(host.strip("[]")).is_loopback)


def _is_number(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
