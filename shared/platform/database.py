"""Transactions: the only place that commits.

A use case gets a `Transaction`, reads and writes through its connection and says what happened with
`emit`. Leaving the transaction writes effect, events, audit line and idempotent answer together, or
none of them; the relay is woken after the commit, never inside it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.contracts.event import Event, contract_of, encode, key_of, part_of
from shared.kernel.errors import BadInput, Refused
from shared.kernel.ids import new_id
from shared.kernel.periods import SHANGHAI
from shared.platform.logging import TODAY, TRACE, log
from shared.platform.principal import SYSTEM, Principal

FLUSH_ROWS = 5_000
MAX_EVENT_BYTES = 256 * 1024

_BEGIN = text(
    "select yinqi_now(), exists (select from revoked where account_id = :account),"
    " case when :twins <> '' then pg_advisory_xact_lock(hashtextextended(:twins, 0)) end"
)

_FLUSH = """
with e as (
  select * from unnest($1::text[], $2::uuid[], $3::text[], $4::smallint[], $5::bytea[])
    with ordinality as t(key, event_id, type, part, body, n)
), heads as (
  insert into stream as s (key, seq) select key, count(*) from e group by key order by key
  on conflict (key) do update set seq = s.seq + excluded.seq returning key, seq
), counted as (
  select e.*, h.seq - count(*) over (partition by e.key)
    + row_number() over (partition by e.key order by e.n) as seq
  from e join heads h using (key)
)
insert into outbox (event_id, key, seq, type, part, payload)
select event_id, key, seq, type, part,
       convert_to('{"sequence":' || seq || ',', 'UTF8') || body
from counted order by n
"""

_RECORD = """
with a as (
  insert into audit (at, actor, action, subject, before, after, trace)
  select $1, $2, action, subject, before::jsonb, after::jsonb, $3
  from unnest($4::text[], $5::text[], $6::text[], $7::text[]) as t(action, subject, before, after)
)
insert into idempotency (principal, route, key, body_hash, status, body, at)
select $2, $8, $9, $10, $11, $12, $1 where $9 <> ''
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
        raw = await self.connection.get_raw_connection()
        driver: asyncpg.Connection = raw.driver_connection  # pyright: ignore[reportAssignmentType]
        return driver

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
        await self._flush_events()
        if self._audit or key:
            await self._record(key, answer)
        return self._emitted

    async def _flush_events(self) -> None:
        if not self._events:
            return
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
        if len(rows) > FLUSH_ROWS:
            rows.sort(key=lambda row: row[0])  # locks are taken in one order: no deadlock
        driver = await self.driver()
        for start in range(0, len(rows), FLUSH_ROWS):
            columns = zip(*rows[start : start + FLUSH_ROWS], strict=True)
            await driver.execute(_FLUSH, *(list(column) for column in columns))
        self._events.clear()
        self._emitted = True

    async def _record(self, key: IdempotencyKey | None, answer: Answer | None) -> None:
        actions, subjects, before, after = _columns(self._audit)
        driver = await self.driver()
        await driver.execute(
            _RECORD,
            self.now,
            self.principal.name,
            TRACE.get(),
            actions,
            subjects,
            before,
            after,
            key.route if key else "",
            key.key if key else "",
            key.body_hash if key else b"",
            answer.status if answer else 0,
            answer.body if answer else b"",
        )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _columns(rows: Sequence[tuple[str, str, str, str]]) -> tuple[list[str], ...]:
    return tuple([row[i] for row in rows] for i in range(4))


