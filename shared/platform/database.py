"""Transactions: the only place that commits.

A use case gets a `Transaction`, reads and writes through its connection and says what happened with
`emit`. Leaving the transaction writes effect, events, audit line and idempotent answer together, or
none of them; the relay is woken after the commit, never inside it.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TypedDict
from uuid import UUID

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.event import Event, contract_of, encode, key_of, numbered, part_of
from shared.contracts.identity import Role
from shared.kernel.errors import BadInput
from shared.kernel.ids import new_ids
from shared.platform.bell import Bell
from shared.platform.bulk import insert_rows
from shared.platform.frame import Answer, Frame, IdempotencyKey, Isolation
from shared.platform.logging import TODAY, TRACE
from shared.platform.pool import Pool, lost_is_oserror
from shared.platform.principal import SYSTEM, Principal
from shared.platform.reach import reach_of

FLUSH_ROWS = 5_000
BULK_ROWS = 100
MAX_EVENT_BYTES = 256 * 1024

_REACH = "select set_config('yinqi.reach', $1, true)"

_ACCOUNT = """
select case when set_config('yinqi.account', $1::uuid::text, true) <> '' then (
  select json_build_object('role', role, 'institution_id', institution_id, 'outlet_id', outlet_id,
    'staff_id', staff_id, 'region_code', region_code, 'enterprise_id', enterprise_id,
    'active', active)::text from account where account_id = $1) end
"""

_EVENTS = """
e as (
  select * from
    unnest($1::text[], $2::uuid[], $3::text[], $4::smallint[], $5::bytea[], $6::bigint[])
    with ordinality as t(key, event_id, type, part, body, behind, n)
), heads as (
  insert into stream as s (key, seq) select key, max(behind) + 1 from e group by key order by key
  on conflict (key) do update set seq = s.seq + excluded.seq returning key, seq
), written as (
  insert into outbox (event_id, key, seq, type, part, payload)
  select event_id, key, seq - behind, type, part,
         convert_to('{"sequence":' || seq - behind || ',', 'UTF8') || body
  from e join heads using (key) order by n
)
"""
_FLUSH = f"with {_EVENTS} select"
_ADVANCE = """
insert into stream as s (key, seq)
select key, n from unnest($1::text[], $2::bigint[]) as t(key, n) order by key
on conflict (key) do update set seq = s.seq + excluded.seq returning key, seq
"""
_FINISH = f"""
with {_EVENTS}, audited as (
  insert into audit (at, actor, org, action, subject, before, after, trace)
  select $7, $8, $19, action, subject, before::jsonb, after::jsonb, $9
  from unnest($10::text[], $11::text[], $12::text[], $13::text[])
    as t(action, subject, before, after)
)
insert into idempotency (principal, route, key, body_hash, status, body, at)
select $8, $14, $15, $16, $17, $18, $7 where $15 <> ''
"""

_EventRow = tuple[str, UUID, str, int, bytes]


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
    async def beyond_walls(self) -> AsyncIterator[None]:
        """A part that sees every tenant's rows, for the few rules that must; keep it small.

        What it reads is for the rule to judge by, never for the answer.
        """
        await self._driver.execute(_REACH, "system")
        try:
            yield
        finally:
            if not self._driver.is_closed():
                with suppress(asyncpg.InFailedSQLTransactionError):  # it ends with the transaction
                    await self._driver.execute(_REACH, reach_of(self.principal).name)

    @asynccontextmanager
    async def attempt(self) -> AsyncIterator[None]:
        """A part that may fail alone: an exception takes its rows, events and audit lines back."""
        await self.flush()
        emitted, audited = self._emitted, len(self._audit)
        try:
            async with self.connection.begin_nested():
                yield
                await self.flush()
        except BaseException:
            self._events.clear()
            del self._audit[audited:]
            self._emitted = emitted
            raise

    async def finish(self, key: IdempotencyKey | None, answer: Answer | None) -> bool:
        """Write events, audit and answer; True where the relay has something to move."""
        if len(self._events) > BULK_ROWS:
            await self.flush()
        if self._events or self._audit or key:
            self._emitted |= bool(self._events)
            columns = _event_columns(self._encoded())
            await self._driver.execute(_FINISH, *columns, *self._record(key, answer))
        return self._emitted

    async def flush(self) -> None:
        """Write what was emitted so far: long work keeps no more of it than one step's."""
        if not self._events:
            return
        rows = self._encoded()
        if len(rows) > FLUSH_ROWS:
            rows.sort(key=lambda row: row[0])  # locks are taken in one order: no deadlock
        for start in range(0, len(rows), FLUSH_ROWS):
            await self._write(rows[start : start + FLUSH_ROWS])
        self._events.clear()
        self._emitted = True

    async def _write(self, rows: Sequence[_EventRow]) -> None:
        """Write events alone: few in one statement, many behind their numbers."""
        if len(rows) <= BULK_ROWS:
            await self._driver.execute(_FLUSH, *_event_columns(rows))
            return
        times = Counter(row[0] for row in rows)
        heads = await self._driver.fetch(_ADVANCE, list(times), list(times.values()))
        last = {key: seq - times[key] for key, seq in heads}
        records: list[tuple[UUID, str, int, str, int, bytes]] = []
        for key, event_id, wire_type, part, body in rows:
            last[key] = seq = last[key] + 1
            records.append((event_id, key, seq, wire_type, part, numbered(body, seq)))
        names = ("event_id", "key", "seq", "type", "part", "payload")
        await insert_rows(self._driver, "outbox", names, records)

    def _encoded(self) -> list[_EventRow]:
        trace, actor, at = TRACE.get(), self.principal.name, self.now
        rows: list[_EventRow] = []
        for event, event_id in zip(self._events, new_ids(len(self._events)), strict=True):
            key = key_of(event)
            body = encode(event, id=event_id, at=at, actor=actor, trace=trace)
            if len(body) > MAX_EVENT_BYTES:
                raise BadInput("event.too_large", "事件过大", f"{len(body)} > {MAX_EVENT_BYTES}")
            rows.append((key, event_id, contract_of(event).type, part_of(key), body))
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
            reach_of(self.principal).org,
        )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _event_columns(rows: Sequence[_EventRow]) -> list[list[object]]:
    """The columns, and for each event how many of these come behind it under its key."""
    left = Counter(row[0] for row in rows)
    behind: list[object] = []
    for row in rows:
        left[row[0]] -= 1
        behind.append(left[row[0]])
    return [*_columns(rows, 5), behind]


