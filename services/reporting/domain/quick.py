"""The short way from bytes to a fact, for rebuilds: only the fields that facts need, as text.

Same readers, same facts as the long way (a test compares the two on every type). What it does not
know, an older version or an event that only names things, goes the long way.
"""

from __future__ import annotations

from binascii import unhexlify
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final, Literal, Union, get_origin, get_type_hints
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
from shared.contracts.event import Event, contract_of


def _as_text(kind: Any) -> Any:
    """The type under which a field is read, None where it is not: ids, days and codes stay text."""
    if kind in (UUID, date) or get_origin(kind) is Literal:
        return str
    if kind == UUID | None:
        return str | None
    return kind if kind in (int, bool, str, bool | None) else None


def _envelope(event: type[Event], code: int) -> type[msgspec.Struct]:
    """Envelope and data of one type in one struct, so that one call reads both."""
    fields = [
        (name, as_text)
        for name, kind in get_type_hints(event).items()
        if (as_text := _as_text(kind))
    ]
    data = msgspec.defstruct(f"Quick{event.__name__}", fields, gc=False)
    return msgspec.defstruct(
        f"Told{event.__name__}",
        [("id", str), ("time", datetime), ("sequence", int), ("data", data), ("actor", str, "")],
        namespace={"code": code},
        tag_field="type",
        tag=contract_of(event).type,
        gc=False,
    )


_DECODER: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(
    Union[tuple(_envelope(event, code) for event, code in CODES.items())]  # noqa: UP007 - of a tuple
)


def quick(payload: bytes, *, topic: str, known_us: int) -> tuple[Learnt, str | None] | None:
    """The fact of an encoded event, and the USCC where it lists an enterprise; None: the long way.

    Units:   as `Fact`.
    Raises:  `msgspec.DecodeError`, where the bytes are no JSON.
    Source:  ST-05.
    """
    try:
        told = _DECODER.decode(payload)
        event, code = told.data, told.code
        head = known_us, cause_of(topic, told.sequence)
        learnt = Learnt(
            _shared(event.enterprise_id),
            READERS[code](event, head, _raw, _shared, _ordinal),
            _raw(told.id),
            account(told.actor),
            microseconds(told.time),
        )
    except (msgspec.ValidationError, ValueError):
        return None  # another type or version, or a broken one: the long way says which
    return learnt, event.uscc if code == LISTED else None


def _raw(identifier: str) -> bytes:
    return unhexlify(identifier.replace("-", ""))


_shared: Final = lru_cache(maxsize=65_536)(_raw)


@lru_cache(maxsize=65_536)
def _ordinal(day: str) -> int:
    return date.fromisoformat(day).toordinal()
