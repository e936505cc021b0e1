"""The `kafka` transport: one topic per service, partitions shared by a consumer group.

The consumer's position is kept in its own database, never in Kafka: effect and position are one
transaction. A broker that lost its disk is filled again from the event logs (`republish`);
consumers then read from the beginning and drop, by offset, what they have had.
"""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, for_code

from shared.contracts.event import PARTITIONS
from shared.platform import metrics
from shared.platform.clock import monotonic
from shared.platform.logging import log
from shared.platform.relay import BrokerForgot, LogRow
from shared.platform.transports import FindPositions, Partition, Record, WrongTopic

POLL_MS = 500
SEND_SECONDS = 10.0
STUCK_SECONDS = 10.0
ANSWER_SECONDS = 5.0
_CREATED_OR_THERE = (0, 36)


async def ensure_topic(bootstrap: str, topic: str, *, replicas: int = 1) -> None:
    """Create the topic, or check that it has the fixed partition count.

    Raises: WrongTopic, ConnectionError.
    """
    config = {"retention.ms": "-1", "compression.type": "zstd"}
    wanted = NewTopic(topic, PARTITIONS, replicas, topic_configs=config)
    try:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        try:
            await admin.start()
            answer: Any = await admin.create_topics([wanted])
            code = answer.topic_errors[0][1]
            if code not in _CREATED_OR_THERE:
                raise for_code(code)(topic)
            found = await admin.describe_topics([topic])
        finally:
            await admin.close()
    except KafkaError as error:
        raise ConnectionError(repr(error)) from error
    count = len(found[0]["partitions"])
    if count not in (0, PARTITIONS):  # a topic made a moment ago may show none yet
        raise WrongTopic(f"{topic} has {count} partitions, not {PARTITIONS}")


class KafkaPublisher:
    """Sends log rows of one service's topic, acknowledged by all in-sync replicas, without gaps."""

    def __init__(self, *, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._last: dict[int, int] = {}  # the broker's own place of the last record it took

    async def publish(self, rows: list[LogRow]) -> None:
        """Send the rows of one partition in order; return when all are acknowledged.

        Raises: ConnectionError; the producer is then thrown away and the rows are to be sent again.
        BrokerForgot, where the broker came back empty while the client waited for it.
        """
        try:
            # The client itself would wait for ever where a broker came back without the topic.
            async with asyncio.timeout(SEND_SECONDS):
                producer = await self._started()
                acknowledged: asyncio.Future[Any] | None = None
                for batch in _batches(producer, rows):
                    # One batch of a partition on its way at a time: were two, the first could
                    # expire in the client and the second arrive, which would leave a gap.
                    if acknowledged:
                        self._check_place(await acknowledged)
                    acknowledged = await producer.send_batch(
                        batch, self._topic, partition=rows[0].part
                    )
                if acknowledged:
                    self._check_place(await acknowledged)
        except (KafkaError, TimeoutError) as error:
            await self.close()
            raise ConnectionError(repr(error)) from error

    def _check_place(self, taken: Any) -> None:
        """Places only grow; one that does not tells of a broker that lost what it had."""
        last = self._last.get(taken.partition, -1)
        self._last[taken.partition] = taken.offset
        if taken.offset <= last:
            raise BrokerForgot(taken.partition)

    async def ends(self) -> dict[int, int]:
        """Per partition, the log offset after the last record held; none where it is empty.

        Raises: ConnectionError, WrongTopic.
        """
        await ensure_topic(self._bootstrap, self._topic)
        parts = [TopicPartition(self._topic, part) for part in range(PARTITIONS)]
        reader = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50
        )
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await reader.start()
                reader.assign(parts)
                ends = {part: end for part, end in (await reader.end_offsets(parts)).items() if end}
                if not ends:
                    return {}
                reader.assign(list(ends))
                for part, end in ends.items():
                    reader.seek(part, end - 1)
                found: dict[int, int] = {}
                while len(found) < len(ends):
                    for part, records in (await reader.getmany(timeout_ms=100)).items():
                        found[part.partition] = int(dict(records[-1].headers)["off"]) + 1
                return found
        except (KafkaError, TimeoutError) as error:
            raise ConnectionError(repr(error)) from error
        finally:
            await reader.stop()

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
                async with asyncio.timeout(0.5):  # what is not acknowledged is sent again anyway
                    await producer.stop()
            except (TimeoutError, KafkaError) as error:
                log().warning("kafka.producer_stop", error=repr(error))
                await producer.client.close()


def _batches(producer: AIOKafkaProducer, rows: list[LogRow]) -> Iterator[Any]:
    """The rows in as few batches as their size allows, each made when it is asked for."""
    batch: Any = producer.create_batch()
    for row in rows:
        if not _append(batch, row):
            yield batch
            batch = producer.create_batch()
            if not _append(batch, row):
                raise KafkaError(f"offset {row.off}: {len(row.payload)} bytes fit in no batch")
    yield batch


def _append(batch: Any, row: LogRow) -> bool:
    """Add a row to a batch; False where the batch is full."""
    added = batch.append(
        key=row.key.encode(),
        value=row.payload,
        timestamp=row.at_us // 1000,
        headers=[("at", b"%d" % row.at_us), ("off", b"%d" % row.off)],
    )
    return added is not None


