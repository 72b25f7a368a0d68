"""What a User-Agent header adds to the events of the browser script, and to no others."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit import clock
from evensplit.ingest import bulk, enrich, pipeline
from evensplit.ingest.enrich import Browser, Browsers
from evensplit.ingest.pipeline import Note, Reading

NOW = clock.from_text("2026-11-22 10:11:12.345")
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36"
IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
AGENTS = {
    CHROME: ("Chrome", "Windows", "Desktop"),
    IPHONE: ("Mobile Safari", "iOS", "Mobile"),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:133.0) Gecko/20100101 Firefox/133.0": (
        "Firefox",
        "Mac OS X",
        "Desktop",
    ),
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36": (
        "Chrome Mobile",
        "Android",
        "Mobile",
    ),
    f"Mozilla/5.0 (Linux; Android 14; SM-X710) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": (
        "Chrome",
        "Android",
        "Tablet",
    ),
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0": (
        "Edge",
        "Windows",
        "Desktop",
    ),
}


@pytest.fixture(scope="module")
def chrome() -> Browser:
    return enrich.browser(CHROME)


def read(body: object, browser: Browser | None) -> Reading:
    return pipeline.read(json.dumps(body, separators=(",", ":")).encode(), "text/plain", NOW, 100, browser)


def event(**properties: object) -> dict[str, Any]:
    return {"event_type": "page_view", "user_id": "u", "properties": properties}


def texts(reading: Reading) -> list[str | None]:
    return reading.batch.values[3::5]


@pytest.mark.parametrize(("agent", "names"), AGENTS.items(), ids=[" ".join(names) for names in AGENTS.values()])
def test_browsers(agent: str, names: tuple[str, str, str]) -> None:
    found = enrich.browser(agent)
    assert found.bot is None
    text, _ = enrich.enriched('{"$lib":"es.js"}', found)
    assert json.loads(text) == {
        "$lib": "es.js",
        **dict(zip(("$browser", "$os", "$device_type"), names, strict=True)),
    }


@pytest.mark.parametrize("agent", ["", "something of our own", "\xff" * 50])
def test_nothing_is_guessed(agent: str) -> None:
    assert enrich.browser(agent) == Browser(())


def test_what_was_sent_stays_and_wins(chrome: Browser) -> None:
    sent = '{"$lib":"es.js","price":1.50,"$os":"BeOS","a":{"$browser":"x"}}'
    text, bot = enrich.enriched(sent, chrome)
    assert text == sent[:-1] + ',"$browser":"Chrome","$device_type":"Desktop"}'
    assert bot is None


@pytest.mark.parametrize(
    "properties",
    [
        '{"$lib":"web"}',
        '{"library":"es.js"}',
        '{"a":{"$lib":"es.js"}}',
        '{"$lib":["es.js"]}',
        "{}",
        '{"\\ud800":1,"$lib":"es.js"}',
    ],
)
def test_events_of_others_are_left_alone(properties: str, chrome: Browser) -> None:
    assert enrich.enriched(properties, chrome) == (properties, None)


def test_only_those_of_the_script_in_one_request(chrome: Browser) -> None:
    reading = read([event(n=1), event(**{"$lib": "es.js"}), {"event_type": "bare"}, event(n=2), event(n=3)], chrome)
    assert texts(reading) == [
        '{"n":1}',
        '{"$lib":"es.js","$browser":"Chrome","$os":"Windows","$device_type":"Desktop"}',
        None,
        '{"n":2}',
        '{"n":3}',
    ]
    assert reading.notes == []


def test_the_only_event_of_a_request(chrome: Browser) -> None:
    reading = read(event(**{"$lib": "es.js"}), chrome)
    assert json.loads(texts(reading)[0] or "")["$browser"] == "Chrome"
    assert reading.single


def test_spaces_and_a_null(chrome: Browser) -> None:
    body = b'[{"event_type":"a","properties": {"$lib" : "es.js"} } , {"event_type":"b","properties":null}]'
    reading = pipeline.read(body, "text/plain", NOW, 100, chrome)
    assert texts(reading) == [
        '{"$lib" : "es.js","$browser":"Chrome","$os":"Windows","$device_type":"Desktop"}',
        None,
    ]


def test_a_bot_is_told_and_kept() -> None:
    reading = read([event(**{"$lib": "es.js"}), event(n=1)], enrich.browser(GOOGLEBOT))
    assert reading.notes == [Note(0, "accepted", "bot", "the User-Agent header is that of a bot: 'Googlebot'")]
    assert reading.batch.size == 2
    assert [reject.reason for reject in reading.batch.rejects] == ["bot"]
    marked = json.loads(texts(reading)[0] or "")
    assert marked["$bot"] is True and marked["$browser"] == "Googlebot"
    assert texts(reading)[1] == '{"n":1}'


def test_without_a_browser_nothing_is_added() -> None:
    assert texts(read([event(**{"$lib": "es.js"})] * bulk.FEWEST, None)) == ['{"$lib":"es.js"}'] * bulk.FEWEST


def test_headers_are_read_once_and_cut() -> None:
    browsers = Browsers()
    assert browsers.known(CHROME.encode()) is None
    found = browsers.read(CHROME.encode())
    assert browsers.known(CHROME.encode()) is found
    long = CHROME.encode().ljust(enrich.LONGEST) + b"Googlebot"
    assert browsers.read(long).bot is None
    assert browsers.known(long + b"more") is browsers.known(long)


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(enrich, "_MOST_SEEN", 10)
    browsers = Browsers()
    for number in range(25):
        browsers.read(b"agent %d" % number)
    assert len(browsers._seen) <= 10
    assert browsers.known(b"agent 24") is not None


@given(
    st.dictionaries(
        st.text(st.characters(codec="utf-8"), max_size=12), st.none() | st.text() | st.integers(), max_size=6
    )
)
def test_text_stays_whole(chrome: Browser, properties: dict[str, Any]) -> None:
    sent = json.dumps({**properties, "$lib": "es.js"})
    text, _ = enrich.enriched(sent, chrome)
    assert text.startswith(sent[:-1])
    names = {"$browser": "Chrome", "$os": "Windows", "$device_type": "Desktop"}
    assert json.loads(text) == {**names, **properties, "$lib": "es.js"}
