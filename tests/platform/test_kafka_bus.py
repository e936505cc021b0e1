"""What only the kafka transport can suffer: a broker that goes, comes back, or comes back empty."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.platform.consumer import ConsumerLoop
from shared.platform.embedded.kafka import Kafka
from shared.platform.relay import ForeignTopic, Publisher, Relay, republish
from shared.platform.transports import Place, WrongTopic
from shared.platform.transports import kafka as kafka_transport
from shared.platform.transports.kafka import KafkaPublisher, KafkaSource, ensure_topic
from tests.platform.bus import Bus

pytestmark = pytest.mark.kafka


async def partitions(bootstrap: str, topic: str) -> int:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await client.start()
    try:
        return len((await client.describe_topics([topic]))[0]["partitions"])
    finally:
        await client.close()


async def test_a_missing_topic_is_made_with_its_fixed_partitions(broker: Kafka) -> None:
    await ensure_topic(broker.bootstrap, "made.events")
    await ensure_topic(broker.bootstrap, "made.events")
    async with asyncio.timeout(5):
        while await partitions(broker.bootstrap, "made.events") != 6:
            await asyncio.sleep(0.05)


async def test_a_topic_with_another_partition_count_refuses_to_start(kafka_bus: Bus) -> None:
    bus = kafka_bus
    assert bus.broker
    client = AIOKafkaAdminClient(bootstrap_servers=bus.broker.bootstrap)
    await client.start()
    await client.create_topics([NewTopic(bus.topic, 3, 1)])
    await client.close()
    loop = ConsumerLoop(bus.consumer(), bus.reader, bus.source)
    with pytest.raises(WrongTopic, match="3 partitions, not 6"):
        await asyncio.wait_for(loop.run(), 10)
    sender = KafkaPublisher(bootstrap=bus.broker.bootstrap, topic=bus.topic)
    publisher = Publisher(service="t", publish=sender.publish, ends=sender.ends)
    with pytest.raises(ExceptionGroup) as refused:
        await asyncio.wait_for(Relay(service="t", url=bus.url("w"), publisher=publisher).run(), 10)
    assert refused.group_contains(WrongTopic)


async def test_a_topic_of_another_database_is_not_written(kafka_bus: Bus) -> None:
    bus = kafka_bus
    assert bus.broker
    relay = bus.start_relay()
    bus.start_worker()
    await bus.write(1, 2, 3)
    await bus.drained()
    await bus.stop(relay)
    await bus.sql("w", "update log_head set next_off = 0, published_off = 0")
    sender = KafkaPublisher(bootstrap=bus.broker.bootstrap, topic=bus.topic)
    publisher = Publisher(service="t", publish=sender.publish, ends=sender.ends)
    with pytest.raises(ForeignTopic):
        await asyncio.wait_for(publisher.run(bus.url("w")), 10)


async def test_a_broker_that_is_down_delays_events_but_no_writer(kafka_bus: Bus) -> None:
    bus = kafka_bus
    assert bus.broker
    bus.start_relay()
    bus.start_worker()
    written = await bus.write_many(writers=2, each=10, keys=7)
    await bus.drained()
    await asyncio.to_thread(bus.broker.kill)
    began = time.monotonic()
    written += await bus.write_many(writers=4, each=20, keys=7)
    assert time.monotonic() - began < 10
    assert await bus.value("r", "select count(*) from seen") == 20

    async def log_has_grown() -> bool:
        return await bus.value("w", "select sum(next_off) from log_head") == written

    await bus.until(log_has_grown)
    await asyncio.to_thread(bus.broker.start)
    back = time.monotonic()
    await bus.drained(30)
    print(f"drained {time.monotonic() - back:.2f} s after the broker was back")
    await bus.check_exact(written)


async def test_a_broker_that_lost_its_disk_is_filled_again_also_for_who_was_behind(
    kafka_bus: Bus,
) -> None:
    bus = kafka_bus
    assert bus.broker
    bus.start_relay()
    worker = bus.start_worker()
    written = await bus.write_many(writers=3, each=10, keys=7)
    await bus.drained()
    await bus.stop(worker)
    written += await bus.write_many(writers=3, each=10, keys=7)

    async def published() -> bool:
        return await bus.value("w", "select sum(published_off) from log_head") == written

    await bus.until(published)
    await asyncio.to_thread(bus.broker.kill)
    await asyncio.to_thread(bus.broker.wipe)
    written += await bus.write_many(writers=3, each=5, keys=7)
    await asyncio.to_thread(bus.broker.start)
    bus.start_worker()
    await bus.drained(60)
    await bus.check_exact(written)


async def test_republish_sends_everything_again_and_changes_nothing(kafka_bus: Bus) -> None:
    bus = kafka_bus
    bus.start_relay()
    bus.start_worker()
    written = await bus.write_many(writers=3, each=10, keys=7)
    await bus.drained()
    assert await republish(bus.url("w")) == written

    async def published() -> bool:
        return await bus.value("w", "select sum(published_off) from log_head") == written

    await bus.until(published)
    await bus.write(1)
    await bus.drained()
    await bus.check_exact(written + 1)


async def test_a_topic_that_begins_in_the_middle_is_taken_in_order_once_it_is_whole(
    kafka_bus: Bus,
) -> None:
    bus = kafka_bus
    assert bus.broker
    await bus.write_many(writers=3, each=12, keys=7)
    await bus.move_all()
    await bus.sql("w", "update log_head set published_off = next_off / 2")
    sender = KafkaPublisher(bootstrap=bus.broker.bootstrap, topic=bus.topic)
    publisher = Publisher(service="t", publish=sender.publish, close=sender.close)
    running = bus._start(publisher.run(bus.url("w")))
    bus.start_worker()

    async def published() -> bool:
        return bool(await bus.value("w", "select bool_and(published_off = next_off) from log_head"))

    await bus.until(published)
    await asyncio.sleep(0.5)
    expected = await bus.value("w", "select count(*) from log_head where next_off = 1")
    assert await bus.value("r", "select count(*) from seen") <= expected
    await republish(bus.url("w"))
    await bus.drained()
    await bus.stop(running)
    await bus.check_exact(36)


async def test_both_transports_tell_the_same_times_for_the_same_log(kafka_bus: Bus) -> None:
    bus = kafka_bus
    relay = bus.start_relay()
    worker = bus.start_worker()
    await bus.write_many(writers=3, each=15, keys=7)
    await bus.drained()
    await bus.stop(relay, worker)
    query = "select key, seq, part, off, event_id, known_at from seen order by part, off"
    over_kafka = await bus.sql("r", query)
    await bus.sql(
        "r", "with a as (delete from seen), b as (delete from inbox) delete from consumer_offset"
    )
    bus.broker = None
    bus.start_worker()
    await bus.drained()
    assert await bus.sql("r", query) == over_kafka


async def test_a_database_may_change_its_transport_and_loses_nothing(kafka_bus: Bus) -> None:
    bus, broker = kafka_bus, kafka_bus.broker
    total = 0
    for transport in (broker, None, broker):
        bus.broker = transport
        relay, worker = bus.start_relay(), bus.start_worker()
        total += await bus.write_many(writers=2, each=8, keys=5)
        await bus.drained()
        await bus.stop(relay, worker)
    await bus.check_exact(total)


async def test_a_killed_worker_is_back_at_once_under_its_name(kafka_bus: Bus) -> None:
    bus = kafka_bus
    bus.start_relay()
    worker = bus.start_worker()
    await bus.write(1)
    await bus.drained()
    took: list[float] = []
    for _ in range(3):
        await bus.stop(worker)
        began = time.monotonic()
        worker = bus.start_worker()
        await bus.write(1)
        await bus.drained()
        took.append(time.monotonic() - began)
    print(f"back under its own name after {sorted(took)[1]:.2f} s (worst {max(took):.2f} s)")
    assert min(took) < 3
    await bus.check_exact(4)


class StuckClient:
    """Says that it has partitions, fetches nothing."""

    def __init__(self, end: int, *, answers: bool = True) -> None:
        self.part = TopicPartition("t.events", 0)
        self.end = end
        self.answers = answers

    async def getmany(self, **_: Any) -> dict[Any, Any]:
        return {}

    def assignment(self) -> set[TopicPartition]:
        return {self.part}

    async def end_offsets(self, parts: list[TopicPartition]) -> dict[TopicPartition, int]:
        if not self.answers:
            await asyncio.sleep(60)
        return dict.fromkeys(parts, self.end)

    async def position(self, _part: TopicPartition) -> int:
        return 7


async def test_a_stuck_client_is_noticed_and_an_idle_one_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kafka_transport, "STUCK_SECONDS", 0.0)
    monkeypatch.setattr(kafka_transport, "ANSWER_SECONDS", 0.1)
    source: Any = KafkaSource(consumer="c", worker="w", bootstrap="-", topics=("t.events",))
    source._consumer = StuckClient(end=7)
    assert await source.poll(10) == []
    source._consumer = StuckClient(end=9)
    with pytest.raises(ConnectionError, match="stuck"):
        await source.poll(10)
    source._consumer = StuckClient(end=7, answers=False)
    with pytest.raises(ConnectionError, match="does not answer"):
        await source.poll(10)


async def test_positions_that_cannot_be_read_make_the_source_start_over() -> None:
    source: Any = KafkaSource(consumer="c", worker="w", bootstrap="-", topics=("t.events",))
    source._consumer = StuckClient(end=7)

    async def fails(_partitions: Any) -> dict[Any, Place]:
        raise ConnectionError("database away")

    source._find = fails
    await source.on_assigned({TopicPartition("t.events", 0)})
    with pytest.raises(ConnectionError, match="database away"):
        await source.poll(10)
