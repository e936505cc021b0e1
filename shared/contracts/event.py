"""What an event is, how one is declared, written and read back.

An event is a frozen `msgspec` struct: the same declaration gives the writer its constructor, the
reader its decoder and the outside world its JSON Schema. On the wire it travels in a CloudEvents
1.0 envelope.

Writers are closed (a struct takes no unknown field), readers are tolerant (an unknown field is
ignored). Change ladder: an optional field with a default keeps the version; anything else is
`version + 1` with a pure upcast from the version before (docs/events.md).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, TypeVar
from uuid import UUID

import msgspec

#: Fixed for ever: with another count, later events of a key would go elsewhere, out of order.
PARTITIONS = 6

Fen = Annotated[int, msgspec.Meta(ge=0, description="Amount in fen (1/100 yuan).")]
RegionCode = Annotated[
    str,
    msgspec.Meta(pattern=r"^\d{6}$", description="County of the business day, GB/T 2260."),
]
ListVintage = Annotated[
    str,
    msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$", description="Day as of which a list stands."),
]
Code = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._-]+$")]

Instant = Annotated[datetime, msgspec.Meta(tz=True, description="A moment, with its offset.")]

Data = dict[str, Any]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events; carries ids, codes, dates and amounts, never a person's data."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What the platform knows about one event type.

    `key` names the field all of whose events stay in order; `business_on` the field with the date
    on which it happened (ST-05), as opposed to `known_at`, when the platform learnt it.
    """

    event: type[Event]
    topic: str
    key: str
    business_on: str | None
    version: int

    @property
    def type(self) -> str:
        """The wire type: class name and version, never a module path."""
        return f"{self.event.__name__}.v{self.version}"

    @property
    def source(self) -> str:
        """The service that alone emits this event."""
        return self.topic.removesuffix(".events")


class UnknownEvent(Exception):
    """The type is not declared in this build: consumers skip it and count it."""


class NewerVersion(Exception):
    """The version is newer than this build knows: the key waits until the build is updated."""


class Malformed(Exception):
    """The payload does not fit its contract."""


CONTRACTS: dict[str, Contract] = {}
_UPCASTS: dict[tuple[str, int], Callable[[Data], Data]] = {}
_DECODERS: dict[str, msgspec.json.Decoder[Event]] = {}

EventT = TypeVar("EventT", bound=Event)


def contract(
    *, topic: str, key: str, business_on: str | None, version: int = 1
) -> Callable[[type[EventT]], type[EventT]]:
    """Register an event class under its name; a name is declared once."""

    def register(event: type[EventT]) -> type[EventT]:
        name = event.__name__
        if name in CONTRACTS:
            raise TypeError(f"event {name} is declared twice")
        CONTRACTS[name] = Contract(event, topic, key, business_on, version)
        _DECODERS[name] = msgspec.json.Decoder(event)
        return event

    return register


def upcast(
    event: type[Event], *, from_version: int
) -> Callable[[Callable[[Data], Data]], Callable[[Data], Data]]:
    """Register the pure step that lifts `from_version` of `event` to the next version."""

    def register(step: Callable[[Data], Data]) -> Callable[[Data], Data]:
        _UPCASTS[event.__name__, from_version] = step
        return step

    return register


def contract_of(event: Event | type[Event]) -> Contract:
    """The contract an event, or its class, was declared with."""
    cls = event if isinstance(event, type) else type(event)
    return CONTRACTS[cls.__name__]


def part_of(key: str) -> int:
    """The partition of a key: the same in every topic, so one worker sees all of an enterprise."""
    return zlib.crc32(key.encode()) % PARTITIONS


def key_of(event: Event) -> str:
    """The ordering key of an event, as text."""
    return str(getattr(event, contract_of(event).key))


class _Envelope(msgspec.Struct, kw_only=True):
    """The fields of the envelope that a consumer needs; the others stay unread."""

    id: UUID
    type: str
    subject: str
    time: datetime
    sequence: int
    data: msgspec.Raw
    traceparent: str = ""
    actor: str = ""


