"""Rebuild: all figures made again from about a million events, facts in two times.

Beside it, in the same run: (a) reading and decoding the same events from the same transport, in one
process and in as many as the rebuild uses; (b) raw COPY of the same events into a logged table with
a primary key; (c) the projection runner of the `eventsourcing` library (measures/library.py).

A rebuild reads the services' event logs on both transports: they are the source of truth, kept for
ever. On `kafka` (a) reads the topics, which hold the same events.
"""

import argparse
import asyncio
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context

import asyncpg
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.bed import Bed
from benchmarks.history.logs import write_year
from benchmarks.measures.library import projection_rate
from benchmarks.side import Aim, Report, Watch, measure, median, postgres_version
from services.reporting.consumers import TOPICS
from services.reporting.rebuild import Sources, rebuild
from shared.contracts.event import PARTITIONS, decode

_PAGE = 20_000
_READ = """
select off, payload, at from event_log where part = $1 and off >= $2 order by off limit $3
"""


async def _read_log(url: str, topic: str, parts: Sequence[int]) -> int:
    connection, count = await asyncpg.connect(url), 0
    try:
        for part in parts:
            start = 0
            while rows := await connection.fetch(_READ, part, start, _PAGE):
                for off, payload, at in rows:
                    decode(payload, topic=topic, part=part, off=off, known_at=at)
                start += len(rows)
                count += len(rows)
    finally:
        await connection.close()
    return count


async def _read_topics(bootstrap: str, parts: Sequence[int]) -> int:
    """The fastest way with this client: `getmany` on assigned partitions."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    try:
        every = [TopicPartition(topic, part) for topic in TOPICS for part in parts]
        consumer.assign(every)
        left, count = sum((await consumer.end_offsets(every)).values()), 0
        at = datetime.now(UTC)
        while count < left:
            for place, messages in (
                await consumer.getmany(timeout_ms=500, max_records=_PAGE)
            ).items():
                for m in messages:
                    decode(
                        m.value, topic=place.topic, part=place.partition, off=m.offset, known_at=at
                    )
                count += len(messages)
        return count
    finally:
        await consumer.stop()


def _read_in_process(
    log_urls: dict[str, str], bootstrap: str | None, parts: list[int]
) -> tuple[int, float]:
    """How many events, in how many seconds, the start of the process left out."""

    async def read() -> int:
        if bootstrap:
            return await _read_topics(bootstrap, parts)
        return sum([await _read_log(log_urls[topic], topic, parts) for topic in TOPICS])

    watch = Watch()
    return uvloop.run(read()), watch.read()


async def _reading(bed: Bed, processes: int) -> float:
    """(a): events a second."""
    urls = {topic: bed.log_url(topic.removesuffix(".events")) for topic in TOPICS}
    bootstrap = bed.kafka.bootstrap if bed.kafka else None
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        found = await asyncio.gather(
            *(
                loop.run_in_executor(
                    pool,
                    _read_in_process,
                    urls,
                    bootstrap,
                    list(range(first, PARTITIONS, processes)),
                )
                for first in range(processes)
            )
        )
    return sum(count for count, _ in found) / max(seconds for _, seconds in found)


async def _copying(bed: Bed) -> float:
    """(b): rows a second."""
    rows: list[tuple[str, int, int, bytes]] = []
    for topic in TOPICS:
        source = await bed.connect(topic.removesuffix(".events"))
        found = await source.fetch("select part, off, payload from event_log")
        rows += [(topic, row["part"], row["off"], row["payload"]) for row in found]
        await source.close()
    target = await bed.connect("identity")
    try:
        await target.execute(
            "drop table if exists copied; create table copied (topic text, part smallint,"
            " off bigint, payload bytea, primary key (topic, part, off))"
        )
        watch = Watch()
        await target.copy_records_to_table("copied", records=rows)
        return len(rows) / watch.read()
    finally:
        await target.execute("drop table copied")
        await target.close()


async def _rebuilding(bed: Bed, processes: int, report: Report) -> float:
    """Ours: events a second, the fingerprints that prove the result left out."""
    sources = Sources(
        owner_url=bed.databases["reporting"].owner_url,
        log_url=bed.log_url,
        transport="kafka" if bed.kafka else "log",
        processes=processes,
    )
    found = await rebuild(sources)
    steps = ", ".join(f"{step} {took:.1f} s" for step, took in found.seconds.items())
    report.tell(f"{found.events:,} events, {found.rows:,} signed rows: {steps}")
    report.figures["signed_rows"] = found.rows
    report.figures["last_steps_s"] = {s: round(took, 2) for s, took in found.seconds.items()}
    return found.events / found.total_seconds


async def _one_transport(given: argparse.Namespace, report: Report, transport: str) -> None:
    async with Bed("reporting", transport=transport) as bed:
        report.postgres = postgres_version(bed.postgres)
        count = await write_year(bed, given.events)
        report.tell(f"{transport}: {count:,} events written")
        ours: list[float] = []
        alone: list[float] = []
        together: list[float] = []
        copied: list[float] = []
        for _ in range(given.rounds):
            alone.append(await _reading(bed, 1))
            together.append(await _reading(bed, given.processes))
            ours.append(await _rebuilding(bed, given.processes, report))
            copied.append(await _copying(bed))
        library: list[float] = []
        if transport == "log":
            admin = bed.postgres.server
            library = [
                await asyncio.to_thread(projection_rate, admin, given.library_events)
                for _ in range(given.rounds)
            ]
    rates = {
        "rebuild": ours,
        "read_and_decode_1_process": alone,
        f"read_and_decode_{given.processes}_processes": together,
        "copy": copied,
        "library": library,
    }
    report.figures[transport] = {
        "events": count,
        "per_second": {name: [round(rate) for rate in each] for name, each in rates.items()},
        "of_reading_with_as_many_processes": round(median(ours) / median(together), 3),
    }
    for name, each in rates.items():
        if each:
            report.tell(f"{transport}: {name} {median(each):,.0f} events/s")
    report.aims += [
        Aim(
            name=f"rebuild ÷ reading and decoding, {transport}",
            value=median(ours) / median(alone),
            least=0.25,
        ),
        Aim(
            name=f"rebuild ÷ raw COPY, {transport}", value=median(ours) / median(copied), least=0.4
        ),
    ]
    if library:
        ratio = median(ours) / median(library)
        report.aims.append(Aim(name="rebuild ÷ projection runner", value=ratio, least=50))


async def run(given: argparse.Namespace, report: Report) -> None:
    for transport in ("log", "kafka"):
        if given.transport in (transport, "both"):
            await _one_transport(given, report, transport)


if __name__ == "__main__":
    measure(
        "rebuild",
        "all figures made again from the events",
        run,
        events=(1_000_000, 30_000),
        rounds=(3, 1),
        processes=(2, 2),
        library_events=(5_000, 500),
        transport=("both", "both"),
    )
