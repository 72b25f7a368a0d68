"""What is known of a person beyond what they did: traits. Not here: which ids are one person (`storage.catalog`)."""

import msgspec

LONGEST_TRAIT_NAME = 200


class Trait(msgspec.Struct, frozen=True):
    """One statement about a user: the JSON text as it was sent, None where it says that the trait is not set.

    `text` is its text form in reports, `number` its value there if it is a number."""

    name: str
    value: str | None
    text: str | None
    number: float | None
