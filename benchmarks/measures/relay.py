"""Relay: draining an outbox to Kafka beside aiokafka `send` alone; starting broker and database.

Ours reads the rows, gives them offsets and a knowledge time, keeps them in the event log and sends
them, acknowledged, in order. The yardstick has the same payloads in memory and only sends them.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

from aiokafka import AIOKafkaProducer

from benchmarks.bed import JARS, Bed
from benchmarks.history.life import Life
from benchmarks.history.world import World
from benchmarks.side import (
    Aim,
    Report,
    Watch,
    in_turns,
    measure,
    median,
    postgres_version,
    watched,
)
from shared.contracts.event import contract_of, encode, key_of, numbered, part_of
from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.postgres import Postgres
from shared.platform.relay import Publisher, Relay
from shared.platform.transports.kafka import KafkaPublisher, ensure_topic

SERVICE, ALONE = "visits", "bench.alone"
OutboxRow = tuple[UUID, str, int, str, int, bytes]
_CONNECT_S = 3
_COLUMNS = ("event_id", "key", "seq", "type", "part", "payload")


def payloads(count: int) -> Iterator[OutboxRow]:
    """Real events as rows of an outbox."""
    world, number, trace = World(count), 0, f"00-{1:032x}-{1:016x}-01"
    while count > 0:
        for at, event in list(Life(world, number).told())[:count]:
            key, event_id = key_of(event), uuid4()
            body = encode(event, id=event_id, at=at, actor="bench", trace=trace)
            kind = contract_of(event).type
            yield event_id, key, 1, kind, part_of(key), numbered(body, 1)
            count -= 1
        number += 1


class Sides:
    """The four things that are timed; each gives rows a second."""

    def __init__(self, bed: Bed, rows: list[OutboxRow]) -> None:
        assert bed.kafka
        self._bed = bed
        self._rows = rows
        self._bootstrap = bed.kafka.bootstrap

    async def to_kafka(self) -> float:
        """Our relay, from the outbox to the last acknowledgement."""
        kafka = KafkaPublisher(bootstrap=self._bootstrap, topic=f"{SERVICE}.events")
        publisher = Publisher(service=SERVICE, publish=kafka.publish, ends=kafka.ends)
        done = "select count(*) filter (where published_off < next_off) from log_head"
        try:
            return await self._drain(publisher, done)
        finally:
            await kafka.close()

    async def to_log(self) -> float:
        """Our relay on the `log` transport: the move is all there is."""
        await self._forget()
        return await self._drain(None, "select 0")

    async def _drain(self, publisher: Publisher | None, done: str) -> float:
        relay = Relay(service=SERVICE, url=self._bed.url(SERVICE), publisher=publisher)
        task = asyncio.create_task(relay.run())
        await asyncio.sleep(_CONNECT_S)
        connection = await self._bed.connect(SERVICE)
        try:
            async with connection.transaction():
                await connection.copy_records_to_table(
                    "outbox", records=self._rows, columns=_COLUMNS
                )
            await connection.execute("notify outbox")
            watch = Watch()
            while await connection.fetchval(f"select exists (select from outbox) or ({done}) > 0"):
                if task.done():
                    task.result()
                await asyncio.sleep(0.02)
            return len(self._rows) / watch.read()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await connection.close()

    async def _forget(self) -> None:
        """What only the log is to hold was never published: the next drain begins evenly."""
        connection = await self._bed.connect(SERVICE)
        try:
            await connection.execute("update log_head set published_off = next_off")
        finally:
            await connection.close()

    async def alone(self) -> float:
        """aiokafka's `send`, the same payloads, acknowledged and compressed alike."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=512 * 1024,
        )
        await producer.start()
        try:
            watch = Watch()
            for _, key, _, _, part, payload in self._rows:
                await producer.send(ALONE, payload, key=key.encode(), partition=part)
            await producer.flush()
            return len(self._rows) / watch.read()
        finally:
            await producer.stop()

    async def copied(self) -> float:
        """COPY of the same rows into a logged table with a primary key."""
        connection = await self._bed.connect(SERVICE)
        try:
            await connection.execute(
                "drop table if exists copied; create table copied (id bigint primary key,"
                " event_id uuid, key text, seq bigint, type text, part smallint, payload bytea)"
            )
            rows = [(number, *row) for number, row in enumerate(self._rows)]
            watch = Watch()
            await connection.copy_records_to_table("copied", records=rows)
            return len(rows) / watch.read()
        finally:
            await connection.close()


async def _broker() -> float:
    with tempfile.TemporaryDirectory(prefix="yinqi-bench-") as folder:
        broker = Kafka(Path(folder) / "kafka", JARS)
        with watched() as watch:
            broker.start()
        broker.stop()
    return watch.seconds


async def _database() -> float:
    with tempfile.TemporaryDirectory(prefix="yinqi-bench-") as folder:
        server = Postgres(Path(folder) / "postgres")
        with watched() as watch:
            server.start()
        server.stop()
    return watch.seconds


async def run(given: argparse.Namespace, report: Report) -> None:
    Kafka(Path(tempfile.gettempdir()) / "unused", JARS).prepare()
    brokers, databases = await in_turns(given.rounds, _broker, _database)
    async with Bed(SERVICE, transport="kafka") as bed:
        report.postgres = postgres_version(bed.postgres)
        assert bed.kafka
        await ensure_topic(bed.kafka.bootstrap, ALONE)
        sides = Sides(bed, list(payloads(given.rows)))
        alone, ours = await in_turns(given.rounds, sides.alone, sides.to_kafka)
    async with Bed(SERVICE, transport="kafka") as bed:
        sides = Sides(bed, list(payloads(given.rows)))
        copied, moved = await in_turns(given.rounds, sides.copied, sides.to_log)
    report.figures = {
        "send_alone_per_second": [round(rate) for rate in alone],
        "relay_to_kafka_per_second": [round(rate) for rate in ours],
        "copy_per_second": [round(rate) for rate in copied],
        "relay_to_log_per_second": [round(rate) for rate in moved],
        "relay_to_log_of_copy": round(median(moved) / median(copied), 3),
        "broker_ready_seconds": [round(seconds, 2) for seconds in brokers],
        "postgres_first_start_seconds": [round(seconds, 2) for seconds in databases],
    }
    report.tell(f"relay to Kafka {median(ours):,.0f}/s, send alone {median(alone):,.0f}/s")
    report.tell(f"relay to log {median(moved):,.0f}/s, raw COPY {median(copied):,.0f}/s")
    report.aims = [
        Aim(
            name="relay drain ÷ send alone",
            value=median(ours) / median(alone),
            least=0.6,
            ours=f"{median(ours):,.0f}/s",
            beside=f"{median(alone):,.0f}/s",
        ),
        Aim(name="broker ready from cached jars", value=median(brokers), most=4, unit="s"),
        Aim(name="PostgreSQL first start", value=median(databases), most=2, unit="s"),
    ]


if __name__ == "__main__":
    measure(
        "relay",
        "the outbox drained to Kafka and to the log, and how long brokers take to start",
        run,
        rows=(100_000, 10_000),
        rounds=(3, 1),
    )
