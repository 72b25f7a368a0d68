"""The largest request and the largest event that are taken; what is larger is refused with a reason, never cut."""

MAX_EVENTS = 10_000  # of one request
MAX_EVENT_TYPE = 200  # characters
MAX_ID = 512  # characters
MAX_MESSAGE_ID = 128  # characters
MAX_PROPERTIES = 64 * 1024  # bytes
MAX_DEPTH = 16
