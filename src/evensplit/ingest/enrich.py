"""What the browser script leaves to the server: which browser, system and kind of device, and whether it is a bot.

Only events of the script are looked at: sent as plain text, with `"$lib": "es.js"` among their properties. Whoever
sends from a server says nothing of a visitor's browser by the User-Agent header, and pays nothing for this. The lists
of browsers and bots are those of two libraries, loaded with the first such event.
"""

import msgspec
from msgspec import Raw

from evensplit.ingest.sent import UNREADABLE

SENT_AS = "text/plain"  # looking through a body costs a nanosecond a byte, looking at its Content-Type nothing
MARK = b'"es.js"'  # a body without it holds no event of the script
LONGEST = 400  # characters of a User-Agent that are read: a pattern may take time that grows with the square of them

_MOST_SEEN = 4_096

_decode = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


class Browser(msgspec.Struct, frozen=True):
    """What a User-Agent header says: properties as (name, member of a JSON object), and the bot's name if it is one."""

    members: tuple[tuple[str, str], ...]
    bot: str | None = None


class Browsers:
    """Browsers by the User-Agent headers that were seen; in memory only."""

    def __init__(self) -> None:
        self._seen: dict[bytes, Browser] = {}

    def known(self, agent: bytes) -> Browser | None:
        """The browser of a header seen before; else it is to be `read`, which is worth a thread."""
        return self._seen.get(agent[:LONGEST])

    def read(self, agent: bytes) -> Browser:
        """The browser that sends this header."""
        agent = agent[:LONGEST]
        found = browser(agent.decode("latin-1"))
        if len(self._seen) >= _MOST_SEEN:
            self._seen.clear()
        self._seen[agent] = found
        return found


def browser(agent: str) -> Browser:
    """What the text of a User-Agent header says. What it does not say is left out."""
    from ua_parser import parse_os, parse_user_agent  # 300 ms, and as much again with the first text

    program, system = parse_user_agent(agent), parse_os(agent)
    named: dict[str, object] = {}
    if program is not None:
        named["$browser"] = program.family
    if system is not None:
        named["$os"] = system.family
    if named:
        named["$device_type"] = device_type(agent)
    bot = _bot(agent)
    if bot is not None:
        named["$bot"] = True
    members = tuple((name, f"{_encode(name).decode()}:{_encode(value).decode()}") for name, value in named.items())
    return Browser(members, bot)


def device_type(agent: str) -> str:
    """`Tablet`, `Mobile` or `Desktop`: browsers for Android say `Mobile` on telephones and leave it out on tablets."""
    if "iPad" in agent or "Tablet" in agent or ("Android" in agent and "Mobile" not in agent):
        return "Tablet"
    return "Mobile" if "Mobi" in agent else "Desktop"


def enriched(text: str, found: Browser) -> tuple[str, str | None]:
    """The JSON text of properties with what the browser adds, and the bot's name.

    What was sent stays as it stands, and wins: only names that it has not are added. Text of anybody else than the
    script comes back as it is."""
    if MARK.decode() not in text:
        return text, None
    try:
        sent = _decode(text)
    except UNREADABLE:  # a name that is no text: stored as it is
        return text, None
    if bytes(sent.get("$lib", Raw())) != MARK:
        return text, None
    added = [member for name, member in found.members if name not in sent]
    return ",".join([text[:-1], *added]) + "}", found.bot


def _bot(agent: str) -> str | None:
    from crawlerdetect import CrawlerDetect

    detector = CrawlerDetect()  # it remembers its last answer, so that threads must not share one
    return detector.get_matches() or "?" if detector.is_crawler(agent) else None
