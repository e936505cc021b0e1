"""The rebuild: drop the figures, replay every event from the logs, end with the same tables.

The live consumer is held at its position while new tables are made beside the old ones; readers go
on with the old. Then one transaction renames the new ones into place, with positions and sequences.
Bulletins are no part of it: what was published stays (ST-06).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Final, Literal

import asyncpg

from services.reporting.consumers import NAME, TOPICS, family_rows
from services.reporting.domain.families import kin_of
from services.reporting.store import facts, refold
from services.reporting.store.copying import copy, delta_row
from services.reporting.store.deltas import ROLL_UP_ALL
from services.reporting.store.refold import NEW, Done, Task
from services.reporting.store.tables import REBUILT, create_indexes, create_table, swap
from shared.contracts.event import PARTITIONS
from shared.platform.clock import monotonic

Say = Callable[[str], None]
Partition = tuple[str, int]

LOCK_TRIES: Final = 400
_FINGERPRINT: Final = """
select count(*) as rows, coalesce(sum(hash_record_extended(t, 0)), 0)::text as hash from {table} t
"""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A table's row count and the sum of its rows' hashes: equal for equal rows in any order."""

    rows: int
    digest: str


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild did, and each table's fingerprint before and after."""

    events: int = 0
    rows: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    old: dict[str, Fingerprint] = field(default_factory=dict)
    new: dict[str, Fingerprint] = field(default_factory=dict)
    caught_up: int = 0

    @property
    def identical(self) -> bool:
        """True where every table came out as it was."""
        return self.old == self.new

    @property
    def total_seconds(self) -> float:
        """From the first to the last step, the fingerprints left out."""
        return sum(took for step, took in self.seconds.items() if step != "fingerprints")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where to read and write. On `kafka` the live position is the broker's, and stays."""

    database_url: str
    log_url: Callable[[str], str]
    transport: Literal["log", "kafka"] = "log"
    processes: int = 2


async def rebuild(sources: Sources, say: Say = lambda _: None) -> Rebuilt:
    """Make all figures again from the events.

    Raises: NewerVersion, Malformed, where an event cannot be read that the live consumer has not
        parked; the old tables then stay as they are.
    """
    found = Rebuilt()
    guard = await asyncpg.connect(sources.database_url)
    try:
        async with guard.transaction():
            starts = await _hold(guard)
            ends = await _heads(sources, starts)
            async with _timed(found, "tables"):
                await _make_tables(sources.database_url)
            say(f"{sum(ends.values()):,} events in {len(ends)} partitions")
            async with _timed(found, "fold"):
                done = await _fold_all(guard, sources, starts, ends)
                families = await _fold_families(sources.database_url, done)
            async with _timed(found, "indexes"):
                await _finish_tables(sources.database_url)
            async with _timed(found, "fingerprints"):
                found.old = await _fingerprints(sources, "")
                found.new = await _fingerprints(sources, NEW)
            async with _timed(found, "swap"):
                await _swap(guard, sources, ends, done)
    finally:
        await guard.close()
    found.events = sum(each.events for each in done)
    found.rows = sum(each.rows for each in done) + families
    found.caught_up = sum(ends[partition] - starts[partition] for partition in ends)
    _report(found, say)
    return found


@asynccontextmanager
async def _timed(found: Rebuilt, step: str) -> AsyncIterator[None]:
    began = monotonic()
    yield
    found.seconds[step] = monotonic() - began


async def _hold(guard: asyncpg.Connection) -> dict[Partition, int]:
    """Hold the live consumer where it stands, until this transaction ends."""
    topics = [topic for topic in TOPICS for _ in range(PARTITIONS)]
    parts = [part for _ in TOPICS for part in range(PARTITIONS)]
    await guard.execute(
        "insert into consumer_offset (consumer, topic, part)"
        " select $1, t, p from unnest($2::text[], $3::smallint[]) as u (t, p) order by t, p"
        " on conflict do nothing",
        NAME,
        topics,
        parts,
    )
    rows = await guard.fetch(
        "select topic, part, next_off from consumer_offset where consumer = $1"
        " order by topic, part for update",
        NAME,
    )
    return {(row["topic"], row["part"]): row["next_off"] for row in rows}


async def _heads(sources: Sources, starts: Mapping[Partition, int]) -> dict[Partition, int]:
    """Where every log ends; never before the place where the live consumer stands."""
    ends: dict[Partition, int] = {}
    for topic in TOPICS:
        connection = await asyncpg.connect(_log(sources, topic))
        try:
            for row in await connection.fetch("select part, next_off from log_head"):
                ends[topic, row["part"]] = row["next_off"]
        finally:
            await connection.close()
    behind = [partition for partition, start in starts.items() if start > ends[partition]]
    if behind:
        raise LookupError(f"the log ends before the consumer's position: {behind}")
    return ends


def _log(sources: Sources, topic: str) -> str:
    return sources.log_url(topic.removesuffix(".events"))


