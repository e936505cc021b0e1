"""Every SQL statement about accounts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.identity.domain.model import Account
from shared.platform.conditions import Conditions
from shared.platform.principal import Principal

_COLUMNS = (
    "a.account_id, a.username, a.role, a.institution_id, a.outlet_id, a.staff_id, a.region_code,"
    " a.enterprise_id, a.active, a.password_hash, a.activation_hash, a.activation_until, a.version"
)


async def _one(connection: AsyncConnection, sql: str, **values: Any) -> Account | None:
    row = (await connection.execute(text(sql), values)).mappings().one_or_none()
    return Account(**row) if row else None


async def by_username(connection: AsyncConnection, username: str) -> Account | None:
    """The account with this name."""
    return await _one(
        connection, f"select {_COLUMNS} from account a where username = :name", name=username
    )


async def by_id(
    connection: AsyncConnection, account_id: UUID, *, lock: bool = False
) -> Account | None:
    """The account with this id."""
    end = " for update" if lock else ""
    sql = f"select {_COLUMNS} from account a where account_id = :id{end}"
    return await _one(connection, sql, id=account_id)


async def page(
    driver: asyncpg.Connection,
    principal: Principal,
    *,
    role: str | None,
    active: bool | None,
    search: str | None,
    after: str | None,
    limit: int,
) -> list[Account]:
    """Accounts that the caller may look at, by name."""
    conditions = Conditions()
    _narrow(conditions, principal)
    conditions.add_given("a.role = {}", role)
    conditions.add_given("a.active = {}", active)
    conditions.add_given("strpos(lower(a.username), lower({})) > 0", search)
    conditions.add_given("a.username > {}", after)
    rows = await driver.fetch(
        f"select {_COLUMNS} from account a{conditions.sql} order by a.username"
        f" limit {conditions.bind(limit)}",
        *conditions.values,
    )
    return [Account(**row) for row in rows]


def _narrow(conditions: Conditions, principal: Principal) -> None:
    """Only accounts of the caller's own place; whose place is not known sees none."""
    if principal.sees_all or principal.role == "auditor":
        return
    if principal.role == "branch_head":
        conditions.add("a.outlet_id = {}", principal.outlet_id)
    elif principal.role == "bureau":
        conditions.add("a.region_code like {} || '%'", principal.city_prefix() or "none")
    else:
        conditions.add("a.institution_id = {}", principal.institution_id)


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
            " region_code, enterprise_id, password_hash, activation_hash, activation_until,"
            " created_at)"
            " values (:account_id, :username, :role, :institution_id, :outlet_id, :staff_id,"
            " :region_code, :enterprise_id, :password_hash, :activation_hash, :activation_until,"
            " :now)"
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
                "enterprise_id": a.enterprise_id,
                "password_hash": a.password_hash,
                "activation_hash": a.activation_hash,
                "activation_until": a.activation_until,
                "now": now,
            }
            for a in accounts
        ],
    )


async def set_password(connection: AsyncConnection, account_id: UUID, password_hash: str) -> None:
    """Store a new password; the activation code is used up."""
    await connection.execute(
        text(
            "update account set password_hash = :hash, activation_hash = null,"
            " activation_until = null where account_id = :id"
        ),
        {"id": account_id, "hash": password_hash},
    )


async def move(connection: AsyncConnection, account: Account) -> None:
    """Give an account another role or place."""
    await connection.execute(
        text(
            "update account set role = :role, institution_id = :institution, outlet_id = :outlet,"
            " staff_id = :staff, region_code = :region, enterprise_id = :enterprise,"
            " version = version + 1 where account_id = :id"
        ),
        {
            "id": account.account_id,
            "role": account.role,
            "institution": account.institution_id,
            "outlet": account.outlet_id,
            "staff": account.staff_id,
            "region": account.region_code,
            "enterprise": account.enterprise_id,
        },
    )


async def switch(connection: AsyncConnection, account_id: UUID, *, active: bool) -> bool:
    """Shut an account, or let it act again; False where it was so already."""
    done = await connection.execute(
        text(
            "update account set active = :active, version = version + 1"
            " where account_id = :id and active <> :active"
        ),
        {"id": account_id, "active": active},
    )
    return done.rowcount == 1


async def begin_again(
    connection: AsyncConnection, account_id: UUID, *, code_hash: bytes, until: datetime
) -> None:
    """Take the password away; the account is activated anew with a code."""
    await connection.execute(
        text(
            "update account set password_hash = null, activation_hash = :hash,"
            " activation_until = :until, version = version + 1 where account_id = :id"
        ),
        {"id": account_id, "hash": code_hash, "until": until},
    )
