"""Every SQL statement about accounts, clients and refresh families."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.model import Account

_COLUMNS = (
    "a.account_id, a.username, a.role, a.institution_id, a.outlet_id, a.staff_id, a.region_code,"
    " a.active, a.password_hash, a.activation_hash, a.activation_until, a.failures, a.locked_until"
)


async def _one(connection: AsyncConnection, sql: str, **values: Any) -> Account | None:
    row = (await connection.execute(text(sql), values)).mappings().one_or_none()
    return Account(**row) if row else None


async def by_username(connection: AsyncConnection, username: str) -> Account | None:
    """The account with this name."""
    return await _one(
        connection, f"select {_COLUMNS} from account a where username = :name", name=username
    )


async def by_id(connection: AsyncConnection, account_id: UUID) -> Account | None:
    """The account with this id."""
    return await _one(
        connection, f"select {_COLUMNS} from account a where account_id = :id", id=account_id
    )


async def by_client(connection: AsyncConnection, client_id: str) -> tuple[Account, bytes] | None:
    """A machine client's account and the digest of its secret."""
    row = (
        (
            await connection.execute(
                text(
                    f"select {_COLUMNS}, c.secret_hash from account a"
                    " join client c using (account_id) where c.client_id = :id"
                ),
                {"id": client_id},
            )
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    values = dict(row)
    secret: bytes = values.pop("secret_hash")
    return Account(**values), secret


async def taken_usernames(connection: AsyncConnection, usernames: Sequence[str]) -> set[str]:
    """Which of the names have an account."""
    found = await connection.execute(
        text("select username from account where username = any(:names)"),
        {"names": list(usernames)},
    )
    return set(found.scalars())


async def insert(connection: AsyncConnection, accounts: Sequence[Account], now: datetime) -> None:
    """Add accounts."""
    if not accounts:
        return
    await connection.execute(
        text(
            "insert into account (account_id, username, role, institution_id, outlet_id, staff_id,"
            " region_code, password_hash, activation_hash, activation_until, created_at)"
            " values (:account_id, :username, :role, :institution_id, :outlet_id, :staff_id,"
            " :region_code, :password_hash, :activation_hash, :activation_until, :now)"
        ),
        [
            {
                "account_id": a.account_id,
                "username": a.username,
                "role": a.role,
                "institution_id": a.institution_id,
                "outlet_id": a.outlet_id,
                "staff_id": a.staff_id,
                "region_code": a.region_code,
                "password_hash": a.password_hash,
                "activation_hash": a.activation_hash,
                "activation_until": a.activation_until,
                "now": now,
            }
            for a in accounts
        ],
    )


async def add_client(
    connection: AsyncConnection,
    *,
    client_id: str,
    account_id: UUID,
    name: str,
    secret_hash: bytes,
    now: datetime,
) -> None:
    """Add a machine client to its account."""
    await connection.execute(
        text("insert into client values (:client, :account, :name, :secret, :now)"),
        {
            "client": client_id,
            "account": account_id,
            "name": name,
            "secret": secret_hash,
            "now": now,
        },
    )


async def set_password(connection: AsyncConnection, account_id: UUID, password_hash: str) -> None:
    """Store a new password; the activation code is used up."""
    await connection.execute(
        text(
            "update account set password_hash = :hash, activation_hash = null,"
            " activation_until = null, failures = 0 where account_id = :id"
        ),
        {"id": account_id, "hash": password_hash},
    )


async def note_failure(
    connection: AsyncConnection, account_id: UUID, *, most: int, locked_until: datetime
) -> None:
    """Count a failed sign-in; at the limit the account is shut for a while."""
    await connection.execute(
        text(
            "update account set failures = case when failures + 1 >= :most then 0"
            " else failures + 1 end, locked_until = case when failures + 1 >= :most"
            " then cast(:until as timestamptz) else locked_until end where account_id = :id"
        ),
        {"id": account_id, "most": most, "until": locked_until},
    )


async def note_success(connection: AsyncConnection, account_id: UUID) -> None:
    """Forget failed sign-ins."""
    await connection.execute(
        text("update account set failures = 0 where account_id = :id and failures > 0"),
        {"id": account_id},
    )


async def disable(connection: AsyncConnection, account_id: UUID) -> bool:
    """Shut an account and end its refresh families; False where it was shut already."""
    done = await connection.execute(
        text("update account set active = false where account_id = :id and active"),
        {"id": account_id},
    )
    await connection.execute(
        text("update refresh set ended = true where account_id = :id"), {"id": account_id}
    )
    return done.rowcount == 1


async def add_refresh(
    connection: AsyncConnection,
    *,
    token_hash: bytes,
    family: UUID,
    account_id: UUID,
    expires_at: datetime,
) -> None:
    """Add a refresh token to its family."""
    await connection.execute(
        text(
            "insert into refresh (token_hash, family, account_id, expires_at)"
            " values (:hash, :family, :account, :expires)"
        ),
        {"hash": token_hash, "family": family, "account": account_id, "expires": expires_at},
    )


async def lock_refresh(connection: AsyncConnection, token_hash: bytes) -> Any:
    """The refresh token's row, locked; None where there is none."""
    found = await connection.execute(
        text(
            "select family, account_id, expires_at, used_at, ended from refresh"
            " where token_hash = :hash for update"
        ),
        {"hash": token_hash},
    )
    return found.one_or_none()


async def use_refresh(connection: AsyncConnection, token_hash: bytes, now: datetime) -> None:
    """Mark a refresh token as exchanged; the first time counts."""
    await connection.execute(
        text("update refresh set used_at = coalesce(used_at, :now) where token_hash = :hash"),
        {"hash": token_hash, "now": now},
    )


async def end_family(connection: AsyncConnection, family: UUID) -> None:
    """End all refresh tokens that came from one sign-in."""
    await connection.execute(
        text("update refresh set ended = true where family = :family"), {"family": family}
    )
