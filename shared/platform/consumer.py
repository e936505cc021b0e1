"""Consumers: an event's effect, its position and its per-key sequence, in one transaction.

What was seen is dropped (sequence not above the last one of its key), what is missing is noticed
(sequence skips), and what cannot be handled is parked with all later events of its key, while other
keys go on. `yinqi parked` shows and retries parked events, in order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.contracts.event import Event, Received, UnknownEvent, decode, sequence_of
from shared.platform import metrics
from shared.platform.database import Database, Transaction
from shared.platform.logging import TRACE, log
from shared.platform.pool import is_transient
from shared.platform.transports import (
    LostEvents,
    Partition,
    Place,
    Positions,
    Record,
    Source,
    WrongTopic,
)

Handler = Callable[[Any, Transaction], Awaitable[None]]
BatchHandler = Callable[[Sequence[Received], Transaction], Awaitable[None]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


#: Where a partition will stand: topic, part, next log offset, the transport's own place.
_End = tuple[str, int, int, int]

# A consumer's commit need not wait for the disk. Position, sequences, effects and what they emit
# are one transaction: a server that loses it in a crash loses all of it, and the events come again.
# What is built upon it is committed later, and a commit that waits takes earlier ones along.
# And what a batch does it does by keys: a plan made while a table was new must not become a scan
# of all of it, once per batch.
_CLAIM = """
select topic, part, next_off,
       set_config('synchronous_commit', 'off', true) || set_config('enable_seqscan', 'off', true)
from consumer_offset
where consumer = $1 and (topic, part) in (select * from unnest($2::text[], $3::smallint[]))
order by topic, part for update
"""
_FIRST_CLAIM = """
insert into consumer_offset (consumer, topic, part)
select $1, t, p from unnest($2::text[], $3::smallint[]) as u (t, p) order by t, p
on conflict do nothing
"""
# Not one statement with the claim: what it waited for must be visible to this one.
_INBOX = """
select topic, key, seq, parked from inbox
where consumer = $1 and (topic, key) in (select * from unnest($2::text[], $3::text[]))
order by topic, key for update
"""
_KEEP = """
with moved as (
  update consumer_offset o set next_off = u.off, position = u.place, updated_at = now()
  from unnest($2::text[], $3::smallint[], $4::bigint[], $5::bigint[]) as u (topic, part, off, place)
  where o.consumer = $1 and o.topic = u.topic and o.part = u.part
)
insert into inbox as i (consumer, topic, key, seq, parked)
select $1, * from unnest($6::text[], $7::text[], $8::bigint[], $9::boolean[])
on conflict (consumer, topic, key)
do update set seq = excluded.seq, parked = i.parked or excluded.parked
"""


@dataclass(frozen=True, slots=True)
class Consumer:
    """What a service does with the events of others.

    `name` is its identity: position and sequences are kept under it, so a new name replays
    everything. Either `handlers`, one function per event class, each called with `Received` and the
    transaction; or `batch`, one function for all events of a transaction at once.
    """

    name: str
    topics: tuple[str, ...]
    handlers: Mapping[type[Event], Handler] = field(default_factory=dict[type[Event], Handler])
    batch: BatchHandler | None = None
    batch_size: int = 600

    async def apply(self, events: Sequence[Received], tx: Transaction) -> None:
        """Run the effects of `events`, in order."""
        if self.batch:
            await self.batch(events, tx)
            return
        for received in events:
            handler = self.handlers.get(type(received.event))
            if handler:
                TRACE.set(received.traceparent)
                await handler(received, tx)


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why a record is parked."""

    record: Record
    seq: int
    error: str


class TookOver(Exception):
    """Another process moved the position: read it again and go on from there."""


