"""Events set aside by a consumer: to look at, and to try again in order, key by key."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from shared.contracts.event import UnknownEvent, decode
from shared.platform.consumer import Consumer
from shared.platform.database import Database, Transaction
from shared.platform.jobs import JobHandler, Work

RETRY_JOB = "parked.retry"


async def list_parked(
    tx: Transaction, consumer: str = "", limit: int = 10_000
) -> tuple[list[dict[str, Any]], int]:
    """Parked events, oldest first, and how many there are: where each stands, and why."""
    found = await tx.connection.execute(
        text(
            "select consumer, topic, part, off, key, seq, error, attempts, parked_at, known_at,"
            " payload, count(*) over () as total from parked"
            " where :consumer in ('', consumer) order by parked_at, off limit :limit"
        ),
        {"consumer": consumer, "limit": limit},
    )
    rows = [dict(row) for row in found.mappings()]
    total = rows[0]["total"] if rows else 0
    return [row | {"payload": row["payload"].decode(errors="replace")} for row in rows], total


def retrying(consumers: Sequence[Consumer]) -> JobHandler:
    """The job that tries parked events again; of one consumer, or of all."""

    async def retry(work: Work) -> dict[str, Any]:
        wanted = [each for each in consumers if work.params["consumer"] in ("", each.name)]
        done, left = await retry_all(wanted, work.database)
        return {"done": done, "left": left}

    return retry


async def retry_all(consumers: Sequence[Consumer], database: Database) -> tuple[int, int]:
    """Try the parked events of some consumers again: how many done, how many left."""
    counts = [await retry_parked(consumer, database) for consumer in consumers]
    return sum(done for done, _ in counts), sum(left for _, left in counts)


async def retry_parked(consumer: Consumer, database: Database) -> tuple[int, int]:
    """Try every parked event of a consumer again, key by key, in order.

    Returns: how many had their effect now, and how many are still parked. A key is free again once
    all its parked events have been applied.
    """
    async with database.read() as tx:
        found = await tx.connection.execute(
            text(
                "select topic, part, off, key, seq, payload, known_at from parked"
                " where consumer = :consumer order by topic, key, off"
            ),
            {"consumer": consumer.name},
        )
        rows = found.all()
    done, stuck = 0, set[tuple[str, str]]()
    for row in rows:
        if (row.topic, row.key) in stuck:
            continue
        if await _retry_one(consumer, database, row):
            done += 1
        else:
            stuck.add((row.topic, row.key))
    return done, len(rows) - done


async def _retry_one(consumer: Consumer, database: Database, row: Any) -> bool:
    where = {
        "consumer": consumer.name,
        "topic": row.topic,
        "part": row.part,
        "off": row.off,
    }
    try:
        async with database.transaction() as tx:
            # The consumer's own lock: a rebuild holds it, and would drop what is written meanwhile.
            await tx.connection.execute(
                text(
                    "select from consumer_offset where consumer = :consumer and topic = :topic"
                    " and part = :part for update"
                ),
                where,
            )
            await _reapply(consumer, row, tx)
            await tx.connection.execute(
                text(
                    "delete from parked where consumer = :consumer and topic = :topic"
                    " and part = :part and off = :off"
                ),
                where,
            )
            await tx.connection.execute(
                text(
                    "update inbox set parked = exists (select from parked p where"
                    " p.consumer = inbox.consumer and p.topic = inbox.topic and p.key = inbox.key)"
                    " where consumer = :consumer and topic = :topic and key = :key"
                ),
                where | {"key": row.key},
            )
    except Exception as error:
        async with database.transaction() as tx:
            await tx.connection.execute(
                text(
                    "update parked set attempts = attempts + 1, error = :error where"
                    " consumer = :consumer and topic = :topic and part = :part and off = :off"
                ),
                where | {"error": repr(error)[:2000]},
            )
        return False
    return True


async def _reapply(consumer: Consumer, row: Any, tx: Transaction) -> None:
    try:
        received = decode(
            row.payload, topic=row.topic, part=row.part, off=row.off, known_at=row.known_at
        )
    except UnknownEvent:
        await _free(consumer.name, row, row.seq, tx)
        return
    await _free(consumer.name, row, received.seq, tx)
    await consumer.apply([received], tx)


async def _free(consumer: str, row: Any, seq: int, tx: Transaction) -> None:
    """Move the key's sequence on to this event, which must be the next one."""
    moved = await tx.connection.execute(
        text(
            "update inbox set seq = :seq where consumer = :consumer and topic = :topic"
            " and key = :key and seq = :seq - 1"
        ),
        {
            "consumer": consumer,
            "topic": row.topic,
            "key": row.key,
            "seq": seq,
        },
    )
    if moved.rowcount != 1:
        raise LookupError(f"an event before {seq} of this key is still missing")