def _columns(rows: Sequence[tuple[object, ...]], width: int) -> list[list[object]]:
    return [[row[i] for row in rows] for i in range(width)]


class AccountRow(TypedDict):
    """Where an account stands now."""

    role: Role
    institution_id: UUID | None
    outlet_id: UUID | None
    staff_id: UUID | None
    region_code: str | None
    enterprise_id: UUID | None
    active: bool


_decode_account = msgspec.json.Decoder(AccountRow).decode


class Database:
    """A service's own database: transactions to write, reads to look, and the relay's bell.

    SQLAlchemy runs what use cases give it; the frame of a transaction (begin, time, twins, events,
    answer, commit) goes straight to the driver, at a third of the processor time. So to SQLAlchemy
    the connections look as if they committed by themselves.
    """

    def __init__(self, url: str, *, pool_size: int = 12, overflow: int = 4) -> None:
        self.url = url
        self._pool = Pool(url, pool_size + overflow)
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
        async with self._open(principal, key=key) as (tx, frame):
            if frame.kept:
                yield tx, [frame.kept]
                return
            answers: list[Answer] = []
            yield tx, answers
            emitted = await tx.finish(key, answers[0])
            await frame.commit()
        if emitted:
            self._bell.ring()

    @asynccontextmanager
    async def read(self, principal: Principal = SYSTEM) -> AsyncIterator[Transaction]:
        """Open a transaction to look only: it sees one moment and is rolled back."""
        async with self._open(principal, isolation="repeatable read") as (tx, _):
            yield tx

    @asynccontextmanager
    async def _open(
        self,
        principal: Principal,
        *,
        isolation: Isolation = "read committed",
        key: IdempotencyKey | None = None,
    ) -> AsyncIterator[tuple[Transaction, Frame]]:
        async with self._pool.take() as (connection, driver):
            frame = Frame(driver)
            try:
                await frame.start(isolation, principal, key)
                now = await frame.begin(principal, key)
                TODAY.set(now.date().isoformat())
                yield Transaction(connection, now, principal, driver), frame
            finally:
                await frame.end()

    async def account(self, account_id: UUID) -> "AccountRow | None":
        """The row of an account, read outside any transaction: who calls is asked first."""
        async with self._pool.take() as (_, driver):
            with lost_is_oserror():
                found = await driver.fetchval(_ACCOUNT, account_id)
        return _decode_account(found) if found else None

    def ring(self) -> None:
        """Wake the relay and the job runner."""
        self._bell.ring()

    async def close(self) -> None:
        """Close all connections."""
        await self._bell.close()
        await self._pool.close()
