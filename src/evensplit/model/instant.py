"""How replies write an instant of the record. Not here: reading what others send."""


def rfc3339(text: str) -> str:
    """The record's text as replies show it: `2026-11-22T10:11:12.345Z`."""
    return f"{text[:10]}T{text[11:]}Z"
