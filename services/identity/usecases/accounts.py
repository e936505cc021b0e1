"""What can be done with accounts: open, activate, look at, change, shut, let in again."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.identity.domain import passwords
from services.identity.domain.model import Account, may_manage, place_errors
from services.identity.store import accounts, factors, federation, sessions
from shared.contracts.identity import AccessRevoked, AccountChanged, AccountOpened, Role
from shared.kernel.errors import BadInput, Conflict, FieldError, NotFound, Refused
from shared.kernel.ids import new_id
from shared.platform.database import Database, Transaction
from shared.platform.web import must_match


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAccount:
    """One account to open; without a password it gets an activation code."""

    username: str
    role: Role
    institution_id: UUID | None = None
    outlet_id: UUID | None = None
    staff_id: UUID | None = None
    region_code: str | None = None
    enterprise_id: UUID | None = None
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


async def open_accounts(command: OpenAccounts, tx: Transaction) -> list[RowResult]:
    """Open accounts; a bank's head office opens those of its own people only."""
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
        say_opened(account, tx)
    return results


def _row_errors(row: NewAccount, taken: set[str], tx: Transaction) -> list[FieldError]:
    errors = _place_errors(row)
    if row.username in taken:
        errors.append(FieldError("username", "account.username_taken", "用户名已被使用"))
    if not may_manage(tx.principal, row.role, row):
        errors.append(FieldError("role", "account.not_yours", "不能为该角色或该机构的人员开户"))
    return errors


def _place_errors(place: NewAccount | Account) -> list[FieldError]:
    return place_errors(
        place.role,
        institution_id=place.institution_id,
        outlet_id=place.outlet_id,
        staff_id=place.staff_id,
        region_code=place.region_code,
        enterprise_id=place.enterprise_id,
    )


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
        enterprise_id=row.enterprise_id,
        active=True,
        password_hash=password_hash,
        activation_hash=passwords.digest(code) if code else None,
        activation_until=tx.now + timedelta(days=activation_days) if code else None,
    )
    return account, code


def say_opened(account: Account, tx: Transaction) -> None:
    """Tell the other services of a new account."""
    tx.emit(
        AccountOpened(
            account_id=account.account_id,
            role=account.role,
            institution_id=account.institution_id,
            outlet_id=account.outlet_id,
            staff_id=account.staff_id,
            region_code=account.region_code,
            enterprise_id=account.enterprise_id,
            opened_on=tx.today,
        )
    )
    tx.audit("account.opened", account.account_id, after={"role": account.role})


def _say_changed(account: Account, tx: Transaction) -> None:
    tx.emit(
        AccountChanged(
            account_id=account.account_id,
            role=account.role,
            institution_id=account.institution_id,
            outlet_id=account.outlet_id,
            staff_id=account.staff_id,
            region_code=account.region_code,
            enterprise_id=account.enterprise_id,
            changed_on=tx.today,
        )
    )


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


# -- looking ---------------------------------------------------------------------------------------


async def find_account(tx: Transaction, account_id: UUID) -> Account:
    """An account that the caller may look at: its own, or one of its place.

    Raises: NotFound `account.unknown`.
    """
    account = await accounts.by_id(tx.connection, account_id)
    if account is None or not _visible(account, tx):
        raise NotFound("account.unknown", "没有这个账号")
    return account


def _visible(account: Account, tx: Transaction) -> bool:
    caller = tx.principal
    if caller.sees_all or caller.role == "auditor" or caller.account_id == account.account_id:
        return True
    if caller.role == "bank_head":
        return account.institution_id == caller.institution_id
    return may_manage(caller, account.role, account)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which accounts to list; `search` is part of a name."""

    role: str | None = None
    active: bool | None = None
    search: str | None = None


async def list_accounts(
    tx: Transaction, wanted: Filter, after: str | None, limit: int
) -> list[Account]:
    """Accounts of the caller's place, by name."""
    return await accounts.page(
        await tx.driver(),
        tx.principal,
        role=wanted.role,
        active=wanted.active,
        search=wanted.search,
        after=after,
        limit=limit,
    )


# -- changing --------------------------------------------------------------------------------------


async def _managed(tx: Transaction, account_id: UUID) -> Account:
    """The account, locked, where the caller administers it.

    Raises: NotFound `account.unknown`; Refused `account.not_yours`.
    """
    account = await accounts.by_id(tx.connection, account_id, lock=True)
    if account is None or not _visible(account, tx):
        raise NotFound("account.unknown", "没有这个账号")
    if not may_manage(tx.principal, account.role, account):
        raise Refused("account.not_yours", "该账号不归您管理")
    return account


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAccount:
    """Another role and place for an account, resting on a version of it."""

    account_id: UUID
    version: int
    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: str | None
    enterprise_id: UUID | None


