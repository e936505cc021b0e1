"""The frame of a transaction on the driver's connection: begin, who calls, twins, commit, end."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import asyncpg

from shared.kernel.errors import BadInput, Refused
from shared.kernel.periods import SHANGHAI
from shared.platform.logging import log
from shared.platform.pool import lost_is_oserror
from shared.platform.principal import Principal
from shared.platform.reach import reach_of

Isolation = Literal["read committed", "repeatable read"]

# One row's reads and writes: their plan does not depend on the values, and must not become a scan
# that was cheap while the table was new. Planning took a third of the database's time of a write.
# A row that long work holds is not waited for until the gateway gives up: the call may be repeated.
_START_ANSWER = """
begin isolation level read committed; set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off; select pg_advisory_xact_lock({}); set local lock_timeout = '10s'
"""

# The context that row-level security reads comes first: it holds to the transaction's end.
_BEGIN = """
select case when set_config('yinqi.reach', $5, true) || set_config('yinqi.account', $6, true)
         || set_config('yinqi.org', $7, true) || set_config($8, $9, true) is not null
       then exists (select from account where account_id = $1 and not active) end as revoked,
       yinqi_now() as now,
       (select array[body_hash, convert_to(status::text, 'UTF8'), body] from idempotency
        where principal = $2 and route = $3 and key = $4) as kept
"""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What a repeated call must agree in to get the first answer again."""

    route: str
    key: str
    body_hash: bytes

    def lock(self, principal: Principal) -> int:
        """The number of the lock that twins of one call wait for."""
        name = f"{principal.name} {self.route} {self.key}".encode()
        return int.from_bytes(hashlib.sha256(name).digest()[:8], signed=True)


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, as sent and as kept for a repeat."""

    status: int
    body: bytes


class Frame:
    """Begin and end of a transaction on the driver's own connection."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self._driver = driver
        self.kept: Answer | None = None

    async def start(
        self, isolation: Isolation, principal: Principal, key: IdempotencyKey | None
    ) -> None:
        """Start the transaction; with a key, wait until no other call with it is running.

        The lock has a statement of its own, so that what comes after it sees what a twin has done.

        Raises: ConnectionError.
        """
        with lost_is_oserror():
            if key is None:
                await self._driver.execute(f"begin isolation level {isolation}")
            else:
                await self._driver.execute(_START_ANSWER.format(key.lock(principal)))

    async def begin(self, principal: Principal, key: IdempotencyKey | None) -> datetime:
        """The platform's time; an earlier answer to this call is found in `kept`.

        Raises: Refused `access.revoked`; BadInput `idempotency.key_reused`, where that call had
        another body; ConnectionError.
        """
        route, name = (key.route, key.key) if key else ("", "")
        reach = reach_of(principal)
        with lost_is_oserror():
            row = await self._driver.fetchrow(
                _BEGIN,
                principal.account_id,
                principal.name,
                route,
                name,
                reach.name,
                reach.account,
                reach.org,
                reach.setting,
                reach.place,
            )
        assert row is not None  # a select without from
        if row["revoked"]:
            raise Refused("access.revoked", "该账号已停用", status=401)
        if key and row["kept"]:
            its_hash, status, body = row["kept"]
            if its_hash != key.body_hash:
                raise BadInput("idempotency.key_reused", "同一幂等键已用于不同内容的请求")
            self.kept = Answer(int(status), body)
        return row["now"].astimezone(SHANGHAI)

    async def commit(self) -> None:
        """Make everything durable.

        Raises: ConnectionError: whether it is durable is then not known.
        """
        with lost_is_oserror():
            await self._driver.execute("commit")

    async def end(self) -> None:
        """Take back what was not committed; a connection on which that fails is thrown away."""
        if self._driver.is_closed() or not self._driver.is_in_transaction():
            return
        try:
            await self._driver.execute("rollback")
        except Exception as error:  # must not hide why we end: a cancelled loop would go on
            self._driver.terminate()
            log().warning("database.rollback", error=repr(error))
        except BaseException:
            self._driver.terminate()
            raise


def body_hash(body: bytes) -> bytes:
    """SHA-256 of a request body."""
    return hashlib.sha256(body).digest()