async def _make_tables(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for table in REBUILT:
            await connection.execute(f"drop table if exists {table}{NEW}")
            await connection.execute(create_table(table, NEW))
    finally:
        await connection.close()


async def _fold_all(
    guard: asyncpg.Connection,
    sources: Sources,
    starts: Mapping[Partition, int],
    ends: Mapping[Partition, int],
) -> list[Done]:
    parked = await guard.fetch(
        "select topic, key, seq from inbox where consumer = $1 and parked", NAME
    )
    tasks = [
        Task(
            sources.database_url,
            {topic: _log(sources, topic) for topic in TOPICS},
            range(first, PARTITIONS, sources.processes),
            ends,
            starts,
            {(row["topic"], row["key"]): row["seq"] for row in parked},
        )
        for first in range(min(sources.processes, PARTITIONS))
    ]
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(len(tasks), mp_context=get_context("spawn")) as pool:
        return await asyncio.gather(
            *(loop.run_in_executor(pool, refold.run, task) for task in tasks)
        )


async def _fold_families(url: str, done: Sequence[Done]) -> int:
    """Fold what was merged, now that the facts of all partitions are there; how many rows."""
    kin = kin_of({pair for each in done for pair in each.mergers})
    if not kin:
        return 0
    connection = await asyncpg.connect(url)
    try:
        rows = list(family_rows(await facts.of(connection, kin, NEW), kin))
        await copy(connection, "delta", (delta_row(*own) for own in rows), NEW)
        return len(rows)
    finally:
        await connection.close()


async def _finish_tables(url: str) -> None:
    """Indexes and the roll-up, on two connections at once."""
    small = [table for table in REBUILT if table not in ("fact", "delta", "delta_month")]
    first = [*create_indexes("fact", NEW), *create_indexes("delta", NEW)[1:]]
    second = [
        *create_indexes("delta", NEW)[:1],
        ROLL_UP_ALL.format(suffix=NEW),
        *create_indexes("delta_month", NEW),
        *(statement for table in small for statement in create_indexes(table, NEW)),
        *(f"analyze {table}{NEW}" for table in REBUILT),
    ]
    await asyncio.gather(_execute(url, first), _execute(url, second))


async def _execute(url: str, statements: Sequence[str]) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("set maintenance_work_mem = '256MB'; set work_mem = '128MB'")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _fingerprints(sources: Sources, suffix: str) -> dict[str, Fingerprint]:
    async def of(tables: Sequence[str]) -> dict[str, Fingerprint]:
        connection = await asyncpg.connect(sources.database_url)
        try:
            found: dict[str, Fingerprint] = {}
            for table in tables:
                row = await connection.fetchrow(_FINGERPRINT.format(table=table + suffix))
                assert row is not None
                found[table] = Fingerprint(row["rows"], row["hash"])
            return found
        finally:
            await connection.close()

    others = [table for table in REBUILT if table != "delta"]
    first, second = await asyncio.gather(of(["delta"]), of(others))
    return {table: (first | second)[table] for table in REBUILT}


async def _lock(guard: asyncpg.Connection) -> None:
    """Wait until nobody reads the tables: in short tries, so that no reader waits in a circle."""
    statement = f"lock table {', '.join(REBUILT)} in access exclusive mode"
    for _ in range(LOCK_TRIES):
        try:
            async with guard.transaction():
                await guard.execute("set local lock_timeout = '200ms'")
                await guard.execute(statement)
                return
        except asyncpg.LockNotAvailableError:
            await asyncio.sleep(0.05)
    raise TimeoutError("the tables were read without a pause: try the rebuild again later")


async def _swap(
    guard: asyncpg.Connection,
    sources: Sources,
    ends: Mapping[Partition, int],
    done: Sequence[Done],
) -> None:
    """New tables, positions and sequences, all at once, in the guard's transaction."""
    await _lock(guard)
    for table in REBUILT:
        for statement in swap(table):
            await guard.execute(statement)
    columns = [topic for topic, _ in ends], [part for _, part in ends], list(ends.values())
    # On Kafka the place to resume from is the broker's; what lies before `next_off` is dropped.
    position = "u.off" if sources.transport == "log" else "o.position"
    await guard.execute(
        f"update consumer_offset o set next_off = u.off, position = {position}, updated_at = now()"
        " from unnest($2::text[], $3::smallint[], $4::bigint[]) as u (topic, part, off)"
        " where o.consumer = $1 and o.topic = u.topic and o.part = u.part",
        NAME,
        *columns,
    )
    last_seqs = {key: seq for each in done for key, seq in each.last_seqs.items()}
    if last_seqs:
        await guard.execute(
            "insert into inbox as i (consumer, topic, key, seq)"
            " select $1, * from unnest($2::text[], $3::text[], $4::bigint[])"
            " on conflict (consumer, topic, key) do update set seq = excluded.seq",
            NAME,
            [topic for topic, _ in last_seqs],
            [key for _, key in last_seqs],
            list(last_seqs.values()),
        )
    newest = {partition: at for each in done for partition, at in each.newest.items()}
    await guard.execute(
        "insert into pulse as p (topic, part, known_at)"
        " select * from unnest($1::text[], $2::smallint[], $3::timestamptz[])"
        " on conflict (topic, part) do update"
        " set known_at = greatest(p.known_at, excluded.known_at), turns = p.turns + 1",
        [topic for topic, _ in newest],
        [part for _, part in newest],
        list(newest.values()),
    )


def _report(found: Rebuilt, say: Say) -> None:
    for table in REBUILT:
        old, new = found.old[table], found.new[table]
        same = "same" if old == new else "DIFFERENT"
        say(f"{table:<12} {new.rows:>10,} rows  old {old.digest}  new {new.digest}  {same}")
    if found.caught_up:
        say(f"{found.caught_up:,} events were new: the live consumer had not seen them yet")
    steps = ", ".join(f"{step} {took:.1f} s" for step, took in found.seconds.items())
    speed = found.events / max(found.total_seconds, 1e-9)
    say(f"{found.events:,} events, {found.rows:,} signed rows: {steps}; {speed:,.0f} events/s")
