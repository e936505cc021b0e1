"""Sessions: begin, renew, end; and the password check that all sign-ins share."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from services.identity.domain import model, passwords
from services.identity.domain.model import Account
from services.identity.settings import Settings
from services.identity.store import accounts, sessions
from shared.kernel.errors import Refused, YinqiError
from shared.kernel.ids import new_id
from shared.platform.auth import unauthenticated
from shared.platform.database import Database, Transaction
from shared.platform.principal import Principal

REUSE_GRACE_SECONDS = 10


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in account with the tokens of its fresh session."""

    account: Account
    session_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class NewPassword:
    """Whose password changes, from what to what; the session that asks stays."""

    principal: Principal
    account_id: UUID
    old: str
    new: str
    session_token: str


async def begin(
    tx: Transaction, account: Account, settings: Settings, method: str, family: UUID | None = None
) -> SignedIn:
    """Begin a session, in the refresh family of an earlier one or in a new one."""
    session_token, refresh_token = passwords.new_secret(), passwords.new_secret()
    origin = family or new_id()
    await sessions.add_session(
        tx.connection,
        session_id=new_id(),
        token_hash=passwords.digest(session_token),
        family=origin,
        account_id=account.account_id,
        method=method,
    )
    await sessions.add_refresh(
        tx.connection,
        token_hash=passwords.digest(refresh_token),
        family=origin,
        account_id=account.account_id,
        days=settings.refresh_token_days,
    )
    if family is None:
        tx.audit("account.signed_in", account.account_id, after={"method": method})
    return SignedIn(account, session_token, refresh_token)


@asynccontextmanager
async def checked(database: Database, username: str, password: str) -> AsyncIterator[Account]:
    """The account of a name and its password, for what has to be done with it.

    A name that belongs to nobody is answered, delayed and shut for a while just as any other. The
    slow comparison runs in a thread, outside any transaction. A guess is counted before it is
    compared, and taken back when it was none: password and, if it comes to that, factor fitted.
    Raises: Refused `account.sign_in`, `account.locked`.
    """
    name = name_hash(username)
    async with database.read() as tx:
        account = await accounts.by_username(tx.connection, username)
        shut = await sessions.locked(tx.connection, name)
    if shut or not await _counted(database, name):
        raise Refused("account.locked", "连续输错次数过多", "请稍后再试", status=429)
    fits = await asyncio.to_thread(
        passwords.password_fits, password, account.password_hash if account else None
    )
    if account is None or not fits or not account.active:
        await _audit_failure(database, account)
        raise Refused("account.sign_in", "用户名或密码不正确", status=401)
    try:
        yield account
    except YinqiError as error:
        if error.code == "account.second_factor_wrong":
            await _audit_failure(database, account)
        else:
            await _take_back(database, name)
        raise
    await _take_back(database, name)


async def _counted(database: Database, name: bytes) -> bool:
    async with database.transaction() as tx:
        return await sessions.count_guess(
            tx.connection,
            name,
            most=model.MAX_FAILURES,
            seconds=model.LOCK_SECONDS,
            longest=model.LONGEST_LOCK_SECONDS,
        )


async def _take_back(database: Database, name: bytes) -> None:
    async with database.transaction() as tx:
        await sessions.take_back(tx.connection, name, most=model.MAX_FAILURES)


async def _audit_failure(database: Database, account: Account | None) -> None:
    async with database.transaction() as tx:
        tx.audit("account.sign_in_failed", account.account_id if account else "unknown")


def name_hash(username: str) -> bytes:
    """How a name stands in the list of failures: what was typed may be a password."""
    return hashlib.sha256(username.encode(errors="replace")).digest()


async def refresh(database: Database, token: str, settings: Settings) -> SignedIn:
    """Exchange a refresh token for a session and the next one; used twice, it ends its family.

    Two tabs may present one token within some seconds: that is no theft.
    Raises: Refused `access.unauthenticated`.
    """
    renewed: SignedIn | None = None
    async with database.transaction() as tx:
        kept = await sessions.lock_refresh(tx.connection, passwords.digest(token))
        if kept and kept.good:
            account = await accounts.by_id(tx.connection, kept.account_id)
            if kept.used_seconds is not None and kept.used_seconds > REUSE_GRACE_SECONDS:
                await sessions.end_family(tx.connection, kept.family)
                tx.audit("account.refresh_reused", kept.account_id)
            elif account and account.active:
                await sessions.use_refresh(tx.connection, passwords.digest(token))
                renewed = await begin(tx, account, settings, "refresh", kept.family)
    if renewed is None:
        raise Refused("access.unauthenticated", "登录已过期,请重新登录", status=401)
    return renewed


async def sign_out(database: Database, session_token: str, refresh_token: str) -> None:
    """End the families of these tokens, with all their sessions."""
    async with database.transaction() as tx:
        kept = await sessions.lock_refresh(tx.connection, passwords.digest(refresh_token))
        found = {(kept.family, kept.account_id)} if kept else set[tuple[UUID, UUID]]()
        if own := await sessions.family_of(tx.connection, passwords.digest(session_token)):
            found.add(own)
        for family, account_id in found:
            await sessions.end_family(tx.connection, family)
            tx.audit("account.signed_out", account_id)


async def account_of(tx: Transaction, session_token: str, settings: Settings) -> Account:
    """Whose session this is.

    Raises: Refused `access.unauthenticated`.
    """
    found = await sessions.living(
        tx.connection,
        passwords.digest(session_token),
        idle=settings.session_idle_seconds,
        absolute=settings.session_seconds,
    )
    account = await accounts.by_id(tx.connection, found.account_id) if found else None
    if account is None:
        raise unauthenticated()
    return account


async def change_password(database: Database, change: NewPassword) -> Account:
    """Set another password; every other session of the account ends.

    Raises: Refused `account.sign_in`, `account.locked`; BadInput `account.password_weak`.
    """
    async with database.read() as tx:
        account = await accounts.by_id(tx.connection, change.account_id)
    if account is None:
        raise unauthenticated()
    async with checked(database, account.username, change.old):
        password_hash = await asyncio.to_thread(passwords.hash_password, change.new)
    async with database.transaction(change.principal) as tx:
        await accounts.set_password(tx.connection, account.account_id, password_hash)
        await sessions.end_all(
            tx.connection, account.account_id, but=passwords.digest(change.session_token)
        )
        tx.audit("account.password_changed", account.account_id)
    return account