class ConsumerLoop:
    """Runs one consumer over one source until cancelled."""

    def __init__(
        self, consumer: Consumer, database: Database, make_source: Callable[[], Source]
    ) -> None:
        self._consumer = consumer
        self._database = database
        self._make_source = make_source

    async def run(self) -> None:
        """Read, apply, commit; on any trouble start over from the stored positions.

        Raises: WrongTopic, LostEvents: going on would lose events or their order.
        """
        while True:
            source = self._make_source()
            try:
                await source.start(self._positions)
                while True:
                    records = await source.poll(self._consumer.batch_size)
                    if records:
                        await self._apply_until_done(source, records)
            except (WrongTopic, LostEvents):
                raise
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, DBAPIError) as error:
                log().warning("consumer.reconnect", consumer=self._consumer.name, error=repr(error))
                await asyncio.sleep(0.3)
            except Exception:
                log().error("consumer.bug", consumer=self._consumer.name, exc_info=True)
                await asyncio.sleep(2)
            finally:
                await source.close()

    async def _apply_until_done(self, source: Source, records: list[Record]) -> None:
        try:
            await apply_records(self._consumer, self._database, records)
        except TookOver:
            await source.rewind()
        except Exception as error:
            if not is_transient(error):
                raise
            log().warning("consumer.again", consumer=self._consumer.name, error=repr(error))
            await asyncio.sleep(0.1)
            await source.rewind()

    async def _positions(self, partitions: Sequence[Partition]) -> Positions:
        async with self._database.read() as tx:
            found = await tx.connection.execute(
                text(
                    "select topic, part, next_off, position from consumer_offset"
                    " where consumer = :name"
                ),
                {"name": self._consumer.name},
            )
            stored = {(row.topic, row.part): Place(row.next_off, row.position) for row in found}
        return {partition: stored.get(partition, Place()) for partition in partitions}


async def apply_records(consumer: Consumer, database: Database, records: list[Record]) -> int:
    """Apply a batch in one transaction; event by event where one of them fails.

    Returns: how many events had their effect now. Raises: TookOver.
    """
    try:
        return await _apply_once(consumer, database, records, careful=False)
    except TookOver:
        raise
    except Exception as error:
        if is_transient(error):
            raise
        log().warning("consumer.careful", consumer=consumer.name, error=repr(error))
    return await _apply_once(consumer, database, records, careful=True)


async def _apply_once(
    consumer: Consumer, database: Database, records: list[Record], *, careful: bool
) -> int:
    async with database.transaction() as tx:
        fresh, ends = await _claim(consumer.name, records, tx)
        if not fresh:
            return 0  # another worker had all of these: its position stands
        events, refused, lasts = await _sift(consumer.name, fresh, tx)
        if careful:
            done = await _apply_carefully(consumer, events, tx, refused)
        else:
            await consumer.apply([received for received, _ in events], tx)
            done = len(events)
        await _keep(consumer.name, ends, lasts, refused, tx)
    metrics.APPLIED.labels(consumer=consumer.name).inc(done)
    _note_lag(consumer.name, records)
    return done


async def _apply_carefully(
    consumer: Consumer,
    events: list[tuple[Received, Record]],
    tx: Transaction,
    refused: list[_Refusal],
) -> int:
    done = 0
    parked: set[tuple[str, str]] = set()
    for received, record in events:
        if (received.topic, received.key) in parked:
            refused.append(_Refusal(record, received.seq, "waits for an earlier event of its key"))
            continue
        try:
            async with tx.attempt():
                await consumer.apply([received], tx)
            done += 1
        except Exception as error:
            if is_transient(error):
                raise
            log().error(
                "consumer.parked",
                consumer=consumer.name,
                id=str(received.id),
                exc_info=True,
            )
            parked.add((received.topic, received.key))
            refused.append(_Refusal(record, received.seq, repr(error)[:2000]))
    return done


async def _claim(
    consumer: str, records: list[Record], tx: Transaction
) -> tuple[list[Record], list[_End]]:
    """Lock the positions and drop what lies before them.

    Returns: what is left, and where each partition will stand after it.
    """
    places = {(record.topic, record.part): record.position + 1 for record in records}
    names = [topic for topic, _ in places], [part for _, part in places]
    driver = await tx.driver()
    locked = await driver.fetch(_CLAIM, consumer, *names)
    if len(locked) < len(places):
        await driver.execute(_FIRST_CLAIM, consumer, *names)
        locked = await driver.fetch(_CLAIM, consumer, *names)
    expected: dict[Partition, int] = {(topic, part): off for topic, part, off, _ in locked}
    fresh: list[Record] = []
    for record in records:
        partition = (record.topic, record.part)
        if record.off > expected[partition]:
            raise TookOver(f"{partition} stands at {expected[partition]}, not {record.off}")
        if record.off == expected[partition]:
            expected[partition] += 1
            fresh.append(record)
    return fresh, [(*partition, off, places[partition]) for partition, off in expected.items()]


