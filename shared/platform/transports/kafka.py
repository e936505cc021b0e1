"""The `kafka` transport: one topic per service, partitions shared by a consumer group.

The consumer's position is kept in its own database, never in Kafka: effect and position are one
transaction. A broker that lost its disk is filled again from the event logs (`republish`);
consumers then read from the beginning and drop, by offset, what they have had.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from shared.contracts.event import PARTITIONS
from shared.platform.logging import log
from shared.platform.relay import LogRow
from shared.platform.transports import FindPositions, Partition, Record

POLL_MS = 500
STUCK_SECONDS = 20.0


class WrongTopic(Exception):
    """The topic has another partition count: order per key would break, so nothing starts."""


async def ensure_topic(bootstrap: str, topic: str, *, replicas: int = 1) -> None:
    """Create the topic, or check that it has the fixed partition count.

    Raises: WrongTopic, ConnectionError.
    """
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            config = {"retention.ms": "-1", "compression.type": "zstd"}
            await admin.create_topics([NewTopic(topic, PARTITIONS, replicas, topic_configs=config)])
            found = await admin.describe_topics([topic])
        except TopicAlreadyExistsError:
            found = await admin.describe_topics([topic])
        finally:
            await admin.close()
    except KafkaError as error:
        raise ConnectionError(repr(error)) from error
    count = len(found[0]["partitions"])
    if count not in (0, PARTITIONS):
        raise WrongTopic(f"{topic} has {count} partitions, not {PARTITIONS}")


class KafkaPublisher:
    """Sends log rows of one service's topic, acknowledged by all in-sync replicas, without gaps."""

    def __init__(self, *, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def publish(self, rows: list[LogRow]) -> None:
        """Send the rows of one partition in order; return when all are acknowledged.

        Raises: ConnectionError; the producer is then thrown away and the rows are to be sent again.
        """
        try:
            producer = await self._started()
            batch = producer.create_batch()
            pending: list[asyncio.Future[object]] = []
            for row in rows:
                if not _append(batch, row):
                    pending.append(await self._send(producer, batch, row.part))
                    batch = producer.create_batch()
                    _append(batch, row)
            pending.append(await self._send(producer, batch, rows[0].part))
            await asyncio.gather(*pending)
        except (KafkaError, TimeoutError) as error:
            await self.close()
            raise ConnectionError(repr(error)) from error

    async def _send(
        self, producer: AIOKafkaProducer, batch: object, part: int
    ) -> asyncio.Future[object]:
        return await producer.send_batch(batch, self._topic, partition=part)

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                await ensure_topic(self._bootstrap, self._topic)
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._bootstrap,
                    acks="all",
                    enable_idempotence=True,
                    compression_type="zstd",
                    max_batch_size=512 * 1024,
                    request_timeout_ms=10_000,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    async def close(self) -> None:
        """Throw the producer away; the next publish makes a new one."""
        producer, self._producer = self._producer, None
        if producer:
            try:
                async with asyncio.timeout(3):
                    await producer.stop()
            except (TimeoutError, KafkaError) as error:
                log().warning("kafka.producer_stop", error=repr(error))


def _append(batch: Any, row: LogRow) -> bool:
    """Add a row to a batch; False where the batch is full."""
    added = batch.append(
        key=row.key.encode(),
        value=row.payload,
        timestamp=row.at_us // 1000,
        headers=[("at", b"%d" % row.at_us), ("off", b"%d" % row.off)],
    )
    return added is not None


class _Rebalance(ConsumerRebalanceListener):
    def __init__(self, source: "KafkaSource") -> None:
        self._source = source

    async def on_partitions_revoked(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, revoked: set[TopicPartition]
    ) -> None:
        """Nothing to hand over: positions are committed with every effect."""

    async def on_partitions_assigned(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, assigned: set[TopicPartition]
    ) -> None:
        await self._source.seek(assigned)


class KafkaSource:
    """Reads topics as a static member of the consumer's group."""

    def __init__(
        self, *, consumer: str, worker: str, bootstrap: str, topics: Sequence[str]
    ) -> None:
        self._name = consumer
        self._worker = worker
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._consumer: AIOKafkaConsumer | None = None
        self._find: FindPositions | None = None
        self._progress_at = 0.0

    async def start(self, find_positions: FindPositions) -> None:
        """Join the group; partitions are read from the stored positions.

        Raises: ConnectionError, WrongTopic.
        """
        self._find = find_positions
        for topic in self._topics:
            await ensure_topic(self._bootstrap, topic)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._name,
            group_instance_id=f"{self._name}-{self._worker}",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=10_000,
            heartbeat_interval_ms=1_000,
            max_poll_interval_ms=600_000,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        self._consumer.subscribe(topics=list(self._topics), listener=_Rebalance(self))
        try:
            await self._consumer.start()
        except KafkaError as error:
            raise ConnectionError(repr(error)) from error

    async def seek(self, partitions: set[TopicPartition]) -> None:
        """Move the given partitions to their stored positions."""
        if self._find is None or self._consumer is None or not partitions:
            return
        wanted: list[Partition] = [(p.topic, p.partition) for p in partitions]
        stored = await self._find(wanted)
        for partition in partitions:
            offset = stored.get((partition.topic, partition.partition), 0)
            self._consumer.seek(partition, offset)

    async def poll(self, limit: int) -> list[Record]:
        """Fetch what has arrived.

        Raises: ConnectionError, where the client gave up; a new one is then made.
        """
        if self._consumer is None:
            raise ConnectionError("the source was not started")
        try:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=limit)
        except KafkaError as error:
            raise ConnectionError(repr(error)) from error
        records: list[Record] = []
        for partition, messages in batches.items():
            for message in messages:
                headers = dict(message.headers)
                records.append(
                    Record(
                        partition.topic,
                        partition.partition,
                        int(headers["off"]),
                        message.offset,
                        int(headers["at"]),
                        (message.key or b"").decode(),
                        message.value or b"",
                    )
                )
        return records

    async def rewind(self) -> None:
        """Seek all partitions now held to their stored positions."""
        if self._consumer:
            await self.seek(self._consumer.assignment())

    async def close(self) -> None:
        """Leave."""
        consumer, self._consumer = self._consumer, None
        if consumer:
            try:
                async with asyncio.timeout(5):
                    await consumer.stop()
            except (TimeoutError, KafkaError) as error:
                log().warning("kafka.consumer_stop", error=repr(error))
