"""What can be done with accounts: open, activate, sign in, refresh, sign out, disable."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.identity.domain import model, passwords
from services.identity.domain.model import Account, place_errors
from services.identity.store import accounts
from shared.contracts.identity import AccessRevoked, AccountOpened, Role
from shared.kernel.errors import BadInput, Conflict, FieldError, NotFound, Refused
from shared.kernel.ids import new_id
from shared.platform.database import Database, Transaction

REUSE_GRACE_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """One account to open; without a password it gets an activation code."""

    username: str
    role: Role
    institution_id: UUID | None = None
    outlet_id: UUID | None = None
    staff_id: UUID | None = None
    region_code: str | None = None
    password: str | None = None


@dataclass(frozen=True, slots=True)
class OpenAccounts:
    """Open many accounts; a wrong row never stops the others."""

    rows: Sequence[NewAccount]
    activation_days: int


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row."""

    row: int
    account_id: UUID | None
    activation_code: str | None
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in account with a fresh refresh token."""

    account: Account
    refresh_token: str


async def open_accounts(command: OpenAccounts, tx: Transaction) -> list[RowResult]:
    """Open accounts; a bank's head office opens those of its own people only."""
    tx.principal.must_be("platform_admin", "province_regulator", "bank_head")
    async with tx.beyond_walls():  # names are unique on the whole platform
        names = [row.username for row in command.rows]
        taken = await accounts.taken_usernames(tx.connection, names)
    results: list[RowResult] = []
    opened: list[Account] = []
    for number, row in enumerate(command.rows, start=1):
        errors = _row_errors(row, taken, tx)
        if errors:
            results.append(RowResult(number, None, None, tuple(errors)))
            continue
        taken.add(row.username)
        account, code = await _new_account(row, tx, command.activation_days)
        opened.append(account)
        results.append(RowResult(number, account.account_id, code, ()))
    await accounts.insert(tx.connection, opened, tx.now)
    for account in opened:
        tx.emit(_opened(account, tx))
        tx.audit("account.opened", account.account_id, after={"role": account.role})
    return results


def _row_errors(row: NewAccount, taken: set[str], tx: Transaction) -> list[FieldError]:
    errors = place_errors(
        row.role,
        institution_id=row.institution_id,
        outlet_id=row.outlet_id,
        staff_id=row.staff_id,
        region_code=row.region_code,
    )
    if row.username in taken:
        errors.append(FieldError("username", "account.username_taken", "用户名已被使用"))
    if tx.principal.role == "bank_head" and (
        row.role not in ("branch_head", "relationship_manager")
        or row.institution_id != tx.principal.institution_id
    ):
        errors.append(FieldError("role", "account.not_yours", "只能为本机构人员开户"))
    if tx.principal.role == "province_regulator" and row.role == "platform_admin":
        errors.append(FieldError("role", "account.not_yours", "不能开立平台管理员账号"))
    return errors


async def _new_account(
    row: NewAccount, tx: Transaction, activation_days: int
) -> tuple[Account, str | None]:
    code = None if row.password else passwords.new_activation_code()
    password_hash = (
        await asyncio.to_thread(passwords.hash_password, row.password) if row.password else None
    )
    account = Account(
        account_id=new_id(),
        username=row.username,
        role=row.role,
        institution_id=row.institution_id,
        outlet_id=row.outlet_id,
        staff_id=row.staff_id,
        region_code=row.region_code,
        active=True,
        password_hash=password_hash,
        activation_hash=passwords.digest(code) if code else None,
        activation_until=tx.now + timedelta(days=activation_days) if code else None,
    )
    return account, code


def _opened(account: Account, tx: Transaction) -> AccountOpened:
    return AccountOpened(
        account_id=account.account_id,
        role=account.role,
        institution_id=account.institution_id,
        outlet_id=account.outlet_id,
        staff_id=account.staff_id,
        region_code=account.region_code,
        opened_on=tx.today,
    )


