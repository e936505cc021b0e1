"""Every SQL statement about sign-in elsewhere: WeChat and a foreign issuer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A browser that was sent away to sign in: what it must come back with."""

    kind: str
    state_hash: bytes
    browser_hash: bytes
    next: str
    nonce: str = ""
    verifier: str = ""


async def _do(connection: AsyncConnection, sql: str, values: Mapping[str, object]) -> int:
    return (await connection.execute(text(sql), dict(values))).rowcount


async def add_flow(connection: AsyncConnection, flow: Flow, seconds: int) -> None:
    """Keep a flow for some seconds; those that nobody came back from go."""
    await _do(connection, "delete from flow where expires_at < clock_timestamp()", {})
    await _do(
        connection,
        "insert into flow values (:state, :kind, :browser, :nonce, :verifier, :next,"
        " clock_timestamp() + make_interval(secs => :seconds))",
        {
            "state": flow.state_hash,
            "kind": flow.kind,
            "browser": flow.browser_hash,
            "nonce": flow.nonce,
            "verifier": flow.verifier,
            "next": flow.next,
            "seconds": seconds,
        },
    )


async def take_flow(
    connection: AsyncConnection, kind: str, state_hash: bytes, browser_hash: bytes
) -> Flow | None:
    """The flow of this state and browser, used up."""
    row = (
        await connection.execute(
            text(
                "delete from flow where state_hash = :state and browser_hash = :browser"
                " and kind = :kind and expires_at > clock_timestamp()"
                " returning next, nonce, verifier"
            ),
            {"state": state_hash, "browser": browser_hash, "kind": kind},
        )
    ).one_or_none()
    if row is None:
        return None
    return Flow(
        kind=kind,
        state_hash=state_hash,
        browser_hash=browser_hash,
        next=row.next,
        nonce=row.nonce,
        verifier=row.verifier,
    )


# -- WeChat ----------------------------------------------------------------------------------------


async def bound_account(connection: AsyncConnection, openid: str) -> UUID | None:
    """The account that an openid is bound to."""
    found = await connection.execute(
        text("select account_id from wechat_binding where openid = :openid"), {"openid": openid}
    )
    return found.scalar_one_or_none()


async def bind(
    connection: AsyncConnection, account_id: UUID, openid: str, unionid: str | None, now: datetime
) -> bool:
    """Bind an openid to an account; False where either is bound already."""
    values = {"id": account_id, "openid": openid, "unionid": unionid, "now": now}
    done = await _do(
        connection,
        "insert into wechat_binding values (:id, :openid, :unionid, :now) on conflict do nothing",
        values,
    )
    return done == 1


async def unbind(connection: AsyncConnection, account_id: UUID) -> bool:
    """Forget an account's openid and its open codes; False where there was no binding."""
    await _do(connection, "delete from wechat_code where account_id = :id", {"id": account_id})
    done = await _do(
        connection, "delete from wechat_binding where account_id = :id", {"id": account_id}
    )
    return done == 1


async def add_code(
    connection: AsyncConnection,
    *,
    code_hash: bytes,
    account_id: UUID,
    issued_by: str,
    expires_at: datetime,
) -> None:
    """Keep a binding code; it replaces those that the account had."""
    await _do(connection, "delete from wechat_code where account_id = :id", {"id": account_id})
    await _do(
        connection,
        "insert into wechat_code values (:hash, :id, :by, :until)",
        {"hash": code_hash, "id": account_id, "by": issued_by, "until": expires_at},
    )


async def use_code(connection: AsyncConnection, code_hash: bytes, now: datetime) -> UUID | None:
    """Use a binding code up; whose it was."""
    found = await connection.execute(
        text(
            "update wechat_code set used_at = :now where code_hash = :hash and used_at is null"
            " and expires_at > :now returning account_id"
        ),
        {"hash": code_hash, "now": now},
    )
    return found.scalar_one_or_none()


async def add_visitor(
    connection: AsyncConnection,
    *,
    ticket_hash: bytes,
    openid: str,
    unionid: str | None,
    seconds: int,
) -> None:
    """Remember for some seconds who came from WeChat and is bound to nobody yet."""
    await _do(connection, "delete from wechat_visitor where expires_at < clock_timestamp()", {})
    await _do(
        connection,
        "insert into wechat_visitor values (:hash, :openid, :unionid,"
        " clock_timestamp() + make_interval(secs => :seconds))",
        {"hash": ticket_hash, "openid": openid, "unionid": unionid, "seconds": seconds},
    )


async def visitor(connection: AsyncConnection, ticket_hash: bytes) -> Any:
    """The openid and unionid of who came from WeChat; None where there is none, or not any more."""
    found = await connection.execute(
        text(
            "select openid, unionid from wechat_visitor"
            " where ticket_hash = :hash and expires_at > clock_timestamp()"
        ),
        {"hash": ticket_hash},
    )
    return found.one_or_none()


async def remove_visitor(connection: AsyncConnection, ticket_hash: bytes) -> None:
    """Forget a visitor who is bound now."""
    await _do(
        connection, "delete from wechat_visitor where ticket_hash = :hash", {"hash": ticket_hash}
    )


async def kept_key(connection: AsyncConnection, kind: str) -> bytes | None:
    """The sealed access token or ticket of the official account, where it is good for a while."""
    found = await connection.execute(
        text("select sealed from wechat_key where kind = :kind and expires_at > clock_timestamp()"),
        {"kind": kind},
    )
    return found.scalar_one_or_none()


async def lock_keys(connection: AsyncConnection) -> None:
    """Let one process at a time ask WeChat for new ones."""
    await connection.execute(text("select pg_advisory_xact_lock(hashtextextended('wechat', 0))"))


async def keep_key(connection: AsyncConnection, kind: str, sealed: bytes, seconds: int) -> None:
    """Keep a token or ticket for some seconds."""
    await _do(
        connection,
        "insert into wechat_key values (:kind, :sealed,"
        " clock_timestamp() + make_interval(secs => :seconds)) on conflict (kind) do update"
        " set sealed = excluded.sealed, expires_at = excluded.expires_at",
        {"kind": kind, "sealed": sealed, "seconds": seconds},
    )
