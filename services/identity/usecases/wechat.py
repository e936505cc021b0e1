"""Sign-in through the association's WeChat official account.

An openid says which WeChat user it is, not which person. It becomes a login only once somebody on
a bank's roster has bound it with a code that the bank handed out (third parties may not visit).
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from services.identity.domain import passwords
from services.identity.domain.model import Account, may_manage
from services.identity.domain.wechat import js_signature
from services.identity.keys import sealer_of
from services.identity.remote import wechat
from services.identity.remote.wechat import Key, WeChatError
from services.identity.settings import Settings
from services.identity.store import accounts, federation, sessions
from services.identity.usecases import elsewhere
from services.identity.usecases.elsewhere import Departure
from services.identity.usecases.sessions import SignedIn, begin
from shared.kernel.errors import BadInput, Conflict, NotFound, Refused
from shared.platform.clock import unix_now
from shared.platform.database import Database, Transaction

KIND: Final = "wechat"
VISITOR_SECONDS: Final = 600
#: Tokens and tickets are asked for anew this long before they end.
EARLY_SECONDS: Final = 300
_asking = asyncio.Lock()


def must_be_on(settings: Settings) -> None:
    """Refuse where no official account is set.

    Raises: NotFound `wechat.off`.
    """
    if not settings.wechat_app_id:
        raise NotFound("wechat.off", "未启用微信登录")


async def start(database: Database, settings: Settings, page: str | None) -> tuple[Departure, str]:
    """Send a browser within WeChat to sign in; the address.

    Raises: NotFound `wechat.off`.
    """
    must_be_on(settings)
    leaving = await elsewhere.depart(database, KIND, page)
    return leaving, wechat.authorize_address(settings, state=leaving.state)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A browser back from WeChat: signed in, or a visitor with a ticket to bind with a code."""

    page: str
    signed_in: SignedIn | None
    ticket: str = ""


async def finish(
    database: Database, settings: Settings, *, code: str, state: str, browser: str
) -> Arrival:
    """Take a browser back from WeChat.

    Raises: NotFound `wechat.off`; Refused 401 `sign_in.state`, `wechat.code`, 403
    `wechat.snapshot`; Conflict 503 `wechat.away`.
    """
    must_be_on(settings)
    flow = await elsewhere.arrive(database, KIND, state, browser)
    visitor = await wechat.visitor_of(settings, code)
    if visitor.snapshot:
        raise Refused("wechat.snapshot", "快照页不能登录", "请点击页面下方“使用完整服务”后重新进入")
    async with database.transaction() as tx:
        bound = await federation.bound_account(tx.connection, visitor.openid)
        account = await accounts.by_id(tx.connection, bound) if bound else None
        if account:
            if not account.active:
                raise Refused("access.revoked", "该账号已停用", status=401)
            return Arrival(flow.next, await begin(tx, account, settings, KIND))
        ticket = passwords.new_secret()
        await federation.add_visitor(
            tx.connection,
            ticket_hash=passwords.digest(ticket),
            openid=visitor.openid,
            unionid=visitor.unionid,
            seconds=VISITOR_SECONDS,
        )
    return Arrival(flow.next, None, ticket)


# -- binding ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IssueCode:
    """A binding code for one of the caller's people, good once and for some days."""

    account_id: UUID
    days: int


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """The code, shown once."""

    code: str
    expires_at: datetime


async def issue_code(command: IssueCode, tx: Transaction) -> IssuedCode:
    """Issue a binding code; it voids those that the account had.

    Raises: NotFound `account.unknown`; BadInput `wechat.not_on_roster`; Conflict `wechat.bound`.
    """
    account = await _own(tx, command.account_id)
    if account.staff_id is None:
        raise BadInput("wechat.not_on_roster", "该账号不在机构人员名册中,不能绑定微信")
    code, until = passwords.new_activation_code(), tx.now + timedelta(days=command.days)
    await federation.add_code(
        tx.connection,
        code_hash=passwords.digest(code),
        account_id=account.account_id,
        issued_by=tx.principal.name,
        expires_at=until,
    )
    tx.audit("wechat.code_issued", account.account_id)
    return IssuedCode(code, until)


async def _own(tx: Transaction, account_id: UUID) -> Account:
    account = await accounts.by_id(tx.connection, account_id)
    if account is None or not account.active or not may_manage(tx.principal, account.role, account):
        raise NotFound("account.unknown", "没有这个账号")
    return account


