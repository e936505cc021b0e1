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
from operator import itemgetter

import asyncpg

from shared.platform.audit import Chaining
from shared.platform.clock import monotonic
from shared.platform.connections import connect_system
from shared.platform.floor import PROBE_SECONDS, Floor
from shared.platform.logging import log
from shared.platform.transports import WrongTopic

MOVE_ROWS = 2_000
POLL_SECONDS = 0.5
_LOCK = 0x59514C59  # any fixed number: one relay per database

_MOVE = """
with batch as (
  delete from outbox where id > $2 and id <= (
    select max(id) from (select id from outbox where id > $2 order by id limit $1) lowest)
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


#: Even a NOTIFY alone waits for the disk, unless told that nothing depends on it.
_TELL = "set local synchronous_commit = off; notify event_log"


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of a service's event log."""

    part: int
    off: int
    key: str
    payload: bytes
    at_us: int


def _read(positions: str, limit: str) -> str:
    """The query for the rows of partitions from their positions (part, off) on."""
    return f"""
select l.part, l.off, l.key, l.payload, (extract(epoch from l.at) * 1000000)::bigint as at_us
from {positions} as p (part, off)
cross join lateral (
  select * from event_log e where e.part = p.part and e.off >= p.off order by e.off limit {limit}
) l
order by l.part, l.off
"""


_READ = _read("unnest($1::smallint[], $2::bigint[])", "$3")
_UNPUBLISHED = _read(
    "(select part, published_off from log_head where published_off < next_off)", "$1"
)
_BY_PART = itemgetter(0)


async def read_log(
    connection: asyncpg.Connection,
    positions: Mapping[int, int],
    limit: int,
) -> list[LogRow]:
    """Up to `limit` rows of each partition from its position on, by partition and offset."""
    found = await connection.fetch(_READ, list(positions), list(positions.values()), limit)
    return [LogRow(*row) for row in found]


Publish = Callable[[list[LogRow]], Awaitable[None]]
"""Sends rows of one partition in order and returns when all are acknowledged."""
FindEnds = Callable[[], Awaitable[Mapping[int, int]]]
"""Per partition, the offset after the last one the broker really holds."""


class ForeignTopic(Exception):
    """The topic holds more than this log: it belongs to another database, so nothing is sent."""


async def move(connection: asyncpg.Connection, rows: int = MOVE_ROWS, floor: int = 0) -> int:
    """Move up to `rows` committed events with ids above `floor` to the log; how many were moved."""
    return int(await connection.fetchval(_MOVE, rows, floor) or 0)


async def republish(url: str) -> int:
    """Send the whole log to the broker again: it lost its disk. Returns: how many events.

    Consumers drop, by offset, what they have had. A running relay notices within its poll interval.
    """
    connection = await connect_system(url)
    try:
        await connection.execute("update log_head set published_off = 0")
        return int(await connection.fetchval("select sum(next_off) from log_head") or 0)
    finally:
        await connection.close()


