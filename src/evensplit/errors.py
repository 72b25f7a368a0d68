"""Everything that can go wrong, as one tree: a stable code, an HTTP status, a message naming value and rule.

Nothing here knows HTTP beyond the number; `web.responses` turns an error into the one JSON shape.
"""

from collections.abc import Sequence


class EvensplitError(Exception):
    """The root. Anything else that reaches the surface is a defect and is shown as `internal`."""

    code = "internal"
    status = 500

    def __init__(self, message: str, details: Sequence[object] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.details = list(details)


class QueryFailed(EvensplitError):
    """The engine could not answer. What it said is the cause, for the log and for nobody else."""


class Malformed(EvensplitError):
    """The request could not be read at all."""

    code = "malformed"
    status = 400


class InvalidJson(Malformed):
    code = "invalid_json"


class BadHost(Malformed):
    """The Host header names somebody else: most likely a page that rebound its own name to our address."""

    code = "bad_host"


class Unauthorized(EvensplitError):
    code = "unauthorized"
    status = 401


class Forbidden(EvensplitError):
    code = "forbidden"
    status = 403


class NotFound(EvensplitError):
    code = "not_found"
    status = 404


class UnknownExperiment(NotFound):
    code = "unknown_experiment"


class UnknownVariant(NotFound):
    code = "unknown_variant"


class MethodNotAllowed(EvensplitError):
    code = "method_not_allowed"
    status = 405


class Conflict(EvensplitError):
    code = "conflict"
    status = 409


class TooLarge(EvensplitError):
    code = "too_large"
    status = 413


class UnsupportedEncoding(EvensplitError):
    code = "unsupported_encoding"
    status = 415


class Invalid(EvensplitError):
    """Understood, but against a rule. `details` lists every fault found, one per field."""

    code = "invalid"
    status = 422


class Rejected(Invalid):
    """A single event that was refused; the code is the reject reason."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = reason


class InvalidReport(Invalid):
    """A report that cannot be answered as asked; the code says which rule it breaks."""

    def __init__(self, code: str, message: str, details: Sequence[object] = ()) -> None:
        super().__init__(message, details)
        self.code = code


class SqlNotAllowed(Invalid):
    """A statement that names something outside the allowlist, or that could outgrow the machine."""

    code = "sql_not_allowed"


class SqlFailed(Invalid):
    """The engine could not read or run the statement; the message is the engine's."""

    code = "sql_error"


class SqlTimeout(Invalid):
    """The statement ran longer than it may."""

    code = "sql_timeout"


class SqlTooLarge(Invalid):
    """The statement needed more memory, or its answer is larger, than it may be."""

    code = "sql_too_large"


class TooManyRequests(EvensplitError):
    code = "too_many_requests"
    status = 429


class Unavailable(EvensplitError):
    """Nothing was taken; ask again after `retry_after` seconds."""

    code = "unavailable"
    status = 503

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StartError(EvensplitError):
    """The process cannot start or a command cannot run; `exit_code` is what the shell sees."""

    code = "start"

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class DirectoryOwned(StartError):
    """Another process owns the data directory (EX_TEMPFAIL of sysexits.h)."""

    code = "directory_owned"

    def __init__(self, message: str) -> None:
        super().__init__(message, exit_code=75)