async def move_account(command: MoveAccount, tx: Transaction) -> Account:
    """Change role and place; both the old and the new one must be the caller's to give.

    Raises: NotFound `account.unknown`; Refused `account.not_yours`; BadInput `account.place`;
    Conflict `account.disabled`, 412 `version.stale`.
    """
    account = await _managed(tx, command.account_id)
    must_match(command.version, account.version)
    if not account.active:
        raise Conflict("account.disabled", "账号已停用", "请先恢复再调整")
    moved = replace(
        account,
        role=command.role,
        institution_id=command.institution_id,
        outlet_id=command.outlet_id,
        staff_id=command.staff_id,
        region_code=command.region_code,
        enterprise_id=command.enterprise_id,
        version=account.version + 1,
    )
    if errors := _place_errors(moved):
        raise BadInput("account.place", "账号的角色与所属机构不完整", errors=errors)
    if not may_manage(tx.principal, moved.role, moved):
        raise Refused("account.not_yours", "该账号不归您管理", "不能调整到您管理范围之外")
    await accounts.move(tx.connection, moved)
    _say_changed(moved, tx)
    tx.audit("account.changed", moved.account_id, before=_seat(account), after=_seat(moved))
    return moved


def _seat(account: Account) -> dict[str, object]:
    return {
        "role": account.role,
        "institution_id": account.institution_id,
        "outlet_id": account.outlet_id,
        "staff_id": account.staff_id,
        "region_code": account.region_code,
        "enterprise_id": account.enterprise_id,
    }


async def disable_account(account_id: UUID, tx: Transaction) -> Account:
    """Shut an account: its sessions and tokens stop working everywhere within a second.

    Raises: NotFound `account.unknown`; Refused `account.not_yours`; Conflict `account.disabled`.
    """
    account = await _managed(tx, account_id)
    if not await accounts.switch(tx.connection, account_id, active=False):
        raise Conflict("account.disabled", "账号已停用")
    await sessions.end_all(tx.connection, account_id)
    tx.emit(AccessRevoked(account_id=account_id, revoked_on=tx.today))
    tx.audit("account.disabled", account_id)
    return replace(account, active=False, version=account.version + 1)


async def enable_account(account_id: UUID, tx: Transaction) -> Account:
    """Let a shut account act again; old sessions stay ended.

    Raises: NotFound `account.unknown`; Refused `account.not_yours`; Conflict `account.enabled`.
    """
    account = await _managed(tx, account_id)
    if not await accounts.switch(tx.connection, account_id, active=True):
        raise Conflict("account.enabled", "账号未停用")
    _say_changed(account, tx)
    tx.audit("account.enabled", account_id)
    return replace(account, active=True, version=account.version + 1)


@dataclass(frozen=True, slots=True)
class ResetAccount:
    """Take password, second factor and WeChat binding away; a new activation code instead."""

    account_id: UUID
    activation_days: int


async def reset_account(command: ResetAccount, tx: Transaction) -> RowResult:
    """For who forgot the password or lost the phone; all sessions end.

    Raises: NotFound `account.unknown`; Refused `account.not_yours`; Conflict `account.disabled`.
    """
    account = await _managed(tx, command.account_id)
    if not account.active:
        raise Conflict("account.disabled", "账号已停用", "请先恢复再重置")
    code = passwords.new_activation_code()
    await accounts.begin_again(
        tx.connection,
        account.account_id,
        code_hash=passwords.digest(code),
        until=tx.now + timedelta(days=command.activation_days),
    )
    await factors.remove(tx.connection, account.account_id)
    await federation.unbind(tx.connection, account.account_id)
    await sessions.end_all(tx.connection, account.account_id)
    tx.audit("account.reset", account.account_id)
    return RowResult(1, account.account_id, code, ())


async def ensure_admin(database: Database, password: str) -> None:
    """Open the first account, `admin`, where there is none."""
    async with database.transaction() as tx:
        if await accounts.by_username(tx.connection, "admin"):
            return
        row = NewAccount(username="admin", role="platform_admin", password=password)
        account, _ = await _new_account(row, tx, 0)
        await accounts.insert(tx.connection, [account], tx.now)
        say_opened(account, tx)
