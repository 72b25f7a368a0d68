"""Evensplit: product analytics and A/B tests that a team runs itself."""
