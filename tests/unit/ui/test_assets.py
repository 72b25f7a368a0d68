"""What the browser loads: kept for good, compressed, small enough, and nothing of it from elsewhere."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from evensplit.model.account import Role
from evensplit.ui.assets import OURS, PLOTLY, Assets
from evensplit.ui.rendering import TEMPLATES
from evensplit.ui.routes import ROUTES
from tests.unit.ui.conftest import Browser, Site

PAGES = Path(__file__).resolve().parents[3] / "docs" / "pages.md"


def test_a_first_load_is_below_two_megabytes(as_role: Callable[[Role], Browser]) -> None:
    browser, assets = as_role("viewer"), Assets()
    sizes = {}
    for name in assets.files:
        reply = browser.get(assets.link(name), {"accept-encoding": "gzip"})
        assert reply.status_code == 200 and reply.headers["cache-control"].endswith("immutable"), name
        sizes[name] = int(reply.headers["content-length"])
    assert sizes[PLOTLY] > 1_000_000
    assert sum(sizes.values()) < 2_000_000, sizes


@pytest.mark.parametrize("encoding", ["", "gzip", "zstd", "gzip, deflate, br, zstd"])
def test_what_the_browser_can_unpack(site: Site, encoding: str) -> None:
    link = Assets().link("evensplit.css")
    reply = site.browser().get(link, {"accept-encoding": encoding})
    assert reply.headers.get("content-encoding", "") in encoding
    assert reply.headers["vary"] == "accept-encoding"
    assert reply.text.startswith("/* The one stylesheet")


def test_another_mark_is_not_kept(site: Site) -> None:
    reply = site.browser().get("/static/0000000000000000/evensplit.css")
    assert reply.status_code == 200 and reply.headers["cache-control"] == "no-cache"
    for path in ("/static/x/nothing.css", "/static/x/../routes.py", "/static/x/%2e%2e%2froutes.py", "/static/"):
        assert site.browser().get(path).status_code == 404, path


def test_nothing_comes_from_elsewhere() -> None:
    for path in [*OURS.iterdir(), *TEMPLATES.iterdir()]:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://|@import|url\(", text), path.name


def test_modules_import_what_there_is() -> None:
    for path in OURS.glob("*.js"):
        for name in re.findall(r'from "\./([^"]+)"', path.read_text(encoding="utf-8")):
            assert (OURS / name).exists(), f"{path.name} imports {name}"


def test_no_template_writes_what_others_sent_as_it_is() -> None:
    for path in TEMPLATES.iterdir():
        text = path.read_text(encoding="utf-8")
        assert "|safe" not in text.replace(" ", "") and "autoescape false" not in text, path.name
        assert not re.search(r"<script(?![^>]*\b(src|type=\"application/json\"))", text), path.name
        assert not re.search(r"\son[a-z]+=", text), path.name


def test_every_page_is_documented() -> None:
    page = PAGES.read_text(encoding="utf-8")
    assert not [route.path for route in ROUTES if route.method == "GET" and f"`{route.path}`" not in page]
