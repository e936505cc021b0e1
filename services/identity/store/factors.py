"""Every SQL statement about second factors and recovery codes."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Factor:
    """An account's second factor: the sealed secret and the last step that was used."""

    secret: bytes
    confirmed: bool
    last_step: int


async def find(connection: AsyncConnection, account_id: UUID) -> Factor | None:
    """The account's second factor, confirmed or begun; its row is locked."""
    row = (
        await connection.execute(
            text(
                "select secret, confirmed, last_step from factor where account_id = :id for update"
            ),
            {"id": account_id},
        )
    ).one_or_none()
    return Factor(*row) if row else None


async def is_confirmed(connection: AsyncConnection, account_id: UUID) -> bool:
    """Whether the account has a second factor."""
    found = await connection.execute(
        text("select confirmed from factor where account_id = :id"), {"id": account_id}
    )
    return bool(found.scalar_one_or_none())


async def begin(connection: AsyncConnection, account_id: UUID, secret: bytes) -> None:
    """Keep a new secret, to be confirmed by its first code; an older one is replaced."""
    await connection.execute(
        text(
            "insert into factor (account_id, secret) values (:id, :secret) on conflict (account_id)"
            " do update set secret = excluded.secret, confirmed = false, last_step = 0"
        ),
        {"id": account_id, "secret": secret},
    )


async def use_step(connection: AsyncConnection, account_id: UUID, step: int) -> None:
    """Note a used step; the first one confirms the secret."""
    await connection.execute(
        text("update factor set last_step = :step, confirmed = true where account_id = :id"),
        {"id": account_id, "step": step},
    )


async def remove(connection: AsyncConnection, account_id: UUID) -> None:
    """Forget the second factor and its recovery codes."""
    for table in ("factor", "recovery_code"):
        await connection.execute(
            text(f"delete from {table} where account_id = :id"), {"id": account_id}
        )


async def replace_codes(
    connection: AsyncConnection, account_id: UUID, hashes: Sequence[bytes]
) -> None:
    """Keep the digests of new recovery codes in place of the old ones."""
    await connection.execute(
        text("delete from recovery_code where account_id = :id"), {"id": account_id}
    )
    await connection.execute(
        text(
            "insert into recovery_code (account_id, code_hash)"
            " select :id, unnest(cast(:hashes as bytea[]))"
        ),
        {"id": account_id, "hashes": list(hashes)},
    )


async def use_code(connection: AsyncConnection, account_id: UUID, code_hash: bytes) -> bool:
    """Use a recovery code up; False where there is none such left."""
    done = await connection.execute(
        text(
            "update recovery_code set used_at = clock_timestamp()"
            " where account_id = :id and code_hash = :hash and used_at is null"
        ),
        {"id": account_id, "hash": code_hash},
    )
    return done.rowcount == 1
