"""Transactions: the only place that commits.

A use case gets a `Transaction`, reads and writes through its connection and says what happened with
`emit`. Leaving the transaction writes effect, events, audit line and idempotent answer together, or
none of them; the relay is woken after the commit, never inside it.
"""

import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.contracts.event import Event, contract_of, encode, key_of, part_of
from shared.kernel.errors import BadInput, Refused
from shared.kernel.ids import new_id
from shared.kernel.periods import SHANGHAI
from shared.platform.bell import Bell
from shared.platform.logging import TODAY, TRACE, log
from shared.platform.principal import SYSTEM, Principal

FLUSH_ROWS = 5_000
MAX_EVENT_BYTES = 256 * 1024

_Isolation = Literal["read_committed", "repeatable_read"]

_BEGIN = """
select yinqi_now() as now,
       exists (select from account where account_id = $1 and not active) as revoked,
       case when $2 <> '' then pg_advisory_xact_lock(hashtextextended($2, 0)) end
"""

_ACCOUNT = """
select role, institution_id, outlet_id, staff_id, region_code, enterprise_id, active
from account where account_id = $1
"""

_FIND_ANSWER = """
select body_hash, status, body from idempotency where principal = $1 and route = $2 and key = $3
"""

_EVENTS = """
e as (
  select * from unnest($1::text[], $2::uuid[], $3::text[], $4::smallint[], $5::bytea[])
    with ordinality as t(key, event_id, type, part, body, n)
), heads as (
  insert into stream as s (key, seq) select key, count(*) from e group by key order by key
  on conflict (key) do update set seq = s.seq + excluded.seq returning key, seq
), counted as (
  select e.*, h.seq - count(*) over (partition by e.key)
    + row_number() over (partition by e.key order by e.n) as seq
  from e join heads h using (key)
), written as (
  insert into outbox (event_id, key, seq, type, part, payload)
  select event_id, key, seq, type, part,
         convert_to('{"sequence":' || seq || ',', 'UTF8') || body
  from counted order by n
)
"""
_FLUSH = f"with {_EVENTS} select"
_FINISH = f"""
with {_EVENTS}, audited as (
  insert into audit (at, actor, action, subject, before, after, trace)
  select $6, $7, action, subject, before::jsonb, after::jsonb, $8
  from unnest($9::text[], $10::text[], $11::text[], $12::text[])
    as t(action, subject, before, after)
)
insert into idempotency (principal, route, key, body_hash, status, body, at)
select $7, $13, $14, $15, $16, $17, $6 where $14 <> ''
"""


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """What a repeated call must agree in to get the first answer again."""

    route: str
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer, as sent and as kept for a repeat."""

    status: int
    body: bytes


@dataclass(slots=True)
class Transaction:
    """One unit of work: everything done through it happens, or nothing.

    `now` is the platform's time (Asia/Shanghai) when the transaction began, `today` its date.
    """

    connection: AsyncConnection
    now: datetime
    principal: Principal
    _driver: asyncpg.Connection
    _events: list[Event] = field(default_factory=list[Event])
    _audit: list[tuple[str, str, str, str]] = field(default_factory=list[tuple[str, str, str, str]])
    _emitted: bool = False

    @property
    def today(self) -> date:
        """The province's date."""
        return self.now.date()

    def emit(self, *events: Event) -> None:
        """Say what happened; the events are written when the transaction ends well."""
        self._events.extend(events)

    def audit(
        self,
        action: str,
        subject: UUID | str,
        *,
        before: object = None,
        after: object = None,
    ) -> None:
        """Keep who did what to which subject, and its state before and after (no names)."""
        self._audit.append((action, str(subject), _json(before), _json(after)))

    async def driver(self) -> asyncpg.Connection:
        """The asyncpg connection beneath, for COPY and other bulk work in the same transaction."""
        return self._driver

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A part that may fail alone: an exception takes its rows, events and audit lines back."""
        await self._flush_events()
        emitted, audited = self._emitted, len(self._audit)
        try:
            async with self.connection.begin_nested():
                yield
                await self._flush_events()
        except BaseException:
            self._events.clear()
            del self._audit[audited:]
            self._emitted = emitted
            raise

    async def finish(self, key: IdempotencyKey | None, answer: Answer | None) -> bool:
        """Write events, audit and answer; True where the relay has something to move."""
        if len(self._events) > FLUSH_ROWS:
            await self._flush_events()
        if self._events or self._audit or key:
            self._emitted |= bool(self._events)
            columns = _columns(self._encoded(), 5)
            await self._driver.execute(_FINISH, *columns, *self._record(key, answer))
        return self._emitted

    async def _flush_events(self) -> None:
        if not self._events:
            return
        rows = self._encoded()
        if len(rows) > FLUSH_ROWS:
            rows.sort(key=lambda row: row[0])  # locks are taken in one order: no deadlock
        for start in range(0, len(rows), FLUSH_ROWS):
            await self._driver.execute(_FLUSH, *_columns(rows[start : start + FLUSH_ROWS], 5))
        self._events.clear()
        self._emitted = True

    def _encoded(self) -> list[tuple[str, UUID, str, int, bytes]]:
        trace, actor, at = TRACE.get(), self.principal.name, self.now
        rows: list[tuple[str, UUID, str, int, bytes]] = []
        types: dict[type[Event], str] = {}
        for event in self._events:
            key, event_id = key_of(event), new_id()
            body = encode(event, id=event_id, at=at, actor=actor, trace=trace)
            if len(body) > MAX_EVENT_BYTES:
                raise BadInput("event.too_large", "事件过大", f"{len(body)} > {MAX_EVENT_BYTES}")
            wire_type = types.get(type(event)) or types.setdefault(
                type(event), contract_of(event).type
            )
            rows.append((key, event_id, wire_type, part_of(key), body))
        return rows

    def _record(self, key: IdempotencyKey | None, answer: Answer | None) -> tuple[object, ...]:
        return (
            self.now,
            self.principal.name,
            TRACE.get(),
            *_columns(self._audit, 4),
            key.route if key else "",
            key.key if key else "",
            key.body_hash if key else b"",
            answer.status if answer else 0,
            answer.body if answer else b"",
        )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[i] for row in rows] for i in range(width)]


class Database:
    """A service's own database: transactions to write, reads to look, and the relay's bell.

    SQLAlchemy keeps the pool and runs what use cases give it; the frame of a transaction (begin,
    time, twins, events, answer, commit) goes straight to the driver, at a third of the processor
    time. So to SQLAlchemy the connections look as if they committed by themselves.
    """

    def __init__(self, url: str, *, pool_size: int = 12) -> None:
        self.url = url
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=pool_size,
            max_overflow=4,
            pool_pre_ping=False,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,  # an error text must not carry a person's data into the log
            connect_args={"server_settings": {"timezone": "Asia/Shanghai"}},
        )
        self._bell = Bell(url)

    @asynccontextmanager
    async def transaction(self, principal: Principal = SYSTEM) -> AsyncIterator[Transaction]:
        """Open a transaction that commits on a clean exit and rolls back on any exception."""
        async with self._open(principal) as (tx, frame):
            yield tx
            emitted = await tx.finish(None, None)
            await frame.commit()
        if emitted:
            self._bell.ring()

    @asynccontextmanager
    async def answering(
        self, principal: Principal, key: IdempotencyKey | None
    ) -> AsyncIterator[tuple[Transaction, list[Answer]]]:
        """As `transaction`, but the answer put into the list is kept under `key`, or found there.

        Where the list is not empty on entry, the call was answered before: do nothing, give that.
        A twin of a running call waits until that one is done, then finds its answer.
        """
        twins = f"{principal.name} {key.route} {key.key}" if key else ""
        async with self._open(principal, twins=twins) as (tx, frame):
            answers: list[Answer] = []
            if key and (kept := await find_answer(tx, key)):
                answers.append(kept)
                yield tx, answers
                return
            yield tx, answers
            emitted = await tx.finish(key, answers[0])
            await frame.commit()
        if emitted:
            self._bell.ring()

    @asynccontextmanager
    async def read(self, principal: Principal = SYSTEM) -> AsyncIterator[Transaction]:
        """Open a transaction to look only: it sees one moment and is rolled back."""
        async with self._open(principal, isolation="repeatable_read") as (tx, _):
            yield tx

    @asynccontextmanager
    async def _open(
        self, principal: Principal, *, isolation: _Isolation = "read_committed", twins: str = ""
    ) -> AsyncIterator[tuple[Transaction, "_Frame"]]:
        async with self._engine.connect() as connection:
            frame = _Frame(await _living_driver(connection), isolation)
            try:
                now, revoked = await frame.begin(principal, twins)
                if revoked:
                    raise Refused("access.revoked", "该账号已停用", status=401)
                local = now.astimezone(SHANGHAI)
                TODAY.set(local.date().isoformat())
                yield Transaction(connection, local, principal, frame.driver), frame
            finally:
                await frame.end()

    async def account(self, account_id: UUID) -> asyncpg.Record | None:
        """The row of an account, read outside any transaction: who calls is asked first."""
        async with self._engine.connect() as connection:
            driver = await _living_driver(connection)
            with _lost_is_oserror():
                return await driver.fetchrow(_ACCOUNT, account_id)

    def ring(self) -> None:
        """Wake the relay and the job runner."""
        self._bell.ring()

    async def close(self) -> None:
        """Close all connections."""
        await self._bell.close()
        await self._engine.dispose()


async def find_answer(tx: Transaction, key: IdempotencyKey) -> Answer | None:
    """The kept answer to an earlier call with this key.

    Raises: BadInput `idempotency.key_reused`, where that call had another body.
    """
    driver = await tx.driver()
    row = await driver.fetchrow(_FIND_ANSWER, tx.principal.name, key.route, key.key)
    if row is None:
        return None
    if row["body_hash"] != key.body_hash:
        raise BadInput("idempotency.key_reused", "同一幂等键已用于不同内容的请求")
    return Answer(row["status"], row["body"])


class _Frame:
    """Begin and end of a transaction on the driver's own connection."""

    def __init__(self, driver: asyncpg.Connection, isolation: _Isolation) -> None:
        self.driver = driver
        self._transaction = driver.transaction(isolation=isolation)

    async def begin(self, principal: Principal, twins: str) -> tuple[datetime, bool]:
        """Begin, wait for a twin; the platform's time, and whether the account is shut out.

        Raises: ConnectionError.
        """
        with _lost_is_oserror():
            await self._transaction.start()
            row = await self.driver.fetchrow(_BEGIN, principal.account_id, twins)
        assert row is not None  # a select without from
        return row["now"], row["revoked"]

    async def commit(self) -> None:
        """Make everything durable.

        Raises: ConnectionError: whether it is durable is then not known.
        """
        with _lost_is_oserror():
            await self._transaction.commit()

    async def end(self) -> None:
        """Take back what was not committed; a connection on which that fails is thrown away."""
        if self.driver.is_closed() or not self.driver.is_in_transaction():
            return
        try:
            await self._transaction.rollback()
        except Exception as error:  # must not hide why we end: a cancelled loop would go on
            self.driver.terminate()
            log().warning("database.rollback", error=repr(error))
        except BaseException:
            self.driver.terminate()
            raise


@contextmanager
def _lost_is_oserror() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of many classes: the driver's own bookkeeping fails as well
        if is_transient(error):
            raise ConnectionError(str(error)) from error
        raise


async def _living_driver(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's connection; those that the server has closed meanwhile are replaced."""
    while True:
        raw = await connection.get_raw_connection()
        driver: asyncpg.Connection = raw.driver_connection  # pyright: ignore[reportAssignmentType]
        if not driver.is_closed():
            return driver
        await connection.invalidate()


def is_transient(error: BaseException) -> bool:
    """True where the same work may succeed if done again: connection lost, deadlock, no room.

    Errors reach us through SQLAlchemy or, from bulk statements, straight from the driver.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(cause, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        return True
    state = sql_state(error)
    return state[:2] in ("08", "40", "53", "57") or state == "55P03"


def sql_state(error: BaseException) -> str:
    """The five-character SQLSTATE of a database error, empty for any other."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "")


def body_hash(body: bytes) -> bytes:
    """SHA-256 of a request body."""
    return hashlib.sha256(body).digest()