async def _sift(
    consumer: str, records: list[Record], tx: Transaction
) -> tuple[
    list[tuple[Received, Record]],
    list[_Refusal],
    dict[tuple[str, str], tuple[int, bool]],
]:
    """Decode, drop duplicates by sequence, refuse what is unreadable, skips or is parked."""
    known = await _load_inbox(consumer, records, tx)
    events: list[tuple[Received, Record]] = []
    refused: list[_Refusal] = []
    for record in records:
        stream = (record.topic, record.key)
        last, parked = known.get(stream, (0, False))
        found = _decode(record)
        seq = found.seq if isinstance(found, Received) else _sequence(record.payload, last + 1)
        if seq <= last:
            metrics.DUPLICATES.labels(consumer=consumer).inc()
        elif parked:
            refused.append(_Refusal(record, seq, "waits for an earlier event of its key"))
        elif seq > last + 1:
            known[stream] = (last, True)
            refused.append(_Refusal(record, seq, f"gap: {last} is followed by {seq}"))
        elif isinstance(found, Received):
            known[stream] = (seq, False)
            events.append((found, record))
        elif isinstance(found, UnknownEvent):
            metrics.UNKNOWN.labels(consumer=consumer).inc()
            known[stream] = (seq, False)
        else:
            known[stream] = (last, True)
            refused.append(_Refusal(record, seq, repr(found)[:2000]))
    return events, refused, known


def _decode(record: Record) -> Received | Exception:
    """The event, or why it cannot be read: any error, so that no payload stops a worker."""
    try:
        return decode(
            record.payload,
            topic=record.topic,
            part=record.part,
            off=record.off,
            known_at=_EPOCH + timedelta(microseconds=record.at_us),
        )
    except Exception as error:
        return error


def _sequence(payload: bytes, otherwise: int) -> int:
    """The sequence of an event that cannot be read otherwise."""
    try:
        return sequence_of(payload)
    except msgspec.MsgspecError:
        return otherwise


async def _load_inbox(
    consumer: str, records: list[Record], tx: Transaction
) -> dict[tuple[str, str], tuple[int, bool]]:
    driver = await tx.driver()
    streams = list({(record.topic, record.key) for record in records})
    rows = await driver.fetch(
        _INBOX, consumer, [topic for topic, _ in streams], [key for _, key in streams]
    )
    return {(topic, key): (seq, parked) for topic, key, seq, parked in rows}


async def _keep(
    consumer: str,
    ends: list[_End],
    lasts: dict[tuple[str, str], tuple[int, bool]],
    refused: list[_Refusal],
    tx: Transaction,
) -> None:
    """Write positions, sequences and parked events.

    A key of which an event was refused stays parked.
    """
    first_refused: dict[tuple[str, str], int] = {}
    for refusal in refused:
        stream = (refusal.record.topic, refusal.record.key)
        first_refused[stream] = min(first_refused.get(stream, refusal.seq), refusal.seq)
    driver = await tx.driver()
    rows = [
        (
            topic,
            key,
            min(seq, first_refused.get((topic, key), seq + 1) - 1),
            (topic, key) in first_refused,
        )
        for (topic, key), (seq, _) in lasts.items()
    ]
    columns = [[row[at] for row in each] for each in (ends, rows) for at in range(4)]
    await driver.execute(_KEEP, consumer, *columns)
    for refusal in refused:
        record = refusal.record
        await driver.execute(
            "insert into parked (consumer, topic, part, off, key, seq, payload, known_at, error)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing",
            consumer,
            record.topic,
            record.part,
            record.off,
            record.key,
            refusal.seq,
            record.payload,
            _EPOCH + timedelta(microseconds=record.at_us),
            refusal.error,
        )
        metrics.PARKED.labels(consumer=consumer).inc()


def _note_lag(consumer: str, records: list[Record]) -> None:
    newest = max(record.at_us for record in records)
    metrics.NEWEST.labels(consumer=consumer).set(newest / 1e6)
