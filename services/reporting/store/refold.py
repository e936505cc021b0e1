"""One worker of a rebuild: reads some partitions of every log and folds all their enterprises.

An enterprise's events lie in the same partition of every topic, so partitions share nothing and
workers need no lock. Imports stay few: a worker is a fresh process.
"""

from __future__ import annotations

import asyncio
import gc
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import asyncpg

from services.reporting.domain.facts import (
    ENROLLED,
    MERGED,
    TOPICS,
    UNMERGED,
    Fact,
    Learnt,
    learnt,
    seq_of,
)
from services.reporting.domain.fold import fold
from services.reporting.domain.quick import quick
from services.reporting.store import labels
from services.reporting.store.copying import copy, delta_row, fact_row
from services.reporting.store.tables import REBUILT
from shared.contracts.event import UnknownEvent, decode

NEW: Final = "_new"
_PAGE_ROWS: Final = 10_000
_PAGE: Final = """
select off, key, payload, at from event_log
where part = $1 and off >= $2 and off < $3 order by off
"""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker does: which partitions, up to which offsets, past what is parked.

    `ends`: (topic, part) → first offset not to read. `starts`: where the live consumer stands.
    `parked`: (topic, key) → the last sequence that had its effect.
    """

    database_url: str
    log_urls: Mapping[str, str]
    parts: Sequence[int]
    ends: Mapping[tuple[str, int], int]
    starts: Mapping[tuple[str, int], int]
    parked: Mapping[tuple[str, str], int]


@dataclass(slots=True)
class Done:
    """What a worker did. `last_seqs` names the keys whose events the live consumer had not seen."""

    events: int = 0
    rows: int = 0
    newest: dict[tuple[str, int], datetime] = field(default_factory=dict)
    last_seqs: dict[tuple[str, str], int] = field(default_factory=dict)
    #: Who was ever merged with whom: folded at the end, from the facts of all partitions.
    mergers: set[tuple[bytes, bytes]] = field(default_factory=set)


def run(task: Task) -> Done:
    """Do a task in this process."""
    gc.disable()  # millions of small tuples, none in a cycle
    return asyncio.run(_run(task))


async def _run(task: Task) -> Done:
    done = Done()
    target = await asyncpg.connect(task.database_url)
    logs = {topic: await asyncpg.connect(url) for topic, url in task.log_urls.items()}
    try:
        for part in task.parts:
            async with target.transaction():
                await _refold(target, logs, task, part, done)
    finally:
        for connection in (target, *logs.values()):
            await connection.close()
    return done


async def _refold(
    target: asyncpg.Connection,
    logs: Mapping[str, asyncpg.Connection],
    task: Task,
    part: int,
    done: Done,
) -> None:
    by_enterprise: dict[bytes, list[Fact]] = defaultdict(list)
    told: labels.Labels = labels.labels_of(())
    for topic in TOPICS:
        async for page in _pages(logs[topic], task, topic, part, done):
            new = list(_read(page, topic, part, task=task, told=told, done=done))
            for one in new:
                by_enterprise[one.enterprise].append(one.fact)
            await copy(target, "fact", map(fact_row, new), NEW)
    for table, rows in told.items():
        await target.copy_records_to_table(
            table + NEW, records=rows.values(), columns=REBUILT[table]
        )
    await copy(target, "delta", _signed(by_enterprise, done), NEW)


def _signed(by_enterprise: Mapping[bytes, list[Fact]], done: Done) -> Iterator[bytes]:
    for enterprise, facts in by_enterprise.items():
        others = {fact.parent for fact in facts if fact.type in (MERGED, UNMERGED) and fact.parent}
        if others:
            done.mergers |= {(enterprise, other) for other in others}
            continue
        facts.sort()  # (known_us, cause) come first and are unique
        for campaign in {fact.campaign for fact in facts if fact.type == ENROLLED}:
            if campaign:
                rows = fold(facts, campaign)
                done.rows += len(rows)
                for row in rows:
                    yield delta_row(enterprise, campaign, row)


async def _pages(
    log: asyncpg.Connection, task: Task, topic: str, part: int, done: Done
) -> AsyncIterator[list[asyncpg.Record]]:
    """One partition's rows, page by page, the next page being read meanwhile."""
    end = task.ends[topic, part]
    if end == 0:
        return
    fetch = asyncio.ensure_future(log.fetch(_PAGE, part, 0, min(_PAGE_ROWS, end)))
    for start in range(0, end, _PAGE_ROWS):
        rows = await fetch
        following = start + _PAGE_ROWS
        if following < end:
            until = min(following + _PAGE_ROWS, end)
            fetch = asyncio.ensure_future(log.fetch(_PAGE, part, following, until))
        done.events += len(rows)
        done.newest[topic, part] = rows[-1]["at"]
        yield rows


def _read(
    rows: Sequence[asyncpg.Record],
    topic: str,
    part: int,
    *,
    task: Task,
    told: labels.Labels,
    done: Done,
) -> Iterator[Learnt]:
    """The facts of a page; labels and last sequences are noted on the way."""
    unseen_from = task.starts[topic, part]
    for off, key, payload, at in rows:
        one = quick(payload, topic=topic, known_at=at)
        if one:
            seq, event = seq_of(one.fact.cause), None
        else:
            try:
                received = decode(payload, topic=topic, part=part, off=off, known_at=at)
            except UnknownEvent:
                continue
            one, seq, event = learnt(received), received.seq, received.event
        if task.parked and seq > task.parked.get((topic, key), seq):
            continue
        if off >= unseen_from:
            done.last_seqs[topic, key] = seq
        if event:
            labels.note(event, told)
        if one:
            yield one