def _record(partition: TopicPartition, message: Any) -> Record:
    headers = dict(message.headers)
    return Record(
        partition.topic,
        partition.partition,
        int(headers["off"]),
        message.offset,
        int(headers["at"]),
        (message.key or b"").decode(),
        message.value or b"",
    )


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
        await self._source.on_assigned(assigned)


class KafkaSource:
    """Reads topics as a static member of the consumer's group.

    The topic may hold an offset twice (sent again after a crash), and after a disk was lost it may
    begin in the middle and hold the beginning later. So what is given out is exactly the next log
    offset of each partition: earlier ones are dropped; on a later one the topic is read from its
    start, and later ones are passed over until the missing ones come.
    """

    def __init__(
        self, *, consumer: str, worker: str, bootstrap: str, topics: Sequence[str]
    ) -> None:
        self._name = consumer
        self._worker = worker
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._consumer: AIOKafkaConsumer | None = None
        self._find: FindPositions | None = None
        self._next: dict[TopicPartition, int] = {}
        self._reread: set[TopicPartition] = set()
        self._trouble = ""
        self._progress_at = monotonic()

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
            session_timeout_ms=6_000,
            heartbeat_interval_ms=1_000,
            rebalance_timeout_ms=6_000,
            max_poll_interval_ms=600_000,
            fetch_max_wait_ms=400,
            max_partition_fetch_bytes=4 * 1024 * 1024,
        )
        self._consumer.subscribe(topics=list(self._topics), listener=_Rebalance(self))
        try:
            await self._consumer.start()
        except KafkaError as error:
            raise ConnectionError(repr(error)) from error

    async def on_assigned(self, partitions: set[TopicPartition]) -> None:
        """Partitions were handed over; the client swallows errors here, so `poll` raises them."""
        try:
            await self._seek(partitions)
        except Exception as error:
            self._trouble = repr(error)

    async def _seek(self, partitions: set[TopicPartition]) -> None:
        """Move the given partitions to their stored positions."""
        if self._find is None or self._consumer is None or not partitions:
            return
        wanted: list[Partition] = [(p.topic, p.partition) for p in partitions]
        stored = await self._find(wanted)
        for partition in partitions:
            place = stored[partition.topic, partition.partition]
            self._consumer.seek(partition, place.position)
            self._next[partition] = place.next_off
            self._reread.discard(partition)

    async def poll(self, limit: int) -> list[Record]:
        """Fetch what has arrived.

        Raises: ConnectionError, where the client gave up; a new one is then made.
        """
        if self._consumer is None or self._trouble:
            raise ConnectionError(self._trouble or "the source was not started")
        try:
            batches = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=limit)
        except KafkaError as error:
            raise ConnectionError(repr(error)) from error
        if batches:
            self._progress_at = monotonic()
        elif monotonic() - self._progress_at > STUCK_SECONDS:
            await self._check_alive(self._consumer)
        records: list[Record] = []
        for partition, messages in batches.items():
            records += self._in_order(self._consumer, partition, messages)
        return records

    def _in_order(
        self, consumer: AIOKafkaConsumer, partition: TopicPartition, messages: Sequence[Any]
    ) -> list[Record]:
        """What follows without a gap on what was given out before."""
        records: list[Record] = []
        if partition not in self._next:
            raise ConnectionError(f"no position for {partition}")
        for message in messages:
            record = _record(partition, message)
            expected = self._next[partition]
            if record.off == expected:
                self._next[partition] = expected + 1
                records.append(record)
            elif record.off < expected:
                metrics.DUPLICATES.labels(consumer=self._name).inc()
            elif partition not in self._reread:
                log().warning(
                    "kafka.gap",
                    consumer=self._name,
                    part=str(partition),
                    expected=expected,
                    found=record.off,
                )
                self._reread.add(partition)
                consumer.seek(partition, 0)
                break
        return records

    async def _check_alive(self, consumer: AIOKafkaConsumer) -> None:
        """Make sure that nothing coming means there is nothing: a stuck client gives no sign.

        Raises: ConnectionError, where there is something, or no answer.
        """
        self._progress_at = monotonic()
        held = consumer.assignment()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                ends = await consumer.end_offsets(list(held)) if held else {}
                behind = [p for p, end in ends.items() if end > await consumer.position(p)]
        except (TimeoutError, KafkaError) as error:
            raise ConnectionError(f"the broker does not answer: {error!r}") from error
        if behind:
            raise ConnectionError(f"the client is stuck: nothing came of {behind}")

    async def rewind(self) -> None:
        """Seek all partitions now held to their stored positions."""
        if self._consumer:
            await self._seek(self._consumer.assignment())

    async def close(self) -> None:
        """Leave."""
        consumer, self._consumer = self._consumer, None
        if consumer:
            try:
                async with asyncio.timeout(5):
                    await consumer.stop()
            except (TimeoutError, KafkaError) as error:
                log().warning("kafka.consumer_stop", error=repr(error))
