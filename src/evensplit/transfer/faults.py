"""A line or row of a file that could not be used, and the reasons that only files have."""

import msgspec

INVALID_ROW = "invalid_row"
OTHER_VARIANT = "other_variant"

REASONS = {
    INVALID_ROW: "a row has more or fewer cells than the header, is no CSV, or a line is longer than 4 MiB",
    OTHER_VARIANT: "`experiment load`: the user has another variant in an earlier row",
}


class Fault(msgspec.Struct, frozen=True):
    """Where in the file it stands (from line 1), why it was refused, and its beginning."""

    line: int
    reason: str
    message: str
    row: str
