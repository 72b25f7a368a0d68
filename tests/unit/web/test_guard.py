"""Who is let in, and under which name the server may be called."""

from base64 import b64encode

import pytest

from evensplit.errors import BadHost, Forbidden, Unauthorized
from evensplit.storage.catalog.keys import key_hash
from evensplit.web import guard
from evensplit.web.guard import Hosts, Keys, host_name, need_secret
from tests.unit.web.driver import SECRET, WRITE


def basic(text: str) -> bytes:
    return b"Basic " + b64encode(text.encode())


@pytest.fixture
def keys() -> Keys:
    return Keys([(key_hash(WRITE), "write"), (key_hash(SECRET), "secret")])


@pytest.mark.parametrize(
    ("authorization", "query", "kind"),
    [
        (b"Bearer " + WRITE.encode(), b"", "write"),
        (b"bearer  " + WRITE.encode(), b"", "write"),
        (b"Bearer " + SECRET.encode(), b"key=nonsense", "secret"),
        (basic(WRITE + ":"), b"", "write"),
        (basic(WRITE), b"", "write"),
        (basic(WRITE + ":password"), b"", "write"),
        (None, b"key=" + WRITE.encode(), "write"),
        (None, b"a=b&key=" + WRITE.encode() + b"&c", "write"),
        (None, b"key=es%5Fw_write_key", "write"),
    ],
)
def test_who_is_let_in(keys: Keys, authorization: bytes | None, query: bytes, kind: str) -> None:
    headers = {} if authorization is None else {b"authorization": authorization}
    for _ in range(2):  # judged, then remembered
        assert keys.who(headers, query) == kind


@pytest.mark.parametrize(
    ("authorization", "query"),
    [
        (None, b""),
        (None, b"key="),
        (None, b"key=" + SECRET.encode()),
        (None, b"key=%ff%fe"),
        (b"", b"key=" + WRITE.encode()),
        (WRITE.encode(), b""),
        (b"?key=" + WRITE.encode(), b"x"),
        (b"Bearer", b""),
        (b"Bearer ", b""),
        (b"Bearer " + WRITE.encode() + b"x", b""),
        (b"Bearer \xff\xfe", b""),
        (b"Digest " + WRITE.encode(), b""),
        (b"Basic !!!", b""),
        (b"Basic \xff", b""),
        (basic(":" + WRITE), b""),
        (basic(SECRET + ":"), b""),
    ],
)
def test_who_is_not(keys: Keys, authorization: bytes | None, query: bytes) -> None:
    headers = {} if authorization is None else {b"authorization": authorization}
    for _ in range(2):
        with pytest.raises(Unauthorized):
            keys.who(headers, query)


def test_a_revoked_key_is_forgotten(keys: Keys) -> None:
    shown = {b"authorization": b"Bearer " + WRITE.encode()}
    assert keys.who(shown, b"") == "write"
    keys.replace([(key_hash(SECRET), "secret")])
    with pytest.raises(Unauthorized):
        keys.who(shown, b"")


def test_what_is_remembered_is_bounded(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_MOST_SEEN", 10)
    for number in range(100):
        assert keys.who({}, b"n=%d&key=" % number + WRITE.encode()) == "write"
        assert len(keys._seen) <= 10


def test_need_secret() -> None:
    need_secret("secret")
    with pytest.raises(Forbidden):
        need_secret("write")


LOOPBACK = Hosts("127.0.0.1")


@pytest.mark.parametrize(
    ("hosts", "shown", "good"),
    [
        (LOOPBACK, b"127.0.0.1:8400", True),
        (LOOPBACK, b"127.0.0.1", True),
        (LOOPBACK, b"LocalHost:1", True),
        (LOOPBACK, b"localhost.", True),
        (LOOPBACK, b"[::1]:8400", True),
        (LOOPBACK, b"evil.example", False),
        (LOOPBACK, b"evil.example:8400", False),
        (LOOPBACK, b"localhost.evil.example", False),
        (LOOPBACK, b"127.0.0.1.evil.example", False),
        (LOOPBACK, b"10.0.0.1", False),
        (LOOPBACK, b"", False),
        (LOOPBACK, b"\xff", False),
        (LOOPBACK, b"[::1", False),
        (Hosts("127.0.0.1", "https://Stats.example.org:444/"), b"stats.example.org", True),
        (Hosts("127.0.0.1", "https://stats.example.org"), b"www.stats.example.org", False),
        (Hosts("localhost"), b"127.0.0.1", True),
        (Hosts("::1"), b"[::1]:8400", True),
        (Hosts("192.168.1.2"), b"192.168.1.2:8400", True),
        (Hosts("192.168.1.2"), b"localhost", False),
        (Hosts("0.0.0.0"), b"anything.example", True),
        (Hosts("0.0.0.0", "https://stats.example.org"), b"anything.example", False),
        (Hosts("0.0.0.0", "https://stats.example.org"), b"stats.example.org", True),
        (Hosts("0.0.0.0", "https://stats.example.org"), b"10.1.2.3:8400", True),
        (Hosts("::", "https://stats.example.org"), b"[fe80::1]:8400", True),
    ],
)
def test_hosts(hosts: Hosts, shown: bytes, good: bool) -> None:
    for _ in range(2):
        if good:
            hosts.check({b"host": shown})
        else:
            with pytest.raises(BadHost):
                hosts.check({b"host": shown})


def test_a_missing_host_is_let_pass() -> None:
    LOOPBACK.check({})


@pytest.mark.parametrize(
    ("header", "name"), [(b"A.b:80", "a.b"), (b"[::1]:80", "::1"), (b" x. ", "x"), (b":80", ""), (b"", "")]
)
def test_host_name(header: bytes, name: str) -> None:
    assert host_name(header) == name