@dataclass(frozen=True, slots=True)
class OpenClient:
    """Open a machine client, such as a bank's core system."""

    name: str
    role: Role
    institution_id: UUID | None


@dataclass(frozen=True, slots=True)
class OpenedClient:
    """The client's name and its secret, shown once."""

    client_id: str
    client_secret: str
    account_id: UUID


async def open_client(command: OpenClient, tx: Transaction) -> OpenedClient:
    """Open a machine client; only the platform's administrator may."""
    tx.principal.must_be("platform_admin")
    errors = place_errors(
        command.role,
        institution_id=command.institution_id,
        outlet_id=None,
        staff_id=None,
        region_code=None,
    )
    if command.role != "bank_core" or errors:
        raise BadInput("client.role", "机器客户端须为 bank_core 并指明所属机构", errors=errors)
    account_id = new_id()
    client_id = f"core-{account_id.hex[-12:]}"
    secret = passwords.new_secret()
    account = Account(
        account_id=account_id,
        username=client_id,
        role=command.role,
        institution_id=command.institution_id,
        outlet_id=None,
        staff_id=None,
        region_code=None,
        active=True,
    )
    await accounts.insert(tx.connection, [account], tx.now)
    await accounts.add_client(
        tx.connection,
        client_id=client_id,
        account_id=account_id,
        name=command.name,
        secret_hash=passwords.digest(secret),
        now=tx.now,
    )
    tx.emit(_opened(account, tx))
    tx.audit("client.opened", account_id, after={"client_id": client_id})
    return OpenedClient(client_id, secret, account_id)


@dataclass(frozen=True, slots=True)
class Activate:
    """First sign-in: set a password with the code the bank handed out."""

    username: str
    activation_code: str
    password: str


async def activate(command: Activate, tx: Transaction) -> Account:
    """Set the first password; the code works once and for some days.

    Raises: Refused `account.activation`, the same for an unknown name, a wrong and an old code.
    """
    account = await accounts.by_username(tx.connection, command.username)
    code = passwords.digest(command.activation_code.strip().upper())
    if (
        account is None
        or not account.active
        or not passwords.same(account.activation_hash, code)
        or (account.activation_until and account.activation_until < tx.now)
    ):
        raise Refused("account.activation", "用户名或激活码不正确,或激活码已过期", status=401)
    password_hash = await asyncio.to_thread(passwords.hash_password, command.password)
    await accounts.set_password(tx.connection, account.account_id, password_hash)
    tx.audit("account.activated", account.account_id)
    return account


async def sign_in(database: Database, username: str, password: str, days: int) -> Session:
    """Check name and password and begin a refresh family.

    The slow comparison runs in a thread, outside any transaction.
    Raises: Refused `account.sign_in`, the same for an unknown name and a wrong password; `.locked`.
    """
    async with database.read() as tx:
        account, now = await accounts.by_username(tx.connection, username), tx.now
    if account and account.locked_until and account.locked_until > now:
        raise Refused("account.locked", "连续输错次数过多", "请一分钟后再试", status=429)
    fits = await asyncio.to_thread(
        passwords.password_fits, password, account.password_hash if account else None
    )
    if account is None or not fits or not account.active:
        if account:
            await _note_failure(database, account)
        raise Refused("account.sign_in", "用户名或密码不正确", status=401)
    async with database.transaction() as tx:
        await accounts.note_success(tx.connection, account.account_id)
        token = await _new_refresh(tx, account, family=new_id(), days=days)
        tx.audit("account.signed_in", account.account_id)
    return Session(account, token)


async def _note_failure(database: Database, account: Account) -> None:
    async with database.transaction() as tx:
        await accounts.note_failure(
            tx.connection,
            account.account_id,
            most=model.MAX_FAILURES,
            locked_until=tx.now + timedelta(seconds=model.LOCK_SECONDS),
        )
        tx.audit("account.sign_in_failed", account.account_id)


