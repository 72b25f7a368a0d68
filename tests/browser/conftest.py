"""Fixtures of every test in a browser."""

from tests.browser.chromium import chromium, playwright

__all__ = ["chromium", "playwright"]
