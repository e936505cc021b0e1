"""Rebuild from the broker = rebuild from the logs = what was built live (fault row 18)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.reporting.consumers import TOPICS
from services.reporting.rebuild import rebuild
from shared.platform.connections import connect_system
from shared.platform.embedded.kafka import Kafka
from shared.platform.relay import Publisher, republish
from shared.platform.transports.kafka import KafkaPublisher
from tests.reporting.histories import a_history
from tests.reporting.test_rebuild import publish, sources
from tests.reporting.test_service import all_rows, opened
from tests.support.stack import Stack

pytestmark = pytest.mark.kafka
CACHE = Path(__file__).resolve().parents[2] / ".yinqi" / "cache"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    kafka = Kafka(tmp_path_factory.mktemp("broker"), CACHE)
    kafka.start()
    yield kafka
    kafka.kill()


async def send(stack: Stack, broker: Kafka) -> None:
    """Publish every log to the broker, as the relays do."""
    for topic in TOPICS:
        service = topic.removesuffix(".events")
        sender = KafkaPublisher(bootstrap=broker.bootstrap, topic=topic)
        publisher = Publisher(service=service, publish=sender.publish, close=sender.close)
        running = asyncio.create_task(publisher.run(stack.databases[service].url))
        waiting = "select count(*) from log_head where published_off < next_off"
        while (await stack.rows(service, waiting))[0][0]:
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def execute(stack: Stack, sql: str) -> None:
    """Do something in every log's database."""
    for topic in TOPICS:
        connection = await connect_system(stack.databases[topic.removesuffix(".events")].url)
        await connection.execute(sql)
        await connection.close()


async def test_ST_05_from_the_broker_from_the_logs_and_live_the_tables_are_the_same(
    stack: Stack, broker: Kafka
) -> None:
    world = a_history(41, events=110)
    opened(world)
    await publish(stack, world)
    await stack.settle()
    live = await all_rows(stack)
    from_broker = replace(
        sources(stack), transport="kafka", bootstrap=broker.bootstrap, processes=2
    )
    with pytest.raises(LookupError, match="being filled again"):
        await rebuild(from_broker)

    # The topics begin in the middle, then hold everything, and the second half of it twice.
    await execute(stack, "update log_head set published_off = next_off / 2")
    await send(stack, broker)
    for topic in TOPICS:
        await republish(stack.databases[topic.removesuffix(".events")].url)
    await send(stack, broker)
    broker_first = await rebuild(from_broker)
    rows_of_broker = await all_rows(stack)
    places = await stack.rows(
        "reporting", "select sum(position), sum(next_off) from consumer_offset"
    )
    log = await rebuild(sources(stack))

    assert broker_first.identical
    assert log.identical
    assert broker_first.events == log.events == len(world.teller.told)
    assert broker_first.new == log.new
    assert rows_of_broker == live == await all_rows(stack)
    # In the topic it stands behind both halves: where the broker itself goes on.
    assert places[0][0] > places[0][1] == log.events