async def _new_refresh(tx: Transaction, account: Account, *, family: UUID, days: int) -> str:
    token = passwords.new_secret()
    await accounts.add_refresh(
        tx.connection,
        token_hash=passwords.digest(token),
        family=family,
        account_id=account.account_id,
        expires_at=tx.now + timedelta(days=days),
    )
    return token


async def refresh(database: Database, token: str, days: int) -> Session:
    """Exchange a refresh token for the next one; a token used twice ends its whole family.

    Two tabs may present one token within some seconds: that is no theft.
    Raises: Refused `access.unauthenticated`.
    """
    session: Session | None = None
    async with database.transaction() as tx:
        kept = await accounts.lock_refresh(tx.connection, passwords.digest(token))
        if kept and not kept.ended and kept.expires_at > tx.now:
            grace = timedelta(seconds=REUSE_GRACE_SECONDS)
            account = await accounts.by_id(tx.connection, kept.account_id)
            if kept.used_at and tx.now - kept.used_at > grace:
                await accounts.end_family(tx.connection, kept.family)
                tx.audit("account.refresh_reused", kept.account_id)
            elif account and account.active:
                await accounts.use_refresh(tx.connection, passwords.digest(token), tx.now)
                next_token = await _new_refresh(tx, account, family=kept.family, days=days)
                session = Session(account, next_token)
    if session is None:
        raise Refused("access.unauthenticated", "登录已过期,请重新登录", status=401)
    return session


async def sign_out(database: Database, token: str) -> None:
    """End the refresh family of this token."""
    async with database.transaction() as tx:
        kept = await accounts.lock_refresh(tx.connection, passwords.digest(token))
        if kept:
            await accounts.end_family(tx.connection, kept.family)
            tx.audit("account.signed_out", kept.account_id)


async def client_account(database: Database, client_id: str, secret: str) -> Account:
    """The account of a machine client that knows its secret.

    Raises: Refused `client.credentials`.
    """
    async with database.read() as tx:
        found = await accounts.by_client(tx.connection, client_id)
    if found is None or not passwords.same(found[1], passwords.digest(secret)):
        raise Refused("client.credentials", "客户端标识或密钥不正确", status=401)
    if not found[0].active:
        raise Refused("client.credentials", "客户端标识或密钥不正确", status=401)
    return found[0]


async def disable_account(account_id: UUID, tx: Transaction) -> Account:
    """Shut an account: its tokens stop working in every service within a second.

    Raises: NotFound `account.unknown`; Conflict `account.disabled`.
    """
    tx.principal.must_be("platform_admin", "bank_head")
    account = await accounts.by_id(tx.connection, account_id)
    foreign = tx.principal.role == "bank_head" and (
        account is not None and account.institution_id != tx.principal.institution_id
    )
    if account is None or foreign:
        raise NotFound("account.unknown", "没有这个账号")
    if not await accounts.disable(tx.connection, account_id):
        raise Conflict("account.disabled", "账号已停用")
    tx.emit(AccessRevoked(account_id=account_id, revoked_on=tx.today))
    tx.audit("account.disabled", account_id)
    return account


async def find_account(tx: Transaction, account_id: UUID) -> Account:
    """The caller's own account.

    Raises: NotFound `account.unknown`.
    """
    account = await accounts.by_id(tx.connection, account_id)
    if account is None:
        raise NotFound("account.unknown", "没有这个账号")
    return account


async def ensure_admin(database: Database, password: str) -> None:
    """Open the first account, `admin`, where there is none."""
    async with database.transaction() as tx:
        if await accounts.by_username(tx.connection, "admin"):
            return
        row = NewAccount(username="admin", role="platform_admin", password=password)
        account, _ = await _new_account(row, tx, 0)
        await accounts.insert(tx.connection, [account], tx.now)
        tx.emit(_opened(account, tx))
        tx.audit("account.opened", account.account_id, after={"role": account.role})