async def bind(database: Database, settings: Settings, *, ticket: str, code: str) -> SignedIn:
    """Bind the visitor of a ticket to the person of a code, and sign in.

    Guesses count against the visitor, as wrong passwords do against a name.
    Raises: Refused 401 `wechat.ticket`, `wechat.binding_code`, 429 `account.locked`; Conflict
    `wechat.bound`.
    """
    name = passwords.digest(f"wechat {ticket}")
    async with database.read() as tx:
        visitor = await federation.visitor(tx.connection, passwords.digest(ticket))
    if visitor is None:
        raise Refused("wechat.ticket", "请从公众号菜单重新进入", status=401)
    async with database.transaction() as tx:
        if not await sessions.count_guess(tx.connection, name, most=5, seconds=60, longest=600):
            raise Refused("account.locked", "连续输错次数过多", "请稍后再试", status=429)
        digest = passwords.digest(code.strip().upper())
        account_id = await federation.use_code(tx.connection, digest, tx.now)
        account = await accounts.by_id(tx.connection, account_id) if account_id else None
        if account and account.active:
            fresh = await federation.bind(
                tx.connection, account.account_id, visitor.openid, visitor.unionid, tx.now
            )
            if not fresh:
                raise Conflict("wechat.bound", "该人员或该微信已绑定", "请先解除原有绑定")
            await federation.remove_visitor(tx.connection, passwords.digest(ticket))
            await sessions.note_success(tx.connection, name)
            tx.audit("wechat.bound", account.account_id)
            return await begin(tx, account, settings, KIND)
    raise Refused("wechat.binding_code", "绑定码不正确或已过期", status=401)


async def unbind(account_id: UUID, tx: Transaction) -> Account:
    """Undo a binding: one's own, or that of one's people. All sessions of the account end.

    Raises: NotFound `account.unknown`, `wechat.unbound`.
    """
    account = (
        await accounts.by_id(tx.connection, account_id)
        if account_id == tx.principal.account_id
        else await _own(tx, account_id)
    )
    if account is None or not await federation.unbind(tx.connection, account_id):
        raise NotFound("wechat.unbound", "该账号没有绑定微信")
    await sessions.end_all(tx.connection, account_id)
    tx.audit("wechat.unbound", account_id)
    return account


# -- pages within WeChat ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageSignature:
    """What a page hands to WeChat's JS interface."""

    app_id: str
    timestamp: int
    nonce: str
    signature: str


async def sign_page(database: Database, settings: Settings, url: str) -> PageSignature:
    """Sign one of our pages.

    Raises: NotFound `wechat.off`; BadInput `wechat.foreign_page`; Conflict 503 `wechat.away`.
    """
    must_be_on(settings)
    if not url.startswith(settings.public_url.rstrip("/") + "/"):
        raise BadInput("wechat.foreign_page", "只能为本平台的网页签名")
    ticket = await _ticket(database, settings)
    nonce, now = passwords.new_secret()[:16], unix_now()
    signature = js_signature(ticket=ticket, nonce=nonce, timestamp=now, url=url)
    return PageSignature(settings.wechat_app_id, now, nonce, signature)


async def _ticket(database: Database, settings: Settings) -> str:
    """The page ticket, kept for all processes in one place; one of them at a time asks WeChat."""
    if kept := await _kept(database, settings, "ticket"):
        return kept
    async with _asking, database.transaction() as tx:
        await federation.lock_keys(tx.connection)
        if sealed := await federation.kept_key(tx.connection, "ticket"):
            return sealer_of(settings).open(sealed, "wechat:ticket").decode()
        ticket = await _new_ticket(tx, settings)
        await _keep(tx, settings, "ticket", ticket)
        return ticket.value


async def _new_ticket(tx: Transaction, settings: Settings) -> Key:
    try:
        return await wechat.page_ticket(settings, await _token(tx, settings, fresh=False))
    except WeChatError as error:
        if error.number not in wechat.STALE_TOKEN:
            raise wechat.away(error.number) from error
    try:
        return await wechat.page_ticket(settings, await _token(tx, settings, fresh=True))
    except WeChatError as error:
        raise wechat.away(error.number) from error


async def _token(tx: Transaction, settings: Settings, *, fresh: bool) -> str:
    if not fresh and (sealed := await federation.kept_key(tx.connection, "token")):
        return sealer_of(settings).open(sealed, "wechat:token").decode()
    token = await wechat.access_token(settings, fresh=fresh)
    await _keep(tx, settings, "token", token)
    return token.value


async def _kept(database: Database, settings: Settings, kind: str) -> str | None:
    async with database.read() as tx:
        sealed = await federation.kept_key(tx.connection, kind)
    return sealer_of(settings).open(sealed, f"wechat:{kind}").decode() if sealed else None


async def _keep(tx: Transaction, settings: Settings, kind: str, key: Key) -> None:
    sealed = sealer_of(settings).seal(key.value.encode(), f"wechat:{kind}")
    await federation.keep_key(tx.connection, kind, sealed, max(0, key.seconds - EARLY_SECONDS))
