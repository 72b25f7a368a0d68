"""Evensplit: product analytics and A/B tests that a team runs itself."""

__version__ = "0.1.0"
