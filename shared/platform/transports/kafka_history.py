"""The whole past of topics, from the broker: the same events, offsets and times as in the logs.

The broker may hold an event twice, or what was lost with its disk behind what came later: that is
put in order here.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.contracts.event import PARTITIONS
from shared.platform.clock import monotonic
from shared.platform.transports import PAGE_ROWS, LostEvents, Partition, Told
from shared.platform.transports.kafka import KafkaPublisher

SILENCE_SECONDS = 20.0


class KafkaHistory:
    """Reads the topics from their beginning."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None
        self._places: dict[Partition, int] = {}

    async def ends(self, topics: Sequence[str]) -> dict[Partition, int]:
        """After the last record of each partition: fewer while a broker is being filled again."""
        found: dict[Partition, int] = {}
        for topic in topics:
            held = await KafkaPublisher(bootstrap=self._bootstrap, topic=topic).ends()
            found |= {(topic, part): held.get(part, 0) for part in range(PARTITIONS)}
        return found

    async def pages(
        self, topics: Sequence[str], part: int, ends: Mapping[Partition, int]
    ) -> AsyncGenerator[tuple[str, list[Told]]]:
        """All topics mixed, each in its order."""
        try:
            consumer = await self._started()
            ranges = {
                TopicPartition(topic, part): _Range(topic, ends[topic, part])
                for topic in topics
                if ends[topic, part]
            }
            consumer.assign(list(ranges))
            for place in ranges:
                consumer.seek(place, 0)
            heard_at = monotonic()
            while open_ones := [place for place, range_ in ranges.items() if not range_.whole]:
                fetched = await consumer.getmany(*open_ones, timeout_ms=500, max_records=PAGE_ROWS)
                if fetched:
                    heard_at = monotonic()
                elif monotonic() - heard_at > SILENCE_SECONDS:
                    raise LostEvents(f"the broker has no more of {open_ones}")
                for place, messages in fetched.items():
                    range_ = ranges[place]
                    if page := range_.take(messages):
                        yield place.topic, page
                    if range_.again:
                        range_.again = False
                        consumer.seek(place, 0)
                    if range_.whole:
                        self._places[place.topic, part] = range_.position
                        consumer.pause(place)
        except KafkaError as error:
            raise ConnectionError(repr(error)) from error

    async def _started(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=4 * 1024 * 1024,
                fetch_max_wait_ms=50,
            )
            await self._consumer.start()
        return self._consumer

    def places(self) -> dict[Partition, int]:
        """The broker's own offsets."""
        return self._places

    async def close(self) -> None:
        """Leave the broker."""
        if self._consumer:
            await self._consumer.stop()


class _Range:
    """The offsets of one partition from 0 to its end, each given out once and in order."""

    def __init__(self, topic: str, end: int) -> None:
        self.topic = topic
        self.end = end
        self.next = 0
        self.position = 0
        self.again = False
        self._from_start = False

    @property
    def whole(self) -> bool:
        """Everything up to the end was given out."""
        return self.next >= self.end

    def take(self, messages: Sequence[Any]) -> list[Told]:
        """What follows without a gap; at the first gap the topic is to be read from its start."""
        page: list[Told] = []
        for message in messages:
            headers = dict(message.headers)
            off = int(headers["off"])
            if off == self.next and off < self.end:
                page.append((off, message.key.decode(), message.value, int(headers["at"])))
                self.next = off + 1
                self.position = message.offset + 1
            elif off > self.next and not self._from_start:
                self._from_start = self.again = True
                break
        return page
