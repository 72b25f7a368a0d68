"""Every reason for which an event or metric value is refused or noted, with its meaning. Nothing is decided here.

The reply, the stored rejects and the documentation all speak in these words.
"""

REFUSED = {
    "invalid_json": "the line or element is not JSON (RFC 8259, UTF-8); as the whole body it is answered with 400",
    "not_an_object": "the event is JSON, but not an object",
    "missing_event_type": "event_type is absent, empty or not text",
    "event_type_too_long": "event_type has more than 200 characters",
    "invalid_user_id": "an id is neither text nor a number, or has more than 512 characters",
    "properties_not_object": "properties is neither an object nor null",
    "properties_too_large": "properties take more than 64 KiB as JSON",
    "properties_too_deep": "properties nest more than 16 deep",
    "invalid_timestamp": "the time has no zone, is not RFC 3339 or Unix time, or lies before 1970 or 24 hours ahead",
    "invalid_text": "an id or a name is no storable text: NUL, a lone surrogate, or not text at all",
    "invalid_number": "a number does not fit a 64-bit float, or a metric's value is not a number",
    "message_id_too_long": "message_id has more than 128 characters",
    "unknown_experiment": "no experiment has that name",
    "unknown_variant": "the experiment has no such variant",
    "not_assigned": "the user has no variant in that experiment",
}

NOTED = {
    "bot": "the browser script ran in a bot, by its User-Agent header; the event has `$bot` among its properties",
    "corrected": "the sender's clock was off by a second or more: the time was moved by received - sent_at",
    "link_refused": "the two ids were not linked, because one of them is a placeholder; the event is kept",
    "already_linked": "the anonymous id belongs to another user; the link is stored without effect, the event is kept",
}
