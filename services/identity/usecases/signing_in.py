"""Sign-in with a password and, where the account has one, a second factor."""

from dataclasses import dataclass

from services.identity.domain import passwords, totp
from services.identity.domain.model import Account, needs_second_factor
from services.identity.keys import sealer_of
from services.identity.settings import Settings
from services.identity.store import factors, sessions
from services.identity.usecases.sessions import (
    SignedIn,
    begin,
    checked,
    name_hash,
)
from shared.kernel.errors import Conflict, Refused
from shared.platform.clock import unix_now
from shared.platform.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Credentials:
    """Name, password and, where asked for, a code of the phone or a recovery code."""

    username: str
    password: str
    code: str = ""
    recovery_code: str = ""


async def sign_in(database: Database, given: Credentials, settings: Settings) -> SignedIn:
    """Check everything and begin a session.

    Raises: Refused `account.sign_in`, the same for an unknown name and a wrong password;
    `account.locked`; `account.second_factor`, `.second_factor_wrong`, `account.totp_required`.
    """
    async with (
        checked(database, given.username, given.password) as account,
        database.transaction() as tx,
    ):
        if not await factors.is_confirmed(tx.connection, account.account_id):
            if settings.require_totp and needs_second_factor(account.role):
                raise Refused(
                    "account.totp_required", "该角色须先启用动态验证码", "请用验证器扫码绑定"
                )
            return await _begun(tx, account, given, settings, "password")
        if await _second_factor_fits(tx, account, given, settings):
            return await _begun(tx, account, given, settings, "password+totp")
        raise _wrong_factor()


async def _begun(
    tx: Transaction, account: Account, given: Credentials, settings: Settings, method: str
) -> SignedIn:
    await sessions.note_success(tx.connection, name_hash(given.username))
    return await begin(tx, account, settings, method)


def _wrong_factor() -> Refused:
    return Refused(
        "account.second_factor_wrong",
        "动态验证码或恢复码不正确",
        "每个验证码只能用一次",
        status=401,
    )


async def _second_factor_fits(
    tx: Transaction, account: Account, given: Credentials, settings: Settings
) -> bool:
    """Whether code or recovery code fits; what fits is used up."""
    if given.recovery_code:
        code_hash = passwords.digest(given.recovery_code.strip().upper())
        if used := await factors.use_code(tx.connection, account.account_id, code_hash):
            tx.audit("account.recovery_code_used", account.account_id)
        return used
    if not given.code:
        raise Refused("account.second_factor", "请输入动态验证码", status=401)
    return await _code_fits(tx, account, given.code, settings)


async def _code_fits(tx: Transaction, account: Account, code: str, settings: Settings) -> bool:
    kept = await factors.find(tx.connection, account.account_id)
    if kept is None:
        return False
    secret = sealer_of(settings).open(kept.secret, _purpose(account))
    step = totp.matching_step(secret, code, unix=unix_now(), after=kept.last_step)
    if step is not None:
        await factors.use_step(tx.connection, account.account_id, step)
    return step is not None


def _purpose(account: Account) -> str:
    return f"totp:{account.account_id}"


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A fresh secret, shown once; `address` is for a QR code."""

    secret: str
    address: str


async def begin_enrolment(database: Database, given: Credentials, settings: Settings) -> Enrolment:
    """Give the account a new secret for its phone; who has one already proves that first.

    Raises: as `sign_in`.
    """
    secret = totp.new_secret()
    async with (
        checked(database, given.username, given.password) as account,
        database.transaction() as tx,
    ):
        has_one = await factors.is_confirmed(tx.connection, account.account_id)
        if has_one and not await _second_factor_fits(tx, account, given, settings):
            raise _wrong_factor()
        sealed = sealer_of(settings).seal(secret, _purpose(account))
        await factors.begin(tx.connection, account.account_id, sealed)
        tx.audit("account.totp_begun", account.account_id)
    return Enrolment(totp.base32(secret), totp.address(secret, account.username))


async def confirm_enrolment(
    database: Database, given: Credentials, settings: Settings
) -> list[str]:
    """Confirm the secret with its first code; the recovery codes, shown once.

    Raises: as `sign_in`; Conflict `account.totp_not_begun`.
    """
    codes = totp.new_recovery_codes()
    async with (
        checked(database, given.username, given.password) as account,
        database.transaction() as tx,
    ):
        kept = await factors.find(tx.connection, account.account_id)
        if kept is None or kept.confirmed:
            raise Conflict("account.totp_not_begun", "没有待确认的动态验证码", "请先取得绑定二维码")
        if not await _code_fits(tx, account, given.code, settings):
            raise _wrong_factor()
        hashes = [passwords.digest(code) for code in codes]
        await factors.replace_codes(tx.connection, account.account_id, hashes)
        tx.audit("account.totp_confirmed", account.account_id)
    return codes
