"""The short way from bytes to a fact, for rebuilds: only the fields that facts need, as text.

Same readers, same facts as the long way (a test compares the two on every type). What it does not
know, an older version or an event that also names things, goes the long way.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, Literal, get_origin, get_type_hints
from uuid import UUID

import msgspec

from services.reporting.domain.facts import (
    CODES,
    LISTED,
    READERS,
    Learnt,
    account,
    cause_of,
    microseconds,
)
from shared.contracts.event import contract_of


class _Envelope(msgspec.Struct):
    id: str
    type: str
    time: datetime
    sequence: int
    data: msgspec.Raw
    actor: str = ""


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def _as_text(kind: Any) -> Any:
    """The type under which a field is read, None where it is not: ids, days and codes stay text."""
    if kind in (UUID, date) or get_origin(kind) is Literal:
        return str
    if kind == UUID | None:
        return str | None
    return kind if kind in (int, bool, str) else None


def _decoder(event: type) -> msgspec.json.Decoder[Any]:
    fields = [
        (name, as_text)
        for name, kind in get_type_hints(event).items()
        if (as_text := _as_text(kind))
    ]
    return msgspec.json.Decoder(msgspec.defstruct(f"Quick{event.__name__}", fields))


#: Wire type → (code, decoder). A list also gives labels, so it goes the long way.
_TYPES: Final = {
    contract_of(event).type: (code, _decoder(event))
    for event, code in CODES.items()
    if code != LISTED
}


def quick(payload: bytes, *, topic: str, known_at: datetime) -> Learnt | None:
    """The fact of an encoded event; None where it has to go the long way.

    Units:   as `Fact`.
    Raises:  `msgspec.MsgspecError`, where the bytes are no event.
    Source:  ST-05.
    """
    envelope = _ENVELOPE.decode(payload)
    found = _TYPES.get(envelope.type)
    if found is None:
        return None
    code, decoder = found
    event = decoder.decode(envelope.data)
    cause = cause_of(topic, envelope.sequence)
    return Learnt(
        _raw(event.enterprise_id),
        READERS[code](event, microseconds(known_at), cause, _raw, _ordinal),
        _raw(envelope.id),
        account(envelope.actor),
        microseconds(envelope.time),
    )


def _raw(identifier: str) -> bytes:
    return bytes.fromhex(identifier.replace("-", ""))


@lru_cache(maxsize=65_536)
def _ordinal(day: str) -> int:
    return date.fromisoformat(day).toordinal()
