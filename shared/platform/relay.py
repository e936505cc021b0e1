"""The relay: moves committed events from `outbox` to `event_log` and, on Kafka, publishes the log.

Log first, then publish. The move is one statement in one transaction: exactly the visible rows, in
id order, get dense offsets and a knowledge time. From then on the log is an ordinary ordered file,
and publishing it is a cursor over dense offsets: a crash resends the same bytes with the same
offset and the same time, which consumers drop. (docs/decisions/0004)
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import groupby

import asyncpg

from shared.platform.logging import log

MOVE_ROWS = 2_000
POLL_SECONDS = 0.5
_LOCK = 0x59514C59  # any fixed number: one relay per database

_MOVE = """
with batch as (
  delete from outbox where id in (select id from outbox order by id limit $1)
  returning id, event_id, part, key, seq, type, payload
), heads as (
  update log_head h
  set next_off = h.next_off + c.n, at = greatest(h.at + interval '1 microsecond', yinqi_now())
  from (select part, count(*) as n from batch group by part) c where h.part = c.part
  returning h.part, h.next_off - c.n as first_off, h.at
), moved as (
  insert into event_log (part, off, event_id, key, seq, type, payload, at)
  select b.part, h.first_off + row_number() over (partition by b.part order by b.id) - 1,
         b.event_id, b.key, b.seq, b.type, b.payload, h.at
  from batch b join heads h using (part)
)
select count(*) from batch
"""


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of a service's event log."""

    part: int
    off: int
    key: str
    payload: bytes
    at_us: int


_READ = """
select l.part, l.off, l.key, l.payload, (extract(epoch from l.at) * 1000000)::bigint as at_us
from unnest($1::smallint[], $2::bigint[]) as p (part, off)
cross join lateral (
  select * from event_log e where e.part = p.part and e.off >= p.off order by e.off limit $3
) l
order by l.part, l.off
"""


async def read_log(
    connection: asyncpg.Connection,
    positions: Mapping[int, int],
    limit: int,
) -> list[LogRow]:
    """Up to `limit` rows of each partition from its position on, by partition and offset."""
    found = await connection.fetch(_READ, list(positions), list(positions.values()), limit)
    return [
        LogRow(row["part"], row["off"], row["key"], row["payload"], row["at_us"]) for row in found
    ]


Publish = Callable[[list[LogRow]], Awaitable[None]]
"""Sends rows of one partition in order and returns when all are acknowledged."""


async def move(connection: asyncpg.Connection, rows: int = MOVE_ROWS) -> int:
    """Move up to `rows` committed events to the log; how many were moved."""
    return int(await connection.fetchval(_MOVE, rows) or 0)


class Relay:
    """One per service database; a second one stands by until the first one's connection is gone."""

    def __init__(self, *, service: str, url: str, publisher: "Publisher | None" = None) -> None:
        self._service = service
        self._url = url
        self._publisher = publisher
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Relay until cancelled; a lost connection is made anew."""
        while True:
            try:
                await self._session()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log().warning("relay.reconnect", service=self._service, error=str(error))
                await asyncio.sleep(0.2)

    async def _session(self) -> None:
        connection = await asyncpg.connect(self._url)
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                await asyncio.sleep(POLL_SECONDS)
            await connection.add_listener("outbox", lambda *_: self._woken.set())
            async with asyncio.TaskGroup() as group:
                group.create_task(self._move_all(connection))
                if self._publisher:
                    group.create_task(self._publisher.run(self._url))
        except* (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as errors:
            raise ConnectionError(str(errors.exceptions[0])) from errors
        finally:
            await connection.close(timeout=2)

    async def _move_all(self, connection: asyncpg.Connection) -> None:
        while True:
            self._woken.clear()
            moved = await move(connection)
            if moved:
                await connection.execute("notify event_log")
                if self._publisher:
                    self._publisher.wake()
            if moved < MOVE_ROWS:
                await _wait(self._woken, POLL_SECONDS)


class Publisher:
    """Publishes a service's event log from where the last acknowledged batch ended."""

    BATCH = 2_000

    def __init__(self, *, service: str, publish: Publish) -> None:
        self._service = service
        self._publish = publish
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """The log has grown."""
        self._woken.set()

    async def run(self, url: str) -> None:
        """Publish until cancelled; a broker that is away is tried again every 2 s or sooner."""
        connection = await asyncpg.connect(url)
        pause = 0.1
        try:
            while True:
                self._woken.clear()
                try:
                    more = await self._publish_all(connection)
                    pause = 0.1
                except (OSError, TimeoutError) as error:
                    log().warning("relay.broker_away", service=self._service, error=repr(error))
                    more, pause = False, min(pause * 2, 2.0)
                if not more:
                    await _wait(self._woken, POLL_SECONDS if pause == 0.1 else pause)
        finally:
            await connection.close(timeout=2)

    async def _publish_all(self, connection: asyncpg.Connection) -> bool:
        """Publish the next batch of every partition; True where some partition has more."""
        heads = await connection.fetch(
            "select part, published_off from log_head where published_off < next_off"
        )
        rows = await read_log(
            connection, {h["part"]: h["published_off"] for h in heads}, self.BATCH
        )
        batches = [list(batch) for _, batch in groupby(rows, key=lambda row: row.part)]
        await asyncio.gather(*(self._publish(batch) for batch in batches))
        for batch in batches:
            await connection.execute(
                "update log_head set published_off = $2 where part = $1",
                batch[0].part,
                batch[-1].off + 1,
            )
        return any(len(batch) == self.BATCH for batch in batches)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
