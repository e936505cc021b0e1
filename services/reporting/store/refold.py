"""One worker of a rebuild: reads some partitions of every topic and folds all their enterprises.

An enterprise's events lie in the same partition of every topic, so partitions share nothing and
workers need no lock. A worker is a program of its own, with few imports: it reads its task from
standard input and writes what it did to standard output.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID
from zlib import crc32

import asyncpg
import msgspec
import uvloop

from services.reporting.domain.facts import ENROLLED, TOPICS, Fact, Learnt, learnt, seq_of
from services.reporting.domain.fold import fold
from services.reporting.domain.quick import quick
from services.reporting.store import labels
from services.reporting.store.copying import copy, delta_row, fact_row
from services.reporting.store.tables import REBUILT
from shared.contracts.event import PARTITIONS, UnknownEvent, decode, sequence_of
from shared.platform.transports import History, Partition, Told
from shared.platform.transports.log_history import LogHistory

NEW: Final = "_new"
MADE: Final = f"select 'fact{NEW}'::regclass::oid::bigint"
#: About how many events of a partition are held at once: more are folded bucket by bucket.
BUCKET_EVENTS: Final = 250_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Where(msgspec.Struct, frozen=True):
    """Where the events are read: from the broker, where one is named, or from the event logs."""

    log_urls: dict[str, str]
    bootstrap: str = ""

    def history(self) -> History:
        """What reads them."""
        if not self.bootstrap:
            return LogHistory(self.log_urls)
        # The client of the broker takes longer to import than a small log to fold.
        from shared.platform.transports.kafka_history import KafkaHistory  # noqa: PLC0415

        return KafkaHistory(self.bootstrap)


class Task(msgspec.Struct, frozen=True):
    """What a worker does: which partitions, up to which offsets, past what is parked.

    `made`: the number of the new table, so that nothing is ever added to that of another try.
    `ends`: topic, part, first offset not to read. `starts`: where the live consumer stands.
    `parked`: topic, key, the last sequence that had its effect.
    """

    database_url: str
    made: int
    where: Where
    parts: list[int]
    ends: list[tuple[str, int, int]]
    starts: list[tuple[str, int, int]]
    parked: list[tuple[str, str, int]]


class Done(msgspec.Struct):
    """What a worker did. `last_seqs` names the keys whose events the live consumer had not seen.

    `newest`: topic, part, microseconds. `places`: topic, part, the transport's own next place.
    `peak_kib`: the most memory it held.
    """

    events: int = 0
    rows: int = 0
    newest: list[tuple[str, int, int]] = []
    last_seqs: list[tuple[str, str, int]] = []
    places: list[tuple[str, int, int]] = []
    peak_kib: int = 0


def main() -> None:
    """Do the task given on standard input."""
    gc.disable()  # millions of small tuples, none in a cycle
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.msgpack.encode(uvloop.run(_Worker(task).run())))


class _Worker:
    """A task on its way."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._ends: dict[Partition, int] = {(topic, part): off for topic, part, off in task.ends}
        self._starts = {(topic, part): off for topic, part, off in task.starts}
        self._parked = {(topic, key): seq for topic, key, seq in task.parked}
        self._history = task.where.history()
        self._newest: dict[Partition, int] = {}
        self._last_seqs: dict[tuple[str, str], int] = {}
        self._done = Done()

    async def run(self) -> Done:
        """Refold every partition of the task."""
        target = await asyncpg.connect(self._task.database_url)
        try:
            for part in self._task.parts:
                events = sum(self._ends[topic, part] for topic in TOPICS)
                buckets = -(-events // BUCKET_EVENTS)
                for bucket in range(buckets):
                    async with target.transaction():
                        await self._claim(target)
                        await self._refold(target, part, bucket, buckets)
        finally:
            await self._history.close()
            await target.close()
        done = self._done
        done.peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        done.newest = [(topic, part, at) for (topic, part), at in self._newest.items()]
        done.last_seqs = [(topic, key, seq) for (topic, key), seq in self._last_seqs.items()]
        done.places = [(topic, part, at) for (topic, part), at in self._history.places().items()]
        return done

    async def _claim(self, target: asyncpg.Connection) -> None:
        """Keep the new tables until this transaction ends; they must be those of this try."""
        await target.execute(f"lock table fact{NEW} in row exclusive mode")
        if await target.fetchval(MADE) != self._task.made:
            raise RuntimeError("another rebuild has begun: this one was given up")

    async def _refold(
        self, target: asyncpg.Connection, part: int, bucket: int, buckets: int
    ) -> None:
        by_enterprise: dict[bytes, list[Fact]] = defaultdict(list)
        told: labels.Labels = labels.labels_of(())
        async with aclosing(self._history.pages(TOPICS, part, self._ends)) as pages:
            async for topic, page in pages:
                self._newest[topic, part] = page[-1][3]
                rows = page if buckets == 1 else _in_bucket(page, bucket, buckets)
                self._done.events += len(rows)
                if new := self._read(rows, topic, part, told):
                    for one in new:
                        by_enterprise[one.enterprise].append(one.fact)
                    await copy(target, "fact", map(fact_row, new), NEW)
        for table, labelled in told.items():
            await target.copy_records_to_table(
                table + NEW, records=labelled.values(), columns=REBUILT[table]
            )
        await copy(target, "delta", self._signed(by_enterprise), NEW)

    def _signed(self, by_enterprise: Mapping[bytes, list[Fact]]) -> Iterator[bytes]:
        for enterprise, facts in by_enterprise.items():
            facts.sort()  # (known_us, cause) come first and are unique
            for campaign in {fact.campaign for fact in facts if fact.type == ENROLLED}:
                if campaign:
                    rows = fold(facts, campaign)
                    self._done.rows += len(rows)
                    for row in rows:
                        yield delta_row(enterprise, campaign, row)

    def _read(
        self, rows: Sequence[Told], topic: str, part: int, told: labels.Labels
    ) -> list[Learnt]:
        """The facts of a page; labels and last sequences are noted on the way."""
        new: list[Learnt] = []
        unseen_from, parked = self._starts[topic, part], self._parked
        for off, key, payload, known_us in rows:
            found, event = quick(payload, topic=topic, known_us=known_us), None
            if found:
                one, uscc = found
                seq = seq_of(one.fact.cause)
            else:
                known_at = _EPOCH + timedelta(microseconds=known_us)
                try:
                    received = decode(payload, topic=topic, part=part, off=off, known_at=known_at)
                    one, uscc, seq, event = learnt(received), None, received.seq, received.event
                except UnknownEvent:  # no figure needs it, but its key has had it
                    one, uscc, seq = None, None, sequence_of(payload)
            if parked and seq > parked.get((topic, key), seq):
                continue
            if off >= unseen_from:
                self._last_seqs[topic, key] = seq
            if event:
                labels.note(event, told)
            elif uscc:
                enterprise = UUID(key)
                told["enterprise"][enterprise] = (enterprise, uscc)
            if one:
                new.append(one)
        return new


def _in_bucket(page: Sequence[Told], bucket: int, buckets: int) -> list[Told]:
    return [row for row in page if crc32(row[1].encode()) // PARTITIONS % buckets == bucket]


if __name__ == "__main__":
    main()
