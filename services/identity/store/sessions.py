"""Every SQL statement about sessions, refresh families and failed sign-ins.

Only digests of tokens are kept, and all times are the machine's own: a demonstration that moves
the platform's clock signs nobody out.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

REAL_NOW = "clock_timestamp()"


@dataclass(frozen=True, slots=True)
class Living:
    """A session that is good now; how many seconds it has left at most, and since its last use."""

    session_id: UUID
    account_id: UUID
    left: float
    idle: float


async def real_now(connection: AsyncConnection) -> datetime:
    """The machine's time."""
    now: datetime = (await connection.execute(text(f"select {REAL_NOW}"))).scalar_one()
    return now


async def add_session(
    connection: AsyncConnection,
    *,
    session_id: UUID,
    token_hash: bytes,
    family: UUID,
    account_id: UUID,
    method: str,
) -> None:
    """Add a session; what its account has left of old ones goes."""
    await connection.execute(
        text(
            "delete from session where account_id = :account"
            f" and created_at < {REAL_NOW} - interval '2 days'"
        ),
        {"account": account_id},
    )
    await connection.execute(
        text(
            "insert into session (session_id, token_hash, family, account_id, method)"
            " values (:id, :hash, :family, :account, :method)"
        ),
        {
            "id": session_id,
            "hash": token_hash,
            "family": family,
            "account": account_id,
            "method": method,
        },
    )


async def living(
    connection: AsyncConnection, token_hash: bytes, *, idle: int, absolute: int
) -> Living | None:
    """The session behind a token, where it is good; limits in seconds."""
    row = (
        await connection.execute(
            text(
                "select session_id, account_id,"
                f" :absolute - extract(epoch from {REAL_NOW} - s.created_at),"
                f" extract(epoch from {REAL_NOW} - s.seen_at)"
                " from session s join account a using (account_id)"
                " where token_hash = :hash and ended_at is null and a.active"
            ),
            {"hash": token_hash, "absolute": absolute},
        )
    ).one_or_none()
    if row is None or row[2] <= 0 or row[3] >= idle:
        return None
    return Living(row[0], row[1], float(row[2]), float(row[3]))


async def touch(connection: AsyncConnection, session_id: UUID) -> None:
    """Note that a session is in use."""
    await connection.execute(
        text(f"update session set seen_at = {REAL_NOW} where session_id = :id"), {"id": session_id}
    )


async def lately_ended(connection: AsyncConnection, seconds: int) -> set[bytes]:
    """The tokens of the sessions that were ended within some seconds."""
    found = await connection.execute(
        text(
            "select token_hash from session"
            f" where ended_at > {REAL_NOW} - make_interval(secs => :seconds)"
        ),
        {"seconds": seconds},
    )
    return {bytes(one) for one in found.scalars()}


async def end_all(
    connection: AsyncConnection, account_id: UUID, *, but: bytes | None = None
) -> None:
    """End an account's sessions and refresh families, all or all but one session and its family."""
    values = {"id": account_id, "but": but or b""}
    kept = "(select family from session where token_hash = :but)"
    await connection.execute(
        text(
            f"update session set ended_at = {REAL_NOW} where account_id = :id"
            " and ended_at is null and token_hash <> :but"
        ),
        values,
    )
    await connection.execute(
        text(
            "update refresh set ended = true where account_id = :id and not ended"
            f" and family not in {kept}"
        ),
        values,
    )


async def end_family(connection: AsyncConnection, family: UUID) -> None:
    """End all sessions and refresh tokens that came from one sign-in."""
    await connection.execute(
        text("update refresh set ended = true where family = :family"), {"family": family}
    )
    await connection.execute(
        text(
            f"update session set ended_at = {REAL_NOW} where family = :family and ended_at is null"
        ),
        {"family": family},
    )


async def family_of(connection: AsyncConnection, token_hash: bytes) -> tuple[UUID, UUID] | None:
    """Family and account of a session that has not ended."""
    row = (
        await connection.execute(
            text(
                "select family, account_id from session"
                " where token_hash = :hash and ended_at is null"
            ),
            {"hash": token_hash},
        )
    ).one_or_none()
    return (row[0], row[1]) if row else None