@dataclass(frozen=True, slots=True)
class Received:
    """An event as a consumer sees it: what happened, and where and when the platform learnt it.

    `known_at` is the knowledge time given by the relay; it never decreases within a partition.
    `recorded_at` is when the deciding transaction began. `actor` is the account that acted.
    """

    event: Event
    id: UUID
    topic: str
    part: int
    off: int
    key: str
    seq: int
    known_at: datetime
    recorded_at: datetime
    actor: str
    traceparent: str


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ENCODER = msgspec.json.Encoder()


def encode(event: Event, *, id: UUID, at: datetime, actor: str, trace: str) -> bytes:
    """The wire form of an event, but for its sequence, which `numbered` puts in front.

    The database knows the sequence only as it writes the row, so the writer leaves the opening out.

    Raises: Malformed, where a field breaks its declared type or range: refused while the deciding
    transaction can still roll back, never later in the relay.
    """
    name = type(event).__name__
    declared = CONTRACTS[name]
    data = _ENCODER.encode(event)
    try:
        _DECODERS[name].decode(data)
    except msgspec.ValidationError as error:
        raise Malformed(f"{declared.type}: {error}") from error
    wire_type = declared.type
    envelope: Mapping[str, object] = {
        "specversion": "1.0",
        "id": id,
        "source": declared.source,
        "type": wire_type,
        "subject": str(getattr(event, declared.key)),
        "time": at,
        "datacontenttype": "application/json",
        "dataschema": f"schemas/{wire_type}.json",
        "traceparent": trace,
        "actor": actor,
        "data": msgspec.Raw(data),
    }
    return _ENCODER.encode(envelope)[1:]


def numbered(body: bytes, seq: int) -> bytes:
    """The whole wire form: `body` from `encode` behind its per-key sequence number."""
    return b'{"sequence":%d,%s' % (seq, body)


def type_of(payload: bytes) -> str:
    """The wire type of an encoded event, without decoding the rest."""
    return _ENVELOPE.decode(payload).type


class _Numbered(msgspec.Struct):
    sequence: int


def sequence_of(payload: bytes) -> int:
    """The per-key sequence of an encoded event, whatever its type.

    Raises: `msgspec.MsgspecError`.
    """
    return msgspec.json.decode(payload, type=_Numbered).sequence


def decode(payload: bytes, *, topic: str, part: int, off: int, known_at: datetime) -> Received:
    """Read an event back, lifted to the version this build knows.

    Raises: UnknownEvent, NewerVersion, Malformed.
    """
    try:
        envelope = _ENVELOPE.decode(payload)
    except msgspec.MsgspecError as error:
        raise Malformed(str(error)) from error
    return Received(
        _decode_data(envelope.type, envelope.data),
        envelope.id,
        topic,
        part,
        off,
        envelope.subject,
        envelope.sequence,
        known_at,
        envelope.time,
        envelope.actor,
        envelope.traceparent,
    )


def _decode_data(wire_type: str, raw: msgspec.Raw) -> Event:
    name, _, number = wire_type.rpartition(".v")
    declared = CONTRACTS.get(name)
    if declared is None:
        raise UnknownEvent(wire_type)
    version = int(number)
    if version > declared.version:
        raise NewerVersion(wire_type)
    try:
        if version == declared.version:
            return _DECODERS[name].decode(raw)
        return lift(declared, version, msgspec.json.decode(raw))
    except (msgspec.MsgspecError, KeyError) as error:
        raise Malformed(f"{wire_type}: {error}") from error


def lift(declared: Contract, version: int, data: Data) -> Event:
    """Plain data of an older version as today's event.

    Raises: KeyError, where an upcast is missing; `msgspec.ValidationError`, where the data do not
    fit.
    """
    for step in range(version, declared.version):
        data = _UPCASTS[declared.event.__name__, step](data)
    return msgspec.convert(data, declared.event, strict=False)
