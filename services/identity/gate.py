"""The gateway's question for every call: whose session is this, and what may the call carry?

Answered from memory almost always. One small query every half second asks which sessions were
ended lately, however many are in use; so an ended session is refused within a second, and the
question costs no database work of its own.
"""

import asyncio
import hmac
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID
from weakref import WeakKeyDictionary

from services.identity.domain import passwords
from services.identity.domain.sessions import SAFE, csrf_token
from services.identity.domain.tokens import Grant
from services.identity.keys import signer_of
from services.identity.settings import Settings
from services.identity.store import sessions
from shared.kernel.errors import Refused
from shared.platform.auth import unauthenticated
from shared.platform.clock import monotonic, unix_now
from shared.platform.database import Database
from shared.platform.settings import SERVICES

FRESH_SECONDS: Final = 0.5
#: Longer than any transaction that ends a session may take to commit.
WINDOW_SECONDS: Final = 60
EARLY_SECONDS: Final = 60
TOUCH_SECONDS: Final = 60.0
KEEP_SESSIONS: Final = 50_000


@dataclass(slots=True)
class Held:
    """A session in memory, on the monotonic clock, with the tokens it was given per service."""

    session_id: UUID
    account_id: UUID
    csrf: str
    until: float
    seen: float
    touched: float
    tokens: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])


class Gate:
    """Exchanges a session's cookie for a short token, per call."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._held: dict[bytes, Held] = {}
        self._read_at = 0.0
        self._reading = asyncio.Lock()

    async def token(self, cookie: str, *, service: str, method: str, csrf: str) -> str:
        """A token for one service.

        Raises: Refused 401 `access.unauthenticated`, 403 `access.csrf`.
        """
        if not cookie or service not in SERVICES:
            raise unauthenticated()
        held = await self._living(passwords.digest(cookie), cookie)
        if method.upper() not in SAFE and not hmac.compare_digest(
            held.csrf.encode(), csrf.encode()
        ):
            raise Refused(
                "access.csrf", "请求缺少页面令牌", "请在请求头 X-CSRF-Token 中带上登录时取得的值"
            )
        return self._signed(held, service)

    def forget(self, cookie: str) -> None:
        """Drop a session that was signed out here: the next call with it finds it ended at once."""
        self._held.pop(passwords.digest(cookie), None)

    async def _living(self, digest: bytes, cookie: str) -> Held:
        await self._freshen()
        now, held = monotonic(), self._held.get(digest)
        if held and (held.until <= now or now - held.seen >= self._settings.session_idle_seconds):
            self._held.pop(digest, None)
            held = None
        held = held or await self._load(digest, cookie)
        held.seen = now
        if now - held.touched > TOUCH_SECONDS:
            held.touched = now
            async with self._database.transaction() as tx:
                await sessions.touch(tx.connection, held.session_id)
        return held

    async def _load(self, digest: bytes, cookie: str) -> Held:
        settings = self._settings
        async with self._database.read() as tx:
            found = await sessions.living(
                tx.connection,
                digest,
                idle=settings.session_idle_seconds,
                absolute=settings.session_seconds,
            )
        if found is None:
            raise unauthenticated()
        now = monotonic()
        if len(self._held) >= KEEP_SESSIONS:
            self._held.clear()
        held = self._held[digest] = Held(
            session_id=found.session_id,
            account_id=found.account_id,
            csrf=csrf_token(cookie),
            until=now + found.left,
            seen=now,
            touched=now - found.idle,
        )
        return held

    async def _freshen(self) -> None:
        if monotonic() - self._read_at < FRESH_SECONDS:
            return
        async with self._reading:
            now = monotonic()
            if now - self._read_at < FRESH_SECONDS:
                return
            async with self._database.read() as tx:
                ended = await sessions.lately_ended(tx.connection, WINDOW_SECONDS)
            if now - self._read_at > WINDOW_SECONDS / 2:
                self._held.clear()  # too long unasked: what ended meanwhile is out of the window
            for digest in ended:
                self._held.pop(digest, None)
            self._read_at = now

    def _signed(self, held: Held, service: str) -> str:
        now, lifetime = unix_now(), self._settings.access_token_seconds
        kept = held.tokens.get(service)
        if kept and kept[0] > now:
            return kept[1]
        grant = Grant(account_id=held.account_id, audience=(service,), session_id=held.session_id)
        token = signer_of(self._settings).sign(grant, issued_at=now, lifetime_seconds=lifetime)
        held.tokens[service] = (now + lifetime - EARLY_SECONDS, token)
        return token


_GATES: "WeakKeyDictionary[Database, Gate]" = WeakKeyDictionary()


def gate_of(database: Database, settings: Settings) -> Gate:
    """The one gate of a running app."""
    gate = _GATES.get(database)
    if gate is None:
        gate = _GATES[database] = Gate(database, settings)
    return gate
