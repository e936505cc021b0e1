"""The embedded broker, for real: what it acknowledged it keeps."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared.platform.embedded import javatools
from shared.platform.embedded.kafka import Kafka
from shared.platform.embedded.processes import EmbeddedError

pytestmark = pytest.mark.kafka
CACHE = Path(__file__).resolve().parents[2] / ".yinqi" / "cache"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    kafka = Kafka(tmp_path_factory.mktemp("broker") / "kafka", CACHE)
    kafka.prepare()
    began = time.monotonic()
    kafka.start()
    assert time.monotonic() - began < 10  # 2 s alone; the machine of the tests is shared
    yield kafka
    kafka.stop()


async def send(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def create(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        values: list[bytes] = []
        async with asyncio.timeout(20):
            while len(values) < count:
                record = await consumer.getone()
                values.append(record.value or b"")
        return values
    finally:
        await consumer.stop()


def test_acknowledged_records_survive_a_kill_and_the_address_stays(broker: Kafka) -> None:
    address = broker.bootstrap
    sent = [f"event {n}".encode() for n in range(20)]
    asyncio.run(create(address, "kept"))
    asyncio.run(send(address, "kept", sent))
    broker.kill()
    assert not broker.status().up
    broker.start()
    assert broker.bootstrap == address
    assert asyncio.run(read(address, "kept", 20)) == sent
    broker.stop()
    broker.start()
    assert asyncio.run(read(address, "kept", 20)) == sent


def test_a_topic_is_never_made_by_accident(broker: Kafka) -> None:
    with pytest.raises((KafkaError, TimeoutError)):
        asyncio.run(asyncio.wait_for(send(broker.bootstrap, "mistyped", [b"x"]), 1))
    assert "mistyped" not in asyncio.run(topics(broker.bootstrap))


async def topics(bootstrap: str) -> list[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return list(await admin.list_topics())
    finally:
        await admin.close()


def test_two_starts_make_one_broker(broker: Kafka) -> None:
    other = Kafka(broker._home, CACHE)
    other.start()
    assert other.status().pid == broker.status().pid
    assert other.bootstrap == broker.bootstrap


def test_a_wiped_broker_starts_empty(broker: Kafka) -> None:
    broker.wipe()
    broker.start()
    assert asyncio.run(topics(broker.bootstrap)) == []


def test_without_java_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(javatools, "_java_candidates", list)
    monkeypatch.setattr(javatools, "is_root", lambda: False)
    with pytest.raises(EmbeddedError, match="openjdk-17-jre-headless"):
        javatools.find_java(tmp_path / "log")
