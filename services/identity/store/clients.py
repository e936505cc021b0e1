"""Every SQL statement about machine clients."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A machine client: a secret's digest or public keys, and the certificates it may come with."""

    client_id: str
    account_id: UUID
    name: str
    institution_id: UUID | None = None
    active: bool = True
    secret_hash: bytes | None = None
    jwks: dict[str, Any] | None = None
    certificates: Sequence[str] = field(default_factory=tuple[str, ...])


async def add(connection: AsyncConnection, client: Client, now: datetime) -> None:
    """Add a machine client to its account."""
    await connection.execute(
        text(
            "insert into client"
            " (client_id, account_id, name, secret_hash, created_at, jwks, certificates)"
            " values (:client, :account, :name, :secret, :now, cast(:jwks as jsonb), :certificates)"
        ),
        {
            "client": client.client_id,
            "account": client.account_id,
            "name": client.name,
            "secret": client.secret_hash,
            "now": now,
            "jwks": _json(client.jwks),
            "certificates": list(client.certificates),
        },
    )


async def find(connection: AsyncConnection, client_id: str) -> Client | None:
    """The client of this id."""
    row = (
        (
            await connection.execute(
                text(
                    "select client_id, account_id, name, institution_id, active, secret_hash, jwks,"
                    " certificates from client join account using (account_id)"
                    " where client_id = :id"
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
    raw = values["jwks"]
    values["jwks"] = msgspec.json.decode(raw) if isinstance(raw, str) else raw
    return Client(**values)


async def change(
    connection: AsyncConnection,
    client_id: str,
    *,
    jwks: dict[str, Any],
    certificates: Sequence[str],
) -> None:
    """Replace keys and certificates; a secret, where there was one, is void."""
    await connection.execute(
        text(
            "update client set jwks = cast(:jwks as jsonb), certificates = :certificates,"
            " secret_hash = null where client_id = :id"
        ),
        {"id": client_id, "jwks": _json(jwks), "certificates": list(certificates)},
    )


async def use_assertion(
    connection: AsyncConnection, client_id: str, jti_hash: bytes, exp: int
) -> bool:
    """Note an assertion as used until it expires; False where it was used before."""
    await connection.execute(
        text(
            "delete from assertion where (client_id, jti_hash) in (select client_id, jti_hash"
            " from assertion where expires_at < clock_timestamp() - interval '2 minutes'"
            " limit 20 for update skip locked)"
        )
    )
    done = await connection.execute(
        text(
            "insert into assertion values (:client, :jti, to_timestamp(:exp))"
            " on conflict do nothing"
        ),
        {"client": client_id, "jti": jti_hash, "exp": exp},
    )
    return done.rowcount == 1


def _json(value: dict[str, Any] | None) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