class Relay:
    """One per service database; a second one stands by until the first one's connection is gone."""

    def __init__(
        self,
        *,
        service: str,
        url: str,
        publisher: "Publisher | None" = None,
        chaining: Chaining | None = None,
    ) -> None:
        self._service = service
        self._url = url
        self._publisher = publisher
        self._chaining = chaining
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Relay until cancelled; a lost connection is made anew.

        Raises: an ExceptionGroup of WrongTopic or ForeignTopic, where sending would break order.
        """
        while True:
            try:
                await self._session()
            except* (WrongTopic, ForeignTopic):
                raise
            except* Exception as errors:  # the driver has more errors for a lost session than one
                log().warning(
                    "relay.reconnect", service=self._service, error=repr(errors.exceptions)
                )
            await asyncio.sleep(0.2)

    async def _session(self) -> None:
        connection = await connect_system(self._url)
        try:
            while not await connection.fetchval("select pg_try_advisory_lock($1)", _LOCK):
                await asyncio.sleep(POLL_SECONDS)
            await connection.add_listener("outbox", lambda *_: self._wake())
            async with asyncio.TaskGroup() as group:
                group.create_task(self._move_all(connection))
                if self._chaining:
                    group.create_task(self._chaining.run(self._url))
                if self._publisher:
                    group.create_task(self._publisher.run(self._url))
        finally:
            connection.terminate()

    def _wake(self) -> None:
        self._woken.set()
        if self._chaining:
            self._chaining.wake()

    async def _move_all(self, connection: asyncpg.Connection) -> None:
        floor, probed_at = Floor("outbox_id_seq"), monotonic()
        while True:
            self._woken.clear()
            if probe := monotonic() > probed_at + PROBE_SECONDS:
                probed_at = monotonic()
                await floor.before_pass(connection)
            moved = await move(connection, MOVE_ROWS, floor.id)
            if moved:
                await connection.execute(_TELL)
                if self._publisher:
                    self._publisher.wake()
            if moved < MOVE_ROWS:
                if probe:
                    await floor.after_drained(connection)
                await _wait(self._woken, POLL_SECONDS)


class BrokerForgot(ConnectionError):
    """The broker gave a new record a place it had given away before: it lost its disk meanwhile."""

    def __init__(self, part: int) -> None:
        super().__init__(f"partition {part} went back")
        self.part = part


class Publisher:
    """Publishes a service's event log from where the last acknowledged batch ended.

    With `ends` it first looks what the broker really holds, so that a broker that lost its disk, or
    its last seconds, is filled again by itself.
    """

    BATCH = 2_000
    LOOK_SECONDS = 30.0
    PAUSE_SECONDS = 0.004

    def __init__(
        self,
        *,
        service: str,
        publish: Publish,
        ends: FindEnds | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._service = service
        self._publish = publish
        self._ends = ends
        self._close = close
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """The log has grown."""
        self._woken.set()

    async def run(self, url: str) -> None:
        """Publish until cancelled; a broker that is away is tried again every second or sooner."""
        # How far was published need not be durable: what is sent twice is dropped by offset.
        connection = await connect_system(url, synchronous_commit="off")
        pause, looked_at = 0.1, -self.LOOK_SECONDS
        try:
            while True:
                self._woken.clear()
                try:
                    if monotonic() - looked_at >= self.LOOK_SECONDS:
                        await self._compare(connection)
                        looked_at = monotonic()
                    more = await self._publish_all(connection)
                    pause = 0.1
                except (OSError, TimeoutError) as error:
                    log().warning("relay.broker_away", service=self._service, error=repr(error))
                    more, looked_at = False, -self.LOOK_SECONDS
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, 1.0)
                    continue
                # A request costs the broker as much for one event as for a hundred.
                await asyncio.sleep(self.PAUSE_SECONDS)
                if not more:
                    await _wait(self._woken, POLL_SECONDS)
        finally:
            connection.terminate()
            if self._close:
                await self._close()

    async def _compare(self, connection: asyncpg.Connection) -> None:
        """Take back what the broker does not hold.

        Raises: ForeignTopic, where it holds more than was ever written here.
        """
        if self._ends is None:
            return
        ends = await self._ends()
        for head in await connection.fetch("select * from log_head"):
            end = ends.get(head["part"], 0)
            if end > head["next_off"]:
                raise ForeignTopic(
                    f"{self._service}/{head['part']} ends at {end} on the broker, at"
                    f" {head['next_off']} here: the topic belongs to another database"
                )
            if end < head["published_off"]:
                log().warning("relay.refill", service=self._service, part=head["part"], off=end)
                await self._note(connection, [head["part"]], [head["published_off"]], [end])

    async def _publish_all(self, connection: asyncpg.Connection) -> bool:
        """Publish the next batch of every partition; True where some partition has more."""
        found = await connection.fetch(_UNPUBLISHED, self.BATCH)
        batches = [[LogRow(*row) for row in batch] for _, batch in groupby(found, key=_BY_PART)]
        begun = {batch[0].part: batch[0].off for batch in batches}
        results = await asyncio.gather(
            *(self._publish(batch) for batch in batches), return_exceptions=True
        )
        sent = [b for b, result in zip(batches, results, strict=True) if result is None]
        parts = [batch[0].part for batch in sent]
        ends = [batch[-1].off + 1 for batch in sent]
        await self._note(connection, parts, [begun[part] for part in parts], ends)
        # What such a partition holds now has a hole: all of it is sent again from the beginning.
        forgot = [result.part for result in results if isinstance(result, BrokerForgot)]
        await self._note(connection, forgot, [begun[part] for part in forgot], [0] * len(forgot))
        for result in results:
            if result is not None:
                raise result
        return any(len(batch) == self.BATCH for batch in batches)

    async def _note(
        self, connection: asyncpg.Connection, parts: list[int], begun: list[int], ends: list[int]
    ) -> None:
        if not parts:
            return
        # Only from where this batch began: a `republish` in between must not be overwritten.
        await connection.execute(
            "update log_head h set published_off = u.upto"
            " from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as u (part, begun, upto)"
            " where h.part = u.part and h.published_off = u.begun",
            parts,
            begun,
            ends,
        )


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
