"""The rebuild: drop the figures, replay every event, end with the same tables.

Events are read from the owners' logs or from the broker: they are the same.

The live consumer is held at its position while new tables are made beside the old ones; readers go
on with the old. Then one transaction renames the new ones into place, with positions and sequences.
Bulletins are no part of it: what was published stays (ST-06).
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import asyncpg
import msgspec

from services.reporting.consumers import NAME, TOPICS, family_rows
from services.reporting.domain.families import kin_of
from services.reporting.store import facts
from services.reporting.store.copying import copy, delta_row
from services.reporting.store.deltas import ROLL_UP_ALL
from services.reporting.store.refold import MADE, NEW, Done, Task, Where
from services.reporting.store.tables import REBUILT, create_indexes, create_table, swap
from services.reporting.store.walls import WALLS
from shared.contracts.event import PARTITIONS
from shared.platform.clock import monotonic
from shared.platform.connections import connect_system
from shared.platform.transports import Partition
from shared.platform.walls import Roles, wall_script

Say = Callable[[str], None]

LOCK_TRIES: Final = 400
_ROOT: Final = Path(__file__).resolve().parents[2]
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
    workers_mib: float = 0

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
    """Where the owner writes, and what to read: the logs, or the topics of `bootstrap`.

    `transport` is what the live consumer reads. Its position there is the broker's on `kafka`; a
    rebuild from the logs leaves it, and what comes again is dropped.
    """

    owner_url: str
    log_url: Callable[[str], str]
    transport: Literal["log", "kafka"] = "log"
    bootstrap: str = ""
    processes: int = 2

    def where(self) -> Where:
        """What the workers read."""
        if self.bootstrap:
            return Where({}, self.bootstrap)
        return Where({topic: self.log_url(topic.removesuffix(".events")) for topic in TOPICS})


async def rebuild(sources: Sources, say: Say = lambda _: None) -> Rebuilt:
    """Make all figures again from the events.

    Raises: LookupError, where the source ends before the live consumer's position; an
        ExceptionGroup, where a worker failed (an event that cannot be read and is not parked, or
        one that the broker does not hold: the worker says which). The old tables then stay.
    """
    found = Rebuilt()
    guard = await connect_system(sources.owner_url)
    try:
        async with guard.transaction():
            starts = await _hold(guard)
            # A vacuum would be waited for when the tables are swapped; readers go on.
            await guard.execute(f"lock table {', '.join(REBUILT)} in share update exclusive mode")
            ends = await _heads(sources, starts)
            async with _timed(found, "tables", say):
                made = await _make_tables(sources.owner_url)
            say(f"{sum(ends.values()):,} events in {len(ends)} partitions")
            async with _timed(found, "fold", say):
                done = await _fold_all(guard, sources, made, starts, ends)
                of_families = await _fold_families(sources.owner_url, done)
            async with _timed(found, "indexes", say):
                await _finish_tables(sources.owner_url)
            async with _timed(found, "fingerprints", say):
                found.old = await _fingerprints(sources, "")
                found.new = await _fingerprints(sources, NEW)
            async with _timed(found, "swap", say):
                await _swap(guard, sources, ends, done)
    finally:
        await guard.close()
    found.events = sum(each.events for each in done)
    found.rows = sum(each.rows for each in done) + of_families
    found.workers_mib = sum(each.peak_kib for each in done) / 1024
    found.caught_up = sum(ends[partition] - starts[partition] for partition in ends)
    _report(found, say)
    return found


@asynccontextmanager
async def _timed(found: Rebuilt, step: str, say: Say) -> AsyncIterator[None]:
    say(f"{step} …")
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
    """Where every partition ends; never before the place where the live consumer stands."""
    history = sources.where().history()
    try:
        ends = await history.ends(TOPICS)
    finally:
        await history.close()
    behind = [partition for partition, start in starts.items() if start > ends[partition]]
    if behind:
        raise LookupError(
            f"the source ends before the consumer's position: {behind};"
            " a broker that lost its disk is being filled again: rebuild from the logs, or later"
        )
    return ends


async def _make_tables(url: str) -> int:
    """New empty tables; by what number the first is known, so that workers of another try stop."""
    connection = await connect_system(url)
    try:
        for table in REBUILT:
            await connection.execute(f"drop table if exists {table}{NEW}")
            await connection.execute(create_table(table, NEW))
            await connection.execute(f"alter table {table}{NEW} set (autovacuum_enabled = false)")
        return int(await connection.fetchval(MADE) or 0)
    finally:
        await connection.close()


async def _fold_all(
    guard: asyncpg.Connection,
    sources: Sources,
    made: int,
    starts: Mapping[Partition, int],
    ends: Mapping[Partition, int],
) -> list[Done]:
    parked = await guard.fetch(
        "select topic, key, seq from inbox where consumer = $1 and parked", NAME
    )
    tasks = [
        Task(
            sources.owner_url,
            made,
            sources.where(),
            list(range(first, PARTITIONS, sources.processes)),
            [(topic, part, off) for (topic, part), off in ends.items()],
            [(topic, part, off) for (topic, part), off in starts.items()],
            [(row["topic"], row["key"], row["seq"]) for row in parked],
        )
        for first in range(min(sources.processes, PARTITIONS))
    ]
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(_work(task)) for task in tasks]
    return [each.result() for each in running]


async def _work(task: Task) -> Done:
    """Run a worker to its end."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        Task.__module__,
        cwd=_ROOT,
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        told, _ = await worker.communicate(msgspec.msgpack.encode(task))
        if worker.returncode != 0:
            raise RuntimeError(f"a worker of the rebuild ended with {worker.returncode}")
        return msgspec.msgpack.decode(told, type=Done)
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


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
    connection = await connect_system(url)
    try:
        await connection.execute("set maintenance_work_mem = '256MB'; set work_mem = '128MB'")
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def _fingerprints(sources: Sources, suffix: str) -> dict[str, Fingerprint]:
    async def of(tables: Sequence[str]) -> dict[str, Fingerprint]:
        connection = await connect_system(sources.owner_url)
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
    new = ", ".join(f"{table}{NEW}" for table in REBUILT)
    await guard.execute(f"lock table {new} in access exclusive mode")  # a vacuum gives way
    await _lock(guard)
    await guard.execute("set local lock_timeout = 0")
    for table in REBUILT:
        for statement in swap(table):
            await guard.execute(statement)
    roles = Roles.of(str(await guard.fetchval("select current_user")))
    for table in REBUILT:
        await guard.execute(wall_script(table, WALLS[table], roles))
    # What was read from the logs says nothing of the place in a topic: that stays, and what comes
    # again from there is dropped.
    own_place = (sources.transport == "kafka") == bool(sources.bootstrap)
    places = {(topic, part): at for each in done for topic, part, at in each.places}
    await guard.execute(
        "update consumer_offset o set next_off = u.off, position = coalesce(u.place, o.position),"
        " updated_at = now()"
        " from unnest($2::text[], $3::smallint[], $4::bigint[], $5::bigint[])"
        " as u (topic, part, off, place)"
        " where o.consumer = $1 and o.topic = u.topic and o.part = u.part",
        NAME,
        *_columns([(*partition, off) for partition, off in ends.items()], 3),
        [places.get(partition) if own_place else None for partition in ends],
    )
    await guard.execute(
        "insert into inbox as i (consumer, topic, key, seq)"
        " select $1, * from unnest($2::text[], $3::text[], $4::bigint[])"
        " on conflict (consumer, topic, key) do update set seq = excluded.seq",
        NAME,
        *_columns([row for each in done for row in each.last_seqs], 3),
    )
    await guard.execute(
        "insert into pulse as p (topic, part, known_at)"
        " select t, n, timestamptz 'epoch' + us * interval '1 microsecond'"
        " from unnest($1::text[], $2::smallint[], $3::bigint[]) as u (t, n, us)"
        " on conflict (topic, part) do update"
        " set known_at = greatest(p.known_at, excluded.known_at), turns = p.turns + 1",
        *_columns([row for each in done for row in each.newest], 3),
    )


def _columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    return [[row[at] for row in rows] for at in range(width)]


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
    say(f"the workers held {found.workers_mib:,.0f} MiB together at most")
