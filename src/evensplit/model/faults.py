"""Reading a JSON object field by field, so that every fault is found, not only the first. Not here: what they mean."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from evensplit.errors import InvalidJson

T = TypeVar("T")
Choice = TypeVar("Choice", bound=str)
MISSING = b""  # no JSON text is empty
ABSENT = (MISSING, b"null")  # null and missing are the same: not set


_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong, and where: `variants[1].weight`."""

    field: str
    message: str


class Fields:
    """The fields of one JSON object, each read once by name; what is wrong with them gathers in `faults`."""

    def __init__(self, raw: bytes, path: str = "", faults: list[Fault] | None = None) -> None:
        self.path = path
        self.faults: list[Fault] = [] if faults is None else faults
        try:
            self._raw = {name: bytes(value) for name, value in _OBJECT.decode(raw).items()}
        except msgspec.ValidationError as error:
            self._raw = {}
            self.fault("", str(error))
        except RecursionError:
            self._raw = {}
            self.fault("", "nested too deeply")
        except msgspec.DecodeError as error:
            raise InvalidJson(f"not valid JSON: {error}") from None

    def fault(self, name: str, message: str) -> None:
        self.faults.append(Fault(self.at(name), message))

    def at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path and name else self.path or name

    def take(self, name: str, kind: type[T], default: T) -> T:
        """The field as `kind`; the default where it is absent, or wrong and noted."""
        return self.read(self.raw(name), name, kind, default)

    def require(self, name: str, kind: type[T], default: T) -> T:
        """As `take`, and a fault where it is absent."""
        if self.peek(name) in ABSENT:
            self.fault(name, "is required")
        return self.take(name, kind, default)

    def choice(self, name: str, allowed: Sequence[Choice], default: Choice) -> Choice:
        """The field as one of a few words."""
        word = self.take(name, str, default)
        for choice in allowed:
            if choice == word:
                return choice
        if word != default:
            self.fault(name, f"must be one of {', '.join(allowed)}, is {word!r}")
        return default

    def raw(self, name: str) -> bytes:
        """The field's JSON text; `MISSING` where it is absent. A field that was asked for is a known one."""
        return self._raw.pop(name, MISSING)

    def peek(self, name: str) -> bytes:
        return self._raw.get(name, MISSING)

    def items(self, name: str) -> list["Fields"]:
        """The field as a list of objects; empty where it is absent or no list."""
        found = self.take(name, list[msgspec.Raw], [])
        return [Fields(bytes(raw), f"{self.at(name)}[{index}]", self.faults) for index, raw in enumerate(found)]

    def table(self, name: str) -> Mapping[str, bytes]:
        """The field as an object whose keys are the sender's."""
        return {key: bytes(raw) for key, raw in self.take(name, dict[str, msgspec.Raw], {}).items()}

    def read(self, raw: bytes, name: str, kind: type[T], default: T) -> T:
        if raw in ABSENT:
            return default
        try:
            return msgspec.json.decode(raw, type=kind)
        except msgspec.ValidationError as error:
            self.fault(name, str(error))
        except RecursionError:
            self.fault(name, "nested too deeply")
        except msgspec.DecodeError:
            self.fault(name, "holds text that is not Unicode, such as a lone surrogate")
        return default

    def json(self, raw: bytes, name: str) -> msgspec.Raw:
        """Any JSON, kept as it was sent once it is known to be readable."""
        self.read(raw, name, object, None)
        return msgspec.Raw(raw)

    def end(self) -> None:
        """Every field has been taken: what is left is not known."""
        for name in self._raw:
            self.fault(name, "is not a known field")


def text_of(body: bytes) -> bytes:
    """The body, once it is known to be UTF-8: skipping over a value does not look."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidJson(f"not valid UTF-8 at byte {error.start}") from None
    return body.removeprefix(b"\xef\xbb\xbf")