# -- refresh ---------------------------------------------------------------------------------------


async def add_refresh(
    connection: AsyncConnection, *, token_hash: bytes, family: UUID, account_id: UUID, days: int
) -> None:
    """Add a refresh token to its family; what its account has left of old ones goes."""
    values = {"hash": token_hash, "family": family, "account": account_id, "days": days}
    await connection.execute(
        text(f"delete from refresh where account_id = :account and expires_at < {REAL_NOW}"), values
    )
    await connection.execute(
        text(
            "insert into refresh (token_hash, family, account_id, expires_at) values"
            f" (:hash, :family, :account, {REAL_NOW} + make_interval(days => :days))"
        ),
        values,
    )


async def lock_refresh(connection: AsyncConnection, token_hash: bytes) -> Any:
    """The refresh token's row, locked, with what matters of its times; None where there is none."""
    found = await connection.execute(
        text(
            "select family, account_id,"
            f" not ended and expires_at > {REAL_NOW} as good,"
            f" extract(epoch from {REAL_NOW} - used_at) as used_seconds"
            " from refresh where token_hash = :hash for update"
        ),
        {"hash": token_hash},
    )
    return found.one_or_none()


async def use_refresh(connection: AsyncConnection, token_hash: bytes) -> None:
    """Mark a refresh token as exchanged; the first time counts."""
    await connection.execute(
        text(
            f"update refresh set used_at = coalesce(used_at, {REAL_NOW}) where token_hash = :hash"
        ),
        {"hash": token_hash},
    )


# -- failed sign-ins -------------------------------------------------------------------------------


async def locked(connection: AsyncConnection, name_hash: bytes) -> bool:
    """Whether a name, of an account or of nobody, is shut for a while."""
    found = await connection.execute(
        text(f"select locked_until > {REAL_NOW} from attempt where name_hash = :hash"),
        {"hash": name_hash},
    )
    return bool(found.scalar_one_or_none())


async def count_guess(
    connection: AsyncConnection, name_hash: bytes, *, most: int, seconds: int, longest: int
) -> bool:
    """Count a guess as a wrong one before it is compared; False where the name is shut.

    Were it counted afterwards, all that are sent at once would be compared. From `most` on, each
    shuts the name for twice as long.
    """
    counted = await connection.execute(
        text(
            "insert into attempt as a (name_hash, failures, at)"
            f" values (:hash, 1, {REAL_NOW}) on conflict (name_hash) do update set"
            f" failures = a.failures + 1, at = {REAL_NOW}, locked_until = case"
            " when a.failures + 1 < :most then a.locked_until"
            f" else {REAL_NOW} + make_interval(secs =>"
            " least(:longest, :seconds * power(2, least(a.failures + 1 - :most, 20)))) end"
            f" where a.locked_until is null or a.locked_until <= {REAL_NOW} returning failures"
        ),
        {"hash": name_hash, "most": most, "seconds": seconds, "longest": longest},
    )
    await connection.execute(
        text(
            "delete from attempt where name_hash in (select name_hash from attempt"
            f" where at < {REAL_NOW} - interval '1 day' order by at limit 10"
            " for update skip locked)"
        )
    )
    return counted.one_or_none() is not None


async def take_back(connection: AsyncConnection, name_hash: bytes, *, most: int) -> None:
    """A guess was none: the count is as it was before, and the name open again."""
    given = {"hash": name_hash, "most": most}
    await connection.execute(
        text("delete from attempt where name_hash = :hash and failures <= 1"), given
    )
    await connection.execute(
        text(
            "update attempt set failures = failures - 1, locked_until ="
            f" case when failures - 1 < :most then null else {REAL_NOW} end"
            " where name_hash = :hash"
        ),
        given,
    )


async def note_success(connection: AsyncConnection, name_hash: bytes) -> None:
    """Forget failed sign-ins."""
    await connection.execute(
        text("delete from attempt where name_hash = :hash"), {"hash": name_hash}
    )
