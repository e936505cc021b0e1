"""Editions of bulletins: written once, never changed (a trigger sees to it)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg


class Kept(NamedTuple):
    """An edition as kept; `content` are its canonical bytes."""

    bulletin_id: UUID
    campaign_id: UUID
    quarter: str
    edition: int
    known_at: datetime
    sha256: str
    created_at: datetime
    created_by: str
    content: bytes


_COLUMNS = (
    "bulletin_id, campaign, quarter, edition, known_at, sha256, created_at, created_by, content"
)


async def latest(connection: asyncpg.Connection, campaign_id: UUID, quarter: str) -> Kept | None:
    """The newest edition of a quarter; whoever asks holds the quarter until it commits."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended($1, 4002))", f"{campaign_id}/{quarter}"
    )
    row = await connection.fetchrow(
        f"select {_COLUMNS} from bulletin where campaign = $1 and quarter = $2"
        " order by edition desc limit 1",
        campaign_id,
        quarter,
    )
    return Kept(*row) if row else None


async def add(connection: asyncpg.Connection, kept: Kept) -> None:
    """Keep a new edition."""
    await connection.execute(
        f"insert into bulletin ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)", *kept
    )


async def find(connection: asyncpg.Connection, bulletin_id: UUID) -> Kept | None:
    """The edition of an id, or None."""
    row = await connection.fetchrow(
        f"select {_COLUMNS} from bulletin where bulletin_id = $1", bulletin_id
    )
    return Kept(*row) if row else None


async def page(
    connection: asyncpg.Connection,
    *,
    campaign_id: UUID | None,
    before: datetime | None,
    limit: int,
) -> list[Kept]:
    """Editions, newest first, without their content; one more than `limit` where there are more."""
    found = await connection.fetch(
        f"select {_COLUMNS.removesuffix('content')} ''::bytea from bulletin"
        " where ($1::uuid is null or campaign = $1)"
        " and ($2::timestamptz is null or created_at < $2)"
        " order by created_at desc limit $3",
        campaign_id,
        before,
        limit + 1,
    )
    return [Kept(*row) for row in found]
