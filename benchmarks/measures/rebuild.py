"""Rebuild: all figures made again from about a million events, facts in two times.

Beside it, in the same run: (a) reading and decoding the same events from the same transport, in one
process and in as many as the rebuild uses; (b) raw COPY of the same events into a logged table with
a primary key; (c) the projection runner of the `eventsourcing` library (measures/library.py).

Logs and topics hold the same events, written once. A rebuild reads either; every one must leave the
same tables, row for row.
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
from services.reporting.rebuild import Rebuilt, Sources, rebuild
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
    log_urls: dict[str, str], bootstrap: str, parts: list[int]
) -> tuple[int, float]:
    """How many events, in how many seconds, the start of the process left out."""

    async def read() -> int:
        if bootstrap:
            return await _read_topics(bootstrap, parts)
        return sum([await _read_log(log_urls[topic], topic, parts) for topic in TOPICS])

    watch = Watch()
    return uvloop.run(read()), watch.read()


async def _reading(bed: Bed, bootstrap: str, processes: int) -> float:
    """(a): events a second."""
    urls = {topic: bed.log_url(topic.removesuffix(".events")) for topic in TOPICS}
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


async def _rebuilding(bed: Bed, bootstrap: str, processes: int) -> Rebuilt:
    """Ours: a whole rebuild."""
    sources = Sources(
        owner_url=bed.databases["reporting"].owner_url,
        log_url=bed.log_url,
        transport="kafka" if bootstrap else "log",
        bootstrap=bootstrap,
        processes=processes,
    )
    return await rebuild(sources)


class _Rounds:
    """What the rounds on one transport came to: events a second."""

    def __init__(self, transport: str, bootstrap: str) -> None:
        self.transport = transport
        self._bootstrap = bootstrap
        self.ours: list[float] = []
        self.alone: list[float] = []
        self.together: list[float] = []
        self.steps: dict[str, float] = {}

    async def measure(self, bed: Bed, processes: int, report: Report) -> Rebuilt:
        """One round; the fingerprints that prove the result are no part of the time."""
        self.alone.append(await _reading(bed, self._bootstrap, 1))
        self.together.append(await _reading(bed, self._bootstrap, processes))
        found = await _rebuilding(bed, self._bootstrap, processes)
        self.ours.append(found.events / found.total_seconds)
        self.steps = {step: round(took, 2) for step, took in found.seconds.items()}
        report.tell(f"{self.transport}: rebuild {self.ours[-1]:,.0f} events/s, {self.steps}")
        return found

    def finish(self, report: Report, copied: Sequence[float], processes: int) -> None:
        """Keep the figures and the aims."""
        rates = {
            "rebuild": self.ours,
            "read_and_decode_1_process": self.alone,
            f"read_and_decode_{processes}_processes": self.together,
        }
        for name, each in rates.items():
            report.tell(f"{self.transport}: {name} {median(each):,.0f} events/s")
        report.figures[self.transport] = {
            "per_second": {name: [round(rate) for rate in each] for name, each in rates.items()},
            "of_reading_with_as_many_processes": round(
                median(self.ours) / median(self.together), 3
            ),
            "last_steps_s": self.steps,
        }
        for name, beside, least in (
            ("reading and decoding", self.alone, 0.25),
            ("raw COPY", copied, 0.4),
        ):
            value = median(self.ours) / median(beside)
            report.aims.append(
                Aim(
                    name=f"rebuild ÷ {name}, {self.transport}",
                    value=value,
                    least=least,
                    ours=f"{median(self.ours):,.0f}/s",
                    beside=f"{median(beside):,.0f}/s",
                )
            )


async def run(given: argparse.Namespace, report: Report) -> None:
    async with Bed("reporting", transport="kafka") as bed:
        assert bed.kafka
        report.postgres = postgres_version(bed.postgres)
        count = await write_year(bed, given.events)
        report.tell(f"{count:,} events written")
        every = [_Rounds("log", ""), _Rounds("kafka", bed.kafka.bootstrap)]
        copied: list[float] = []
        tables: set[str] = set()
        peak = 0.0
        for _ in range(given.rounds):
            for rounds in every:
                found = await rounds.measure(bed, given.processes, report)
                tables.add(repr(found.new))
                peak = max(peak, found.workers_mib)
            copied.append(await _copying(bed))
        if len(tables) != 1:
            raise RuntimeError("the rebuilds did not leave the same tables")
        admin = bed.postgres.server
        library = [
            await asyncio.to_thread(projection_rate, admin, given.library_events)
            for _ in range(given.rounds)
        ]
    report.figures |= {
        "events": count,
        "signed_rows": found.rows,
        "copy_per_second": [round(rate) for rate in copied],
        "library_per_second": [round(rate) for rate in library],
    }
    report.tell(f"COPY {median(copied):,.0f}, library {median(library):,.0f} events/s")
    for rounds in every:
        rounds.finish(report, copied, given.processes)
    ratio = median(every[0].ours) / median(library)
    report.aims.append(
        Aim(
            name="rebuild ÷ projection runner",
            value=ratio,
            least=50,
            ours=f"{median(every[0].ours):,.0f}/s",
            beside=f"{median(library):,.0f}/s",
        )
    )
    report.aims.append(Aim(name="memory of all workers", value=peak, most=512, unit="MiB"))


if __name__ == "__main__":
    measure(
        "rebuild",
        "all figures made again from the events",
        run,
        events=(1_000_000, 30_000),
        rounds=(3, 1),
        processes=(2, 2),
        library_events=(5_000, 500),
    )
