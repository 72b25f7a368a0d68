"""The 16 bytes under which a message id is remembered: equal ids have equal keys, others never share one in practice.

How long keys are remembered is the store's affair.
"""

from hashlib import blake2b

KEY_BYTES = 16


def event_key(message_id: str) -> bytes:
    """The key of an event's message id. A canonical lower-case UUID is its own key: uuid7 keeps its order in time."""
    if len(message_id) == 36 and message_id[8] == message_id[13] == message_id[18] == message_id[23] == "-":
        try:
            key = bytes.fromhex(message_id.replace("-", ""))
        except ValueError:
            key = b""
        if len(key) == KEY_BYTES and message_id == message_id.lower():
            return key
    return blake2b(message_id.encode(), digest_size=KEY_BYTES).digest()


def metric_key(experiment: str, metric: str, message_id: str) -> bytes:
    """The key of a metric value's message id, which counts within (experiment, metric) only."""
    parts = [part.encode() for part in (experiment, metric, message_id)]
    whole = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return blake2b(whole, digest_size=KEY_BYTES, person=b"metric").digest()