class Database:
    """A service's own database: transactions to write, reads to look, and the relay's bell."""

    def __init__(self, url: str, *, pool_size: int = 12) -> None:
        self.url = url
        self._engine: AsyncEngine = create_async_engine(
            url.replace("postgresql://", "postgresql+asyncpg://", 1),
            pool_size=pool_size,
            max_overflow=4,
            pool_pre_ping=False,
            hide_parameters=True,  # an error text must not carry a person's data into the log
            connect_args={"server_settings": {"timezone": "Asia/Shanghai"}},
        )
        self._bell = Bell(url)

    @asynccontextmanager
    async def transaction(self, principal: Principal = SYSTEM) -> AsyncIterator[Transaction]:
        """Open a transaction that commits on a clean exit and rolls back on any exception."""
        async with self._open(principal) as tx:
            emitted = False
            yield tx
            emitted = await tx.finish(None, None)
            await tx.connection.commit()
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
        async with self._open(principal, twins=twins) as tx:
            answers: list[Answer] = []
            if key and (kept := await find_answer(tx, key)):
                answers.append(kept)
                yield tx, answers
                return
            yield tx, answers
            emitted = await tx.finish(key, answers[0])
            await tx.connection.commit()
        if emitted:
            self._bell.ring()

    @asynccontextmanager
    async def read(self, principal: Principal = SYSTEM) -> AsyncIterator[Transaction]:
        """Open a transaction to look only: it sees one moment and is rolled back."""
        async with self._open(principal, isolation_level="REPEATABLE READ") as tx:
            yield tx

    @asynccontextmanager
    async def _open(
        self, principal: Principal, isolation_level: str = "READ COMMITTED", twins: str = ""
    ) -> AsyncIterator[Transaction]:
        async with self._engine.connect() as connection:
            await connection.execution_options(isolation_level=isolation_level)
            begun = await connection.execute(
                _BEGIN, {"account": principal.account_id, "twins": twins}
            )
            now, revoked, _ = begun.one()
            if revoked:
                raise Refused("access.revoked", "该账号已停用", status=401)
            local = now.astimezone(SHANGHAI)
            TODAY.set(local.date().isoformat())
            yield Transaction(connection, local, principal)

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
    found = await tx.connection.execute(
        text(
            "select body_hash, status, body from idempotency"
            " where principal = :principal and route = :route and key = :key"
        ),
        {"principal": tx.principal.name, "route": key.route, "key": key.key},
    )
    row = found.one_or_none()
    if row is None:
        return None
    if row.body_hash != key.body_hash:
        raise BadInput("idempotency.key_reused", "同一幂等键已用于不同内容的请求")
    return Answer(row.status, row.body)


def is_transient(error: BaseException) -> bool:
    """True where the same work may succeed if done again: connection lost, deadlock, no room.

    Errors reach us through SQLAlchemy or, from bulk statements, straight from the driver.
    """
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if isinstance(cause, OSError | asyncpg.InterfaceError):
        return True
    state = str(getattr(cause, "sqlstate", None) or "")
    return state[:2] in ("08", "40", "53", "57") or state == "55P03"


def body_hash(body: bytes) -> bytes:
    """SHA-256 of a request body."""
    return hashlib.sha256(body).digest()


class Bell:
    """Tells relay and job runner, after a commit, that there is work: one NOTIFY for many commits.

    PostgreSQL serialises notifying commits, so the writers themselves never notify. A lost ring
    costs at most the relay's poll interval.
    """

    PAUSE_SECONDS = 0.003

    def __init__(self, url: str) -> None:
        self._url = url
        self._rung: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Ask for one NOTIFY soon."""
        if self._task is None or self._task.done():
            self._rung = asyncio.Event()
            self._task = asyncio.create_task(self._notify(self._rung))
        if self._rung:
            self._rung.set()

    async def _notify(self, rung: asyncio.Event) -> None:
        while True:
            await rung.wait()
            try:
                await self._session(rung)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log().warning("bell.lost", error=str(error))
                await asyncio.sleep(0.1)

    async def _session(self, rung: asyncio.Event) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            while True:
                await rung.wait()
                rung.clear()  # before the NOTIFY: who commits meanwhile rings again
                await connection.execute("notify outbox")
                await asyncio.sleep(self.PAUSE_SECONDS)
        except BaseException:
            rung.set()  # lost with its connection: it is rung over the next one
            raise
        finally:
            connection.terminate()

    async def close(self) -> None:
        """Stop ringing."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
