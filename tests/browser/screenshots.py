"""The pictures of the README, made from the demo: python -m tests.browser.screenshots (`make screenshots`)."""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.chromium import FLAGS, program
from tests.browser.demo import demo
from tests.browser.signing_in import sign_in, url

IMAGES = Path(__file__).parents[2] / "docs" / "images"
HEAVIEST = 300 * 1024  # bytes
USERS = 5_000
PICTURES = {
    "dashboard": ("/dashboards/Shop", "light", 900),
    "experiment": ("/experiments/checkout_button", "dark", 760),
}


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, demo(Path(folder), USERS) as server, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program(), args=FLAGS)
        for name, (path, scheme, height) in PICTURES.items():
            take(browser, url(server), path, IMAGES / f"{name}.png", (scheme, height))
        browser.close()


def take(browser: Browser, at: str, path: str, file: Path, look: tuple[str, int]) -> None:
    """Once every part of the page has come. Raises RuntimeError for a picture that is too heavy."""
    scheme, height = look
    context = browser.new_context(
        viewport={"width": 1200, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    sign_in(page, at)
    page.goto(at + path)
    expect(page.locator("[aria-busy]")).to_have_count(0, timeout=60_000)
    page.mouse.move(1, height - 1)
    page.screenshot(path=file)
    context.close()
    if file.stat().st_size > HEAVIEST:
        raise RuntimeError(f"{file.name} has {file.stat().st_size:,} bytes, {HEAVIEST:,} at most")


if __name__ == "__main__":
    main()
