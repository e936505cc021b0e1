"""Binary COPY by hand: facts and signed rows as PostgreSQL reads them fastest.

A row is packed in one step: ids are sixteen bytes already, instants and days integers already.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterable
from datetime import date
from itertools import islice
from typing import Final

import asyncpg

from services.reporting.domain.facts import Learnt
from services.reporting.domain.rows import Row
from services.reporting.store.tables import REBUILT

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"
_NULL: Final = b"\xff\xff\xff\xff"
_SIXTEEN: Final = b"\x00\x00\x00\x10"
#: PostgreSQL counts from 2000-01-01.
_DAY_ZERO: Final = date(2000, 1, 1).toordinal()
_US_ZERO: Final = (_DAY_ZERO - date(1970, 1, 1).toordinal()) * 86_400_000_000
_CHUNK_ROWS: Final = 2_000

# field count, then length and value of each field that is never null
_FACT: Final = struct.Struct("!h i16s iq iq i16s ih ii ii iq ih iq").pack
_DELTA: Final = struct.Struct("!h i16s iq iq i16s ih ii ii ii iq").pack


def fact_row(learnt: Learnt) -> bytes:
    """A fact as a binary row."""
    known, cause, kind, day, ref, parent, institution, outlet, campaign, county, fen, flags = (
        learnt.fact
    )
    head = _FACT(
        16, 16, learnt.enterprise, 8, cause, 8, known - _US_ZERO, 16, learnt.event_id, 2, kind,
        4, day - _DAY_ZERO, 4, county, 8, fen, 2, flags, 8, learnt.recorded_us - _US_ZERO,
    )  # fmt: skip
    ids = (ref, parent, institution, outlet, campaign, learnt.actor)
    return head + b"".join([_SIXTEEN + each if each else _NULL for each in ids])


def delta_row(enterprise: bytes, campaign: bytes, row: Row) -> bytes:
    """A signed row as a binary row."""
    known, kind, institution, outlet, county, day, n, fen, cause = row
    head = _DELTA(
        11, 16, enterprise, 8, cause, 8, known - _US_ZERO, 16, campaign, 2, kind,
        4, day - _DAY_ZERO, 4, county, 4, n, 8, fen,
    )  # fmt: skip
    return (
        head
        + (_SIXTEEN + institution if institution else _NULL)
        + (_SIXTEEN + outlet if outlet else _NULL)
    )


async def copy(
    connection: asyncpg.Connection, table: str, rows: Iterable[bytes], suffix: str = ""
) -> None:
    """Write binary rows into a table (`fact` or `delta`)."""

    async def chunks() -> AsyncIterator[bytes]:
        yield _HEADER
        left = iter(rows)
        while chunk := b"".join(islice(left, _CHUNK_ROWS)):
            yield chunk
        yield _TRAILER

    await connection.copy_to_table(
        table + suffix, source=chunks(), columns=REBUILT[table], format="binary"
    )


def id_texts(ids: Iterable[bytes | None]) -> list[object]:
    """Ids in the form in which the driver takes them as parameters."""
    return [each.hex() if each else None for each in ids]
